"""Razorpay's HTTP API, imitated with books of its own; it shares no code with the adapter."""

import hashlib
import hmac
from collections.abc import Sequence

from starlette.routing import BaseRoute

from tillkeeper.gateways.razorpay.sandbox import checkout, control, pages, report, routes
from tillkeeper.gateways.razorpay.sandbox.act import Act
from tillkeeper.gateways.razorpay.sandbox.wire import KEY_ID, KEY_SECRET
from tillkeeper.sandbox_kit.books import Change, Json
from tillkeeper.sandbox_kit.stand import Desk, Stand, Verb, token

WEBHOOK_SECRET = "RAZORPAY_WEBHOOK_SECRET"  # noqa: S105 - the name of the variable, not a secret


class RazorpaySandbox:
    """Offer the imitation to the host."""

    name = "razorpay"
    title = "Razorpay"
    currency = "INR"
    checkout, money = "links", "payment"
    verbs: Sequence[Verb] = control.VERBS
    variables: Sequence[str] = (KEY_ID, KEY_SECRET, WEBHOOK_SECRET)

    def invent(self, url: str) -> dict[str, str]:
        """Invent a test key and a webhook secret."""
        return {
            KEY_ID: f"rzp_test_{token(14)}",
            KEY_SECRET: token(24),
            WEBHOOK_SECRET: token(32),
            "RAZORPAY_API_BASE": f"{url}/{self.name}",
        }

    def routes(self, desk: Desk) -> list[BaseRoute]:
        """List the API and the hosted pages."""
        return [*pages.routes(desk), *routes.routes(desk)]

    def control(self, desk: Desk) -> list[BaseRoute]:
        """List the control verbs."""
        return control.routes(desk)

    def sign(self, desk: Desk, event: str, body: bytes, at: int) -> dict[str, str]:
        """Sign a webhook as Razorpay does: HMAC-SHA256 over the raw body; neither time nor event id are signed."""
        del at
        digest = hmac.new(desk.secrets[WEBHOOK_SECRET].encode(), body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json",
            "User-Agent": "Razorpay-Webhook/v1",
            "X-Razorpay-Event-Id": event,
            "X-Razorpay-Signature": digest,
        }

    def report(self, change: Change) -> Json:
        """Lay open the books."""
        return report.report(change)

    def tick(self, desk: Desk) -> None:
        """Let time do its work."""
        with desk.books.change(desk.gateway) as change:
            act = Act(desk, change, desk.now())
            for thing in change.overdue(act.now):
                checkout.lapse(act, thing)


SANDBOX: Stand = RazorpaySandbox()
