"""What it means when a gateway's account and ours differ."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.facts import LineKind, SettlementLine
from tillkeeper.kernel import ids
from tillkeeper.reports import reconciliation
from tillkeeper.settlement import lines
from tillkeeper.settlement.lines import Side
from tillkeeper.settlement.lines import rules as telling
from tillkeeper.settlement.runs import Finding, Kind, Line, Lonely, Ours, Pair, Settled, Terms, payouts, rules

DOCS = Path(__file__).parents[2] / "docs" / "reconciliation.md"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(days=2)
PAYMENT = UUID("01935f2c-7c00-7000-8000-0000000000aa")
LINE = Line(
    id=1,
    line_id="txn_1",
    kind=LineKind.CAPTURE,
    gross=1000,
    fee=59,
    tax=0,
    net=941,
    currency="EUR",
    settle_currency="EUR",
    rate=None,
    occurred_at=BEFORE,
)
OURS = Ours(
    side=Side.CAPTURE,
    id=PAYMENT,
    amount=1000,
    currency="EUR",
    settled=True,
    status="succeeded",
    at=BEFORE,
    payment=PAYMENT,
    fee=59,
)
PAYOUT = replace(OURS, side=Side.PAYOUT, amount=-941, fee=None, payment=None)
SETTLED = Settled(
    ours=PAYOUT,
    reference="po_1",
    automatic=True,
    has_line=True,
    lines=1,
    total=941,
    sent=941,
    paid=True,
    arrives_at=BEFORE,
    in_bank=False,
    bank_known=False,
)


def terms(gateway: str = "stripe", covered_until: datetime | None = NOW, paid_out: datetime | None = None) -> Terms:
    return Terms(gateway=gateway, now=NOW, covered_until=covered_until, paid_out_until=paid_out)


def judge(line: Line = LINE, ours: Ours | None = OURS, **more: Any) -> Finding | None:
    return rules.judge(replace(Pair(line=line, ours=ours), **more), terms())


def kind_of(finding: Finding | None) -> Kind | None:
    return finding.kind if finding else None


def paid(gross: int, fee: int = 59) -> Line:
    return replace(LINE, gross=gross, fee=fee, net=gross - fee)


def test_what_agrees_is_no_finding() -> None:
    assert judge() is None


@pytest.mark.parametrize(
    ("line", "ours", "kind", "difference"),
    [
        (paid(1001), OURS, Kind.AMOUNT_OVER, 1),
        (paid(999), OURS, Kind.AMOUNT_UNDER, -1),
        (paid(-1000), OURS, Kind.DIRECTION_MISMATCH, -2000),
        (replace(LINE, currency="USD", settle_currency="USD"), OURS, Kind.CURRENCY_MISMATCH, 941),
        (paid(1000, 60), OURS, Kind.FEE_MISMATCH, -1),
        (LINE, replace(OURS, settled=False, amount=0, status="expired"), Kind.STATUS_MISMATCH, 941),
        (LINE, None, Kind.MISSING_INTERNAL, 941),
        (replace(LINE, kind=LineKind.REFUND), None, Kind.REFUND_UNLINKED, 941),
        (replace(LINE, kind=LineKind.DISPUTE), None, Kind.DISPUTE_UNLINKED, 941),
        (replace(LINE, kind=LineKind.ADJUSTMENT), None, Kind.ORPHAN_ADJUSTMENT, 941),
    ],
)
def test_a_line_that_differs_is_called_what_it_is(line: Line, ours: Ours | None, kind: Kind, difference: int) -> None:
    finding = judge(line, ours)
    assert finding
    assert (finding.kind, finding.difference, finding.suspend) == (kind, difference, True)


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**12), st.integers(0, 10**6))
def test_what_is_put_aside_is_what_the_balance_has_more_than_our_books(gross: int, booked: int, fee: int) -> None:
    ours = replace(OURS, amount=booked, fee=fee)
    finding = judge(paid(gross, fee), ours)
    assert (finding.difference if finding else 0) == gross - booked


def test_an_expected_fee_may_be_wrong_by_one_and_is_marked() -> None:
    expected = replace(OURS, fee_final=False)
    one, two = judge(paid(1000, 60), expected), judge(paid(1000, 61), expected)
    assert one
    assert two
    assert (one.tolerated, one.suspend, one.difference) == (True, False, -1)
    assert (two.tolerated, two.suspend) == (False, True)


def test_a_capture_that_another_line_stands_for_is_a_duplicate() -> None:
    assert kind_of(judge(ours=None, rival=True)) is Kind.DUPLICATE_AT_GATEWAY


def test_a_second_capture_for_a_paid_payment_is_a_duplicate() -> None:
    assert kind_of(judge(ours=None, payment=PAYMENT)) is Kind.DUPLICATE_AT_GATEWAY


@pytest.mark.parametrize("minutes", [29, 31])
def test_a_webhook_has_half_an_hour_after_its_line(minutes: int) -> None:
    fresh = replace(LINE, occurred_at=NOW - timedelta(minutes=minutes))
    unpaid = replace(OURS, settled=False)
    known = minutes > 30
    assert kind_of(judge(fresh, None)) is (Kind.MISSING_INTERNAL if known else Kind.IN_TRANSIT)
    assert kind_of(judge(fresh, unpaid)) is (Kind.STATUS_MISMATCH if known else Kind.IN_TRANSIT)


@pytest.mark.parametrize(("gateway", "hours"), [("stripe", 1), ("paypal", 6)])
def test_each_gateway_has_its_own_time_to_account_for_a_capture(gateway: str, hours: int) -> None:
    just = replace(OURS, at=NOW - timedelta(hours=hours) + timedelta(minutes=1))
    long = replace(OURS, at=NOW - timedelta(hours=hours) - timedelta(minutes=1))
    assert kind_of(rules.judge_lonely(Lonely(ours=just), terms(gateway))) is Kind.IN_TRANSIT
    assert kind_of(rules.judge_lonely(Lonely(ours=long), terms(gateway))) is Kind.MISSING_AT_GATEWAY


@pytest.mark.parametrize("gateway", ["razorpay", "square"])
@pytest.mark.parametrize(
    ("paid_out", "kind"),
    [
        (None, Kind.IN_TRANSIT),
        (BEFORE - timedelta(days=30), Kind.IN_TRANSIT),
        (BEFORE + timedelta(hours=95), Kind.IN_TRANSIT),
        (BEFORE + timedelta(hours=97), Kind.MISSING_AT_GATEWAY),
    ],
)
def test_what_a_gateway_shows_when_it_pays_out_is_missing_only_after_a_payout_that_should_have_taken_it(
    gateway: str, paid_out: datetime | None, kind: Kind
) -> None:
    much_later = replace(terms(gateway, paid_out=paid_out), now=NOW + timedelta(days=60))
    assert kind_of(rules.judge_lonely(Lonely(ours=OURS), much_later)) is kind


@pytest.mark.parametrize("covered_until", [None, BEFORE - timedelta(seconds=1)])
def test_nothing_is_missing_in_an_account_that_was_not_read_so_far(covered_until: datetime | None) -> None:
    finding = rules.judge_lonely(Lonely(ours=OURS), terms(covered_until=covered_until))
    assert kind_of(finding) is Kind.IN_TRANSIT


def test_what_is_booked_twice_here_is_our_own_duplicate() -> None:
    assert kind_of(rules.judge_lonely(Lonely(ours=OURS, double=True), terms())) is Kind.DUPLICATE_INTERNAL


@pytest.mark.parametrize(
    ("rate", "net", "kind", "tolerated"),
    [("1.1", 1041, None, False), ("1.1", 1042, Kind.FX_RESIDUAL, True), ("1.1", 1039, Kind.FX_RESIDUAL, False)],
)
def test_an_exchange_may_round_by_one(rate: str, net: int, kind: Kind | None, tolerated: bool) -> None:  # noqa: FBT001
    finding = judge(replace(LINE, settle_currency="USD", rate=rate, net=net))
    assert kind_of(finding) is kind
    assert (finding.tolerated if finding else False) is tolerated


def test_an_exchange_between_currencies_of_unlike_decimals_is_exact() -> None:
    yen = replace(LINE, currency="JPY", settle_currency="USD", rate="0.0091", gross=1000, fee=0, net=910)
    assert judge(yen, replace(OURS, currency="JPY")) is None


def test_a_dispute_is_compared_by_all_of_its_lines() -> None:
    dispute = replace(OURS, side=Side.DISPUTE, amount=-1000, fee=1500)
    line = replace(LINE, kind=LineKind.DISPUTE, gross=-600, fee=0, net=-600)
    assert judge(line, dispute, total=-1000, kept=1500) is None
    assert kind_of(judge(line, dispute, total=-600, kept=1500)) is Kind.AMOUNT_UNDER
    assert kind_of(judge(line, dispute, total=-1000, kept=0)) is Kind.FEE_MISMATCH


def test_the_lines_of_a_payout_come_to_what_was_sent() -> None:
    assert payouts.judge_payout(SETTLED, terms()) == []
    off = payouts.judge_payout(replace(SETTLED, total=940), terms())
    assert [(each.kind, each.difference) for each in off] == [(Kind.PAYOUT_SUM_MISMATCH, -1)]


def test_a_payout_made_by_hand_need_not_say_what_it_is_made_of() -> None:
    assert payouts.judge_payout(replace(SETTLED, automatic=False, lines=0, total=0), terms()) == []


@pytest.mark.parametrize(
    ("in_bank", "known", "kinds"),
    [(True, True, []), (False, False, []), (False, True, [Kind.PAYOUT_MISSING_IN_BANK])],
)
def test_a_payout_is_missed_in_a_bank_account_that_is_here(in_bank: bool, known: bool, kinds: list[Kind]) -> None:  # noqa: FBT001
    old = NOW - timedelta(days=9)
    payout = replace(SETTLED, in_bank=in_bank, bank_known=known, arrives_at=old)
    assert [each.kind for each in payouts.judge_payout(payout, terms())] == kinds


TOLD = SettlementLine(
    gateway="stripe",
    line_id="txn_1",
    kind=LineKind.CAPTURE,
    object_id="pi_1",
    our_reference=f"{ids.text('payment', PAYMENT)},{ids.text('refund', PAYMENT)}",
    gross=1000,
    fee=0,
    net=1000,
    currency="EUR",
    settle_currency="EUR",
    occurred_at=datetime(2026, 11, 21, 20, tzinfo=UTC),
    raw="{}",
)


def read(**told: Any) -> lines.Line:
    return telling.read(replace(TOLD, **told), ZoneInfo("Asia/Kolkata"), lambda raw: raw)


def test_a_line_belongs_to_the_day_of_its_gateway() -> None:
    assert read().day.isoformat() == "2026-11-22"
    assert lines.day_of(TOLD.occurred_at, ZoneInfo("America/Los_Angeles")).isoformat() == "2026-11-21"


def test_our_own_ids_are_found_in_what_a_gateway_carried() -> None:
    assert (read().our_payment, read().our_refund) == (PAYMENT, PAYMENT)
    assert read(our_reference="order 7, payment_ofsomebodyelse").our_payment is None


def test_what_is_told_later_is_added() -> None:
    heard = telling.hear(read(), read(payout_id="po_1", fee=59, net=941))
    assert not isinstance(heard, str)
    assert (heard.payout_id, heard.fee, heard.net) == ("po_1", 59, 941)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"gross": 999}),
        ({}, {"kind": LineKind.REFUND}),
        ({"payout_id": "po_1"}, {"payout_id": "po_2"}),
        ({"payout_id": "po_1"}, {"payout_id": "po_1", "fee": 1, "net": 999}),
        ({"kind": LineKind.FEE}, {"kind": LineKind.FEE, "fee": 1}),
    ],
)
def test_a_line_that_contradicts_what_was_told_changes_nothing(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert isinstance(telling.hear(read(**before), read(**after)), str)


def test_a_line_that_says_less_takes_nothing_back() -> None:
    full = read(payout_id="po_1", rate="1.1", parent_id="ch_1")
    assert telling.hear(full, read(our_reference=None)) == full


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_explained_with_what_to_do(kind: Kind) -> None:
    rows = [row for row in DOCS.read_text().splitlines() if row.startswith("| `") and f"`{kind}`" in row]
    assert len(rows) == 1
    assert len([cell for cell in rows[0].split("|") if cell.strip()]) == 3
    assert reconciliation.NEXT_STEPS[kind]


@pytest.mark.parametrize(
    ("settled", "granted", "kind"),
    [
        (True, True, None),
        (False, False, None),
        (True, False, Kind.GRANT_MISSING),
        (False, True, Kind.GRANT_WITHOUT_PAYMENT),
    ],
)
def test_goods_belong_to_money_and_money_to_goods(*, settled: bool, granted: bool, kind: Kind | None) -> None:
    finding = rules.judge_grant(replace(OURS, settled=settled), granted=granted, terms=terms())
    assert kind_of(finding) is kind


def test_goods_may_take_their_time_while_the_money_is_fresh() -> None:
    fresh = replace(OURS, at=NOW - timedelta(minutes=rules.internal_wait_minutes))
    assert rules.judge_grant(fresh, granted=False, terms=terms()) is None


def test_a_line_whose_own_figures_do_not_add_up_is_a_mismatch_of_its_fee() -> None:
    finding = judge(replace(LINE, net=940))
    assert finding
    assert finding.kind is Kind.FEE_MISMATCH
    assert "do not add up" in finding.detail
