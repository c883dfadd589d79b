"""Stripe's HTTP API 2026-10-28.endive, imitated with books of its own; it shares no code with the adapter."""

import hashlib
import hmac
from collections.abc import Sequence

from starlette.routing import BaseRoute

from tillkeeper.gateways.stripe.sandbox import checkout, control, pages, report, routes
from tillkeeper.gateways.stripe.sandbox.act import Act
from tillkeeper.sandbox_kit.books import Change, Json
from tillkeeper.sandbox_kit.stand import Desk, Stand, Verb, token

KEY, WEBHOOK_SECRET = "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"


class StripeSandbox:
    """Offer the imitation to the host."""

    name = "stripe"
    title = "Stripe"
    currency = "EUR"
    checkout, money = "sessions", "payment_intent"
    verbs: Sequence[Verb] = control.VERBS
    variables: Sequence[str] = (KEY, WEBHOOK_SECRET)

    def invent(self, url: str) -> dict[str, str]:
        """Invent a test key and a webhook secret."""
        return {
            KEY: f"sk_test_{token(32)}",
            WEBHOOK_SECRET: f"whsec_{token(32)}",
            "STRIPE_API_BASE": f"{url}/{self.name}",
        }

    def routes(self, desk: Desk) -> list[BaseRoute]:
        """List the API and the hosted pages."""
        return [*pages.routes(desk), *routes.routes(desk)]

    def control(self, desk: Desk) -> list[BaseRoute]:
        """List the control verbs."""
        return control.routes(desk)

    def sign(self, desk: Desk, event: str, body: bytes, at: int) -> dict[str, str]:
        """Sign a webhook as Stripe does: HMAC-SHA256 over time and raw body, keyed with the whole secret."""
        del event
        key = desk.secrets[WEBHOOK_SECRET].encode()
        digest = hmac.new(key, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": f"t={at},v1={digest}",
        }

    def report(self, change: Change) -> Json:
        """Lay open the books."""
        return report.report(change)

    def tick(self, desk: Desk) -> None:
        """Expire what has outlived its time."""
        with desk.books.change(desk.gateway) as change:
            act = Act(desk, change, desk.now())
            for thing in change.overdue(act.now):
                checkout.lapse(act, thing)


SANDBOX: Stand = StripeSandbox()
