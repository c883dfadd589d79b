"""Every error of the API, provoked: what somebody must do to be answered so."""

import asyncio
import json
from http import HTTPStatus

from tests.web.bad_requests import CARD, signed
from tests.web.stops import bought, disputed, opened, silence, trouble
from tests.web.tour import Tour

from tillkeeper.web import intake, shell

WISH = {"package": "credits_120", "currency": "EUR", "user": "vera"}
ABSENT = "payment_01h455vb4pex5vsknk084sn02q"


async def all_of_them(tour: Tour) -> None:
    """Provoke every error that can be provoked here."""
    await unreadable(tour)
    await unfit(tour)
    await unknown_callers(tour)
    await repeated(tour)
    await impossible(tour)
    await unavailable(tour)


async def raw(tour: Tour, code: str, path: str, content: bytes = b"", method: str = "POST", **headers: str) -> None:
    """Send bytes as they are."""
    given = {"Authorization": f"Bearer {tour.keys['admin']}", "Content-Type": "application/json"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await tour.shop.http.request(method, f"{tour.shop.url}{path}", content=content, headers=given)
    tour.failed(code, answer)


async def unreadable(tour: Tour) -> None:
    """Send what cannot be read."""
    key = {"Idempotency_Key": "mishap-1"}
    await raw(tour, "malformed_json", "/api/v1/payments", b'{"amount": NaN}', **key)
    await raw(tour, "too_large", "/api/v1/payments", b" " * (shell.body_bytes_max + 1), **key)
    await raw(tour, "unsupported_media_type", "/api/v1/payments", b"amount=1", **key | {"Content_Type": "text/plain"})
    await raw(tour, "method_not_allowed", "/api/v1/payments", method="DELETE")
    await raw(tour, "idempotency_key_missing", "/api/v1/payments", json.dumps(WISH).encode())
    await raw(tour, "signature_invalid", "/webhooks/stripe", b"{}", Stripe_Signature=signed(b"{}", secret="wrong"))
    for _ in range(2 * intake.unverified_per_minute_max + 1):  # a minute may end in between
        answer = await tour.shop.http.post(f"{tour.shop.url}/webhooks/stripe", content=b"{}")
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            break
    tour.failed("rate_limited", answer)
    await tour.fail("file_unreadable", "reconciliation_import_file", "a,b\n1,2\n", gateway="stripe")


async def unfit(tour: Tour) -> None:
    """Send what does not fit."""
    create = "payments_create"
    await tour.fail("unknown_field", create, WISH | {"amuont": 199})
    await tour.fail("invalid_field", create, WISH | {"quantity": "1"})
    await tour.fail("amount_out_of_range", create, {"amount": 5, "currency": "EUR"})
    await tour.fail("currency_not_supported", create, WISH | {"currency": "CHF"})
    await tour.fail("card_data_not_accepted", create, WISH | {"metadata": {"card": CARD}})
    await tour.fail("not_found", "payments_show", payment=ABSENT)


async def unknown_callers(tour: Tour) -> None:
    """Call as nobody, and as somebody who may not."""
    tour.keys["nobody"] = "till_sk_sandbox_x"
    await tour.fail("unauthenticated", "payments_find", key="nobody")
    await tour.fail("forbidden", "keys_find", key="reader")


async def repeated(tour: Tour) -> None:
    """Use one Idempotency-Key for two things, and twice at once."""
    shop = tour.shop
    await shop.post("/api/v1/payments", WISH, key="order-1042")
    tour.failed(
        "idempotency_key_reused", await shop.post("/api/v1/payments", WISH | {"user": "walt"}, key="order-1042")
    )
    async with trouble(tour, latency_ms=500, only_paths=["/v1/checkout"]):
        first = asyncio.create_task(shop.post("/api/v1/payments", WISH, key="order-1043"))
        await tour.until_counted("idempotency_key WHERE key = 'order-1043'")
        tour.failed("idempotency_in_progress", await shop.post("/api/v1/payments", WISH, key="order-1043"))
        await first


async def impossible(tour: Tour) -> None:
    """Ask for what the state of things does not allow."""
    paid = await bought(tour, "xeni")
    too_much = {"payment": paid["id"], "amount": 10_000}
    await tour.fail("refund_exceeds_captured", "refunds_create", too_much)
    await tour.fail("invalid_state", "payments_cancel", {}, payment=paid["id"])
    await tour.fail("insufficient_credits", "goods_spend", {"amount": 5000, "reason": "a villa"}, user="xeni")
    await tour.shop.post("/api/v1/users/xeni/wallet/spend", {"amount": 120, "reason": "all of it"})
    await tour.fail("refund_not_allowed", "refunds_create", {"payment": paid["id"]})
    dispute = await disputed(tour, "yara")
    await tour.fail("payment_disputed", "refunds_create", {"payment": dispute["payment"]})
    blocked = {"side": "block", "trait": "user", "value": "zoe", "note": "three chargebacks in May"}
    await tour.call("risk_put_entry", blocked)
    await tour.fail("risk_blocked", "payments_create", WISH | {"user": "zoe"})


async def unavailable(tour: Tour) -> None:
    """Ask while something is down."""
    await tour.call("admin_set_maintenance", {"active": True, "reason": "moving to a larger machine"})
    await tour.fail("maintenance", "payments_create", WISH)
    await tour.call("admin_set_maintenance", {"active": False})
    waiting = await opened(tour, "abel")
    async with silence(tour, "/v1/"):
        await tour.fail("gateway_unavailable", "payments_sync", payment=waiting["id"])
    await tour.owner.execute("ALTER TABLE customer RENAME TO elsewhere")
    await tour.fail("internal", "customers_find")
    await tour.owner.execute("ALTER TABLE elsewhere RENAME TO customer")
