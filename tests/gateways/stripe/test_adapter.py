"""Calls to Stripe: what the sandbox answers, and what a rude wire makes of them."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.gateways.rude import SILENCE, RudeServer, reply, rude_server

from tillkeeper.facts import EXPIRED, NoticeKind
from tillkeeper.gateway import Absent, Accepted, Declined, Order, Outcome, RefundOrder, Refused, Unknown
from tillkeeper.gateways.stripe import calls
from tillkeeper.gateways.stripe.adapter import Stripe
from tillkeeper.kernel import clock, ids, secrets
from tillkeeper.kernel.secrets import Secrets

KEY = "sk_test_sandbox_for_tests"
nesting_deep = 100_000
short_timeout_ms = 500


def error(status: int, type_: str, **more: str) -> bytes:
    return reply(status, json.dumps({"error": {"type": type_, "message": "Told so."} | more}))


@pytest.fixture
async def rude() -> AsyncIterator[RudeServer]:
    async with rude_server() as played:
        yield played


def connect(base: str) -> Stripe:
    return Stripe(Secrets({"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": "whsec_x"}), base=base)


@pytest.fixture
async def shaken(rude: RudeServer) -> AsyncIterator[Stripe]:
    """Connect to the rude server."""
    opened = connect(rude.url)
    yield opened
    await opened.close()


@pytest.fixture
async def stripe(sandbox: Any) -> AsyncIterator[Stripe]:
    """Connect to the sandbox."""
    opened = connect(f"{sandbox.url}/stripe")
    yield opened
    await opened.close()


async def test_a_key_that_is_rotated_in_its_file_signs_the_next_call(
    rude: RudeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "file_reread_seconds", 0)
    file = tmp_path / "key"
    file.write_text("sk_test_first")
    stripe = Stripe(Secrets({"STRIPE_SECRET_KEY_FILE": str(file), "STRIPE_WEBHOOK_SECRET": "whsec_x"}), base=rude.url)
    rude.answer = error(500, "api_error")
    await stripe.create(an_order())
    file.write_text("sk_test_second")
    await stripe.create(an_order())
    await stripe.close()
    signed = [request for request in rude.requests if b"Bearer sk_test_" in request]
    assert [b"sk_test_second" in request for request in signed] == [False, True]


def an_order(**change: Any) -> Order:
    order = Order(
        payment=ids.new(),
        key=ids.text("attempt", ids.new()),
        amount=199,
        currency="EUR",
        title="120 credits",
        return_url="https://shop.example/done",
        manual_capture=False,
        embedded=False,
        created_at=datetime.now(UTC),  # noqa: TID251 (a real server hears it)
        expires_at=(datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0),  # noqa: TID251 (a real server hears it)
    )
    return replace(order, **change)


def a_refund(reference: str, amount: int = 50, **change: Any) -> RefundOrder:
    order = RefundOrder(
        payment=ids.new(),
        refund=ids.new(),
        key=ids.text("refund", ids.new()),
        reference=reference,
        amount=amount,
        currency="EUR",
    )
    return replace(order, **change)


async def opened(stripe: Stripe, **change: Any) -> str:
    outcome = await stripe.create(an_order(**change))
    assert isinstance(outcome, Accepted)
    return outcome.references[0]


def pay(sandbox: Any, session: str) -> str:
    intent: str = sandbox.control("POST", f"stripe/sessions/{session}/pay")["payment_intent"]
    return intent


def kinds(outcome: Outcome) -> list[NoticeKind]:
    assert isinstance(outcome, Accepted), outcome
    return [notice.kind for notice in outcome.notices]


async def test_a_checkout_is_opened_with_our_id_on_session_and_intent(sandbox: Any, stripe: Stripe) -> None:
    order = an_order()
    outcome = await stripe.create(order)
    assert isinstance(outcome, Accepted)
    assert outcome.notices == ()
    assert outcome.next_action
    assert outcome.next_action["type"] == "redirect"
    session = sandbox.stripe.v1.checkout.sessions.retrieve(outcome.references[0])
    ours = ids.text("payment", order.payment)
    assert (session.metadata.to_dict(), session.client_reference_id) == ({"payment": ours}, ours)
    assert (session.amount_total, session.currency, session.url) == (199, "eur", outcome.next_action["url"])
    assert session.expires_at == int(order.expires_at.timestamp())
    intent = sandbox.stripe.v1.payment_intents.retrieve(pay(sandbox, session.id))
    assert intent.metadata.to_dict() == {"payment": ours}


async def test_a_debit_under_way_is_pending_and_one_that_came_back_has_ended_the_checkout(
    sandbox: Any, stripe: Stripe
) -> None:
    session = await opened(stripe)
    sandbox.control("POST", f"stripe/sessions/{session}/pay_by_debit")
    assert isinstance(await stripe.cancel(session, "key"), Declined)
    assert kinds(await stripe.retrieve(session)) == [NoticeKind.PAYMENT_PENDING]
    sandbox.control("POST", f"stripe/sessions/{session}/settle", {"outcome": "failed"})
    assert isinstance(await stripe.cancel(session, "another key"), Declined)
    asked = await stripe.retrieve(session)
    assert isinstance(asked, Accepted)
    assert [(notice.kind, notice.code) for notice in asked.notices] == [(NoticeKind.PAYMENT_CANCELED, EXPIRED)]


async def test_a_checkout_is_looked_for_among_those_that_were_opened_in_its_time_only(
    sandbox: Any, stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = an_order()
    reference = await opened(stripe, payment=lost.payment, expires_at=lost.expires_at)
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 2 * 3600})
    for _ in range(3):
        sandbox.session()
    monkeypatch.setattr(calls, "page_size", 1)
    monkeypatch.setattr(calls, "pages_max", 2)
    found = await stripe.look_up(lost)
    assert isinstance(found, Accepted)
    assert found.references == (reference,)
    assert await stripe.look_up(an_order()) == Absent()


async def test_a_key_that_was_used_for_something_else_leaves_the_outcome_unknown(stripe: Stripe) -> None:
    order = an_order()
    await stripe.create(order)
    assert isinstance(await stripe.create(replace(order, amount=200)), Unknown)


async def test_a_wrong_key_for_the_api_is_a_refusal(sandbox: Any) -> None:
    stranger = Stripe(Secrets({"STRIPE_SECRET_KEY": "sk_test_stranger"}), base=f"{sandbox.url}/stripe")
    assert isinstance(await stranger.create(an_order()), Refused)
    await stranger.close()


async def test_what_stripe_cannot_take_is_declined_with_its_reason(stripe: Stripe) -> None:
    outcome = await stripe.create(an_order(return_url="nowhere"))
    assert isinstance(outcome, Declined)
    assert outcome.message


RUDE = {
    "silence": (SILENCE, Unknown),
    "500": (error(500, "api_error"), Unknown),
    "503": (error(503, "api_error"), Unknown),
    "200 with another object": (reply(200, '{"id": "cus_1", "object": "customer"}'), Unknown),
    "200 with null fields": (reply(200, '{"id": null, "url": null, "status": null, "payment_status": null}'), Unknown),
    "400 with HTML": (reply(400, "<html>"), Unknown),
    "400 about the key": (error(400, "idempotency_error"), Unknown),
    "409 in use": (error(409, "idempotency_error", code="idempotency_key_in_use"), Unknown),
    "409": (error(409, "invalid_request_error"), Unknown),
    "429 locked": (error(429, "invalid_request_error", code="lock_timeout"), Unknown),
    "400": (error(400, "invalid_request_error", code="parameter_invalid_integer"), Declined),
    "404": (error(404, "invalid_request_error", code="resource_missing"), Declined),
    "402": (error(402, "card_error", code="card_declined", decline_code="lost_card"), Declined),
    "401": (error(401, "invalid_request_error"), Refused),
    "403": (error(403, "invalid_request_error"), Refused),
    "429": (error(429, "invalid_request_error", code="rate_limit"), Refused),
}
Call = Callable[[Stripe], Awaitable[Outcome]]
CALLS: dict[str, Call] = {
    "create": lambda stripe: stripe.create(an_order()),
    "capture": lambda stripe: stripe.capture("pi_1", 5, "EUR", "key"),
    "cancel a session": lambda stripe: stripe.cancel("cs_1", "key"),
    "cancel an intent": lambda stripe: stripe.cancel("pi_1", "key"),
    "refund": lambda stripe: stripe.refund(a_refund("pi_1")),
    "retrieve a session": lambda stripe: stripe.retrieve("cs_1"),
    "retrieve an intent": lambda stripe: stripe.retrieve("pi_1"),
}


@pytest.mark.parametrize("rudeness", RUDE)
@pytest.mark.parametrize("call", CALLS)
async def test_a_rude_answer_is_sorted_by_what_it_proves_and_the_call_is_made_once(
    rude: RudeServer, shaken: Stripe, monkeypatch: pytest.MonkeyPatch, call: str, rudeness: str
) -> None:
    rude.answer, expected = RUDE[rudeness]
    if rude.answer == SILENCE:  # only then: a busy machine may need longer for everything else
        monkeypatch.setattr(calls, "total_timeout_seconds", short_timeout_ms / 1000)
    outcome = await CALLS[call](shaken)
    assert type(outcome) is expected, outcome
    assert len(rude.requests) == 1


async def test_a_declined_card_says_why(rude: RudeServer, shaken: Stripe) -> None:
    rude.answer = RUDE["402"][0]
    assert await shaken.create(an_order()) == Declined(code="lost_card", message="Told so.", card=True)


async def test_a_silent_gateway_is_given_up_after_the_time_that_is_set(
    rude: RudeServer, shaken: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "total_timeout_seconds", short_timeout_ms / 1000)
    rude.answer = SILENCE
    read_ms = clock.timer_ms()
    await shaken.create(an_order())
    assert short_timeout_ms <= read_ms() < 10 * short_timeout_ms


async def test_a_call_carries_its_key_and_the_api_version_and_no_telemetry(rude: RudeServer, shaken: Stripe) -> None:
    rude.answer = RUDE["500"][0]
    for _ in range(2):
        await shaken.create(an_order(key="attempt_1"))
    head = rude.requests[1].lower()
    assert b"idempotency-key: attempt_1" in head
    assert b"stripe-version: 2026-10-28.endive" in head
    assert f"authorization: bearer {KEY}".encode() in head
    assert b"telemetry" not in head


def test_the_sdks_telemetry_is_off_wherever_the_gateway_is_used() -> None:
    program = "import tillkeeper.gateways.stripe, stripe; print(stripe.enable_telemetry)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


async def test_the_fee_to_expect_is_stripes_usual_one_and_never_more_than_the_amount(rude: RudeServer) -> None:
    stripe = connect(rude.url)
    assert [stripe.predict_fee(amount, "EUR") for amount in (10_000, 199, 1_050, 31, 30, 1)] == [320, 36, 60, 31, 0, 0]
    await stripe.close()
