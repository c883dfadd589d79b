"""Square's HTTP API, imitated with books of its own; it shares no code with the adapter."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from starlette.routing import BaseRoute

from tillkeeper.gateways.square.sandbox import checkout, control, pages, report, routes
from tillkeeper.gateways.square.sandbox.act import Act
from tillkeeper.sandbox_kit.books import Change, Json
from tillkeeper.sandbox_kit.stand import Desk, Stand, Verb, token

TOKEN, LOCATION = "SQUARE_ACCESS_TOKEN", "SQUARE_LOCATION_ID"
SIGNATURE_KEY, NOTIFICATION_URL = "SQUARE_WEBHOOK_SIGNATURE_KEY", "SQUARE_WEBHOOK_URL"


class SquareSandbox:
    """Offer the imitation to the host."""

    name = "square"
    title = "Square"
    currency = "EUR"
    checkout, money = "links", "payment"
    verbs: Sequence[Verb] = control.VERBS
    variables: Sequence[str] = (TOKEN, LOCATION, SIGNATURE_KEY, NOTIFICATION_URL)

    def invent(self, url: str) -> dict[str, str]:
        """Invent a test account: a token, a location, and a subscription to webhooks.

        The notification URL is what goes into every signature; where the webhooks are really sent, the host says.
        """
        return {
            TOKEN: f"EAAAsandbox{token(40)}",
            LOCATION: f"L{token(12).upper()}",
            SIGNATURE_KEY: token(22),
            NOTIFICATION_URL: f"{url}/webhooks/{self.name}",
            "SQUARE_APPLICATION_ID": f"sandbox-sq0idb-{token(22)}",
            "SQUARE_API_BASE": f"{url}/{self.name}",
        }

    def routes(self, desk: Desk) -> list[BaseRoute]:
        """List the API and the hosted pages."""
        return [*pages.routes(desk), *routes.routes(desk)]

    def control(self, desk: Desk) -> list[BaseRoute]:
        """List the control verbs."""
        return control.routes(desk)

    def sign(self, desk: Desk, event: str, body: bytes, at: int) -> dict[str, str]:
        """Sign a webhook as Square does: HMAC-SHA256 over the notification URL and the raw body; no time is signed."""
        del event, at
        signed = desk.secrets[NOTIFICATION_URL].encode() + body
        digest = hmac.new(desk.secrets[SIGNATURE_KEY].encode(), signed, hashlib.sha256).digest()
        return {
            "Content-Type": "application/json",
            "User-Agent": "Square Connect v2",
            "square-environment": "Sandbox",
            "x-square-hmacsha256-signature": base64.b64encode(digest).decode(),
        }

    def report(self, change: Change) -> Json:
        """Lay open the books."""
        return report.report(change)

    def tick(self, desk: Desk) -> None:
        """Do what time brings."""
        with desk.books.change(desk.gateway) as change:
            act = Act(desk, change, desk.now())
            for thing in change.overdue(act.now):
                checkout.lapse(act, thing)


SANDBOX: Stand = SquareSandbox()
