"""The oracle itself: sound books pass, and every way of spoiling them is found under its invariant."""

import ast
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.ops.chaos.testimony import (
    BACK,
    CLEARING,
    EVENTS,
    KEY,
    PAYMENT,
    PRICE,
    SHOWN,
    Deposition,
    event,
    journal,
    posting,
    summed_up,
    taken,
    told,
)

from tillkeeper import catalog
from tillkeeper.ops.chaos import oracle
from tillkeeper.ops.chaos.oracle import case, goods, promises
from tillkeeper.ops.chaos.wishes import PACKAGES

Spoil = Callable[[Deposition], object]
DECIDED = {"won": "win", "lost": "lose"}


def row(found: Deposition, table: str, place: int = 0) -> Any:
    return found.rows[table][place]


def row_of(rows: Any, place: int) -> Any:
    return rows[place]


def line(found: Deposition) -> Any:
    return found.books["stripe"]["payment_intents"][0]


def surplus(found: Deposition, *, given_back: bool) -> None:
    """Let a second gateway capture the same order, and perhaps give it back."""
    second = {"captured": 200, "refunded": 200 * given_back, "disputed": 0, "captures": 1, "currency": "EUR"}
    found.books["square"]["payments"].append({**second, "reference_id": SHOWN})
    status = "succeeded" if given_back else "pending"
    add(found, "refunds", id="second", amount=200, surplus=True, status=status, gateway="square")
    clearing = "gateway:square:clearing:EUR"
    book(found, "surplus", "refund", "second", (clearing, "refund_payable:EUR", 200, "EUR"))
    if given_back:
        book(found, "succeeded", "refund", "second", ("refund_payable:EUR", clearing, 200, "EUR"))
        tell(found, "refund.succeeded", "second", {"amount": 200, "currency": "EUR"})


def book(found: Deposition, name: str, source: str, of: str, move: tuple[str, str, int, str]) -> None:
    """Post a journal of one posting, which waits to be sealed."""
    debit, credit, amount, currency = move
    number = len(found.rows["postings"]) + 1
    found.rows["journals"].append(journal(f"{of} {name}", source, of, name))
    found.rows["postings"].append(posting(number, f"{of} {name}", debit, credit, amount, currency))
    found.rows["unsealed"].append({"journal": f"{of} {name}"})
    summed_up(found.rows)


def dispute(found: Deposition, end: str) -> None:
    """Let a bank take 200 of the payment's money, decide, and everybody know of it."""
    lost = end == "lost"
    found.rows["disputes"].append(
        {"id": "d", "payment": PAYMENT, "gateway": "stripe", "reference": "du_1", "currency": "EUR"}
        | {"amount": PRICE - BACK, "status": end}
    )
    held = "gateway:stripe:dispute_receivable:EUR"
    book(found, "withdrawn", "dispute", "d", (held, CLEARING, PRICE - BACK, "EUR"))
    book(found, "claimed", "dispute", "d", ("wallet:u", "wallet_frozen:u", 120, "CREDITS"))
    if lost:
        book(found, "lost", "dispute", "d", ("deferred:EUR", held, PRICE - BACK, "EUR"))
        book(found, "taken", "dispute", "d", ("wallet_frozen:u", "credits:issuer", 120, "CREDITS"))
        row(found, "entitlements").update(revoked=240)
        row(found, "payments").update(amount_lost=PRICE - BACK, amount_disputed=PRICE - BACK)
        line(found).update(disputed=PRICE - BACK)
    else:
        book(found, "reinstated", "dispute", "d", (CLEARING, held, PRICE - BACK, "EUR"))
        book(found, "thawed", "dispute", "d", ("wallet_frozen:u", "wallet:u", 120, "CREDITS"))
    entry = {"source": "d", "balance_before": 120, "balance_after": 0}
    add(found, "entries", kind="freeze", amount=-120, **entry)
    if not lost:
        add(found, "entries", kind="thaw", amount=120, source="d", balance_before=0, balance_after=120)
    row(found, "wallets").update(balance=0 if lost else 120)
    say(found, ask=DECIDED[end], payment=SHOWN, place=f"stripe/disputes/du_1/{DECIDED[end]}")
    tell(found, "dispute.opened", "d", {})
    tell(found, f"dispute.{end}", "d", {})
    if lost:
        tell(found, "fulfilment.revoked", PAYMENT, {})


def tell(found: Deposition, kind: str, subject: str, data: dict[str, Any]) -> None:
    """Let an event be written, sent and taken."""
    number = len(found.rows["outbox"]) + 1
    add(found, "outbox", id=event(number), seq=number, type=kind, subject=subject, data=json.dumps(data))
    add(found, "deliveries", event=event(number))
    found.taken.append(taken(number, kind, data))


def say(found: Deposition, **said: object) -> None:
    found.journal.append({"at": 9, "n": 0, **said})


def remove(found: Deposition, table: str, place: int = 0) -> None:
    del found.rows[table][place]


def add(found: Deposition, table: str, **columns: object) -> None:
    found.rows[table].append({**row(found, table), **columns})


def unbook(found: Deposition, kind: str) -> None:
    """Take a journal out of the books, as if it had never been posted."""
    found.rows["journals"][:] = [each for each in found.rows["journals"] if each["id"] != kind]
    found.rows["postings"][:] = [each for each in found.rows["postings"] if each["journal"] != kind]
    summed_up(found.rows)


def book_again(found: Deposition, place: int) -> None:
    """Post a posting twice."""
    add(found, "postings", **{**row(found, "postings", place), "id": 9})
    summed_up(found.rows)


def leave_in_wallet(found: Deposition) -> None:
    """Mark goods as revoked and leave them where they are."""
    remove(found, "entries", 1)
    row(found, "wallets").update(balance=240)
    remove(found, "postings", 3)
    summed_up(found.rows)


def forget_capture(found: Deposition) -> None:
    """Say to a client that money was captured, and know nothing of it."""
    say(found, told="capture", key="c", status=200, body={"id": SHOWN, "status": "succeeded"})
    row(found, "payments").update(amount_captured=0)


def hand_to_another(found: Deposition) -> None:
    """Give everything to somebody who bought nothing, in wallet, entries and books alike."""
    add(found, "users", id="b", name="bob")
    for table in ("entitlements", "entries", "wallets"):
        for each in found.rows[table]:
            each.update(user="b")
    for each in found.rows["postings"]:
        each.update({side: each[side].replace("wallet:u", "wallet:b") for side in ("debit", "credit")})
    summed_up(found.rows)


SPOILT: dict[str, tuple[str, Spoil]] = {
    "a posting across currencies": ("I1", lambda it: row(it, "postings").update(credit_currency="USD")),
    "debits exceed credits": ("I1", lambda it: row(it, "accounts").update(debits=PRICE + 1)),
    "captured money that is not booked": ("I1", lambda it: row(it, "journals").update(kind="other")),
    "captured money that is booked at another gateway": (
        "I1",
        lambda it: row(it, "postings").update(debit="gateway:paypal:clearing:EUR"),
    ),
    "a refund that is not booked": ("I1", lambda it: unbook(it, "succeeded")),
    "a refund of which half is booked": ("I1", lambda it: row(it, "postings", 4).update(amount=BACK // 2)),
    "a refund that is booked twice": ("I1", lambda it: book_again(it, 4)),
    "a promise that is booked twice": ("I1", lambda it: book_again(it, 2)),
    "captured there and not here": ("I2", lambda it: row(it, "payments").update(amount_captured=0)),
    "captured in another amount there": ("I2", lambda it: line(it).update(captured=PRICE - 1)),
    "refunded there and not here": ("I2", lambda it: line(it).update(refunded=BACK - 1)),
    "captured in another currency there": ("I2", lambda it: line(it).update(currency="jpy")),
    "disputed there and not here": ("I2", lambda it: line(it).update(disputed=10)),
    "money there for no payment of ours": ("I2", lambda it: line(it).update(metadata={})),
    "money there for a payment that is lost": ("I2", lambda it: remove(it, "payments")),
    "paid and not delivered": ("I3", lambda it: remove(it, "entitlements")),
    "delivered twice": ("I3", lambda it: add(it, "entitlements")),
    "credited twice": ("I3", lambda it: add(it, "entries")),
    "too few units": ("I3", lambda it: row(it, "entitlements").update(granted=239)),
    "not revoked after a refund": ("I3", lambda it: row(it, "entitlements").update(revoked=0)),
    "revoked too much": ("I3", lambda it: row(it, "entitlements").update(revoked=121)),
    "goods that are held back": ("I3", lambda it: it.rows["undelivered"].append({"payment": PAYMENT, "reason": "?"})),
    "revoked by mark alone": ("I3", leave_in_wallet),
    "delivered to somebody else": ("I3", hand_to_another),
    "more back than captured": ("I4", lambda it: row(it, "refunds").update(amount=PRICE + 1)),
    "more back than captured at the gateway": ("I4", lambda it: line(it).update(refunded=PRICE + 1)),
    "refunds that do not add up": ("I4", lambda it: row(it, "payments").update(amount_refunded=BACK - 1)),
    "a wallet that is not its entries": ("I5", lambda it: row(it, "wallets").update(balance=121)),
    "a wallet whose entries have a gap": ("I5", lambda it: row(it, "entries", 1).update(balance_before=241)),
    "a debt below zero": ("I5", lambda it: row(it, "wallets").update(debt=-1)),
    "a wallet that is not its account": ("I5", lambda it: row(it, "accounts", 3).update(credits=241)),
    "entries without a wallet": ("I5", lambda it: it.rows["wallets"].clear()),
    "a balance that is not its postings": ("I5", lambda it: row(it, "accounts", 1).update(credits=PRICE + 1)),
    "a guarded account below zero": ("I5", lambda it: row(it, "accounts", 3).update(held=121)),
    "captured twice at one gateway": ("I6", lambda it: line(it).update(captures=2)),
    "captured at two gateways, one not given back": ("I6", lambda it: surplus(it, given_back=False)),
    "captured in two payments of one order": ("I6", lambda it: add(it, "payments", id="another")),
    "recorded as captured twice": ("I6", lambda it: add(it, "changes")),
    "a webhook that was taken and is gone": ("I7", lambda it: remove(it, "inbox")),
    "a webhook that does not end": ("I7", lambda it: row(it, "inbox").update(status="parked")),
    "a webhook that is dead without a reason": ("I7", lambda it: row(it, "inbox").update(status="dead")),
    "an acknowledged payment that is gone": ("I8", lambda it: remove(it, "payments")),
    "an acknowledged payment of another amount": ("I8", lambda it: row(it, "payments").update(amount=PRICE + 1)),
    "a payment for another user than was wished": ("I8", lambda it: row(it, "users").update(name="bob")),
    "a payment for another package than was wished": (
        "I8",
        lambda it: row(it, "payments").update(package="credits_50"),
    ),
    "a payment in another currency than was wished": (
        "I8",
        lambda it: it.journal[1]["body"].update(currency="USD", quantity=2),
    ),
    "twice the price": ("I8", lambda it: it.journal[1]["body"].update(quantity=1)),
    "a payment that nobody wished for": ("I8", lambda it: row(it, "payments").update(purchase="another")),
    "an answer that is no answer": ("I8", lambda it: say(it, told="create", key=KEY, status=200, body="<html>")),
    "a capture that was acknowledged and is not": ("I8", forget_capture),
    "an acknowledged refund that is gone": ("I8", lambda it: remove(it, "refunds")),
    "one key with two answers": (
        "I8",
        lambda it: say(it, told="create", key=KEY, status=201, body={**it.journal[2]["body"], "id": SHOWN[:-1] + "z"}),
    ),
    "an API that shows something else": ("I8", lambda it: it.shown[SHOWN].update(status="created")),
    "a key that is forgotten": ("I8", lambda it: it.replayed[KEY].update(id="payment_0")),
    "a key that is answered with a failure": ("I8", lambda it: it.replayed[KEY].update(http_status=500)),
    "a seal that was changed": ("I9", lambda it: row(it, "seals", 1).update(hash="00")),
    "a seal that follows another": ("I9", lambda it: row(it, "seals", 1).update(previous="00")),
    "a seal that is gone": ("I9", lambda it: remove(it, "seals")),
    "a journal that was changed": ("I9", lambda it: row(it, "journals").update(effective_us=7)),
    "a posting that was changed": ("I9", lambda it: row(it, "postings").update(credit="deferred:USD")),
    "a journal that stands in no seal": (
        "I9",
        lambda it: it.rows["journals"].append(journal("x", "payment", PAYMENT, "fee")),
    ),
    "a line of the audit log that was changed": ("I9", lambda it: row(it, "audit").update(said="[]")),
    "a line of the audit log that is gone": ("I9", lambda it: remove(it, "audit")),
    "an event that was told twice": (
        "I10",
        lambda it: tell(it, "payment.succeeded", PAYMENT, {"amount": PRICE, "currency": "EUR"}),
    ),
    **{
        f"nobody was told of {kind}": ("I10", partial(remove, table="outbox", place=n))
        for n, (kind, *_) in enumerate(EVENTS)
    },
    "an event with another amount": ("I10", lambda it: row(it, "outbox", 1).update(data='{"amount": 1}')),
    "a gap in the order of events": ("I10", lambda it: row(it, "outbox", 2).update(seq=9)),
    "an event without a place": ("I10", lambda it: row(it, "outbox", 2).update(seq=None)),
    "an event that nobody was sent": ("I10", lambda it: remove(it, "deliveries")),
    "an event that was sent twice": ("I10", lambda it: add(it, "deliveries")),
    "a delivery that nobody took": ("I10", lambda it: row(it, "deliveries").update(taken=0)),
    "a delivery that was given up": ("I10", lambda it: row(it, "deliveries").update(status="dead", taken=0)),
    "a message that came too often": ("I10", lambda it: it.taken[0].update(times=2)),
    "a message with the body of another": ("I10", lambda it: it.taken[1].update(body=it.taken[0]["body"])),
    "a message that says something else": ("I10", lambda it: row_of(it.taken, 0).update(taken(1, "made.up", {}))),
    "a message that nobody can believe": ("I10", lambda it: row_of(it.taken, 0).update(taken(1, key="whsec_AAAA"))),
    "a message with an id that is none": ("I10", lambda it: it.taken[0].update(message="event_illegal!")),
    "a delivery of which the merchant knows nothing": ("I10", lambda it: it.taken.pop()),
    "a message about nothing that happened": ("I10", lambda it: it.taken.append(taken(9, "made.up", {}))),
    "one message with two bodies": ("I10", lambda it: it.taken.append({**taken(1), "digest": "another"})),
    "a call that was given up": (
        "people",
        lambda it: it.rows["operations"].append(
            {"kind": "refund", "gateway": "stripe", "state": "given_up", "error": "?", "payment": PAYMENT}
        ),
    ),
    "a message that was set aside": ("people", lambda it: row(it, "inbox").update(status="dead", reason="?")),
    "a refund that failed": ("people", lambda it: row(it, "refunds").update(status="failed")),
    "evidence that cannot be read": ("oracle", lambda it: row(it, "outbox").update(data="{")),
    "work that does not end": ("quiet", lambda it: setattr(it, "left", {"calls": 1})),
    "a client that gave up": ("quiet", lambda it: it.journal[5].update(end="gave up: it took too long")),
    "a client of whom nothing was heard": ("quiet", lambda it: it.journal.pop()),
    "a client that was told of a bug": ("client", lambda it: say(it, told="create", key=KEY, status=500, body="oops")),
    "a client who got nothing": ("client", lambda it: it.journal[5].update(end="canceled")),
    "a client that was refused": ("client", lambda it: it.journal[5].update(end="refused: 422")),
}


def test_sound_books_pass() -> None:
    assert oracle.judge(told()) == []


def test_a_second_capture_that_went_back_passes() -> None:
    found = told()
    surplus(found, given_back=True)
    assert oracle.judge(found) == []


@pytest.mark.parametrize("end", DECIDED)
def test_a_dispute_that_was_decided_passes(end: str) -> None:
    found = told()
    dispute(found, end)
    assert oracle.judge(found) == []


SPOILT_DISPUTE: dict[str, Spoil] = {
    "won here and lost there": lambda it: row(it, "disputes").update(status="won"),
    "no end": lambda it: row(it, "disputes").update(status="under_review"),
    "nobody knows of it": lambda it: remove(it, "disputes"),
    "its money is not lost": lambda it: row(it, "payments").update(amount_lost=0),
    "its money was not booked": lambda it: remove(it, "postings", 7),
    "its goods stay": lambda it: row(it, "entitlements").update(revoked=120),
    "nobody was told": lambda it: remove(it, "outbox", 7),
}


@pytest.mark.parametrize("how", SPOILT_DISPUTE)
def test_a_lost_dispute_that_is_spoilt_is_found(how: str) -> None:
    found = told()
    dispute(found, "lost")
    SPOILT_DISPUTE[how](found)
    assert {each.invariant for each in oracle.judge(found)} & {"I2", "I3", "I10"}


def test_goods_that_come_back_after_a_failed_refund_are_told_once_more() -> None:
    found = told()
    add(found, "refunds", id="failed", status="failed")
    tell(found, "refund.created", "failed", {"amount": BACK, "currency": "EUR"})
    tell(found, "refund.failed", "failed", {})
    assert "I10" in {each.invariant for each in oracle.judge(found)}
    tell(found, "fulfilment.delivered", PAYMENT, {})
    assert {each.invariant for each in oracle.judge(found)} == {"people"}


def test_a_message_may_come_again_after_an_interruption() -> None:
    found = told()
    row_of(found.taken, 0).update(times=2)
    found.interruptions = 1
    assert oracle.judge(found) == []


def test_what_was_never_paid_passes_without_goods_and_books() -> None:
    found = told()
    row(found, "payments").update(status="expired", amount_captured=0, amount_refunded=0)
    found.books["stripe"]["payment_intents"].clear()
    for table in ("refunds", "changes", "entitlements", "wallets", "entries", "journals", "postings", "accounts"):
        found.rows[table].clear()
    for each in (*(found.rows[table] for table in ("outbox", "deliveries", "seals")), found.taken):
        del each[1:]
    found.journal.pop(4)
    found.shown[SHOWN].update(status="expired", amount_captured=0, amount_refunded=0)
    assert oracle.judge(found) == []


@pytest.mark.parametrize("how", SPOILT)
def test_what_is_spoilt_is_found_under_its_invariant(how: str) -> None:
    invariant, spoil = SPOILT[how]
    found = told()
    spoil(found)
    assert invariant in {finding.invariant for finding in oracle.judge(found)}


def test_every_invariant_that_is_judged_here_is_spoilt_by_some_test() -> None:
    by_command = {"itself"}
    assert {invariant for invariant, _ in SPOILT.values()} == case.TITLES.keys() - by_command


def test_a_finding_names_the_payment_what_was_found_and_what_should_be() -> None:
    found = told()
    line(found).update(refunded=BACK - 1)
    [finding] = [each for each in oracle.judge(found) if each.invariant == "I2"]
    assert (finding.payment, finding.about, finding.found) == (PAYMENT, "refunded", f"{BACK} here")
    assert str(BACK - 1) in finding.should_be
    assert finding.as_json()["title"] == case.TITLES["I2"]


def test_an_id_as_the_api_shows_it_is_read_as_the_database_keeps_it() -> None:
    assert case.plain(SHOWN) == PAYMENT


def test_what_is_no_id_stays_as_it_is() -> None:
    for text in ("event_illegal!", PAYMENT, "payment_0", "payment_" + "z" * 26, "", None):
        assert case.plain(text) == str(text)


def test_the_oracle_knows_what_is_for_sale_without_asking() -> None:
    assert goods.UNITS == PACKAGES
    assert {package.id: package.prices for package in catalog.DEMO} == promises.PRICES


@pytest.mark.parametrize("module", sorted(Path(oracle.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_the_oracle_imports_nothing_of_the_program(module: Path) -> None:
    tree = ast.parse(module.read_text())
    named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    named += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert not [name for name in named if name.startswith("tillkeeper") and not name.startswith(oracle.__name__)]


def test_a_posting_that_moves_nothing_is_found() -> None:
    found = told()
    row(found, "postings").update(amount=0)
    assert "I1" in {each.invariant for each in oracle.judge(found)}
