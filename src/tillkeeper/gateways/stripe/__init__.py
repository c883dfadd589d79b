"""Stripe: hosted checkout, webhooks, refunds."""

from tillkeeper.gateway import ConfigurationError, Credential, Gateway
from tillkeeper.gateways.stripe.adapter import OWN_API_BASE, Stripe
from tillkeeper.kernel.secrets import Secrets

__all__ = ["GATEWAY"]

REQUIRED = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET")
CREDENTIALS = (
    Credential(name="STRIPE_SECRET_KEY", where="Developers → API keys → Roll key"),
    Credential(
        name="STRIPE_WEBHOOK_SECRET",
        where="Developers → Webhooks → your endpoint → Roll secret",
        overlaps=True,
        beginning="whsec_",
    ),
)


class StripeConnector:
    """Open Stripe from STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET and, outside live mode, STRIPE_API_BASE."""

    name = "stripe"
    title = Stripe.title
    credentials = CREDENTIALS

    def configured(self, secrets: Secrets) -> bool:
        """Tell whether Stripe's variables are set; raises ConfigurationError when only some are."""
        missing = [name for name in REQUIRED if not secrets.get(name)]
        if missing and len(missing) < len(REQUIRED):
            message = f"Stripe is configured only in part: {', '.join(missing)} is missing or empty."
            raise ConfigurationError(message)
        return not missing

    def connect(self, secrets: Secrets, *, mode: str) -> Gateway:
        """Open Stripe; raises ConfigurationError for keys that do not belong to the mode."""
        base = secrets.get("STRIPE_API_BASE") or OWN_API_BASE
        live_key = secrets.get("STRIPE_SECRET_KEY").startswith(("sk_live_", "rk_live_"))
        if live_key != (mode == "live"):
            message = f"STRIPE_SECRET_KEY is a {'live' if live_key else 'test'} key, and TILL_MODE is {mode}."
            raise ConfigurationError(message)
        allowed = secrets.get("TILL_ALLOW_API_BASE") == "1" or mode == "sandbox"
        if base != OWN_API_BASE and not allowed:
            message = f"STRIPE_API_BASE points elsewhere than Stripe ({base}), and TILL_MODE is {mode}."
            raise ConfigurationError(message)
        if mode == "sandbox" and base == OWN_API_BASE:
            message = "TILL_MODE is sandbox, and STRIPE_API_BASE does not point to `till sandbox`."
            raise ConfigurationError(message)
        return Stripe(secrets, base=base)


GATEWAY = StripeConnector()
