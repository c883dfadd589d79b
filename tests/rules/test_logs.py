"""What is taken for a card number, and what is not."""

from uuid import uuid4  # noqa: TID251 (what clients use as keys)

import pytest

from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.gateway import Declined, Envelope, Refused, Unknown
from tillkeeper.kernel import logs
from tillkeeper.kernel.errors import NotFoundError, problem
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


@pytest.mark.parametrize("end", ["\n-----END PRIVATE KEY-----\n, and more", ""])
def test_a_private_key_is_masked_to_its_end(end: str) -> None:
    masked = logs.mask(f"key: -----BEGIN PRIVATE KEY-----\nMIIEvQ\nIBADANBg{end}")
    assert "MIIEvQ" not in masked
    assert "IBADANBg" not in masked
    assert masked.startswith("key: ***")


@pytest.mark.parametrize(
    "quoted",
    [
        "DETAIL:  Failing row contains (1, null, Ana Maria,\nSecret Street).",
        "DETAIL:  Key (name)=(Ana Maria, Secret Street) already exists.",
        'DETAIL:  Key (name)=(Ana Maria) is not present in table "customer".',
    ],
)
def test_the_row_that_postgresql_quotes_is_masked_and_what_it_says_of_it_is_not(quoted: str) -> None:
    masked = logs.mask(quoted)
    assert "Ana" not in masked
    assert "Secret" not in masked
    assert masked.startswith(quoted.partition("(")[0])


def test_what_a_gateway_says_is_masked_before_it_is_kept() -> None:
    failed = Notice(
        kind=NoticeKind.PAYMENT_FAILED, gateway="stripe", references=(), code="declined", message=f"no {VISA}"
    )
    assert (failed.code, failed.message) == ("declined", "no ***")
    assert Declined(code="invalid", message="Invalid API Key: sk_live_abc").message == "Invalid API Key: ***"
    assert Refused(reason="for ana@buyers.example").reason == "for ***"
    assert Unknown(reason=f"said {VISA}").reason == "said ***"
    assert Envelope(event_id="evt_1", type=f"card.{VISA}").type != f"card.{VISA}"
    assert Envelope(event_id="evt_1", type="payment_intent.succeeded").type == "payment_intent.succeeded"


def test_a_problem_says_no_secret_back_to_whoever_sent_it() -> None:
    told = problem(NotFoundError("There is nothing at /sk_live_abc.", param="whsec_abc"))
    assert (told["detail"], told["param"]) == ("There is nothing at /***.", "***")


def test_a_masked_text_can_be_stored() -> None:
    assert logs.mask("a\x00b\ud800c") == "a\ufffdb\ufffdc"
