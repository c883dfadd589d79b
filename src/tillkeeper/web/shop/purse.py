"""The wallet of a demo user: what moved when, with the balance before and after, and credits to spend."""

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tillkeeper.flows.read import read
from tillkeeper.flows.spend import spend
from tillkeeper.idempotency import Wish
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import wallet
from tillkeeper.till import Till
from tillkeeper.web.shop import paper, visitor

entries_shown_max = 25
place_digits_max = 18
SPENDABLE = (10, 50)
REASON = "spent in the demo shop"
KINDS = {
    "grant": "Bought",
    "spend": "Spent",
    "revoke": "Taken back",
    "restore": "Given back",
    "debt_repaid": "Kept against debt",
    "expire": "Ended unspent",
    "freeze": "Frozen",
    "unfreeze": "Free again",
    "opening": "Taken over",
}

Json = dict[str, Any]


class Purse:
    """Show the wallet and spend from it."""

    def __init__(self, till: Till) -> None:
        self._till = till

    @paper.explained
    async def show(self, request: Request) -> Response:
        """Show the movements, newest first."""
        who = visitor.recognise(request)
        before = _place(request.query_params.get("before"))

        async def look(tx: Transaction) -> tuple[Json, Json]:
            held = await wallet.show(tx, who.user)
            return held, await wallet.entries(tx, who.user, limit=entries_shown_max, before=before)

        held, moved = await read(self._till, look)
        secret = self._till.settings.secret_key
        context = {
            "users": visitor.USERS,
            "user": who.user,
            "switch": visitor.sealed(secret, who),
            "wallet": held,
            "entries": moved["data"],
            "older": moved["next_cursor"],
            "kinds": KINDS,
            "spendable": [{"amount": amount, "form": visitor.sealed(secret, who)} for amount in SPENDABLE],
            "spent": _spent(request.query_params.get("spent")),
        }
        page = paper.page("wallet.html", context)
        who.keep(page, secure=self._till.settings.public_url.startswith("https:"))
        return page

    @paper.explained
    async def spend(self, request: Request) -> Response:
        """Spend some credits, once for each form that was shown."""
        form = await visitor.take_form(request, self._till.settings)
        amount = _spent(form.field("amount"))
        if amount is None:
            message = f"The demo spends {' or '.join(map(str, SPENDABLE))} credits at a time."
            raise InvalidFieldError(message, param="amount")
        wish = Wish(scope="shop", key=form.key, request_sha=form.digest())
        await spend(self._till, wish, user=form.user(), amount=amount, reason=REASON)
        return RedirectResponse(f"/shop/wallet?spent={amount}", HTTPStatus.SEE_OTHER)


def _spent(text: str | None) -> int | None:
    return next((amount for amount in SPENDABLE if str(amount) == text), None)


def _place(text: str | None) -> int | None:
    """Read where a page of older movements starts; what is no place starts at the newest."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= place_digits_max else None
