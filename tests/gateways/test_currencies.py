"""Six currencies that count in six ways, through every gateway: exact on the way there and back, or refused."""

from collections.abc import Mapping

import pytest
from tests.gateways.subject import SUBJECTS
from tests.gateways.trial import Trial, kinds

from tillkeeper.facts import LineKind, NoticeKind
from tillkeeper.kernel.money import CurrencyNotSupportedError

CURRENCIES = ("JPY", "KWD", "INR", "USD", "ISK", "HUF")
Price = tuple[int, int]
# A price and a part of it to give back, in ISO 4217 minor units; what is not here the gateway does not take.
TAKEN: Mapping[str, Mapping[str, Price]] = {
    "stripe": {
        "JPY": (240, 41),
        "KWD": (12_340, 2_340),
        "INR": (10_000, 2_501),
        "USD": (1_999, 998),
        "ISK": (501, 100),
        "HUF": (300_050, 100_049),
    },
    "razorpay": {
        "JPY": (241, 41),
        "KWD": (12_340, 2_340),
        "INR": (10_001, 2_501),
        "USD": (1_999, 998),
        "ISK": (501, 100),
        "HUF": (300_050, 100_049),
    },
    "paypal": {"JPY": (241, 100), "USD": (1_999, 998), "HUF": (300_000, 100_000)},
    "square": {"JPY": (241, 41), "USD": (1_999, 998)},
}
# Amounts of a currency that is taken, which the gateway has no number for.
INEXACT: Mapping[str, Mapping[str, int]] = {
    "stripe": {"KWD": 12_345},
    "razorpay": {"KWD": 12_345},
    "paypal": {"HUF": 300_050},
    "square": {},
}
HOME = {"razorpay": "INR"}
"""Razorpay settles in rupees only, so only they can be in its account."""
EXACT = [(name, currency) for name, taken in TAKEN.items() for currency in taken]
REFUSED = [
    *((name, currency, 10_000) for name in SUBJECTS for currency in CURRENCIES if currency not in TAKEN[name]),
    *((name, currency, amount) for name, amounts in INEXACT.items() for currency, amount in amounts.items()),
]


def test_the_table_speaks_of_every_gateway() -> None:
    assert TAKEN.keys() == INEXACT.keys() == SUBJECTS.keys()


@pytest.mark.parametrize(("subject", "currency"), EXACT, indirect=["subject"])
async def test_payments_refunds_and_lines_are_exact_in_every_currency(trial: Trial, currency: str) -> None:
    price, part = TAKEN[trial.subject.name][currency]
    paid = await trial.paid(amount=price, currency=currency)
    [told] = await trial.told(paid.reference)
    assert (told.amount, told.currency) == (price, currency)
    assert {NoticeKind.REFUND_CREATED, NoticeKind.REFUND_SUCCEEDED} & {
        *kinds(await trial.gateway.refund(trial.refund_order(paid, part)))
    }
    line = await trial.line(paid.order)
    assert (line.captured, line.refunded) == (price, part)
    await trial.subject.pay_out(trial.act)
    lines = [each for each in await trial.account(*trial.span()) if paid.reference in {each.object_id, each.parent_id}]
    found = {(each.kind, each.gross, each.currency) for each in lines}
    expected = {(LineKind.CAPTURE, price, currency), (LineKind.REFUND, -part, currency)}
    assert found == (expected if HOME.get(trial.subject.name, currency) == currency else set())


@pytest.mark.parametrize(("subject", "currency", "amount"), REFUSED, indirect=["subject"])
async def test_what_a_gateway_cannot_take_exactly_is_refused_before_anything_is_sent(
    trial: Trial, currency: str, amount: int
) -> None:
    with pytest.raises(CurrencyNotSupportedError):
        trial.gateway.check_amount(amount, currency)
    assert trial.wire.calls == []


@pytest.mark.parametrize(
    ("subject", "currency"), [(name, currency) for name in INEXACT for currency in INEXACT[name]], indirect=["subject"]
)
async def test_a_part_that_a_gateway_has_no_number_for_is_not_given_back_either(trial: Trial, currency: str) -> None:
    price, part = TAKEN[trial.subject.name][currency]
    paid = await trial.paid(amount=price, currency=currency)
    with pytest.raises(CurrencyNotSupportedError):
        await trial.gateway.refund(trial.refund_order(paid, part + 5))
    assert (await trial.line(paid.order)).refunded == 0
