"""Razorpay: payment links, orders for embedded checkout, webhooks, refunds."""

from tillkeeper.gateway import ConfigurationError, Credential, Gateway
from tillkeeper.gateways.razorpay.adapter import OWN_API_BASE, Razorpay
from tillkeeper.kernel.secrets import Secrets

__all__ = ["GATEWAY"]

REQUIRED = ("RAZORPAY_KEY_ID", "RAZORPAY_KEY_SECRET", "RAZORPAY_WEBHOOK_SECRET")
CREDENTIALS = (
    Credential(name="RAZORPAY_KEY_SECRET", where="Account & Settings → API keys → Regenerate key", overlaps=True),
    Credential(name="RAZORPAY_WEBHOOK_SECRET", where="Account & Settings → Webhooks → Edit", overlaps=True),
)
LIVE, TEST = "rzp_live_", "rzp_test_"


class RazorpayConnector:
    """Open Razorpay from its key's id and secret, its webhook secret and, outside live mode, RAZORPAY_API_BASE."""

    name = "razorpay"
    title = Razorpay.title
    credentials = CREDENTIALS

    def configured(self, secrets: Secrets) -> bool:
        """Tell whether Razorpay's variables are set; raises ConfigurationError when only some are."""
        missing = [name for name in REQUIRED if not secrets.get(name)]
        if missing and len(missing) < len(REQUIRED):
            message = f"Razorpay is configured only in part: {', '.join(missing)} is missing or empty."
            raise ConfigurationError(message)
        return not missing

    def connect(self, secrets: Secrets, *, mode: str) -> Gateway:
        """Open Razorpay; raises ConfigurationError for keys that do not belong to the mode."""
        base = secrets.get("RAZORPAY_API_BASE") or OWN_API_BASE
        live = mode == "live"
        key = secrets.get("RAZORPAY_KEY_ID")
        if not key.startswith(LIVE if live else TEST):
            kind = "a live" if key.startswith(LIVE) else "a test" if key.startswith(TEST) else "not a Razorpay"
            message = f"RAZORPAY_KEY_ID is {kind} key, and TILL_MODE is {mode}."
            raise ConfigurationError(message)
        allowed = secrets.get("TILL_ALLOW_API_BASE") == "1" or mode == "sandbox"
        if base != OWN_API_BASE and not allowed:
            message = f"RAZORPAY_API_BASE points elsewhere than Razorpay ({base}), and TILL_MODE is {mode}."
            raise ConfigurationError(message)
        if mode == "sandbox" and base == OWN_API_BASE:
            message = "TILL_MODE is sandbox, and RAZORPAY_API_BASE does not point to `till sandbox`."
            raise ConfigurationError(message)
        return Razorpay(secrets, base=base, live=live)


GATEWAY = RazorpayConnector()
