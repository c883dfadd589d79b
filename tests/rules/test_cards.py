"""What is taken for a card number, and what is not."""

import random
import string
from itertools import pairwise
from uuid import uuid4  # noqa: TID251 (what clients use as keys)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.kernel import ids, logs
from tillkeeper.kernel.cards import holds_number, luhn

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
        "4242 4242 4242 4242 12/27",
        "4242424242424242 12/27",
        "4242424242424242 123",
        "4242 4242 4242 4242 12/27 123",
        "4242424242424242,12/27|123",
        "5555555555554444 12 27",
        "378282246310005 1234",
        "3782 822463 10005 12/27",
        "4242424242424242-123",
        "-4242424242424242",
        "1 4242424242424242",
        "order 7 4242 4242 4242 4242",
        "42424242 42424242 99",
        "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
        "4242 - 4242 - 4242 - 4242",
        "4242:4242:4242:4242",
        "4242+4242+4242+4242",
        "4242\u200b4242\u200b4242\u200b4242",
        "\u0664\u0662" * 8,
        "4242%252D4242%252D4242%252D4242",
        "%34%3242424242424242",
        "%B4242424242424242^DOE/JOHN^2512",
        "%25B4242424242424242%5EDOE/JOHN%5E2512",
        "B4242424242424242^DOE/JOHN^2512",
        ";4242424242424242=25121010000",
    ],
)
def test_card_numbers_are_found_however_they_are_written(text: str) -> None:
    assert holds_number(text)


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
        "order-4242424242424242",
        "42424242424242424242",
        "7 42424242424242421227 7",
        "0.4242424242424242",
        "41 42 43 44 45 46 47 48",
        "30.11.2026 10.20.36",
        "2026-11-20T10:00:00.123456+00:00",
        "2026-11-20 10:00:00.123456",
        "2600:1700:1234:5672::1",
        "DE89 3704 0044 0532 0130 00",
        "call +4915112345674",
        "+91 98765 43210, +1 (555) 123-4567",
        "21 00000 00003 13947 14300 09017",
    ],
)
def test_ids_and_times_are_not_card_numbers(text: str) -> None:
    assert not holds_number(text)


def test_random_keys_are_never_taken_for_card_numbers() -> None:
    keys = [str(uuid4()) for _ in range(20_000)]

    assert [key for key in keys if holds_number(key) or holds_number(key.replace("-", ""))] == []


def _completed(body: str) -> str:
    return next(body + digit for digit in string.digits if luhn(body + digit))


PREFIXES = st.sampled_from([("4", 16), ("51", 16), ("55", 16), ("2223", 16), ("37", 15), ("36", 14), ("6011", 16)])
FORMS = {14: (4, 6, 4), 15: (4, 6, 5), 16: (4, 4, 4, 4)}
BESIDE = st.lists(
    st.sampled_from(["7", "12/27", "123", "1234", "2026-11-20", "EUR 45.00", "no. 4500012", "x"]), max_size=3
)


@st.composite
def _numbers(draw: st.DrawFn) -> tuple[str, str]:
    prefix, length = draw(PREFIXES)
    rest = length - len(prefix) - 1
    number = _completed(prefix + draw(st.text(string.digits, min_size=rest, max_size=rest)))
    gap, sizes = draw(st.sampled_from(["", " ", "-", ".", "  ", " - ", "%20", "\u2011"])), FORMS[length]
    places = [sum(sizes[:count]) for count in range(len(sizes) + 1)]
    return number, gap.join(number[start:end] for start, end in pairwise(places))


@given(_numbers(), BESIDE, BESIDE, st.sampled_from([" ", ", ", "; "]))
def test_a_card_number_is_found_and_masked_whatever_stands_beside_it(
    number: tuple[str, str], before: list[str], behind: list[str], gap: str
) -> None:
    text = gap.join([*before, number[1], *behind])
    assert holds_number(text)
    masked = logs.mask(text)
    assert number[1] not in masked
    assert not holds_number(masked)
    assert logs.mask(masked) == masked


OURS = st.one_of(
    st.builds(lambda kind: ids.text(kind, ids.new()), st.sampled_from(["payment", "refund", "event"])),
    st.integers(0, 10**12).map(str),
    st.datetimes().map(lambda moment: moment.isoformat() + "+00:00"),
    st.datetimes().map(str),
    st.integers(1_000_000_000, 1_999_999_999).map(str),
    st.integers(1_000_000_000_000, 1_999_999_999_999).map(str),
    st.integers(1_000_000_000_000_000, 1_999_999_999_999_999).map(str),
    st.integers(10**6, 10**12).map("+{}".format),
    st.integers(10**9, 10**10 - 1).map(lambda number: f"+49 {str(number)[:3]} {str(number)[3:]}"),
    st.integers(10**19, 10**40).map(str),
    st.uuids().map(str),
    st.ip_addresses().map(str),
    st.decimals(0, 10**9, places=2).map(str),
)


@given(st.lists(OURS, min_size=1, max_size=3).map(", ".join))
def test_ids_amounts_moments_and_telephones_are_never_taken_for_card_numbers(text: str) -> None:
    assert not holds_number(text)


def test_references_of_gateways_are_never_taken_for_card_numbers() -> None:
    dice = random.Random(7)
    letters = string.ascii_letters + string.digits
    made = [
        prefix + "".join(dice.choices(letters, k=length))
        for prefix, length in (("pi_", 24), ("ch_", 24), ("order_", 14), ("pay_", 14), ("", 22), ("cs_test_", 58))
        for _ in range(3000)
    ]
    assert [reference for reference in made if holds_number(reference)] == []


@given(st.sampled_from(["DE", "FR", "GB", "NL", "CH"]), st.text(string.digits, min_size=18, max_size=18))
def test_the_number_of_a_bank_account_is_no_card_number(country: str, account: str) -> None:
    check = 98 - int(account + "".join(str(int(letter, 36)) for letter in country) + "00") % 97
    iban = f"{country}{check:02d}{account}"
    spaced = " ".join(iban[place : place + 4] for place in range(0, len(iban), 4))
    assert not holds_number(f"from {spaced} for 4500.00")
    assert logs.mask(f"from {spaced} for 4500.00") == "from *** for 4500.00"


def test_whole_numbers_of_a_request_are_judged_like_texts() -> None:
    assert holds_number(str(int(VISA)))
    assert not holds_number(str(2**63))
