"""What is written down of each disagreement with a gateway's account: field by field, and where its money belongs."""

from dataclasses import replace
from typing import Any

import pytest
from tests.rules.test_reconciliation import LINE, NOW, OURS, PAYMENT, judge, paid, terms

from tillkeeper.facts import LineKind
from tillkeeper.settlement.lines import Side
from tillkeeper.settlement.runs import Finding, Home, Kind, Line, Lonely, Ours, Rest, rules

REFUND = replace(OURS, side=Side.REFUND, amount=-300, fee=None)
OF_DISPUTE: dict[str, Any] = {"subject": f"dispute:{PAYMENT}", "line": 1, "suspend": True}
DISPUTE = replace(OURS, side=Side.DISPUTE, amount=-300, fee=15)
FOREIGN = replace(LINE, currency="USD", settle_currency="USD")
CONVERTED = replace(LINE, currency="USD", settle_currency="EUR", rate="0.9", gross=1000, fee=30, net=871)


def of_line(kind: Kind, detail: str, theirs: int, ours: int | None, difference: int, **more: Any) -> Finding:
    """Expect a finding about the line, which puts money aside."""
    about = {"subject": "line:txn_1", "currency": "EUR", "difference_currency": "EUR", "line": 1, "suspend": True}
    known = {} if ours is None else {"object": PAYMENT, "payment": PAYMENT}
    said: dict[str, Any] = {"theirs": theirs, "ours": ours, "difference": difference}
    return Finding(kind=kind, detail=detail, **said | about | known | more)


def of_ours(kind: Kind, detail: str, theirs: int | None, ours: int | None, difference: int = 0, **more: Any) -> Finding:
    """Expect a finding about something of ours."""
    about = {"subject": f"capture:{PAYMENT}", "currency": "EUR", "object": PAYMENT, "payment": PAYMENT}
    said: dict[str, Any] = {"theirs": theirs, "ours": ours, "difference": difference}
    return Finding(kind=kind, detail=detail, **said | about | more)


def moved(kind: LineKind, gross: int) -> Line:
    return replace(LINE, kind=kind, gross=gross, fee=0, net=gross)


@pytest.mark.parametrize(
    ("line", "ours", "finding"),
    [
        (
            paid(1001),
            OURS,
            of_line(Kind.AMOUNT_OVER, "The gateway moved €10.01, and we say €10.00.", 1001, 1000, 1, home=Home.INCOME),
        ),
        (
            paid(999),
            OURS,
            of_line(Kind.AMOUNT_UNDER, "The gateway moved €9.99, and we say €10.00.", 999, 1000, -1, home=Home.LOSS),
        ),
        (
            paid(-1000),
            OURS,
            of_line(
                Kind.DIRECTION_MISMATCH,
                "The gateway moved -€10.00; here it is a capture the other way.",
                -1000,
                1000,
                -2000,
            ),
        ),
        (
            FOREIGN,
            OURS,
            of_line(
                Kind.CURRENCY_MISMATCH,
                "The gateway says USD, and we say EUR.",
                1000,
                1000,
                941,
                currency="USD",
                difference_currency="USD",
                home=Home.TRADE,
                counter=941,
                counter_currency="EUR",
            ),
        ),
        (
            paid(1000, 60),
            OURS,
            of_line(
                Kind.FEE_MISMATCH, "The gateway kept €0.60; told were €0.59.", 60, 59, -1, home=Home.PROCESSING_FEE
            ),
        ),
        (
            replace(LINE, tax=10, net=931),
            replace(OURS, fee_final=False),
            of_line(
                Kind.FEE_MISMATCH, "The gateway kept €0.69; expected were €0.59.", 69, 59, -10, home=Home.PROCESSING_FEE
            ),
        ),
        (
            LINE,
            replace(OURS, settled=False, status="expired"),
            of_line(
                Kind.STATUS_MISMATCH,
                "The gateway moved €9.41, and here the capture is expired.",
                1000,
                1000,
                941,
                home=Home.INCOME,
            ),
        ),
        (
            moved(LineKind.REFUND, -310),
            REFUND,
            of_line(
                Kind.AMOUNT_OVER,
                "The gateway moved -€3.10, and we say -€3.00.",
                -310,
                -300,
                -10,
                home=Home.REFUNDS_OF_EARNED,
            ),
        ),
        (
            CONVERTED,
            OURS,
            of_line(
                Kind.CURRENCY_MISMATCH,
                "The gateway says USD, and we say EUR.",
                1000,
                1000,
                871,
                currency="USD",
                home=Home.TRADE,
                counter=941,
                counter_currency="EUR",
            ),
        ),
        (
            replace(CONVERTED, net=875),
            replace(OURS, currency="USD"),
            Finding(
                kind=Kind.FX_RESIDUAL,
                subject="line:txn_1",
                detail="At the rate 0.9 it differs by €0.05.",
                theirs=5,
                ours=0,
                currency="EUR",
                line=1,
                home=Home.EXCHANGE,
            ),
        ),
    ],
)
def test_a_finding_about_a_line_says_all_of_it(line: Line, ours: Ours | None, finding: Finding) -> None:
    assert judge(line, ours) == finding


@pytest.mark.parametrize(
    ("line", "kind", "detail", "home"),
    [
        (LineKind.REFUND, Kind.REFUND_UNLINKED, "for a refund that is not known here.", Home.REFUNDS_OF_EARNED),
        (LineKind.DISPUTE, Kind.DISPUTE_UNLINKED, "for a dispute that is not known here.", Home.LOSS),
        (LineKind.ADJUSTMENT, Kind.ORPHAN_ADJUSTMENT, "by hand, and nothing of ours asked for it.", Home.LOSS),
    ],
)
def test_a_finding_about_a_line_that_stands_for_nothing_of_ours_says_all_of_it(
    line: LineKind, kind: Kind, detail: str, home: Home
) -> None:
    expected = of_line(kind, f"The gateway moved -€3.00 {detail}", -300, None, -300, home=home)
    assert judge(moved(line, -300), None) == expected


def test_a_payment_that_a_line_names_is_told_with_it() -> None:
    finding = judge(LINE, None, payment=PAYMENT)
    assert finding
    assert finding.payment == PAYMENT


@pytest.mark.parametrize(
    ("total", "kept", "finding"),
    [
        (-300, 15, None),
        (
            -310,
            15,
            of_ours(
                Kind.AMOUNT_OVER,
                "The gateway moved -€3.10, and we say -€3.00.",
                -310,
                -300,
                -10,
                **OF_DISPUTE,
                home=Home.LOSS,
            ),
        ),
        (
            None,
            15,
            of_ours(
                Kind.AMOUNT_UNDER,
                "The gateway moved €0.00, and we say -€3.00.",
                0,
                -300,
                300,
                **OF_DISPUTE,
                home=Home.LOSS,
            ),
        ),
        (
            -300,
            20,
            of_ours(
                Kind.FEE_MISMATCH,
                "The gateway kept €0.20 for it; told were €0.15.",
                20,
                15,
                -5,
                **OF_DISPUTE,
                home=Home.DISPUTE_FEE,
            ),
        ),
    ],
)
def test_a_finding_about_a_dispute_is_about_all_of_its_lines(
    total: int | None, kept: int, finding: Finding | None
) -> None:
    assert judge(moved(LineKind.DISPUTE, -300), DISPUTE, total=total, kept=kept) == finding


def test_a_dispute_in_another_currency_is_an_exchange_of_all_of_its_lines_for_what_we_hold() -> None:
    line = replace(moved(LineKind.DISPUTE, -200), currency="USD", settle_currency="USD")
    assert judge(line, DISPUTE, total=-330, kept=20) == of_ours(
        Kind.CURRENCY_MISMATCH,
        "The gateway says USD, and we say EUR.",
        -330,
        -300,
        -350,
        **OF_DISPUTE,
        currency="USD",
        home=Home.TRADE,
        counter=-315,
        counter_currency="EUR",
    )


def test_a_dispute_whose_lines_are_in_two_other_currencies_has_no_home() -> None:
    line = replace(moved(LineKind.DISPUTE, -300), currency="USD", settle_currency="GBP")
    finding = judge(line, DISPUTE, total=-300, kept=15)
    assert finding
    assert (finding.kind, finding.home) == (Kind.CURRENCY_MISMATCH, None)


def test_a_dispute_that_was_paid_in_another_currency_keeps_its_fee_there() -> None:
    line = replace(moved(LineKind.DISPUTE, -300), settle_currency="USD", rate="1.1", fee=0, net=-330)
    assert judge(line, DISPUTE, total=-300, kept=99) is None


@pytest.mark.parametrize("ours", [replace(OURS, imported=True), replace(DISPUTE, imported=True)])
def test_what_another_system_booked_is_brought_in_by_its_line(ours: Ours) -> None:
    assert judge(paid(1), ours) is None


@pytest.mark.parametrize(
    ("ours", "double", "covered", "finding"),
    [
        (
            OURS,
            True,
            True,
            of_ours(
                Kind.DUPLICATE_INTERNAL,
                "€10.00 is booked here a second time: the gateway's line belongs to another payment.",
                None,
                1000,
                -941,
                home=Home.LOSS,
            ),
        ),
        (
            OURS,
            False,
            False,
            of_ours(
                Kind.IN_TRANSIT,
                "€10.00 (capture) is not in the gateway's account yet; there is still time.",
                None,
                1000,
                -941,
            ),
        ),
        (
            REFUND,
            False,
            True,
            of_ours(
                Kind.MISSING_AT_GATEWAY,
                "€3.00 (refund) is in our books and not in the gateway's account.",
                None,
                -300,
                300,
                subject=f"refund:{PAYMENT}",
                home=Home.REFUND_PAYABLE,
            ),
        ),
        (
            DISPUTE,
            False,
            True,
            of_ours(
                Kind.MISSING_AT_GATEWAY,
                "€3.00 (dispute) is in our books and not in the gateway's account.",
                None,
                -300,
                315,
                subject=f"dispute:{PAYMENT}",
            ),
        ),
    ],
)
def test_a_finding_about_what_only_we_say_says_all_of_it(
    ours: Ours, finding: Finding, *, double: bool, covered: bool
) -> None:
    assert (
        rules.judge_lonely(Lonely(ours=ours, double=double), terms(covered_until=NOW if covered else None)) == finding
    )


@pytest.mark.parametrize(("told", "home"), [(940, Home.LOSS), (950, Home.INCOME)])
def test_what_a_paid_payment_leaves_in_clearing_is_a_loss_or_an_income(told: int, home: Home) -> None:
    euros = f"€{told / 100:.2f}"
    assert rules.judge_rest(Rest(ours=OURS, told=told, booked=941)) == of_ours(
        Kind.CLEARING_NOT_ZERO,
        f"It was paid out: €9.41 stood in our books, and its lines came to {euros}.",
        told,
        941,
        told - 941,
        home=home,
    )


@pytest.mark.parametrize(
    ("settled", "granted", "kind", "detail"),
    [
        (True, False, Kind.GRANT_MISSING, "The money is here, and no goods were handed over or are on their way."),
        (False, True, Kind.GRANT_WITHOUT_PAYMENT, "Goods were handed over, and the payment is failed: no money came."),
    ],
)
def test_a_finding_about_goods_moves_no_money(*, settled: bool, granted: bool, kind: Kind, detail: str) -> None:
    payment = replace(OURS, settled=settled, status="succeeded" if settled else "failed")
    assert rules.judge_grant(payment, granted=granted, terms=terms()) == of_ours(kind, detail, None, 1000)


@pytest.mark.parametrize(
    ("currency", "settle_currency", "rate", "rest"),
    [("USD", "EUR", "0.9", 5), ("EUR", "EUR", "0.9", 0), ("USD", "EUR", None, 0)],
)
def test_only_a_line_that_was_converted_differs_from_its_rate(
    currency: str, settle_currency: str, rate: str | None, rest: int
) -> None:
    line = replace(CONVERTED, net=875, currency=currency, settle_currency=settle_currency, rate=rate)
    assert rules.residual(line)[0] == rest
