"""The stops of the tour: a story that calls every operation of the API, and lets every kind of event happen."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import pyotp
from tests.flows.receiver import Receiver
from tests.web.conftest import Json
from tests.web.tour import COOKIE, Tour

from tillkeeper.access.staff import Role
from tillkeeper.flows.employ import employ
from tillkeeper.flows.examine import examine
from tillkeeper.flows.fulfil import fulfil
from tillkeeper.flows.reconcile import reconcile
from tillkeeper.flows.seal import seal
from tillkeeper.kernel import clock
from tillkeeper.outbox import TYPES

REPORT = """balance_transaction_id,created_utc,reporting_category,currency,gross,fee,net,source_id
txn_1RkQ8yStranger,2026-11-20 12:00:00,charge,eur,10.00,0.00,10.00,ch_1RkQ8yStranger
txn_1RkQ8zStranger,2026-11-20 13:00:00,charge,eur,12.00,0.00,12.00,ch_1RkQ8zStranger
"""
RULE = {
    "id": "amount_large", "fact": "amount", "operator": "more_than", "value": 50000,
    "score": 20, "reason": "a large amount", "currency": "EUR",
}  # fmt: skip
HOLD = RULE | {"id": "everything", "value": 1, "score": 50, "reason": "everything is looked at"}


async def all_of_them(tour: Tour, receiver: Receiver) -> None:
    """Visit every stop."""
    await endpoints(tour, receiver)
    await payments(tour)
    await goods(tour)
    await broken_goods(tour)
    await refunds(tour)
    await requests(tour)
    await customers(tour)
    await disputes(tour)
    await inbox(tour)
    await ledger(tour)
    await reconciliation(tour)
    await administration(tour)
    await risk(tour)
    await deliveries(tour, receiver)
    await session(tour)
    await tour.call("users_erase", {"reason": "asked for it"}, user="dora")


async def opened(tour: Tour, user: str, **more: Any) -> Json:
    """Open a checkout."""
    wish = {"package": "credits_120", "currency": "EUR", "user": user} | more
    found: Json = await tour.call("payments_create", wish, code=201)
    return found


async def until(tour: Tour, payment: Json, status: str) -> Json:
    """Wait until a payment has come to a status."""
    return await tour.shop.until(f"/api/v1/payments/{payment['id']}", lambda shown: shown["status"] == status)


async def as_customer(tour: Tour, payment: Json, deed: str, **wish: object) -> None:
    """Do something on the hosted checkout page."""
    await tour.shop.act(f"stripe/sessions/{payment['gateway_reference']}/{deed}", dict(wish))


async def bought(tour: Tour, user: str, **more: Any) -> Json:
    """Buy something and wait until it is there."""
    payment = await opened(tour, user, **more)
    await as_customer(tour, payment, "pay")
    return await until(tour, payment, "succeeded")


async def authorised(tour: Tour, user: str, status: str) -> Json:
    """Have the money of a payment held."""
    payment = await opened(tour, user, capture_method="manual")
    await as_customer(tour, payment, "pay")
    return await until(tour, payment, status)


async def payments(tour: Tour) -> None:
    """Buy, try, hold, release, cancel; and once the gateway does not answer."""
    first = await opened(
        tour, "ana", quantity=1, return_url="https://shop.example/thanks", metadata={"order": "1042"},
        context={"ip": "203.0.113.7"},
    )  # fmt: skip
    await as_customer(tour, first, "decline")
    await as_customer(tour, first, "pay")
    await until(tour, first, "succeeded")
    await tour.call("payments_show", payment=first["id"])
    await tour.call("payments_find", user="ana", status="succeeded", limit=10)
    note = {"text": "Ana called: she meant the larger package."}
    await tour.call("payments_annotate", note, payment=first["id"], code=201)
    await tour.call("payments_timeline", payment=first["id"])
    await tour.call("payments_sync", payment=first["id"])
    embedded = await opened(tour, "ben", checkout="embedded")
    await tour.call("payments_confirm", {}, payment=embedded["id"])
    held, *others = [await authorised(tour, user, "requires_capture") for user in ("cleo", "carl", "cora")]
    await tour.call("payments_capture", {"amount": 100}, payment=held["id"])
    async with silence(tour, "/v1/payment_intents"):
        await tour.call("payments_capture", {}, payment=others[0]["id"], code=202)
        await tour.call("payments_cancel", {}, payment=others[1]["id"], code=202)
    await tour.call("payments_cancel", {}, payment=(await opened(tour, "dora"))["id"])
    await as_customer(tour, late := await opened(tour, "emil"), "expire")
    await until(tour, late, "expired")
    await as_customer(tour, debit := await opened(tour, "fay"), "pay_by_debit")
    await as_customer(tour, debit, "settle", outcome="failed")
    await tour.shop.until(f"/api/v1/payments/{debit['id']}", lambda shown: bool(shown["last_error"]))
    async with silence(tour, "/v1/checkout/sessions"):
        wish = {"package": "credits_120", "currency": "EUR", "user": "gus", "checkout": "embedded"}
        unknown = await tour.call("payments_create", wish, code=202)
        await tour.call("payments_confirm", {}, payment=unknown["id"], code=202)


@asynccontextmanager
async def trouble(tour: Tour, **dial: Any) -> AsyncIterator[None]:
    """Turn the fault dial of the sandbox, and back."""
    faults = f"{tour.shop.sandbox}/_control/faults"
    turned = await tour.shop.http.put(faults, json=dial)
    assert turned.status_code == 200, turned.text
    try:
        yield
    finally:
        await tour.shop.http.delete(faults)


def silence(tour: Tour, path: str) -> AbstractAsyncContextManager[None]:
    """Let the gateway say that something is wrong with it; done it has nothing, so no webhook tells either."""
    return trouble(tour, error_before_percent=100, only_paths=[path])


async def goods(tour: Tour) -> None:
    """Spend, grant, take and forgive credits; open a pack and use a card."""
    await tour.call("goods_packages")
    await tour.call("goods_spend", {"amount": 60, "reason": "ten songs"}, user="ana")
    await tour.call("goods_wallet", user="ana")
    await tour.call("goods_wallet_entries", user="ana", limit=10)
    until_then = (clock.now() + timedelta(days=90)).isoformat()
    given = {"amount": 20, "reason": "an apology for the outage", "expires_at": until_then}
    await tour.call("goods_grant", given, user="ana")
    await tour.call("goods_take", {"amount": 5, "reason": "granted by mistake"}, user="ana")
    await bought(tour, "hanna", package="pack_black")
    [card, *_] = (await tour.call("goods_cards", user="hanna", limit=2))["data"]
    await tour.call("goods_use_card", {}, user="hanna", card=card["id"])
    spent = await bought(tour, "ida")
    await tour.shop.post("/api/v1/users/ida/wallet/spend", {"amount": 120, "reason": "all of it"})
    await tour.shop.act("stripe/refunds", {"payment_intent": spent["gateway_reference"]})
    await tour.shop.until("/api/v1/users/ida/wallet", lambda wallet: wallet["debt"] > 0)
    await tour.call("goods_write_off", {"reason": "goodwill"}, user="ida")


async def refunds(tour: Tour) -> None:
    """Give a part back, let another fail later, and end one of which nobody knows what came of it."""
    payment = await bought(tour, "jan")
    made = await tour.call("refunds_create", {"payment": payment["id"], "amount": 99}, code=201)
    path = f"/api/v1/refunds/{made['id']}"
    shown = await tour.shop.until(path, lambda shown: shown["status"] == "succeeded")
    await tour.call("refunds_show", refund=made["id"])
    await tour.call("refunds_find", payment=payment["id"])
    await tour.shop.act(f"stripe/refunds/{shown['gateway_reference']}/fail")
    await tour.shop.until(path, lambda shown: shown["status"] == "failed")
    async with trouble(tour, error_before_percent=100, only_methods=["POST"], only_paths=["/v1/refunds"]):
        vain = (await tour.shop.post("/api/v1/refunds", {"payment": (await bought(tour, "kim"))["id"]})).json()
        await tour.owner.execute(
            "UPDATE operation SET created_at = now() - interval '25 hours', due_at = now() WHERE kind = 'refund'"
        )
        await tour.until_counted("operation WHERE state = 'given_up'")
    await tour.call("refunds_fail", {"reason": "it is not in the gateway's dashboard"}, refund=vain["id"])


async def requests(tour: Tour) -> None:
    """Ask for money back, and decide about it by rules and by two people."""
    await tour.call("refund_requests_policies")
    strict = {"auto_approve_units": 0, "second_person_units": 100, "note": "a person agrees to each"}
    await tour.call("refund_requests_set_policy", strict)
    kept = [await bought(tour, user) for user in ("lea", "max", "nia")]
    asked = [
        await tour.call(
            "refund_requests_create",
            {"payment": payment["id"], "reason_code": "duplicate", "amount": 100, "note": "bought twice"},
            code=201,
        )
        for payment in kept[:2]
    ]
    await tour.call("refund_requests_approve", {"note": "agreed"}, refund_request=asked[0]["id"])
    await tour.call("refund_requests_reject", {"reason": "it was used"}, refund_request=asked[1]["id"])
    await tour.call("refund_requests_show", refund_request=asked[0]["id"])
    await tour.call("refund_requests_find", status="rejected", limit=10)
    many = {"reason_code": "duplicate", "payments": [kept[2]["id"]], "dry_run": True}
    await tour.call("refund_requests_create_many", many)
    await tour.call("refund_requests_set_policy", {}, code=202)
    await tour.call("refund_requests_set_policy", {}, key="another admin")


async def customers(tour: Tour) -> None:
    """Name somebody, twice."""
    wish = {"external_id": "user-42", "email": "ana@example.com", "name": "Ana Lovelace"}
    made = await tour.call("customers_create", wish, code=201)
    await tour.call("customers_create", wish)
    await tour.call("customers_show", customer=made["id"])
    await tour.call("customers_find", limit=10)


async def disputed(tour: Tour, user: str) -> Json:
    """Have a payment taken back by its payer's bank."""
    payment = await bought(tour, user)
    intent = {"payment_intent": payment["gateway_reference"], "reason": "product_not_received"}
    await tour.shop.act("stripe/disputes", intent)
    page = await tour.shop.until(f"/api/v1/disputes?payment={payment['id']}", lambda page: bool(page["data"]))
    found: Json = page["data"][0]
    return found


async def disputes(tour: Tour) -> None:
    """Answer, give up, win and lose; and once the gateway does not answer."""
    first = await disputed(tour, "omar")
    await tour.call("disputes_show", dispute=first["id"])
    await tour.call("disputes_find", status="needs_response", limit=10)
    await tour.call("disputes_evidence", dispute=first["id"])
    await tour.call("disputes_submit_evidence", {"statement": "Delivered within a second."}, dispute=first["id"])
    await tour.shop.act(f"stripe/disputes/{first['gateway_reference']}/win")
    await tour.shop.until(f"/api/v1/disputes/{first['id']}", lambda shown: shown["status"] == "won")
    await tour.call("disputes_accept", {}, dispute=(await disputed(tour, "pia"))["id"])
    others = [await disputed(tour, user) for user in ("quin", "rosa")]
    async with silence(tour, "/v1/disputes"):
        await tour.call("disputes_submit_evidence", {}, dispute=others[0]["id"], code=202)
        await tour.call("disputes_accept", {}, dispute=others[1]["id"], code=202)


async def inbox(tour: Tour) -> None:
    """Look at webhooks, work on one again, and set one aside."""
    found = (await tour.call("inbox_find", status="processed", limit=2))["data"]
    await tour.call("inbox_show", message=found[0]["id"])
    await tour.call("inbox_replay", message=found[0]["id"])
    await tour.call("inbox_replay_many", {"statuses": ["dead"], "gateway": "stripe"})
    await tour.call("inbox_ignore", {"reason": "sent by another shop"}, message=found[1]["id"])


async def ledger(tour: Tour) -> None:
    """Read the books, as JSON and as tables."""
    await tour.call("ledger_accounts", prefix="gateway:stripe", limit=10)
    await tour.call("ledger_journals", limit=2)
    today = f"{clock.now():%Y-%m-%d}"
    for form in ("json", "csv"):
        await tour.call("ledger_trial_balance", format=form)
        await tour.call("ledger_statement", account="wallet:ana", limit=2, format=form)
        await tour.call("ledger_report", step="daily", format=form, from_=today, to=today)
    await seal(tour.shop.till)
    await examine(tour.shop.till)
    await tour.call("ledger_seals", limit=1)
    await tour.call("ledger_checks")


async def reconciliation(tour: Tour) -> None:
    """Take in a file with two strangers, compare, and close one of them; let payouts arrive and fail."""
    await tour.call("reconciliation_import_file", REPORT, gateway="stripe")
    await tour.call("reconciliation_start", {"gateway": "stripe", "day": "2026-11-19"}, code=202)
    while await reconcile(tour.shop.till):
        pass
    await tour.until_counted("discrepancy")
    await tour.call("reconciliation_find_runs", gateway="stripe", status="done", limit=1)
    found = await tour.call("reconciliation_find", status="open", kind="missing_internal", limit=1)
    await tour.call("reconciliation_show", discrepancy=found["data"][0]["id"])
    await tour.call("reconciliation_ages")
    given = {"reason": "a sale at the counter", "action": "ignore"}
    await tour.call("reconciliation_resolve", given, discrepancy=found["data"][0]["id"])
    for outcome in ("paid", "failed"):
        await bought(tour, f"sam {outcome}", currency="JPY")
        sent = await tour.shop.act("stripe/payouts", {"currency": "jpy", "early": True, "outcome": outcome})
        assert sent["data"], "there was something to pay out"


async def administration(tour: Tour) -> None:
    """Offer things, steer gateways, keep payments waiting, hand out keys, and read who did so."""
    package = {"kind": "credits", "title": "1000 credits", "quantity": 1000, "prices": {"EUR": 1499, "JPY": 2400}}
    await tour.call("admin_add_package", {"id": "credits_1000", **package}, code=201)
    await tour.call("admin_change_package", package | {"active": False}, package="credits_1000")
    await tour.call("admin_package_history", package="credits_1000")
    await tour.call("admin_set_maintenance", {"active": False, "reason": "moved to a larger machine"})
    await tour.call("admin_maintenance")
    await tour.call("gateways_configure", {"priority": 10, "fee_percentage_bps": 290}, gateway="stripe")
    for step in ("disable", "drain", "enable"):
        await tour.call(f"gateways_{step}", gateway="stripe")
    await tour.call("gateways_status")
    until_then = (clock.now() + timedelta(days=90)).isoformat()
    key = {"name": "game server", "scopes": ["write"], "expires_at": until_then}
    made = await tour.call("keys_create", key, code=201)
    await tour.call("keys_find", limit=1)
    await tour.call("keys_revoke", {}, key_=made["id"])
    await tour.call("audit_find", action="gateway.steered", limit=2)


async def risk(tour: Tour) -> None:
    """Score payments, hold them, and decide about them."""
    await tour.call("risk_rules")
    await tour.call("risk_try_rule", {"rule": RULE, "days": 30})
    entry = {"side": "block", "trait": "user", "value": "mallory", "note": "three chargebacks in May"}
    listed = await tour.call("risk_put_entry", entry)
    await tour.call("risk_lists", side="block")
    await tour.call("risk_remove_entry", entry=listed["data"][0]["id"], code=204)
    await rule(tour, HOLD)
    held = [await authorised(tour, user, "in_review") for user in ("tess", "ugo", "vito", "wes")]
    await tour.call("risk_approve", {"reason": "known for years"}, payment=held[0]["id"])
    await tour.call("risk_reject", {"reason": "a stolen card", "block": True}, payment=held[1]["id"])
    async with silence(tour, "/v1/payment_intents"):
        await tour.call("risk_approve", {}, payment=held[2]["id"], code=202)
        await tour.call("risk_reject", {}, payment=held[3]["id"], code=202)
    await tour.call("risk_replace_rules", {"rules": [RULE]})


async def rule(tour: Tour, *rules: Json) -> None:
    """Put rules in force that are no example for anybody."""
    headers = {"Authorization": f"Bearer {tour.keys['admin']}"}
    url = f"{tour.shop.url}/api/v1/admin/risk/rules"
    await tour.shop.http.put(url, json={"rules": list(rules)}, headers=headers)


async def endpoints(tour: Tour, receiver: Receiver) -> None:
    """Say where events are sent."""
    wish = {"url": receiver.url, "types": ["*"], "description": "the game server"}
    made = await tour.call("webhook_endpoints_create", wish, code=201)
    id_ = made["id"]
    await tour.call("webhook_endpoints_show", endpoint=id_)
    await tour.call("webhook_endpoints_find", limit=10)
    await tour.call("webhook_endpoints_change", {"description": "the new game server"}, endpoint=id_)
    await tour.call("webhook_endpoints_rotate", {"grace_hours": 24}, endpoint=id_)
    await tour.call("webhook_endpoints_test", endpoint=id_)


async def session(tour: Tour) -> None:
    """Sign in as one of the merchant's people, set up a second factor, and change the password."""
    _, password = await employ(tour.shop.till, "finn@example.com", role=Role.ADMIN)
    wish = {"email": "finn@example.com", "password": password}
    await tour.fail("sign_in_failed", "session_create", wish | {"password": "a guess"}, key=COOKIE)
    begun = await tour.call("session_create", wish, key=COOKIE, code=201)
    await tour.fail("csrf_failed", "session_prove", {"password": password}, key=COOKIE)
    tour.browser.headers["X-CSRF-Token"] = begun["csrf_token"]
    await tour.call("session_show", key=COOKIE)
    await tour.owner.execute("UPDATE staff_session SET proved_at = now() - interval '1 hour'")
    await tour.fail("step_up_needed", "session_offer", {}, key=COOKIE)
    await tour.call("session_prove", {"password": password}, key=COOKIE)
    offered = await tour.call("session_offer", {}, key=COOKIE, code=201)
    code = pyotp.TOTP(offered["secret"]).at(int(clock.now().timestamp()))
    codes = await tour.call("session_confirm", {"code": code}, key=COOKIE)
    tour.aliases |= {password: "what finn was given", offered["secret"]: "A2B3C4D5E6F7" * 2, code: "204060"}
    tour.aliases |= {each: f"{place:02}" * 6 for place, each in enumerate(codes["codes"], start=1)}
    await tour.fail("second_factor_needed", "session_create", wish, key=COOKIE)
    change = {"password": password, "code": codes["codes"][0], "new_password": "a longer one than before"}
    begun = await tour.call("session_set_password", change, key=COOKIE)
    tour.browser.headers["X-CSRF-Token"] = begun["csrf_token"]
    token = dict(tour.browser.cookies)
    await tour.call("session_end", key=COOKIE, code=204)
    tour.browser.cookies.update(token)
    await tour.fail("session_over", "session_show", key=COOKIE)


async def deliveries(tour: Tour, receiver: Receiver) -> None:
    """See what was sent, and have it sent again; the goods that nobody could hand over are told of too."""
    await until_told(tour, "payment.succeeded")
    assert receiver.taken
    found = (await tour.call("events_find", type="payment.succeeded", limit=2))["data"]
    await tour.call("events_show", event=found[0]["id"])
    sent = (await tour.call("events_deliveries", status="succeeded", limit=2))["data"]
    await tour.call("events_delivery", delivery=sent[0]["id"])
    await tour.call("events_resend", delivery=sent[0]["id"])
    endpoint = sent[0]["endpoint"]
    await tour.call("webhook_endpoints_recover", {"since": "2026-11-21T10:00:00Z"}, endpoint=endpoint)
    await tour.call("webhook_endpoints_delete", endpoint=endpoint, code=204)


async def until_told(tour: Tour, type_: str) -> Json:
    """Wait until an event of a type has its number, and show the first."""
    return await tour.shop.until(f"/api/v1/events?type={type_}&limit=1&order=asc", lambda page: bool(page["data"]))


async def broken_goods(tour: Tour) -> None:
    """Sell a pack that cannot be opened, until it is given up."""
    payment = await opened(tour, "gina", package="pack_black")
    await tour.owner.execute("ALTER TABLE card_design DROP CONSTRAINT card_design_tier_check")
    kept = await tour.owner.fetchval("SELECT tier FROM card_design WHERE id = 'pack_black:01'")
    await tour.owner.execute("UPDATE card_design SET tier = 'odd' WHERE id = 'pack_black:01'")
    await as_customer(tour, payment, "pay")
    await tour.until_counted("late_delivery")
    while await tour.owner.fetchval("SELECT count(*) FROM late_delivery WHERE status = 'pending'"):
        await tour.owner.execute("UPDATE late_delivery SET due_at = now()")
        await fulfil(tour.shop.till)
    await tour.owner.execute("UPDATE card_design SET tier = $1 WHERE id = 'pack_black:01'", kept)
    await tour.call("payments_fulfil", payment=payment["id"])


async def events(tour: Tour) -> dict[str, Json]:
    """Read what was told, one event of each type."""
    found: dict[str, Json] = {}
    for type_ in TYPES:
        page = await until_told(tour, type_)
        found[type_] = {name: page["data"][0][name] for name in ("type", "timestamp", "data")}
    return found
