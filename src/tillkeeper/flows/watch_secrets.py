"""Know how old the secrets are, without keeping any: who changed one is not known, but when it changed is."""

import asyncio
from collections.abc import Iterable
from uuid import UUID

from tillkeeper import audit, credentials, gateways
from tillkeeper.audit import Action
from tillkeeper.credentials import Rotation
from tillkeeper.flows.notify import alert
from tillkeeper.gateway import Credential
from tillkeeper.kernel import ids, logs
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import secrets as report
from tillkeeper.till import Till

REMINDED = UUID(int=0)
"""What the ids of reminders are derived from, together with a name and a month."""


async def watch_secrets(till: Till) -> int:
    """Write down which secrets are in use; tell operators once a month of each that is old; return how many are."""
    now = till.now()
    found = {each.name: till.secrets.get(each.name) for each in in_use(till)}
    seen = await asyncio.to_thread(
        _fingerprints, {name: value for name, value in found.items() if credentials.secret_of(value)}
    )
    async with till.db.transaction() as tx:
        rotations = await credentials.sight(tx, seen, now)
        old = {name: days for name, days in (await report.old(tx, now)).items() if name in seen}
        for name, days in old.items():
            source = ids.derive(REMINDED, name, f"{now:%Y-%m}")
            await alert(tx, till, "secret.old", source, name=name, days=days)
        await _record(tx, till, rotations)
    return len(old)


async def note(till: Till, name: str, value: str) -> None:
    """Write down at once that somebody changed a secret, in their name."""
    seen = await asyncio.to_thread(_fingerprints, {name: value})
    async with till.db.transaction() as tx:
        await _record(tx, till, await credentials.sight(tx, seen, till.now()))


async def _record(tx: Transaction, till: Till, rotations: Iterable[Rotation]) -> None:
    for each in rotations:
        logs.worker.warning("secret_rotated", name=each.name)
        before, after = {"fingerprint": each.before}, {"fingerprint": each.after}
        await audit.record(tx, till.by, Action.SECRET_ROTATED, each.name, before=before, after=after, at=till.now())


def in_use(till: Till) -> list[Credential]:
    """List the secrets that this installation can have, those of its gateways and our own."""
    used = [each for each in gateways.connectors() if each.name in till.gateways]
    return [*credentials.OURS, *(each for connector in used for each in connector.credentials)]


def _fingerprints(found: dict[str, str]) -> dict[str, str]:
    return {name: credentials.fingerprint(name, value) for name, value in found.items()}
