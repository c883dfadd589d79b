"""PayPal: orders, captures, authorisations, refunds, webhooks."""

from pathlib import Path

from tillkeeper.gateway import ConfigurationError, Credential, Gateway
from tillkeeper.gateways.paypal.adapter import PayPal
from tillkeeper.gateways.paypal.certificates import PATH, Trust
from tillkeeper.kernel.secrets import Secrets

__all__ = ["GATEWAY"]

REQUIRED = ("PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID")
CREDENTIALS = (
    Credential(name="PAYPAL_CLIENT_SECRET", where="Apps & Credentials → your app → Add second secret"),
    Credential(name="PAYPAL_WEBHOOK_ID", where="Apps & Credentials → your app → Webhooks → Add", overlaps=True),
)
SANDBOX_API, SANDBOX_CHECKOUT = "https://api-m.sandbox.paypal.com", "https://www.sandbox.paypal.com"
LIVE_API, LIVE_CHECKOUT = "https://api-m.paypal.com", "https://www.paypal.com"
SANDBOX_SUBJECT = "messageverificationcerts.sandbox.paypal.com"
LIVE_SUBJECT = "messageverificationcerts.paypal.com"
PLACEHOLDER = "WEBHOOK_ID"
"""What PayPal's own verify API takes for "any webhook" in its simulator; a signature over it proves nothing."""


class PayPalConnector:
    """Open PayPal from its client credentials, the webhook's id and, where they are set, PAYPAL_API_BASE and the rest.

    PAYPAL_CA_BUNDLE names the file with the roots that PayPal's webhook certificates lead to; without it, what this
    machine trusts counts. PAYPAL_VERIFY_BY_API=1 asks PayPal about a webhook whose certificate cannot be judged here.
    """

    name = "paypal"
    title = PayPal.title
    credentials = CREDENTIALS

    def configured(self, secrets: Secrets) -> bool:
        """Tell whether PayPal's variables are set; raises ConfigurationError when only some are."""
        missing = [name for name in REQUIRED if not secrets.get(name)]
        if missing and len(missing) < len(REQUIRED):
            message = f"PayPal is configured only in part: {', '.join(missing)} is missing or empty."
            raise ConfigurationError(message)
        return not missing

    def connect(self, secrets: Secrets, *, mode: str) -> Gateway:
        """Open PayPal; raises ConfigurationError for what does not belong to the mode or proves nothing."""
        if secrets.get("PAYPAL_WEBHOOK_ID").strip().upper() == PLACEHOLDER:
            message = "PAYPAL_WEBHOOK_ID is the word WEBHOOK_ID itself; put the id there that PayPal gave your webhook."
            raise ConfigurationError(message)
        live = mode == "live"
        own = LIVE_API if live else SANDBOX_API
        base = (secrets.get("PAYPAL_API_BASE") or own).rstrip("/")
        allowed = secrets.get("TILL_ALLOW_API_BASE") == "1" or mode == "sandbox"
        if base != own and not allowed:
            message = f"PAYPAL_API_BASE points elsewhere ({base}) than PayPal's API for TILL_MODE={mode} ({own})."
            raise ConfigurationError(message)
        if mode == "sandbox" and base in {SANDBOX_API, LIVE_API}:
            message = "TILL_MODE is sandbox, and PAYPAL_API_BASE does not point to `till sandbox`."
            raise ConfigurationError(message)
        trust = Trust(
            place=(own.replace("api-m.", "api.") if base == own else base) + PATH,
            subject=LIVE_SUBJECT if live else SANDBOX_SUBJECT,
            bundle=_bundle(secrets.get("PAYPAL_CA_BUNDLE")),
            own_root=mode == "sandbox" and not secrets.get("PAYPAL_CA_BUNDLE"),
        )
        own_checkout = LIVE_CHECKOUT if live else SANDBOX_CHECKOUT
        origin = own_checkout if base == own else "/".join(base.split("/")[:3])
        return PayPal(secrets, base=base, checkout_origin=origin, trust=trust, live=live)


def _bundle(path: str) -> bytes | None:
    """Read the roots to trust; raises ConfigurationError when the file cannot be read or holds none."""
    if not path:
        return None
    try:
        pem = Path(path).read_bytes()
    except OSError as error:
        message = f"PAYPAL_CA_BUNDLE names {path}, which cannot be read: {error.strerror}."
        raise ConfigurationError(message) from error
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        message = f"PAYPAL_CA_BUNDLE names {path}, which holds no certificate in PEM."
        raise ConfigurationError(message)
    return pem


GATEWAY = PayPalConnector()
