"""Where letters are handed in, as the settings say."""

from dataclasses import dataclass

from tillkeeper.kernel.secrets import Secrets
from tillkeeper.kernel.smtp import Smtp
from tillkeeper.settings import Settings, SettingsError

URL = "TILL_SMTP_URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Hold where letters are handed in, from whom they are, and which are written at all."""

    secrets: Secrets
    name: str
    address: str
    alerts_to: tuple[str, ...]
    receipts: bool
    alerts_per_day_max: int
    link: str

    @property
    def smtp(self) -> Smtp:
        """Find the mail server as its secret says now, which may have been rotated; raises SettingsError."""
        return _server(self.secrets.get(URL))


def open_office(settings: Settings, secrets: Secrets) -> Office | None:
    """Find out how letters are sent; None when they are not. Raises SettingsError."""
    url = secrets.get(URL)
    if not url:
        if settings.mail_receipts or settings.mail_alerts_to:
            message = f"{URL} is not set, and TILL_MAIL_RECEIPTS or TILL_MAIL_ALERTS_TO ask for mail."
            raise SettingsError(message)
        return None
    if not settings.mail_from:
        message = f"TILL_MAIL_FROM is not set, and {URL} is: say from whom mail is, such as Shop <shop@example.com>."
        raise SettingsError(message)
    _server(url)
    name, address = settings.mail_sender
    return Office(
        secrets=secrets,
        name=name or "Tillkeeper",
        address=address,
        alerts_to=tuple(settings.mail_alert_addresses),
        receipts=settings.mail_receipts,
        alerts_per_day_max=settings.mail_alerts_per_day_max,
        link=settings.public_url.rstrip("/"),
    )


def _server(url: str) -> Smtp:
    try:
        return Smtp(url)
    except ValueError as error:
        message = f"{URL} cannot be used: {error}."
        raise SettingsError(message) from None
