"""The page on which a payer approves an order: where a person, or a browser test, plays the payer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillkeeper.gateways.paypal.sandbox import control, orders
from tillkeeper.gateways.paypal.sandbox.act import Act
from tillkeeper.gateways.paypal.sandbox.refusals import PayPalError
from tillkeeper.gateways.paypal.sandbox.shapes import PAYER
from tillkeeper.kernel import money
from tillkeeper.sandbox_kit import paper, press, simulate
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import Desk

PAPER = paper.desk_paper(Path(__file__).parent / "templates", gateway="PayPal")
CODES = {
    "instrument_declined": "Card declined",
    "payer_cannot_pay": "Payer cannot pay",
    "capture_declined": "Declined for good",
}
KINDS = {"echeck": "eCheck, takes days", "review": "Held for review"}


@dataclass(frozen=True, slots=True)
class Pages:
    """Serve the pages of one desk."""

    desk: Desk

    async def show(self, request: Request) -> Response:
        """Show what is to be approved, or why there is nothing to approve."""
        return self._show(request.query_params.get("token", ""), framed=False)

    async def act(self, request: Request) -> Response:
        """Do what the payer pressed."""
        return self._act(request.query_params.get("token", ""), await press.read(request), framed=False)

    async def show_embedded(self, request: Request) -> Response:
        """Show the same page inside the shop's own."""
        return self._show(request.path_params["order"], framed=True)

    async def act_embedded(self, request: Request) -> Response:
        """Do what the payer pressed inside the shop's page."""
        return self._act(request.path_params["order"], await press.read(request), framed=True)

    def _show(self, order_id: str, *, framed: bool) -> Response:
        with self.desk.books.change(self.desk.gateway) as change:
            act = Act(self.desk, change, self.desk.now())
            order = change.find("order", order_id)
            if order is None or order.get("gone"):
                return _unknown()
            if order["status"] not in orders.OPEN:
                return _closed(order, framed=framed)
            return _checkout(act, order, framed=framed)

    def _act(self, order_id: str, form: dict[str, str], *, framed: bool) -> Response:
        pressed = PRESSES.get(form.get("act", "pay"))
        if pressed is None:
            return _unknown()
        try:
            with self.desk.books.change(self.desk.gateway) as change:
                change.follow(press.course(form), about=order_id)
                act = Act(self.desk, change, self.desk.now(), copies=press.copies(form))
                order = control.open_order(act, order_id)
                onward = pressed(act, order, form) if order["status"] in orders.OPEN else ""
        except PayPalError:
            # Approved or lapsed in the meantime, or never there: the page itself says which.
            onward = ""
        return press.onward(form, PAPER, paid=onward, otherwise=_place(order_id, framed=framed))

    async def show_login(self, request: Request) -> Response:
        """Show where the payer logs in."""
        order_id = request.path_params["order"]
        with self.desk.books.change(self.desk.gateway) as change:
            order = change.find("order", order_id)
        if order is None or order["status"] not in orders.OPEN:
            return self._show(order_id, framed=False)
        told = {"merchant": self.desk.merchant, "order": order, "total": _total(order), "payer": PAYER["email_address"]}
        onward = (order["context"]["return_url"], order["context"]["cancel_url"])
        return paper.page(PAPER, "login.html", told, onward=onward)

    async def answer_login(self, request: Request) -> Response:
        """Approve for a payer who has logged in; who could not is sent away."""
        form = await press.read(request)
        passed = form.get("outcome") == "complete"
        act = {"act": "pay" if passed else "abandon"}
        return self._act(request.path_params["order"], form | act, framed=False)


def routes(desk: Desk) -> list[BaseRoute]:
    """List the pages of one desk."""
    pages = Pages(desk)
    return [
        Route("/checkoutnow", pages.show, methods=["GET"]),
        Route("/checkoutnow", pages.act, methods=["POST"]),
        Route("/embedded/{order}", pages.show_embedded, methods=["GET"]),
        Route("/embedded/{order}", pages.act_embedded, methods=["POST"]),
        Route("/login/{order}", pages.show_login, methods=["GET"]),
        Route("/login/{order}", pages.answer_login, methods=["POST"]),
    ]


Press = Callable[[Act, Json, dict[str, str]], str]


def _pay(act: Act, order: Json, _form: dict[str, str]) -> str:
    return _after(orders.approve(act, order))


def _decline(act: Act, order: Json, form: dict[str, str]) -> str:
    code = form.get("code", "instrument_declined")
    return _after(orders.approve(act, order, code if code in CODES else "instrument_declined"))


def _pay_slowly(act: Act, order: Json, form: dict[str, str]) -> str:
    kind = form.get("kind", "echeck")
    return _after(orders.approve(act, order, kind if kind in KINDS else "echeck"))


def _abandon(_act: Act, order: Json, _form: dict[str, str]) -> str:
    return _with(order["context"]["cancel_url"], {"token": order["id"]})


def _authenticate(_act: Act, order: Json, _form: dict[str, str]) -> str:
    return f"/paypal/login/{order['id']}"


PRESSES: dict[str, Press] = {
    "pay": _pay,
    "decline": _decline,
    "authenticate": _authenticate,
    "pay_slowly": _pay_slowly,
    "abandon": _abandon,
}


def _after(order: Json) -> str:
    """Tell where PayPal sends a payer who has approved."""
    return _with(order["context"]["return_url"], {"token": order["id"], "PayerID": PAYER["payer_id"]})


def _with(url: str | None, told: dict[str, object]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(told)}" if url else ""


def _place(order_id: str, *, framed: bool) -> str:
    return f"/paypal/embedded/{order_id}" if framed else f"/paypal/checkoutnow?{urlencode({'token': order_id})}"


def _total(order: Json) -> str:
    return money.show(order["unit"]["amount"], order["unit"]["currency"])


def _checkout(act: Act, order: Json, *, framed: bool) -> Response:
    unit, context = order["unit"], order["context"]
    expires = datetime.fromtimestamp(order["updated"] + orders.approve_within_seconds, UTC)
    told = {
        "merchant": context["brand_name"] or act.desk.merchant,
        "target": _place(order["id"], framed=framed),
        "leaves_frame": framed and context["return_url"],
        "name": unit["description"] or "Payment",
        "total": _total(order),
        "holds": order["intent"] == "AUTHORIZE",
        "payer": PAYER["email_address"],
        "reference": unit["custom_id"],
        "expires": expires.strftime("%-d %b %Y, %H:%M UTC"),
        "expires_iso": expires.isoformat(),
        "error": order["payer"],
        "panel": simulate.panel("paypal", [unit["custom_id"]], declines=CODES, leaves=PRESSES if framed else ()),
        "kinds": [{"code": code, "label": label} for code, label in KINDS.items()],
    }
    onward = (context["return_url"], context["cancel_url"])
    return paper.page(PAPER, "approve.html", told, onward=onward, framed=framed)


def _closed(order: Json, *, framed: bool) -> Response:
    paid = order["status"] == "COMPLETED"
    told = {
        "tone": "success",
        "heading": "Already paid" if paid else "Already approved",
        "says": "This order is complete. Nothing more will be charged."
        if paid
        else "The shop takes the money next. Nothing more is needed here.",
        "total": _total(order),
        "back": _after(order) or None,
        "back_label": "Back to the shop",
    }
    return paper.page(PAPER, "closed.html", told, framed=framed)


def _unknown() -> Response:
    told = {
        "tone": "danger",
        "heading": "There is no such order",
        "says": "It lapsed, or its address is wrong, or the sandbox was started over with new books."
        " Start again in the shop.",
        "total": None,
        "back": None,
        "back_label": "",
    }
    return paper.page(PAPER, "closed.html", told, status=HTTPStatus.NOT_FOUND)
