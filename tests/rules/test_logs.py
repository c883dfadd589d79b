"""What is taken for a card number, and what is not."""

from uuid import uuid4  # noqa: TID251 (what clients use as keys)

import pytest

from tillkeeper.kernel import logs
from tillkeeper.kernel.logs import holds_card_number

VISA = "4242424242424242"


@pytest.mark.parametrize(
    "text",
    [
        VISA,
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242.4242.4242.4242",
        "4242_4242_4242_4242",
        "4242  4242  4242  4242",
        "4242\u20114242\u20114242\u20114242",
        "my card is 4242 4242 4242 4242, thanks",
        "4242%204242%204242%204242",
        "\uff14\uff12\uff14\uff12 4242 4242 4242",
        "378282246310005",
        "5555555555554444",
        "2223003122003222",
        "6011111111111117",
        "30569309025904",
        "3566002020360505",
        "6200000000000005",
    ],
)
def test_card_numbers_are_found_however_they_are_written(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",
        "1732160000000",
        "175928847299117063",
        "order 4242424242424242x",
        "f4242424242424242",
        "a1b2-4242424242424242-c3",
        "payment_01h455vb4pex5vsknk084sn02q",
    ],
)
def test_ids_and_times_are_not_card_numbers(text: str) -> None:
    assert not holds_card_number(text)


def test_random_keys_are_never_taken_for_card_numbers() -> None:
    keys = [str(uuid4()) for _ in range(20_000)]

    assert [key for key in keys if holds_card_number(key) or holds_card_number(key.replace("-", ""))] == []


def test_what_is_stored_as_a_reason_is_masked() -> None:
    assert VISA not in logs.mask(f"bad value {VISA} for whsec_abcdef")
    assert "whsec_abcdef" not in logs.mask("bad value for whsec_abcdef")


@pytest.mark.parametrize(
    "secret",
    [
        "sk_live_51Nabc",
        "rk_test_51Nabc",
        "whsec_c2VjcmV0",
        "rzp_live_8aBcDeFgH",
        "rzp_test_8aBcDeFgH",
        "EAAAl0123456789abcdefghijk",
        "sq0csp-0123456789abc",
        "sq0idp-0123456789abc",
        "A21AAF0123456789-abc_def",
        "access_token$production$x1y2z3$0123456789abcdef",
        "Basic cnpwX2xpdmU6c2VjcmV0",
        "Bearer eyJhbGciOi",
        "till_sk_live_0123-abc",
    ],
)
def test_what_opens_an_account_is_masked_whatever_gateway_it_belongs_to(secret: str) -> None:
    masked = logs.mask(f"it said: {secret} and no more")
    assert masked == f"it said: {logs.MASK} and no more"


@pytest.mark.parametrize(
    "text", ["ana@shop.test", "Invalid email address: Ana.B+c@x.example.org", "a=1&email=ana%40shop.test", "<ö@ü.test>"]
)
def test_an_address_of_a_person_is_masked(text: str) -> None:
    masked = logs.mask(text)
    assert "@" not in masked
    assert "%40" not in masked
    assert logs.mask(masked) == masked


@pytest.mark.parametrize(
    "text", ["2026-11-20T10:00:00Z", "payment_01h455vb4pex5vsknk084sn02q @ 5", "a@b", "@shop.test"]
)
def test_what_is_no_address_is_left_as_it_is(text: str) -> None:
    assert logs.mask(text) == text


def test_a_long_text_without_an_address_is_masked_in_time_that_grows_with_its_length() -> None:
    assert logs.mask("a" * 200_000 + "@") == "a" * 200_000 + "@"
    assert logs.mask("a@" * 100_000) == "a@" * 100_000
