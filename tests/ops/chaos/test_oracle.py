"""The oracle itself: sound books pass, and every way of spoiling them is found under its invariant."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.ops.chaos.testimony import KEY, PAYMENT, SHOWN, event, posting, taken, told

from tillkeeper.ops.chaos import announcements, case, evidence, oracle
from tillkeeper.ops.chaos.evidence import Evidence
from tillkeeper.ops.chaos.wishes import PACKAGES

Spoil = Callable[[Evidence], object]


def row(found: Evidence, table: str, place: int = 0) -> Any:
    return found.rows[table][place]


def line(found: Evidence) -> Any:
    return found.books["stripe"]["payment_intents"][0]


def surplus(found: Evidence, *, given_back: bool) -> None:
    """Let a second gateway capture the same order, and perhaps give it back."""
    second = {"captured": 200, "refunded": 200 * given_back, "disputed": 0, "captures": 1, "reference_id": SHOWN}
    found.books["square"]["payments"].append(second)
    found.rows["refunds"].append(  # type: ignore[attr-defined]
        {**row(found, "refunds"), "id": "second", "amount": 200, "surplus": True, "status": "succeeded"}
    )
    if not given_back:
        found.rows["refunds"][1]["status"] = "pending"  # type: ignore[index]


def say(found: Evidence, **said: object) -> None:
    found.journal.append({"at": 9, "n": 0, **said})  # type: ignore[attr-defined]


def remove(found: Evidence, table: str, place: int = 0) -> None:
    del found.rows[table][place]  # type: ignore[attr-defined]


def add(found: Evidence, table: str, **columns: object) -> None:
    found.rows[table].append({**row(found, table), **columns})  # type: ignore[attr-defined]


SPOILT: dict[str, tuple[str, Spoil]] = {
    "a posting across currencies": ("I1", lambda it: row(it, "postings").update(credit_currency="USD")),
    "debits exceed credits": ("I1", lambda it: row(it, "accounts").update(debits=201)),
    "captured money that is not booked": ("I1", lambda it: row(it, "journals").update(kind="other")),
    "captured there and not here": ("I2", lambda it: row(it, "payments").update(amount_captured=0)),
    "captured in another amount there": ("I2", lambda it: line(it).update(captured=199)),
    "refunded there and not here": ("I2", lambda it: line(it).update(refunded=150)),
    "disputed there and not here": ("I2", lambda it: line(it).update(disputed=10)),
    "money there for no payment of ours": ("I2", lambda it: line(it).update(metadata={})),
    "money there for a payment that is lost": ("I2", lambda it: remove(it, "payments")),
    "paid and not delivered": ("I3", lambda it: remove(it, "entitlements")),
    "delivered twice": ("I3", lambda it: add(it, "entitlements")),
    "credited twice": ("I3", lambda it: add(it, "entries")),
    "too few units": ("I3", lambda it: row(it, "entitlements").update(granted=119)),
    "not revoked after a refund": ("I3", lambda it: row(it, "entitlements").update(revoked=0)),
    "revoked too much": ("I3", lambda it: row(it, "entitlements").update(revoked=61)),
    "more back than captured": ("I4", lambda it: row(it, "refunds").update(amount=201)),
    "more back than captured at the gateway": ("I4", lambda it: line(it).update(refunded=201)),
    "refunds that do not add up": ("I4", lambda it: row(it, "payments").update(amount_refunded=99)),
    "a wallet that is not its entries": ("I5", lambda it: row(it, "wallets").update(balance=61)),
    "a wallet whose entries have a gap": ("I5", lambda it: row(it, "entries", 1).update(balance_before=121)),
    "a debt below zero": ("I5", lambda it: row(it, "wallets").update(debt=-1)),
    "a balance that is not its postings": ("I5", lambda it: row(it, "accounts", 1).update(credits=201)),
    "a guarded account below zero": ("I5", lambda it: row(it, "accounts", 1).update(held=101)),
    "captured twice at one gateway": ("I6", lambda it: line(it).update(captures=2)),
    "captured at two gateways, one not given back": ("I6", lambda it: surplus(it, given_back=False)),
    "captured in two payments of one order": ("I6", lambda it: add(it, "payments", id="another")),
    "recorded as captured twice": ("I6", lambda it: add(it, "changes")),
    "a webhook that was taken and is gone": ("I7", lambda it: remove(it, "inbox")),
    "a webhook that does not end": ("I7", lambda it: row(it, "inbox").update(status="parked")),
    "a webhook that is dead without a reason": ("I7", lambda it: row(it, "inbox").update(status="dead")),
    "an acknowledged payment that is gone": ("I8", lambda it: remove(it, "payments")),
    "an acknowledged payment of another amount": ("I8", lambda it: row(it, "payments").update(amount=201)),
    "an acknowledged refund that is gone": ("I8", lambda it: remove(it, "refunds")),
    "one key with two answers": (
        "I8",
        lambda it: say(it, told="create", key=KEY, status=201, body={**it.journal[2]["body"], "id": SHOWN[:-1] + "z"}),
    ),
    "an API that shows something else": ("I8", lambda it: it.shown[SHOWN].update(status="created")),
    "a key that is forgotten": ("I8", lambda it: it.replayed[KEY].update(id="payment_0")),
    "an event that was told twice": ("I10", lambda it: add(it, "outbox", id=event(4), seq=4)),
    "a capture that was told to nobody": ("I10", lambda it: remove(it, "outbox", 1)),
    "a refund that was told to nobody": ("I10", lambda it: remove(it, "outbox", 2)),
    "a gap in the order of events": ("I10", lambda it: row(it, "outbox", 2).update(seq=4)),
    "an event without a place": ("I10", lambda it: row(it, "outbox", 2).update(seq=None)),
    "an event that nobody was sent": ("I10", lambda it: remove(it, "deliveries")),
    "an event that was sent twice": ("I10", lambda it: add(it, "deliveries")),
    "a delivery that nobody took": ("I10", lambda it: row(it, "deliveries").update(taken=0)),
    "a delivery of which the merchant knows nothing": ("I10", lambda it: it.taken.pop()),  # type: ignore[attr-defined]
    "a message about nothing that happened": ("I10", lambda it: it.taken.append(taken(9))),  # type: ignore[attr-defined]
    "one message with two bodies": ("I10", lambda it: it.taken.append({**taken(1), "digest": "another"})),  # type: ignore[attr-defined]
    "work that does not end": ("quiet", lambda it: setattr(it, "left", {"calls": 1})),
    "a client that gave up": ("quiet", lambda it: it.journal[5].update(end="gave up: it took too long")),
    "a client of whom nothing was heard": ("quiet", lambda it: it.journal.pop()),  # type: ignore[attr-defined]
    "a client that was told of a bug": ("client", lambda it: say(it, told="create", key=KEY, status=500, body="oops")),
    "a client that was refused": ("client", lambda it: it.journal[5].update(end="refused: 422")),
}


def test_sound_books_pass() -> None:
    assert oracle.judge(told()) == []


def test_a_second_capture_that_went_back_passes() -> None:
    found = told()
    surplus(found, given_back=True)
    add(found, "outbox", id=event(4), seq=4, type="refund.succeeded", subject="second")
    add(found, "deliveries", event=event(4))
    found.taken.append(taken(4))  # type: ignore[attr-defined]
    assert oracle.judge(found) == []


def test_goods_that_come_back_after_a_failed_refund_are_told_once_more() -> None:
    found = told()
    for number in (4, 5):
        add(found, "outbox", id=event(number), seq=number, type="fulfilment.delivered", subject=PAYMENT)
        add(found, "deliveries", event=event(number))
        found.taken.append(taken(number))  # type: ignore[attr-defined]
    assert [each.invariant for each in oracle.judge(found)] == ["I10"]
    add(found, "refunds", id="failed", status="failed")
    assert oracle.judge(found) == []


def test_what_was_never_paid_passes_without_goods_and_books() -> None:
    found = told()
    row(found, "payments").update(status="expired", amount_captured=0, amount_refunded=0)
    found.books["stripe"]["payment_intents"].clear()
    for table in ("refunds", "changes", "entitlements", "wallets", "entries", "journals", "postings"):
        found.rows[table].clear()  # type: ignore[attr-defined]
    for table in ("outbox", "deliveries"):
        del found.rows[table][1:]  # type: ignore[attr-defined]
    del found.taken[1:]  # type: ignore[attr-defined]
    for account in found.rows["accounts"]:
        account.update(debits=0, credits=0)  # type: ignore[attr-defined]
    found.journal.pop(4)  # type: ignore[attr-defined]
    found.shown[SHOWN].update(status="expired", amount_captured=0, amount_refunded=0)
    assert oracle.judge(found) == []


@pytest.mark.parametrize("how", SPOILT)
def test_what_is_spoilt_is_found_under_its_invariant(how: str) -> None:
    invariant, spoil = SPOILT[how]
    found = told()
    spoil(found)
    assert invariant in {finding.invariant for finding in oracle.judge(found)}


def test_every_invariant_that_is_judged_here_is_spoilt_by_some_test() -> None:
    by_command = {"I9"}
    assert {invariant for invariant, _ in SPOILT.values()} == case.TITLES.keys() - by_command


def test_a_finding_names_the_payment_what_was_found_and_what_should_be() -> None:
    found = told()
    line(found).update(refunded=150)
    [finding] = [each for each in oracle.judge(found) if each.invariant == "I2"]
    assert (finding.payment, finding.about, finding.found) == (PAYMENT, "refunded", "100 here")
    assert "150" in finding.should_be
    assert finding.as_json()["title"] == case.TITLES["I2"]


def test_an_id_as_the_api_shows_it_is_read_as_the_database_keeps_it() -> None:
    assert case.plain(SHOWN) == PAYMENT


def test_the_oracle_knows_what_is_for_sale_without_asking() -> None:
    assert oracle.UNITS == PACKAGES


@pytest.mark.parametrize("module", [oracle, announcements, case, evidence])
def test_the_oracle_imports_nothing_of_the_program(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text())
    named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    named += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    ours = {name for name in named if name.startswith("tillkeeper")}
    assert ours <= {f"tillkeeper.ops.chaos.{name}" for name in ("announcements", "case", "evidence")}


def test_a_posting_that_balances_nothing_is_found() -> None:
    found = told()
    found.rows["postings"].append(posting("refund", "owed", "clearing", 0))  # type: ignore[attr-defined]
    assert [each.invariant for each in oracle.judge(found)] == ["I1"]
