"""Sell credits: a page with a button, and webhooks that tell what became of it."""

import os
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from typing import Annotated

from fastapi import Cookie, FastAPI, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from tillkeeper_client import AsyncClient, Webhook, WebhookVerificationError
from tillkeeper_client.models import GoodsTold, Payment

ADDRESS = os.environ["SHOP_URL"]
WEBHOOK = Webhook(os.environ["TILL_WEBHOOK_SECRET"])
User = Annotated[str, Cookie()]  # stands for whoever is logged in; your app knows better


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep one client open for the whole program."""
    async with AsyncClient(os.environ["TILL_URL"], os.environ["TILL_KEY"]) as till:
        app.state.till = till
        yield


app = FastAPI(lifespan=lifespan)
seen: set[str] = set()  # a table with a unique key, in a program that may be restarted
news: defaultdict[str, list[str]] = defaultdict(list)


def till_of(request: Request) -> AsyncClient:
    """Find the client."""
    till: AsyncClient = request.app.state.till
    return till


@app.get("/", response_class=HTMLResponse)
async def shop(request: Request, user: User = "ana") -> str:
    """Show what there is, what is for sale, and what was bought."""
    till = till_of(request)
    wallet = await till.goods.wallet(user)
    packages = [each for each in (await till.goods.packages()).data if each.kind == "credits" and "EUR" in each.prices]
    bought = (await till.payments.find(user=user, status="succeeded", limit=5)).data
    order = secrets.token_hex(8)  # made with the form: pressing its button twice is one order
    return (
        f"<h1>{escape(user)} has {wallet.balance} credits</h1>"
        + "".join(
            f"<form method=post action=/buy><input type=hidden name=order value={order}-{each.id}>"
            f"<button name=package value={each.id}>{each.title}: {each.prices['EUR'] / 100:.2f} EUR</button></form>"
            for each in packages
        )
        + "".join(
            f"<form method=post action=/refund>{each.description}"
            f"<button name=payment value={each.id}>Give it back</button></form>"
            for each in bought
            if each.amount_refunded + each.amount_refunding < each.amount_captured
        )
        + "".join(f"<p>{escape(line)}</p>" for line in news[user])
    )


@app.post("/buy")
async def buy(
    request: Request, package: Annotated[str, Form()], order: Annotated[str, Form()], user: User = "ana"
) -> RedirectResponse:
    """Open a checkout and send the customer there."""
    payment = await till_of(request).payments.create(
        package=package, user=user, currency="EUR", return_url=ADDRESS, idempotency_key=order
    )
    assert payment.next_action, "a checkout that is open says where to go"
    return RedirectResponse(payment.next_action.url or ADDRESS, status_code=303)


@app.post("/refund")
async def refund(request: Request, payment: Annotated[str, Form()], user: User = "ana") -> RedirectResponse:
    """Give the money back; the credits go with it."""
    await own(till_of(request), payment, user)
    await till_of(request).refunds.create(payment=payment, reason="not wanted", idempotency_key=f"refund-{payment}")
    return RedirectResponse("/", status_code=303)


async def own(till: AsyncClient, payment: str, user: str) -> Payment:
    """Find a payment of this user; somebody else's looks like one that does not exist."""
    found = await till.payments.show(payment)
    if found.user != user:
        raise HTTPException(404)
    return found


@app.post("/webhooks")
async def webhooks(request: Request) -> Response:
    """Hear what happened: verify it, take it once, and look at the payment when it matters."""
    try:
        event = WEBHOOK.verify(await request.body(), request.headers)
    except WebhookVerificationError:
        return Response(status_code=400)
    if event.id not in seen and isinstance(event.data, GoodsTold):
        payment = await till_of(request).payments.show(event.data.payment)
        news[payment.user or ""].append(f"{event.type}: {payment.description}")
    seen.add(event.id)
    return Response(status_code=204)
