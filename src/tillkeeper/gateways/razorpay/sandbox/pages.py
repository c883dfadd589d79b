"""The hosted pages: a payment link, the checkout that a shop embeds, and the bank in between."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from tillkeeper.gateways.razorpay.sandbox import checkout, links, payments
from tillkeeper.gateways.razorpay.sandbox.act import Act
from tillkeeper.gateways.razorpay.sandbox.currencies import written
from tillkeeper.gateways.razorpay.sandbox.methods import FAILURES, METHODS
from tillkeeper.gateways.razorpay.sandbox.refusals import RazorpayError
from tillkeeper.sandbox_kit import paper, press, simulate
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import Desk

PAPER = paper.desk_paper(Path(__file__).parent / "templates", gateway="Razorpay")
WAYS = {"upi": "UPI", "card": "Card", "netbanking": "Netbanking", "wallet": "Wallet"}
CODES = {
    "payment_failed": "Payment failed",
    "insufficient_funds": "Insufficient funds",
    "card_declined": "Declined by the bank",
}
FAILED_FIRST = "payment_failed"

Press = Callable[[Act, str, dict[str, str]], Json | None]


@dataclass(frozen=True, slots=True)
class Place:
    """Say where a checkout is shown, and where its customer goes afterwards.

    A payment link knows its merchant's address itself. An order does not: the shop's page names one, or gets nothing
    and watches its own server, as with Razorpay's script.
    """

    target: str
    address: str
    back: str
    framed: bool

    @property
    def linked(self) -> bool:
        """Say whether this is a payment link."""
        return self.target.startswith("plink_")


@dataclass(frozen=True, slots=True)
class Pages:
    """Serve the pages of one desk."""

    desk: Desk

    async def show_link(self, request: Request) -> Response:
        """Show what a link is for, or why there is nothing to pay."""
        return self._show(request.path_params["id"], "")

    async def act_link(self, request: Request) -> Response:
        """Do what the customer pressed on a link's page."""
        return self._act(request.path_params["id"], "", await press.read(request))

    async def show_order(self, request: Request) -> Response:
        """Show the checkout of an order inside the shop's own page."""
        return self._show(request.path_params["id"], _address(request.query_params.get("callback_url", "")))

    async def act_order(self, request: Request) -> Response:
        """Do what the customer pressed inside the shop's page."""
        form = await press.read(request)
        return self._act(request.path_params["id"], _address(form.get("callback_url", "")), form)

    async def show_bank(self, request: Request) -> Response:
        """Show the bank's question."""
        back = _address(request.query_params.get("callback_url", ""))
        with self.desk.books.change(self.desk.gateway) as change:
            act = Act(self.desk, change, self.desk.now())
            payment = change.find("payment", request.path_params["id"])
            place = self._place_of(act, payment, back) if payment else None
            if payment is None or place is None:
                return _unknown()
            if payment["shown"]["status"] != "created":
                return _ended(payment["shown"], "There is nothing to confirm", place)
            context = {
                "merchant": self.desk.merchant,
                "target": f"/razorpay/bank/{payment['id']}",
                "way": WAYS[payment["shown"]["method"]],
                "total": written(payment["shown"]["amount"], payment["shown"]["currency"]),
                "copies": request.query_params.get("copies", ""),
                "callback_url": back,
            }
            return paper.page(PAPER, "bank.html", context, onward=(place.back,), framed=place.framed)

    async def answer_bank(self, request: Request) -> Response:
        """Take the customer's answer to the bank."""
        form = await press.read(request)
        try:
            with self.desk.books.change(self.desk.gateway) as change:
                act = Act(self.desk, change, self.desk.now(), copies=press.copies(form))
                payment = payments.undecided(act, request.path_params["id"])
                payment = checkout.answer(act, payment, passed=form.get("outcome") == "complete")
                place = self._place_of(act, payment, _address(form.get("callback_url", "")))
                return _onward(act, place, payment, form)
        except RazorpayError:
            return RedirectResponse(f"/razorpay/bank/{request.path_params['id']}", HTTPStatus.SEE_OTHER)

    def _show(self, target: str, back: str) -> Response:
        with self.desk.books.change(self.desk.gateway) as change:
            act = Act(self.desk, change, self.desk.now())
            try:
                place, shown = _find(act, target, back)
            except RazorpayError:
                return _unknown()
            if place.linked:
                is_open = links.is_open(act, act.load("payment_link", target))
            else:
                is_open = shown["status"] != "paid"
            return _checkout(act, place, shown) if is_open else _closed(act, place, shown)

    def _act(self, target: str, back: str, form: dict[str, str]) -> Response:
        pressed = PRESSES.get(form.get("act", "pay"))
        if pressed is None or form.get("code", FAILED_FIRST) not in FAILURES or _way(form) not in METHODS:
            return _unknown()
        address = f"/razorpay/{'l' if target.startswith('plink_') else 'checkout'}/{target}{_asked(back)}"
        try:
            with self.desk.books.change(self.desk.gateway) as change:
                change.follow(press.course(form), about=target)
                act = Act(self.desk, change, self.desk.now(), copies=press.copies(form))
                place, shown = _find(act, target, back)
                payment = pressed(act, target, form)
                if payment is None:
                    # A link has no address for those who leave; they find back to the shop by themselves.
                    return RedirectResponse(place.back, HTTPStatus.SEE_OTHER) if place.back else _left(shown, place)
                if payment["shown"]["status"] == "created":
                    copies = {"copies": form.get("copies", ""), **({"callback_url": back} if back else {})}
                    address = f"/razorpay/bank/{payment['id']}?{urlencode(copies)}"
                    return RedirectResponse(address, HTTPStatus.SEE_OTHER)
                return _onward(act, place, payment, form)
        except RazorpayError:
            # Paid or expired in the meantime, or never there: the page itself says which.
            return RedirectResponse(address, HTTPStatus.SEE_OTHER)

    def _place_of(self, act: Act, payment: Json, back: str) -> Place:
        order = act.load("order", payment["shown"]["order_id"])
        return _find(act, order["link"] or order["id"], back)[0]


def routes(desk: Desk) -> list[BaseRoute]:
    """List the pages of one desk."""
    pages = Pages(desk)
    return [
        Route("/l/{id}", pages.show_link, methods=["GET"]),
        Route("/l/{id}", pages.act_link, methods=["POST"]),
        Route("/checkout/{id}", pages.show_order, methods=["GET"]),
        Route("/checkout/{id}", pages.act_order, methods=["POST"]),
        Route("/bank/{id}", pages.show_bank, methods=["GET"]),
        Route("/bank/{id}", pages.answer_bank, methods=["POST"]),
    ]


def _find(act: Act, target: str, back: str) -> tuple[Place, Json]:
    if target.startswith("plink_"):
        shown = act.load("payment_link", target)["shown"]
        return Place(target, f"/razorpay/l/{target}", shown["callback_url"], framed=False), shown
    shown = act.load("order", target)["shown"]
    return Place(target, f"/razorpay/checkout/{target}{_asked(back)}", back, framed=True), shown


def _address(asked: str) -> str:
    return asked if urlsplit(asked).scheme in {"http", "https"} and urlsplit(asked).netloc else ""


def _asked(back: str) -> str:
    return f"?callback_url={quote(back, safe='')}" if back else ""


def _way(form: dict[str, str]) -> str:
    return form.get("method", checkout.USUAL)


def _pay(act: Act, target: str, form: dict[str, str]) -> Json:
    return checkout.pay(act, target, _way(form))


def _decline(act: Act, target: str, form: dict[str, str]) -> Json:
    return checkout.decline(act, target, form.get("code", FAILED_FIRST), _way(form))


def _authenticate(act: Act, target: str, form: dict[str, str]) -> Json:
    return checkout.ask(act, target, _way(form))


def _abandon(_act: Act, _target: str, _form: dict[str, str]) -> None:
    return None


PRESSES: dict[str, Press] = {"pay": _pay, "decline": _decline, "authenticate": _authenticate, "abandon": _abandon}


def _checkout(act: Act, place: Place, shown: Json) -> Response:
    order_id = act.load("payment_link", place.target)["order"] if place.linked else place.target
    last = next(iter(act.children("payment", order_id)), None) if order_id else None
    failed = last["shown"] if last and last["shown"]["status"] == "failed" else None
    expires = datetime.fromtimestamp(shown["expire_by"], UTC) if shown.get("expire_by") else None
    context = {
        "merchant": act.desk.merchant,
        "target": place.address.partition("?")[0],
        "callback_url": "" if place.linked else place.back,
        "title": shown.get("description") or "Order",
        "total": written(shown["amount"], shown["currency"]),
        "reference": shown.get("reference_id") or shown.get("receipt"),
        "expires": expires.strftime("%-d %b %Y, %H:%M UTC") if expires else None,
        "expires_iso": expires.isoformat() if expires else None,
        "error": failed["error_description"] if failed else None,
        "ways": [{"value": value, "label": label} for value, label in WAYS.items()],
        "panel": simulate.panel("razorpay", _names(shown), declines=CODES),
    }
    return paper.page(PAPER, "pay.html", context, onward=(place.back,), framed=place.framed)


def _names(shown: Json) -> list[str | None]:
    """List where a merchant writes down what it calls a payment itself."""
    return [shown.get("reference_id"), shown.get("receipt"), *(str(note) for note in (shown["notes"] or {}).values())]


def _onward(act: Act, place: Place, payment: Json, form: dict[str, str]) -> Response:
    """Send the customer on: back to the merchant once paid, back to the checkout otherwise."""
    if payment["shown"]["status"] not in {"authorized", "captured"}:
        return RedirectResponse(place.address, HTTPStatus.SEE_OTHER)
    brought = checkout.callback(act, payment)
    if not place.linked:
        return _handed_over(payment["shown"], place, brought)
    joined = "&" if "?" in place.back else "?"
    paid = f"{place.back}{joined}{urlencode(brought)}" if place.back else ""
    return press.onward(form, PAPER, paid=paid, otherwise=place.address)


def _handed_over(payment: Json, place: Place, brought: Json) -> Response:
    """Hand what proves the payment to the merchant: Razorpay's script posts it to the callback address."""
    context = {
        "total": written(payment["amount"], payment["currency"]),
        "callback_url": place.back,
        "brought": brought,
    }
    return paper.page(PAPER, "paid.html", context, onward=(place.back,), framed=True)


def _closed(act: Act, place: Place, shown: Json) -> Response:
    if shown["status"] == "paid":
        told = ("success", "Already paid", "This checkout is complete. Nothing more will be charged.")
        captured = next((line["payment_id"] for line in shown.get("payments") or []), None)
        payment = act.load("payment", captured) if captured else None
        brought = urlencode(checkout.callback(act, payment)) if payment else ""
        joined = "&" if "?" in place.back else "?"
        return _notice(shown, told, f"{place.back}{joined}{brought}" if place.linked and place.back else None)
    if shown["status"] == "cancelled":
        told = ("warning", "This link was cancelled", "The merchant took it back. Nothing was charged.")
    else:
        told = ("warning", "This link has expired", "Nothing was charged. Start again in the shop to get a fresh one.")
    return _notice(shown, told, place.back or None)


def _left(shown: Json, place: Place) -> Response:
    told = ("info", "You left the checkout", f"Nothing was charged. It stays open at {place.address}.")
    return _notice(shown, told, place.back or None, framed=place.framed)


def _ended(payment: Json, heading: str, place: Place) -> Response:
    told = ("info", heading, f"This payment is not waiting for its customer: its status is {payment['status']}.")
    return _notice(payment, told, place.address, label="Back to the checkout", framed=place.framed)


def _unknown() -> Response:
    says = "The address is wrong, or the sandbox was started over with new books. Start again in the shop."
    told = ("danger", "There is no such checkout", says)
    return _notice(None, told, None, status=HTTPStatus.NOT_FOUND)


def _notice(
    shown: Json | None,
    told: tuple[str, str, str],
    back: str | None,
    *,
    label: str = "Back to the shop",
    framed: bool = False,
    status: int = HTTPStatus.OK,
) -> Response:
    tone, heading, says = told
    context = {
        "tone": tone,
        "heading": heading,
        "says": says,
        "total": written(shown["amount"], shown["currency"]) if shown else None,
        "back": back,
        "back_label": label,
    }
    return paper.page(PAPER, "closed.html", context, status=status, framed=framed)
