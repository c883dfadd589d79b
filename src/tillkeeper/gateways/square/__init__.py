"""Square: payment links, cards within the shop's pages, webhooks, refunds."""

from urllib.parse import urlsplit

from tillkeeper.gateway import ConfigurationError, Credential, Gateway
from tillkeeper.gateways.square.adapter import CURRENCIES, Square
from tillkeeper.kernel.secrets import Secrets

__all__ = ["GATEWAY"]

REQUIRED = ("SQUARE_ACCESS_TOKEN", "SQUARE_LOCATION_ID", "SQUARE_WEBHOOK_SIGNATURE_KEY", "SQUARE_WEBHOOK_URL")
CREDENTIALS = (
    Credential(name="SQUARE_ACCESS_TOKEN", where="Developer Console → your application → Credentials → Replace"),
    Credential(
        name="SQUARE_WEBHOOK_SIGNATURE_KEY",
        where="Developer Console → your application → Webhooks → Replace signature key",
        overlaps=True,
    ),
)
OWN_API_BASES = {"live": "https://connect.squareup.com", "test": "https://connect.squareupsandbox.com"}
CHECKOUTS = {"live": "https://square.link", "test": "https://sandbox.square.link"}
TEST_PREFIX = "sandbox-"
"""How Square begins the application ids, and once began the tokens, of its own test environment."""


class SquareConnector:
    """Open Square from the variables in REQUIRED and a few that may be set.

    SQUARE_APPLICATION_ID is for checkout within a page, SQUARE_CURRENCY is that of the account, and SQUARE_API_BASE
    says where Square is, outside live mode.
    """

    name = "square"
    title = Square.title
    credentials = CREDENTIALS

    def configured(self, secrets: Secrets) -> bool:
        """Tell whether Square's variables are set; raises ConfigurationError when only some are."""
        missing = [name for name in REQUIRED if not secrets.get(name)]
        if missing and len(missing) < len(REQUIRED):
            message = f"Square is configured only in part: {', '.join(missing)} is missing or empty."
            raise ConfigurationError(message)
        return not missing

    def connect(self, secrets: Secrets, *, mode: str) -> Gateway:
        """Open Square; raises ConfigurationError for settings that do not belong to the mode."""
        own = OWN_API_BASES.get(mode)
        base = (secrets.get("SQUARE_API_BASE") or own or "").rstrip("/")
        allowed = secrets.get("TILL_ALLOW_API_BASE") == "1" or mode == "sandbox"
        if base != own and not allowed:
            message = f"SQUARE_API_BASE points elsewhere than Square's own for TILL_MODE {mode} ({base})."
            raise ConfigurationError(message)
        if not base or (mode == "sandbox" and base in OWN_API_BASES.values()):
            message = "TILL_MODE is sandbox, and SQUARE_API_BASE does not point to `till sandbox`."
            raise ConfigurationError(message)
        _check_keys(secrets, mode)
        _check_webhook_url(secrets, secure=base == OWN_API_BASES["live"])
        _check_currency(secrets)
        origin = CHECKOUTS[mode] if base == own else "/".join(base.split("/")[:3])
        form = f"{base}/card" if mode == "sandbox" else None
        return Square(secrets, base=base, origin=origin, live=mode == "live", form=form)


def _check_keys(secrets: Secrets, mode: str) -> None:
    """Refuse what can be told to be of the other environment; tokens of today look alike in both."""
    for name in ("SQUARE_APPLICATION_ID", "SQUARE_ACCESS_TOKEN"):
        if mode == "live" and secrets.get(name).startswith(TEST_PREFIX):
            message = f"{name} is of Square's test environment, and TILL_MODE is live."
            raise ConfigurationError(message)
    application = secrets.get("SQUARE_APPLICATION_ID")
    if application and mode != "live" and not application.startswith(TEST_PREFIX):
        message = f"SQUARE_APPLICATION_ID is a live one, and TILL_MODE is {mode}."
        raise ConfigurationError(message)


def _check_webhook_url(secrets: Secrets, *, secure: bool) -> None:
    """Refuse an address that cannot be the one under which Square signs."""
    parts = urlsplit(secrets.get("SQUARE_WEBHOOK_URL"))
    schemes = {"https"} if secure else {"http", "https"}
    if parts.scheme not in schemes or not parts.netloc:
        message = f"SQUARE_WEBHOOK_URL is not an address that begins with {' or '.join(sorted(schemes))}://."
        raise ConfigurationError(message)


def _check_currency(secrets: Secrets) -> None:
    only = secrets.get("SQUARE_CURRENCY")
    if only and only not in CURRENCIES:
        message = f"SQUARE_CURRENCY is {only}; Square takes payments in {', '.join(sorted(CURRENCIES))}."
        raise ConfigurationError(message)


GATEWAY = SquareConnector()
