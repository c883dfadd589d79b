"""Square's account of us, against examples that nobody here wrote, and entries of every type it knows."""

import json
from pathlib import Path
from typing import Any

import pytest

from tillkeeper.facts import LineKind, SettlementLine, UnreadLine
from tillkeeper.gateway.lines import read_line
from tillkeeper.gateways.square import settlement

USD = "USD"


def entry(kind: str, gross: int, fee: int = 0, **change: Any) -> dict[str, Any]:
    amounts = {"gross": gross, "fee": fee, "net": gross - fee}
    return {
        "id": "poe_1",
        "payout_id": "po_1",
        "effective_at": "2026-11-20T10:00:00Z",
        "type": kind,
        **{f"{name}_amount_money": {"amount": amount, "currency": USD} for name, amount in amounts.items()},
    } | change


def test_squares_own_entries_are_read_as_what_they_are(oracles: Path) -> None:
    sample = json.loads((oracles / "fixtures/square/api/ListPayoutEntriesResponse.json").read_text())
    refund, capture = (settlement.of_entry(each) for each in sample["payout_entries"])
    assert (refund.kind, refund.gross, refund.fee, refund.net) == (LineKind.REFUND, -50, -2, -48)
    assert refund.object_id == "HVdG62HeMlti8YYf94oxrN_dR8Nztxg7umf94oxrN12Ji5r2KW14FAY"
    assert refund.parent_id == "HVdG62HeMlti8YYf94oxrN"
    assert (capture.kind, capture.gross, capture.fee, capture.net) == (LineKind.CAPTURE, 100, 19, 81)
    assert capture.payout_id == "po_4d28e6c4-7dd5-4de4-8ec9-a059277646a6"
    for each in sample["payout_entries"]:
        assert isinstance(read_line("square", "", lambda each=each: settlement.of_entry(each)), SettlementLine)  # type: ignore[misc]


def test_squares_own_payouts_are_read_also_one_that_took_money_from_the_bank(oracles: Path) -> None:
    sample = json.loads((oracles / "fixtures/square/api/ListPayoutsResponse.json").read_text())
    lines = [settlement.of_payout(each) for each in sample["payouts"]]
    assert [(line.kind, line.net) for line in lines] == [(LineKind.PAYOUT, -6_259), (LineKind.PAYOUT, 103)]


def test_a_single_transfer_of_money_never_says_what_it_took_along(oracles: Path) -> None:
    sample = json.loads((oracles / "fixtures/square/api/ListPayoutsResponse.json").read_text())["payouts"][0]
    assert [settlement.of_payout({**sample, "type": kind}).automatic for kind in ("BATCH", "SIMPLE")] == [True, False]


def test_every_type_of_entry_that_square_knows_is_read(oracles: Path) -> None:
    spec = json.loads((oracles / "specs/square/square_2025-08-20_trimmed.json").read_text())
    types = spec["components"]["schemas"]["ActivityType"]["enum"]
    assert {*settlement.CHARGED, *settlement.KINDS} <= {*types}
    for kind in types:
        for gross in (-300, 300):
            line = settlement.of_entry(entry(kind, gross))
            assert line.net == gross
            assert line.net == line.gross - line.fee - line.tax


@pytest.mark.parametrize(
    ("kind", "gross", "read"),
    [
        ("REFUND", 100, LineKind.REFUND_FAILED),
        ("DISPUTE", 100, LineKind.DISPUTE_REVERSED),
        ("RETURNED_PAYOUT", 100, LineKind.PAYOUT_FAILED),
        ("RESERVE_HOLD", -100, LineKind.RESERVE),
        ("RESERVE_RELEASE", 100, LineKind.RESERVE),
        ("ESCHEATMENT", -100, LineKind.ADJUSTMENT),
        ("SOMETHING_NEW", 100, LineKind.ADJUSTMENT),
    ],
)
def test_a_type_and_a_direction_say_what_moved(kind: str, gross: int, read: LineKind) -> None:
    assert settlement.of_entry(entry(kind, gross)).kind is read


def test_the_tax_on_a_fee_is_tax_and_a_fee_is_a_fee_however_square_splits_it() -> None:
    tax = settlement.of_entry(entry("TAX_ON_FEE", -19))
    assert (tax.kind, tax.gross, tax.fee, tax.tax, tax.net) == (LineKind.FEE, 0, 0, 19, -19)
    for fee in (entry("DEPOSIT_FEE", -95), entry("DEPOSIT_FEE", 0, 95)):
        line = settlement.of_entry(fee)
        assert (line.gross, line.fee, line.net) == (0, 95, -95)


@pytest.mark.parametrize(
    "change",
    [
        {"net_amount_money": {"amount": 82, "currency": USD}},
        {"gross_amount_money": {"amount": "100", "currency": USD}},
        {"gross_amount_money": None},
        {"effective_at": None},
        {"payout_id": ...},
    ],
)
def test_an_entry_that_is_not_what_was_promised_is_not_read(change: dict[str, Any]) -> None:
    thing = entry("CHARGE", 100, 19) | change
    if thing["payout_id"] is ...:
        del thing["payout_id"]
    unread = read_line("square", "raw", lambda: settlement.of_entry(thing), line_id="poe_1")
    assert isinstance(unread, UnreadLine)
    assert (unread.line_id, unread.raw) == ("poe_1", "raw")
    assert unread.reason
