"""Payouts of the imitated Stripe, and the books that they leave behind."""

import time
from typing import Any

from starlette.testclient import TestClient

from tillkeeper.sandbox import app
from tillkeeper.sandbox.config import SandboxConfig
from tillkeeper.sandbox_kit.books import Books, Change

PAYMENTS = 10_000
report_within_seconds = 10


def pay_out(sandbox: Any, **wish: object) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = sandbox.control("POST", "stripe/payouts", wish)["data"]
    return sent


def totals(sandbox: Any) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = sandbox.control("GET", "books/stripe")["totals"]
    return found


def test_a_payout_is_the_sum_of_what_is_available(sandbox: Any) -> None:
    first, _ = sandbox.paid(amount=10_000), sandbox.paid(amount=5_000)
    sandbox.stripe.v1.refunds.create(params={"payment_intent": first, "amount": 2_000})
    assert pay_out(sandbox) == []
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 2 * 86_400 + 1})
    (payout,) = pay_out(sandbox)
    assert (payout["status"], payout["amount"], payout["automatic"]) == ("paid", 15_000 - 320 - 175 - 2_000, True)
    assert payout["trace_id"]["status"] == "supported"
    assert sandbox.event_types()[-3:] == ["payout.created", "payout.reconciliation_completed", "payout.paid"]

    lines = sandbox.stripe.v1.balance_transactions.list(params={"payout": payout["id"], "limit": 100}).data
    assert sorted(line.type for line in lines) == ["charge", "charge", "payout", "refund"]
    assert sum(line.net for line in lines) == 0
    assert sandbox.stripe.v1.balance_transactions.retrieve(payout["balance_transaction"]).amount == -payout["amount"]
    assert pay_out(sandbox) == []


def test_each_currency_is_paid_out_by_itself_and_pending_money_only_when_asked(sandbox: Any) -> None:
    for currency in ("usd", "eur"):
        sandbox.paid(amount=1_000, currency=currency)
    (euros,) = pay_out(sandbox, currency="EUR", early=True)
    (dollars,) = pay_out(sandbox, early=True)
    assert (euros["currency"], euros["amount"], dollars["currency"], dollars["amount"]) == ("eur", 941, "usd", 941)
    assert sandbox.stripe.v1.payouts.list(params={"status": "paid"}).data[0].id == dollars["id"]
    assert {name: total["balance"] for name, total in totals(sandbox).items()} == {"usd": 0, "eur": 0}


def test_a_failed_payout_puts_the_money_back_for_the_next_one(sandbox: Any) -> None:
    sandbox.paid(amount=10_000)
    (failed,) = pay_out(sandbox, early=True, outcome="failed")
    assert (failed["status"], failed["failure_code"]) == ("failed", "account_closed")
    assert sandbox.event_types()[-1] == "payout.failed"
    assert (totals(sandbox)["usd"]["paid_out"], totals(sandbox)["usd"]["balance"]) == (0, 9_680)

    (again,) = pay_out(sandbox, early=True)
    assert again["amount"] == 9_680
    expand = {"payout": again["id"], "expand": ["data.source"]}
    lines = sandbox.stripe.v1.balance_transactions.list(params=expand).data
    assert {line.type: line.source.id for line in lines} == {"payout": again["id"], "payout_failure": failed["id"]}
    assert (totals(sandbox)["usd"]["paid_out"], totals(sandbox)["usd"]["balance"]) == (9_680, 0)


def test_a_payout_can_stay_under_way_and_come_back_after_it_arrived(sandbox: Any) -> None:
    sandbox.paid()
    (payout,) = pay_out(sandbox, early=True, outcome="in_transit")
    assert sandbox.stripe.v1.payouts.retrieve(payout["id"]).status == "in_transit"
    assert sandbox.control("POST", f"stripe/payouts/{payout['id']}/pay")["status"] == "paid"
    assert sandbox.control("POST", f"stripe/payouts/{payout['id']}/fail")["status"] == "failed"
    answer = sandbox.http.post(f"{sandbox.url}/_control/stripe/payouts/{payout['id']}/pay")
    assert (answer.status_code, "status of failed" in answer.text) == (400, True)
    assert [entry["status"] for entry in sandbox.control("GET", "books/stripe")["payouts"]] == ["failed"]


def test_what_a_payout_is_made_of_can_be_put_together_later_and_once(sandbox: Any) -> None:
    sandbox.paid()
    (payout,) = pay_out(sandbox, early=True, outcome="in_transit", membership="in_progress")
    assert sandbox.event_types()[-1] == "payout.created"
    path = f"stripe/payouts/{payout['id']}/reconcile"
    assert sandbox.control("POST", path)["reconciliation_status"] == "completed"
    assert sandbox.event_types()[-1] == "payout.reconciliation_completed"
    assert sandbox.http.post(f"{sandbox.url}/_control/{path}").status_code == 400


def test_what_the_bank_calls_a_payout_can_become_known_later_without_an_event(sandbox: Any) -> None:
    sandbox.paid()
    (payout,) = pay_out(sandbox, early=True, outcome="in_transit")
    paid = sandbox.control("POST", f"stripe/payouts/{payout['id']}/pay", {"trace": "pending"})
    assert (paid["status"], paid["trace_id"]) == ("paid", {"status": "pending", "value": None})
    events = sandbox.event_types()
    traced = sandbox.control("POST", f"stripe/payouts/{payout['id']}/trace")
    assert traced["trace_id"]["status"] == "supported"
    assert sandbox.event_types() == events


def test_a_debt_is_not_paid_out_but_taken_from_the_next_payout(sandbox: Any) -> None:
    intent = sandbox.paid(amount=1_000)
    sandbox.stripe.v1.refunds.create(params={"payment_intent": intent})
    assert pay_out(sandbox, early=True) == []
    sandbox.paid(amount=2_000)
    (payout,) = pay_out(sandbox, early=True)
    assert payout["amount"] == 2_000 - 88 - 59


def test_the_books_add_up_over_payments_refunds_disputes_and_payouts(sandbox: Any) -> None:
    refunded, disputed, won, _ = (sandbox.paid(amount=amount) for amount in (10_000, 20_000, 30_000, 40_000))
    refund = sandbox.control("POST", "stripe/refunds", {"payment_intent": refunded, "amount": 4_000})
    sandbox.control("POST", f"stripe/refunds/{refund['id']}/fail")
    sandbox.control("POST", "stripe/refunds", {"payment_intent": refunded, "amount": 1_000})
    pay_out(sandbox, early=True)
    sandbox.control("POST", "stripe/disputes", {"payment_intent": disputed})
    dispute = sandbox.control("POST", "stripe/disputes", {"payment_intent": won, "amount": 5_000})
    sandbox.control("POST", f"stripe/disputes/{dispute['id']}/win")
    total = totals(sandbox)["usd"]
    fees = 320 + 610 + 900 + 1_190
    assert total == {
        "captured": 100_000,
        "refunded": 1_000,
        "disputed": 20_000,
        "fee": fees,
        "dispute_fee": 3_000,
        "net": 100_000 - 1_000 - 20_000 - fees - 3_000,
        "payments": 4,
        "paid_out": 99_000 - fees,
        "balance": -23_000,
    }
    assert total["net"] - total["paid_out"] == total["balance"]


def enter(change: Change, number: int) -> None:
    """Store a payment as the sandbox stores it, as far as the report reads it."""
    created, currency = number, ("usd", "eur")[number % 2]
    intent, charge = f"pi_{number}", f"ch_{number}"
    shared = {"created": created, "currency": currency, "payment_intent": intent}
    taken = {"captured": True, "status": "succeeded", "amount_captured": 1_000, "filling": "x" * 1_500}
    change.put(
        {"id": intent, "object": "payment_intent", "status": "succeeded", "amount": 1_000, "metadata": {}, **shared}
    )
    change.put({"id": charge, "object": "charge", **taken, **shared})
    transaction = {"id": f"txn_{number}", "object": "balance_transaction", "source": charge, "fee": 59, "net": 941}
    change.put({**transaction, **shared})
    change.put({"id": f"cs_{number}", "object": "checkout.session", **shared})


def test_ten_thousand_payments_are_laid_open_within_seconds(tmp_path: Any) -> None:
    books = Books(tmp_path / "books.sqlite")
    with books.change("stripe") as change:
        for number in range(PAYMENTS):
            enter(change, number)
    books.close()
    secrets = {"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}
    config = SandboxConfig(tmp_path / "books.sqlite", "http://sandbox.test", secrets)
    with TestClient(app.build(config)) as client:
        started = time.monotonic()
        report = client.get("/_control/books/stripe").json()
        took = time.monotonic() - started
    assert len(report["payment_intents"]) == PAYMENTS
    assert report["totals"]["usd"]["captured"] == PAYMENTS // 2 * 1_000
    assert report["totals"]["eur"]["balance"] == PAYMENTS // 2 * 941
    assert took < report_within_seconds
