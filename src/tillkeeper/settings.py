"""The one place where configuration is read."""

import os
import re
from decimal import Decimal, InvalidOperation
from email.utils import parseaddr
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tillkeeper.kernel import money, smtp
from tillkeeper.kernel.errors import TillError
from tillkeeper.kernel.secrets import Secrets

BROKERS = ("redis://", "rediss://", "sentinel://", "amqp://", "amqps://")
REFUSED_NAMES = {
    "PAYMENTS_MOCK_MODE": "Set TILL_MODE=sandbox: the bundled gateways are real servers, not a mock.",
    "MONGODB_URI": "Tillkeeper keeps its books in PostgreSQL; bring old data over with `till import`.",
    "PAYMENT_ENVIRONMENT": "Its new name is TILL_MODE, with the values sandbox, test and live.",
}
IN_FILES = (
    "TILL_SECRET_KEY",
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_DIRECT_URL",
    "DATABASE_REPLICA_URL",
    "CELERY_BROKER_URL",
    "REDIS_URL",
    "DATABASE_DRILL_URL",
)
"""What is read once, when a process begins; every other secret is read again while it runs."""
secret_key_length_min = 16
ROLES = ("viewer", "support", "finance", "developer", "admin")
LIMITS = re.compile(r"([A-Z]{3}) *= *([0-9.]+) *\.\. *([0-9.]+)")
ORIGIN = re.compile(r"https?://[\w.-]+(:\d{1,5})?|https?://\[[0-9a-fA-F:]+\](:\d{1,5})?", re.ASCII)


class SettingsError(TillError):
    """Report configuration that cannot be used; the program does not start with it."""

    code = "configuration"
    title = "The configuration cannot be used"
    category = "configuration"
    next_step = "Correct the setting named above and start again."


class Settings(BaseSettings):
    """Hold the whole configuration, read once from the environment."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True, extra="ignore")

    mode: Annotated[Literal["sandbox", "test", "live"], Field(validation_alias="TILL_MODE")] = "sandbox"
    database_url: Annotated[str, Field(validation_alias="DATABASE_URL")]
    database_owner_url: Annotated[str, Field(validation_alias="DATABASE_OWNER_URL")] = ""
    database_direct_url: Annotated[str, Field(validation_alias="DATABASE_DIRECT_URL")] = ""
    """For what needs a session of its own, when DATABASE_URL goes through a transaction pooler."""
    database_replica_url: Annotated[str, Field(validation_alias="DATABASE_REPLICA_URL")] = ""
    """A copy of the database that lists and reports are read from while it keeps up."""
    database_drill_url: Annotated[str, Field(validation_alias="DATABASE_DRILL_URL", repr=False)] = ""
    """A server, and a role that may create databases there, for restores that are only tried; else the owner's."""
    database_connections_max: Annotated[int, Field(validation_alias="TILL_DATABASE_CONNECTIONS_MAX", ge=2)] = 12
    secret_key: Annotated[str, Field(validation_alias="TILL_SECRET_KEY", min_length=secret_key_length_min, repr=False)]
    public_url: Annotated[str, Field(validation_alias="TILL_PUBLIC_URL")] = "http://127.0.0.1:8000"
    metrics_port: Annotated[
        int, Field(validation_alias=AliasChoices("TILL_METRICS_PORT", "PAYMENT_PROMETHEUS_PORT"), ge=0, le=65535)
    ] = 8001
    """Where metrics are read; 0 is nowhere."""
    metrics_host: Annotated[str, Field(validation_alias="TILL_METRICS_HOST")] = "127.0.0.1"
    log_file: Annotated[str, Field(validation_alias="TILL_LOG_FILE")] = ""
    """Where what serves and works keeps its log, instead of standard error: five files of 100 MB."""
    maintenance_mode: Annotated[bool, Field(validation_alias="MAINTENANCE_MODE")] = False
    payments_enabled: Annotated[bool, Field(validation_alias="PAYMENTS_ENABLED")] = True
    """The older name of the opposite of MAINTENANCE_MODE; either of them keeps new payments waiting."""
    amount_units_min: Annotated[
        int, Field(validation_alias=AliasChoices("TILL_AMOUNT_UNITS_MIN", "PAYMENT_MIN_PAYMENT_AMOUNT"), ge=0)
    ] = 1
    amount_units_max: Annotated[
        int, Field(validation_alias=AliasChoices("TILL_AMOUNT_UNITS_MAX", "PAYMENT_MAX_PAYMENT_AMOUNT"), ge=1)
    ] = 50_000
    amount_limits: Annotated[str, Field(validation_alias="TILL_AMOUNT_LIMITS")] = ""
    """Other limits for single currencies, with commas between: `JPY=100..5000000, KWD=0.5..10000`."""
    payment_lifetime_minutes: Annotated[
        int, Field(validation_alias="TILL_PAYMENT_LIFETIME_MINUTES", ge=31, le=1439)
    ] = 60
    risk_review_score: Annotated[int, Field(validation_alias="TILL_RISK_REVIEW_SCORE", ge=1, le=101)] = 40
    """From this score on a payment is held until a person has looked; 101 holds none."""
    risk_block_score: Annotated[int, Field(validation_alias="TILL_RISK_BLOCK_SCORE", ge=1, le=101)] = 70
    """From this score on a payment is turned away; 101 turns none away."""
    review_hours_max: Annotated[int, Field(validation_alias="TILL_REVIEW_HOURS", ge=1, le=160)] = 68
    """How long a person may take; then the money is let go, before PayPal's hold of three days is over."""
    late_success: Annotated[Literal["fulfil", "refund"], Field(validation_alias="TILL_LATE_SUCCESS")] = "fulfil"
    """What money does that comes after its payment has expired or was canceled: buy what was sold, or go back."""
    jwks_url: Annotated[str, Field(validation_alias="TILL_JWKS_URL")] = ""
    jwt_issuer: Annotated[str, Field(validation_alias="TILL_JWT_ISSUER")] = ""
    jwt_audience: Annotated[str, Field(validation_alias="TILL_JWT_AUDIENCE")] = ""
    """Who issues the tokens of end users, and for whom; `TILL_JWT_SECRET` is read as every secret is."""
    key_requests_per_minute_max: Annotated[int, Field(validation_alias="TILL_KEY_REQUESTS_PER_MINUTE_MAX", ge=1)] = (
        60_000
    )
    user_requests_per_minute_max: Annotated[int, Field(validation_alias="TILL_USER_REQUESTS_PER_MINUTE_MAX", ge=1)] = (
        300
    )
    """For each end user, and for each address that uses a publishable key."""
    trusted_proxies: Annotated[str, Field(validation_alias="TILL_TRUSTED_PROXIES")] = ""
    """Addresses and networks, with commas between, whose X-Forwarded-For is believed."""
    cors_origins: Annotated[str, Field(validation_alias="TILL_CORS_ORIGINS")] = ""
    """Pages of which origins may call from a browser, with commas between."""
    second_factor_roles: Annotated[str, Field(validation_alias="TILL_SECOND_FACTOR_ROLES")] = ""
    """Which roles are not used without a second factor, with commas between."""
    celery_broker_url: Annotated[str, Field(validation_alias="CELERY_BROKER_URL", repr=False)] = ""
    """Through what Celery's workers are woken; without it REDIS_URL. Only `till celery` knows of it."""
    celery_result_backend: Annotated[str, Field(validation_alias="CELERY_RESULT_BACKEND", repr=False)] = ""
    """Accepted and not used: what came of a task stands in PostgreSQL."""
    sentinel_name: Annotated[str, Field(validation_alias="TILL_REDIS_SENTINEL_NAME", min_length=1)] = "tillkeeper"
    """How the Sentinels call the group of Redis that they watch, where the broker is `sentinel://`."""
    redis_url: Annotated[str, Field(validation_alias=AliasChoices("REDIS_URL", "PAYMENT_REDIS_URL"), repr=False)] = ""
    redis_connections_max: Annotated[
        int,
        Field(validation_alias=AliasChoices("TILL_REDIS_CONNECTIONS_MAX", "PAYMENT_REDIS_MAX_CONNECTIONS"), ge=4),
    ] = 100
    redis_timeout_seconds: Annotated[
        int, Field(validation_alias=AliasChoices("TILL_REDIS_TIMEOUT_SECONDS", "PAYMENT_REDIS_SOCKET_TIMEOUT"), ge=2)
    ] = 5
    celery_concurrency: Annotated[
        int,
        Field(
            validation_alias=AliasChoices("TILL_CELERY_CONCURRENCY", "PAYMENT_WEBHOOK_WORKER_CONCURRENCY"), ge=1, le=100
        ),
    ] = 4
    """How many processes a Celery worker has; each settles up to a hundred webhooks at once."""
    shop: Annotated[bool, Field(validation_alias="TILL_SHOP")] = False
    """Serve the demo shop, whose visitors buy without logging in: sandbox mode only."""

    mail_from: Annotated[str, Field(validation_alias="TILL_MAIL_FROM")] = ""
    """From whom mail is, such as `Shop <shop@example.com>`; `TILL_SMTP_URL` is read as every secret is."""
    mail_receipts: Annotated[bool, Field(validation_alias="TILL_MAIL_RECEIPTS")] = False
    """Send buyers a receipt for what they paid and what they were given back."""
    mail_alerts_to: Annotated[str, Field(validation_alias="TILL_MAIL_ALERTS_TO")] = ""
    """Who hears of what needs a person, with commas between."""
    mail_alerts_per_day_max: Annotated[int, Field(validation_alias="TILL_MAIL_ALERTS_PER_DAY_MAX", ge=1)] = 20
    """How many alerts a day are sent one by one; the others are gathered into one letter an hour."""

    backup_path: Annotated[str, Field(validation_alias="BACKUP_PATH")] = ""
    """The folder of backups; `TILL_BACKUP_KEY`, with which they are encrypted, is read as every secret is."""
    backups_kept: Annotated[int | None, Field(validation_alias="TILL_BACKUPS_KEPT", ge=1)] = None
    """How many backups stay, whoever makes one; unless somebody says, as many as there are, and at least five."""
    payment_years_kept: Annotated[int, Field(validation_alias="TILL_PAYMENT_YEARS_KEPT", ge=1)] = 7
    """How long it is kept who paid, and what was said of it; amounts and books stay for ever."""
    unpaid_days_kept: Annotated[int, Field(validation_alias="TILL_UNPAID_DAYS_KEPT", ge=90)] = 365
    """The same of payments that were never paid; a bank may ask about a try for some months."""
    audit_years_kept: Annotated[int, Field(validation_alias="TILL_AUDIT_YEARS_KEPT", ge=1)] = 7
    webhook_days_kept: Annotated[int, Field(validation_alias="TILL_WEBHOOK_DAYS_KEPT", ge=31)] = 90
    """How long it is kept what webhooks said that were applied; a gateway may be asked again for a month."""
    webhooks_allow_private: Annotated[bool, Field(validation_alias="TILL_WEBHOOKS_ALLOW_PRIVATE")] = False
    """Also send outgoing webhooks to private addresses, such as this machine's own; never in live mode."""

    @field_validator("amount_units_min", "amount_units_max", mode="before")
    @classmethod
    def _whole_units(cls, written: object) -> object:
        """Read decimal text, as the older names have it, without losing anything."""
        try:
            read = Decimal(str(written))
        except InvalidOperation:
            return written
        if read.is_finite() and read == read.to_integral_value():
            return int(read)
        message = "it is a number of whole units, such as 50000"
        raise ValueError(message)

    @field_validator("amount_limits")
    @classmethod
    def _limits(cls, written: str) -> str:
        _limits_of(written)
        return written

    @field_validator("celery_broker_url", "redis_url")
    @classmethod
    def _broker(cls, written: str) -> str:
        if written and not written.startswith(BROKERS):
            message = f"it begins with one of {', '.join(BROKERS)}"
            raise ValueError(message)
        return written

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, written: str) -> str:
        for each in _listed(written):
            ip_network(each, strict=False)
        return written

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, written: str) -> str:
        for each in _listed(written):
            if not ORIGIN.fullmatch(each):
                message = f"“{each}” is no origin such as https://shop.example.com, without a path"
                raise ValueError(message)
        return written

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, written: str) -> str:
        name, address = parseaddr(written)
        if written and not (smtp.is_address(address) and name.isprintable() and written.isprintable()):
            message = "it is an address such as shop@example.com or Shop <shop@example.com>"
            raise ValueError(message)
        return written

    @field_validator("mail_alerts_to")
    @classmethod
    def _addresses(cls, written: str) -> str:
        for each in _listed(written):
            if not smtp.is_address(each):
                message = f"“{each[:64]}” is no address such as ops@example.com"
                raise ValueError(message)
        return written

    @field_validator("log_file")
    @classmethod
    def _writable(cls, written: str) -> str:
        if written and not os.access(Path(written).parent, os.W_OK):
            message = f"nothing can be written to the folder {Path(written).parent}"
            raise ValueError(message)
        return written

    @field_validator("second_factor_roles")
    @classmethod
    def _roles(cls, written: str) -> str:
        unknown = set(_listed(written)) - set(ROLES)
        if unknown:
            message = f"“{unknown.pop()}” is no role; there are {', '.join(ROLES)}"
            raise ValueError(message)
        return written

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.risk_review_score > self.risk_block_score:
            message = "TILL_RISK_REVIEW_SCORE is above TILL_RISK_BLOCK_SCORE: nothing would ever be reviewed"
            raise ValueError(message)
        if self.shop and self.mode != "sandbox":
            message = "TILL_SHOP is for TILL_MODE=sandbox: its visitors are not logged in"
            raise ValueError(message)
        if self.webhooks_allow_private and self.live:
            message = "TILL_WEBHOOKS_ALLOW_PRIVATE is not for TILL_MODE=live: webhooks could reach your own network"
            raise ValueError(message)
        return self

    def amounts_taken(self, currency: str) -> tuple[int, int]:
        """Tell the least and the most that a payment may be, in minor units."""
        unit = 10 ** money.exponent(currency)
        return _limits_of(self.amount_limits).get(
            currency, (self.amount_units_min * unit, self.amount_units_max * unit)
        )

    @property
    def broker_url(self) -> str:
        """Tell through what Celery's workers are woken, if by anything."""
        return self.celery_broker_url or self.redis_url

    @property
    def cors_origins_allowed(self) -> list[str]:
        """List the origins whose pages may call."""
        return _listed(self.cors_origins)

    @property
    def mail_sender(self) -> tuple[str, str]:
        """Tell the name and the address from which mail is."""
        return parseaddr(self.mail_from)

    @property
    def mail_alert_addresses(self) -> list[str]:
        """List who hears of what needs a person."""
        return _listed(self.mail_alerts_to)

    @property
    def roles_with_second_factor(self) -> list[str]:
        """List the roles that are not used without a second factor."""
        return _listed(self.second_factor_roles)

    @property
    def migrations_url(self) -> str:
        """Name the database for migrations, which need a session that no pooler takes away."""
        return self.database_owner_url or self.database_direct_url or self.database_url

    @property
    def drills_url(self) -> str:
        """Name a database of the server on which backups are tried."""
        return self.database_drill_url or self.migrations_url

    @property
    def live(self) -> bool:
        """Tell whether real money moves."""
        return self.mode == "live"


def _listed(written: str) -> list[str]:
    return [each.strip() for each in written.split(",") if each.strip()]


@cache
def _limits_of(written: str) -> dict[str, tuple[int, int]]:
    """Read the limits of single currencies into minor units; raises ValueError."""
    limits = {}
    for each in _listed(written):
        found = LIMITS.fullmatch(each)
        if not found:
            message = f"“{each[:64]}” is not written as JPY=100..5000000"
            raise ValueError(message)
        code, least, most = found[1], *(money.minor(text, found[1]) for text in found.group(2, 3))
        if least > most or code in limits:
            message = f"“{each[:64]}” leaves nothing, or says again what was said before"
            raise ValueError(message)
        limits[code] = (least, most)
    return limits


def _from_files() -> dict[str, str]:
    """Read what the environment names a file for instead."""
    secrets = Secrets()
    return {name: secrets.get(name) for name in IN_FILES if secrets.source(name) in {"file", "vault"}}


def load() -> Settings:
    """Read the environment, once; raises SettingsError or SecretUnreadableError with the name of what is wrong."""
    for name, hint in REFUSED_NAMES.items():
        if name in os.environ:
            message = f"{name} is set, and is not used here. {hint}"
            raise SettingsError(message)
    if os.environ.get("REQUIRE_WEBHOOK_SIGNATURE", "true").lower() in {"false", "0", "no"}:
        message = "REQUIRE_WEBHOOK_SIGNATURE=false is set. Signatures are always required; remove it."
        raise SettingsError(message)
    try:
        return Settings(**_from_files())  # type: ignore[arg-type]  # names and texts, as the environment has them
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = f"{'.'.join(str(part) for part in first['loc']) or 'Configuration'}: {first['msg']}."
        raise SettingsError(message) from error
