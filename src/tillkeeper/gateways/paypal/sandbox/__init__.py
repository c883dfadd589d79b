"""PayPal's REST API (orders v2, payments v2, disputes, webhooks, reporting), imitated with books of its own.

It shares no code with the adapter.
"""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from tillkeeper.gateways.paypal.sandbox import certificates, control, lapses, pages, report, routes
from tillkeeper.gateways.paypal.sandbox.act import Act, moment, new_id
from tillkeeper.gateways.paypal.sandbox.certificates import WEBHOOK_ID
from tillkeeper.gateways.paypal.sandbox.tokens import CLIENT_ID, CLIENT_SECRET
from tillkeeper.sandbox_kit.books import Change, Json
from tillkeeper.sandbox_kit.stand import Desk, Stand, Verb, token

credential_length = 80


class PayPalSandbox:
    """Offer the imitation to the host."""

    name = "paypal"
    title = "PayPal"
    currency = "EUR"
    checkout, money = "orders", "capture"
    verbs: Sequence[Verb] = control.VERBS
    variables: Sequence[str] = (CLIENT_ID, CLIENT_SECRET, WEBHOOK_ID)

    def invent(self, url: str) -> dict[str, str]:
        """Invent client credentials and a webhook id."""
        return {
            CLIENT_ID: f"A{token(credential_length - 1)}",
            CLIENT_SECRET: f"E{token(credential_length - 1)}",
            WEBHOOK_ID: new_id(),
            "PAYPAL_API_BASE": f"{url}/{self.name}",
        }

    def routes(self, desk: Desk) -> list[BaseRoute]:
        """List the API and the hosted pages."""
        return [*pages.routes(desk), *routes.routes(desk)]

    def control(self, desk: Desk) -> list[BaseRoute]:
        """List the control verbs."""
        return control.routes(desk)

    def sign(self, desk: Desk, event: str, body: bytes, at: int) -> dict[str, str]:
        """Sign a webhook as PayPal does: RSA over the transmission, the webhook's id and the body's checksum."""
        del event
        with desk.books.change(desk.gateway) as change:
            act = Act(desk, change, desk.now())
            signed = certificates.sign(act, certificates.new_transmission(), body, moment(at))
        return {
            "Content-Type": "application/json",
            "User-Agent": "PayPal/AUHD-214.0-58796535",
            "PAYPAL-AUTH-VERSION": "v2",
            **signed,
        }

    def report(self, change: Change) -> Json:
        """Lay open the books."""
        return report.report(change)

    def tick(self, desk: Desk) -> None:
        """Let lapse what has outlived its time."""
        with desk.books.change(desk.gateway) as change:
            act = Act(desk, change, desk.now())
            for thing in change.overdue(act.now):
                lapses.lapse(act, thing)


SANDBOX: Stand = PayPalSandbox()
