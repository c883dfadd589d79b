"""Everything a flow may touch, passed by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from tillkeeper import access, backups, gateways, mail
from tillkeeper.access import Tokens
from tillkeeper.audit import SYSTEM, Actor
from tillkeeper.backups import Vault
from tillkeeper.gateway import ConfigurationError, Gateway, GatewayUnavailableError
from tillkeeper.kernel import clock
from tillkeeper.kernel.clock import Now
from tillkeeper.kernel.crypto import Box
from tillkeeper.kernel.db import Database
from tillkeeper.kernel.egress import Egress
from tillkeeper.kernel.replica import Replica
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.mail import Office
from tillkeeper.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """Hold what a flow may touch: database, gateways, the way out to merchants, clock, box for bodies and so on."""

    settings: Settings
    db: Database
    gateways: Mapping[str, Gateway]
    box: Box
    egress: Egress
    replica: Replica | None = None
    tokens: Tokens | None = None
    mail: Office | None = None
    vault: Vault | None = None
    by: Actor = SYSTEM
    """Who acts: whoever lets others act hands them the till in their name."""
    now: Now = clock.now
    secrets: Secrets = field(default_factory=Secrets)

    @classmethod
    async def open(cls, settings: Settings, *, secrets: Secrets | None = None, now: Now = clock.now) -> Self:
        """Connect to everything; raises ConfigurationError, SettingsError or DatabaseUnavailableError."""
        secrets = secrets or Secrets()
        tokens = access.open_tokens(settings, secrets)
        office = mail.open_office(settings, secrets)
        opened = gateways.connect(secrets, mode=settings.mode)
        if settings.live and not opened:
            message = "TILL_MODE is live, and no gateway is configured."
            raise ConfigurationError(message)
        try:
            db = await Database.connect(
                settings.database_url,
                direct_url=settings.database_direct_url,
                connections=settings.database_connections_max,
            )
            if settings.live:
                await _check_keeps(db)
        except BaseException:
            await _close(opened)
            raise
        return cls(
            settings=settings,
            db=db,
            replica=_replica(settings),
            gateways=opened,
            box=Box(settings.secret_key, secrets.get("TILL_SECRET_KEY_PREVIOUS")),
            egress=Egress(private=settings.webhooks_allow_private, secure=settings.live),
            tokens=tokens,
            mail=office,
            vault=backups.open_vault(settings, secrets),
            now=now,
            secrets=secrets,
        )

    def gateway(self, name: str) -> Gateway:
        """Find a gateway by its name; raises GatewayUnavailableError for one that is not configured any more."""
        if name not in self.gateways:
            message = f"{name} is not configured here; set its variables again to go on with what was paid there."
            raise GatewayUnavailableError(message)
        return self.gateways[name]

    async def close(self) -> None:
        """Close everything."""
        await _close(self.gateways)
        await self.egress.close()
        if self.replica:
            await self.replica.close()
        await self.db.close()


async def _check_keeps(db: Database) -> None:
    """Refuse a database that may lose what it has committed; raises ConfigurationError."""
    off = await db.forgetful()
    if off:
        await db.close()
        message = (
            f"PostgreSQL runs with {' and '.join(off)} off, so a power cut takes payments away that gateways were told"
            " are here. Set it on in postgresql.conf, restart PostgreSQL, and start again."
        )
        raise ConfigurationError(message)


def _replica(settings: Settings) -> Replica | None:
    if not settings.database_replica_url:
        return None
    shared = bool(
        settings.database_direct_url
    )  # who has a pooler before one has it before the other too, or loses little
    connections = settings.database_connections_max
    return Replica.at(settings.database_replica_url, shared=shared, connections=connections)


async def _close(gateways_: Mapping[str, Gateway]) -> None:
    for gateway in gateways_.values():
        await gateway.close()
