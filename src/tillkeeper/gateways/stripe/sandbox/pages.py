"""The hosted checkout page: where a person, or a browser test, plays the customer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from tillkeeper.gateways.stripe.sandbox import checkout, sessions
from tillkeeper.gateways.stripe.sandbox.act import Act
from tillkeeper.gateways.stripe.sandbox.cards import DECLINES
from tillkeeper.gateways.stripe.sandbox.currencies import written
from tillkeeper.gateways.stripe.sandbox.refusals import StripeError
from tillkeeper.sandbox_kit import paper, press, simulate
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import Desk

PAPER = paper.desk_paper(Path(__file__).parent / "templates", gateway="Stripe")
CODES = {
    "generic_decline": "Card declined",
    "insufficient_funds": "Insufficient funds",
    "expired_card": "Expired card",
}


@dataclass(frozen=True, slots=True)
class Pages:
    """Serve the pages of one desk."""

    desk: Desk

    async def show(self, request: Request) -> Response:
        """Show what is to be paid, or why there is nothing to pay."""
        return self._show(request.path_params["session"], framed=False)

    async def act(self, request: Request) -> Response:
        """Do what the customer pressed."""
        return self._act(request.path_params["session"], await press.read(request))

    async def show_embedded(self, request: Request) -> Response:
        """Show the same page inside the shop's own, to whoever holds the session's client secret."""
        session_id = self._session_of(request.path_params["secret"])
        return _unknown() if session_id is None else self._show(session_id, framed=True)

    async def act_embedded(self, request: Request) -> Response:
        """Do what the customer pressed inside the shop's page."""
        secret = request.path_params["secret"]
        session_id = self._session_of(secret)
        if session_id is None:
            return _unknown()
        answer = self._act(session_id, await press.read(request))
        # What leads back to the checkout stays in its frame.
        if answer.headers.get("location") == f"/stripe/pay/{session_id}":
            return RedirectResponse(f"/stripe/embedded/{secret}", HTTPStatus.SEE_OTHER)
        return answer

    def _session_of(self, secret: str) -> str | None:
        session_id = secret.partition("_secret_")[0]
        with self.desk.books.change(self.desk.gateway) as change:
            session = change.find("checkout.session", session_id)
        known = (session or {}).get("client_secret") or ""
        return session_id if known and compare_digest(known.encode(), secret.encode()) else None

    def _show(self, session_id: str, *, framed: bool) -> Response:
        with self.desk.books.change(self.desk.gateway) as change:
            act = Act(self.desk, change, self.desk.now())
            session = change.find("checkout.session", session_id)
            if session is None:
                return _unknown()
            if session["status"] != "open" or session["expires_at"] <= act.now:
                return _closed(session, framed=framed)
            return _checkout(act, session, framed=framed)

    def _act(self, session_id: str, form: dict[str, str]) -> Response:
        pressed = PRESSES.get(form.get("act", "pay"))
        if pressed is None or form.get("code", "generic_decline") not in DECLINES:
            return _unknown()
        try:
            with self.desk.books.change(self.desk.gateway) as change:
                change.follow(press.course(form), about=session_id)
                act = Act(self.desk, change, self.desk.now(), copies=press.copies(form))
                onward = pressed(act, session_id, form)
        except StripeError:
            # Paid or expired in the meantime, or never there: the page itself says which.
            onward = ""
        return press.onward(form, PAPER, paid=onward, otherwise=f"/stripe/pay/{session_id}")

    async def show_bank(self, request: Request) -> Response:
        """Show the bank's question."""
        with self.desk.books.change(self.desk.gateway) as change:
            intent = change.find("payment_intent", request.path_params["intent"])
            if intent is None:
                return _unknown()
            session = sessions.of_intent(Act(self.desk, change, self.desk.now()), intent["id"])
        if intent["status"] != "requires_action":
            return _nothing_to_confirm(intent, session)
        context = {
            "merchant": self.desk.merchant,
            "intent": intent,
            "total": written(intent["amount"], intent["currency"]),
            "copies": request.query_params.get("copies", ""),
        }
        return paper.page(PAPER, "authenticate.html", context, onward=_onward(session, intent))

    async def answer_bank(self, request: Request) -> Response:
        """Take the customer's answer to the bank."""
        intent_id = request.path_params["intent"]
        form = await press.read(request)
        passed = form.get("outcome") == "complete"
        try:
            with self.desk.books.change(self.desk.gateway) as change:
                act = Act(self.desk, change, self.desk.now(), copies=press.copies(form))
                intent = act.load("payment_intent", intent_id)
                target = intent["next_action"]
                intent = checkout.authenticate_intent(act, intent, passed=passed)
                onward = _after_bank(act, intent, target, passed=passed)
        except StripeError:
            onward = f"/stripe/authenticate/{intent_id}"
        return RedirectResponse(onward, HTTPStatus.SEE_OTHER)


def routes(desk: Desk) -> list[BaseRoute]:
    """List the pages of one desk."""
    pages = Pages(desk)
    return [
        Route("/pay/{session}", pages.show, methods=["GET"]),
        Route("/pay/{session}", pages.act, methods=["POST"]),
        Route("/embedded/{secret}", pages.show_embedded, methods=["GET"]),
        Route("/embedded/{secret}", pages.act_embedded, methods=["POST"]),
        Route("/authenticate/{intent}", pages.show_bank, methods=["GET"]),
        Route("/authenticate/{intent}", pages.answer_bank, methods=["POST"]),
    ]


def _stays(session: Json) -> bool:
    """Say whether the checkout stays where it is once paid: a card needs no redirect."""
    return session["redirect_on_completion"] in {"if_required", "never"}


def _after(session: Json) -> str:
    """Tell where a customer goes who has paid."""
    return sessions.landing(session, session["success_url"] or session["return_url"])


Press = Callable[[Act, str, dict[str, str]], str]


def _pay(act: Act, session_id: str, _form: dict[str, str]) -> str:
    session = checkout.pay(act, session_id)
    return "" if _stays(session) else _after(session)


def _decline(act: Act, session_id: str, form: dict[str, str]) -> str:
    checkout.decline(act, session_id, form.get("code", "generic_decline"))
    return ""


def _authenticate(act: Act, session_id: str, form: dict[str, str]) -> str:
    session = checkout.ask(act, session_id)
    return f"/stripe/authenticate/{session['payment_intent']}?{urlencode({'copies': form.get('copies', '')})}"


def _abandon(act: Act, session_id: str, _form: dict[str, str]) -> str:
    session = act.load("checkout.session", session_id)
    return sessions.landing(session, session["cancel_url"])


PRESSES: dict[str, Press] = {"pay": _pay, "decline": _decline, "authenticate": _authenticate, "abandon": _abandon}


def _checkout(act: Act, session: Json, *, framed: bool) -> Response:
    currency = session["currency"]
    items = [
        {
            "name": item["description"],
            "quantity": item["quantity"],
            "unit": written(item["price"]["unit_amount"], currency),
            "total": written(item["amount_total"], currency),
        }
        for item in sessions.private(act, session["id"])["line_items"]
    ]
    intent = act.load("payment_intent", session["payment_intent"]) if session["payment_intent"] else None
    error = intent["last_payment_error"] if intent else None
    expires = datetime.fromtimestamp(session["expires_at"], UTC)
    leaves = [*(() if _stays(session) else ("pay",)), "authenticate"] if framed else []
    context = {
        "merchant": act.desk.merchant,
        "target": f"/stripe/embedded/{session['client_secret']}" if framed else f"/stripe/pay/{session['id']}",
        "leaves_frame": "pay" in leaves,
        "items": items,
        "total": written(session["amount_total"], currency),
        "email": (session["customer_details"] or {}).get("email"),
        "reference": session["client_reference_id"],
        "expires": expires.strftime("%-d %b %Y, %H:%M UTC"),
        "expires_iso": expires.isoformat(),
        "error": error["message"] if error else None,
        "panel": simulate.panel("stripe", [session["client_reference_id"]], declines=CODES, leaves=leaves),
    }
    onward = (session["success_url"], session["cancel_url"], session["return_url"])
    return paper.page(PAPER, "pay.html", context, onward=onward, framed=framed)


def _closed(session: Json, *, framed: bool) -> Response:
    total = written(session["amount_total"], session["currency"])
    if session["status"] == "complete":
        told = {
            "tone": "success",
            "heading": "Already paid",
            "says": "This checkout is complete. Nothing more will be charged.",
            "back": _after(session),
            "back_label": "Back to the shop",
        }
    else:
        told = {
            "tone": "warning",
            "heading": "This checkout has expired",
            "says": "Nothing was charged. Start again in the shop to get a fresh checkout.",
            "back": sessions.landing(session, session["cancel_url"] or session["return_url"]),
            "back_label": "Back to the shop",
        }
    return paper.page(PAPER, "closed.html", {**told, "total": total}, framed=framed)


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


def _nothing_to_confirm(intent: Json, session: Json | None) -> Response:
    told = {
        "tone": "info",
        "heading": "There is nothing to confirm",
        "says": f"This payment is not waiting for authentication: its status is {intent['status']}.",
        "total": written(intent["amount"], intent["currency"]),
        "back": f"/stripe/pay/{session['id']}" if session else None,
        "back_label": "Back to the checkout",
    }
    return paper.page(PAPER, "closed.html", told)


def _onward(session: Json | None, intent: Json) -> tuple[str | None, ...]:
    if session is not None:
        return session["success_url"], session["cancel_url"], session["return_url"]
    return (intent["next_action"]["redirect_to_url"]["return_url"],)


def _after_bank(act: Act, intent: Json, target: Json, *, passed: bool) -> str:
    session = sessions.of_intent(act, intent["id"])
    if session is not None:
        done = _after(session)
        return done if passed and done else f"/stripe/pay/{session['id']}"
    return_url = target["redirect_to_url"]["return_url"]
    if not return_url:
        return f"/stripe/authenticate/{intent['id']}"
    status = "succeeded" if passed else "failed"
    told = {
        "payment_intent": intent["id"],
        "payment_intent_client_secret": intent["client_secret"],
        "redirect_status": status,
    }
    return f"{return_url}{'&' if '?' in return_url else '?'}{urlencode(told)}"
