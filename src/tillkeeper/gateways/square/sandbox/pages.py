"""The hosted pages: a link's checkout, the bank's question, and a card form that stands in for Square's script."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from tillkeeper.gateways.square.sandbox import checkout, links, sources
from tillkeeper.gateways.square.sandbox.act import Act
from tillkeeper.gateways.square.sandbox.refusals import SquareError
from tillkeeper.gateways.square.sandbox.sources import DECLINES
from tillkeeper.kernel import money
from tillkeeper.sandbox_kit import paper, press, simulate
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import Desk

PAPER = paper.desk_paper(Path(__file__).parent / "templates", gateway="Square")
CODES = {
    "CARD_DECLINED": "Card declined",
    "INSUFFICIENT_FUNDS": "Insufficient funds",
    "CVV_FAILURE": "Wrong security code",
}
WORDS = {**CODES, "CARD_DECLINED_VERIFICATION_REQUIRED": "The bank could not verify that it is you"}
CARDS = {"ok": "A good card", **{code: f"Declined: {label}" for code, label in CODES.items()}, "verify": "Bank asks"}

Press = Callable[[Act, Json, dict[str, str]], str]


@dataclass(frozen=True, slots=True)
class Pages:
    """Serve the pages of one desk."""

    desk: Desk

    async def show(self, request: Request) -> Response:
        """Show what is to be paid, or why there is nothing to pay."""
        with self.desk.books.change(self.desk.gateway) as change:
            act = Act(self.desk, change, self.desk.now())
            link = change.find("payment_link", request.path_params["link"])
            if link is None:
                return _unknown()
            why = checkout.closed(act, link)
            return _checkout(act, link) if why is None else _closed(act, link, why)

    async def act(self, request: Request) -> Response:
        """Do what the customer pressed."""
        link_id, form = request.path_params["link"], await press.read(request)
        pressed = PRESSES.get(form.get("act", "pay"))
        if pressed is None or form.get("code", "CARD_DECLINED") not in DECLINES:
            return _unknown()
        return press.onward(form, PAPER, paid=self._onward(link_id, form, pressed), otherwise=f"/square/pay/{link_id}")

    async def show_bank(self, request: Request) -> Response:
        """Show the bank's question."""
        with self.desk.books.change(self.desk.gateway) as change:
            link = change.find("payment_link", request.path_params["link"])
            if link is None:
                return _unknown()
            total = _total(Act(self.desk, change, self.desk.now()), link)
        context = {
            "merchant": self.desk.merchant,
            "target": f"/square/verify/{link['id']}",
            "total": total,
            "copies": request.query_params.get("copies", ""),
        }
        return paper.page(PAPER, "verify.html", context, onward=(links.landing(link, None),))

    async def answer_bank(self, request: Request) -> Response:
        """Take the customer's answer to the bank."""
        form = await press.read(request)
        pressed = _pay if form.get("outcome") == "complete" else _fail
        link_id = request.path_params["link"]
        onward = self._onward(link_id, form, pressed) or f"/square/pay/{link_id}"
        return RedirectResponse(onward, HTTPStatus.SEE_OTHER)

    async def show_card(self, request: Request) -> Response:
        """Show a form that makes a nonce of a card, for a shop that pays within its own pages."""
        return_url = request.query_params.get("return_url", "")
        if urlsplit(return_url).scheme not in {"http", "https"}:
            return _unknown()
        cards = [{"code": code, "label": label} for code, label in CARDS.items()]
        context = {"merchant": self.desk.merchant, "cards": cards, "return_url": return_url}
        return paper.page(PAPER, "card.html", context, onward=(return_url,), framed=True)

    async def make_nonce(self, request: Request) -> Response:
        """Hand the nonce to the shop."""
        form = await press.read(request)
        return_url, outcome = form.get("return_url", ""), form.get("card", "ok")
        if urlsplit(return_url).scheme not in {"http", "https"} or outcome not in CARDS:
            return _unknown()
        with self.desk.books.change(self.desk.gateway) as change:
            nonce = sources.issue(Act(self.desk, change, self.desk.now()), outcome)
        joint = "&" if urlsplit(return_url).query else "?"
        return RedirectResponse(f"{return_url}{joint}{urlencode({'source_id': nonce})}", HTTPStatus.SEE_OTHER)

    def _onward(self, link_id: str, form: dict[str, str], pressed: Press) -> str:
        try:
            with self.desk.books.change(self.desk.gateway) as change:
                change.follow(press.course(form), about=link_id)
                act = Act(self.desk, change, self.desk.now(), copies=press.copies(form))
                return pressed(act, act.load("payment_link", link_id), form)
        except SquareError:
            # Paid or ended in the meantime, or never there: the page itself says which.
            return ""


def routes(desk: Desk) -> list[BaseRoute]:
    """List the pages of one desk."""
    pages = Pages(desk)
    return [
        Route("/pay/{link}", pages.show, methods=["GET"]),
        Route("/pay/{link}", pages.act, methods=["POST"]),
        Route("/verify/{link}", pages.show_bank, methods=["GET"]),
        Route("/verify/{link}", pages.answer_bank, methods=["POST"]),
        Route("/card", pages.show_card, methods=["GET"]),
        Route("/card", pages.make_nonce, methods=["POST"]),
    ]


def _pay(act: Act, link: Json, _form: dict[str, str]) -> str:
    return links.landing(link, checkout.pay(act, link, sources.GOOD))


def _pay_by_bank(act: Act, link: Json, _form: dict[str, str]) -> str:
    return links.landing(link, checkout.pay(act, link, sources.BANK))


def _decline(act: Act, link: Json, form: dict[str, str]) -> str:
    checkout.pay(act, link, DECLINES[form.get("code", "CARD_DECLINED")])
    return ""


def _fail(act: Act, link: Json, _form: dict[str, str]) -> str:
    checkout.pay(act, link, sources.ASKS)
    return ""


def _authenticate(act: Act, link: Json, form: dict[str, str]) -> str:
    checkout.checked_open(act, link)
    return f"/square/verify/{link['id']}?{urlencode({'copies': form.get('copies', '')})}"


def _abandon(_act: Act, link: Json, _form: dict[str, str]) -> str:
    """Leave; Square itself has no way back to the shop from an unpaid link, so this one is the browser's."""
    return links.landing(link, None)


PRESSES: dict[str, Press] = {
    "pay": _pay,
    "pay_by_bank": _pay_by_bank,
    "decline": _decline,
    "authenticate": _authenticate,
    "abandon": _abandon,
}


def _checkout(act: Act, link: Json) -> Response:
    order = links.of_link(act, link)["shown"]
    items = [
        {
            "name": item["name"],
            "quantity": item["quantity"],
            "unit": _written(item["base_price_money"]),
            "total": _written(item["total_money"]),
        }
        for item in order["line_items"]
    ]
    context = {
        "merchant": act.desk.merchant,
        "target": f"/square/pay/{link['id']}",
        "items": items,
        "total": _total(act, link),
        "email": link["shown"].get("pre_populated_data", {}).get("buyer_email"),
        "reference": order.get("reference_id"),
        "error": link["error"] and _said(link["error"]),
        "panel": simulate.panel("square", [order.get("reference_id")], declines=CODES),
    }
    return paper.page(PAPER, "pay.html", context, onward=(links.landing(link, None),))


def _closed(act: Act, link: Json, why: str) -> Response:
    last = checkout.last_payment(act, link)
    paid = last is not None and last["shown"]["status"] == "COMPLETED"
    says = "Nothing more will be charged." if last and last["shown"]["status"] != "FAILED" else "Nothing was charged."
    told = {
        "tone": "success" if paid else "warning",
        "heading": why,
        "says": says,
        "total": _total(act, link),
        "back": links.landing(link, last if paid else None),
        "back_label": "Back to the shop",
    }
    return paper.page(PAPER, "closed.html", told)


def _unknown() -> Response:
    told = {
        "tone": "danger",
        "heading": "There is no such checkout",
        "says": "The address is wrong, or the sandbox was started over with new books. Start again in the shop.",
        "total": None,
        "back": None,
        "back_label": "",
    }
    return paper.page(PAPER, "closed.html", told, status=HTTPStatus.NOT_FOUND)


def _said(code: str) -> str:
    """Say in words why a card was declined."""
    return WORDS.get(code) or code.replace("_", " ").capitalize()


def _total(act: Act, link: Json) -> str:
    return _written(links.of_link(act, link)["shown"]["total_money"])


def _written(amount: Json) -> str:
    return money.show(amount["amount"], amount["currency"])
