"""Take a webhook in: verified, stored, and only then acknowledged."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from tillkeeper import inbox
from tillkeeper.gateway import Envelope, Gateway, SignatureInvalidError
from tillkeeper.inbox import Arrival
from tillkeeper.kernel import ids, logs, meters
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import NotFoundError, TillError
from tillkeeper.till import Till

batch_max = 200
queue_max = 5000
version_max = 64
name_shown_max = 32
writers = 2
"""The second connection is for when a whole batch waits; until then it would only make two small commits of one."""
young, growth = 1_024, 4
"""After how many webhooks statements are planned anew for the first time, and by how much more each time after that."""
ANY = "payments"
"""What stands in an address in place of a gateway's name when the signature is to say which it is."""


class IntakeFullError(TillError):
    """Report that more webhooks wait for the disk than fit; the gateway will send this one again."""

    code = "overloaded"
    status = 503
    title = "Too many webhooks are waiting to be stored"
    category = "api_error"
    retryable = True
    retry_after_seconds = 1
    next_step = "Send the webhook again; nothing of it was stored."


@dataclass(slots=True)
class Intake:
    """Gather the webhooks that arrive during one commit, to store them together in the next."""

    till: Till
    waiting: list[tuple[Arrival, asyncio.Future[bool]]] = field(default_factory=list)
    writing: set[asyncio.Task[None] | None] = field(default_factory=set)
    stored: int = 0
    plan_anew_at: int = young
    versions: dict[tuple[str, str], date] = field(default_factory=dict)
    """On which day each gateway's version was last written down, so that most webhooks write nothing about it."""

    def store(self, arrival: Arrival) -> asyncio.Future[bool]:
        """Store an arrival durably with the next batch; what comes of it is true when it is new."""
        if len(self.waiting) >= queue_max:
            raise IntakeFullError
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.waiting.append((arrival, stored))
        if not self.writing or (len(self.waiting) >= batch_max and len(self.writing) < writers):
            self.writing.add(asyncio.create_task(self._write()))
        return stored

    async def _write(self) -> None:
        try:
            await self._write_all()
        finally:
            # At once, and not by a callback: a webhook that came in between would wait for a writer that has ended.
            self.writing.discard(asyncio.current_task())

    async def _write_all(self) -> None:
        while self.waiting:
            batch, self.waiting[:batch_max] = self.waiting[:batch_max], []
            now = self.till.now()
            seen = [key for key in _versions(batch) if self.versions.get(key) != now.date()]
            try:
                new = await _commit(self.till, [arrival for arrival, _ in batch], seen, now)
            except Exception as error:  # noqa: BLE001 (each waiting request gets it)
                for _, stored in batch:
                    if not stored.done():
                        stored.set_exception(error)
                continue
            self.versions.update(dict.fromkeys(seen, now.date()))
            await self._grow(len(new))
            for arrival, stored in batch:
                if not stored.done():
                    stored.set_result(arrival.id in new)

    async def _grow(self, by: int) -> None:
        """Have statements planned anew when the inbox has grown to a multiple of what it was.

        Until its first ANALYZE PostgreSQL plans for the size that it sees, once; for a copy it would read all of it.
        """
        self.stored += by
        if self.stored >= self.plan_anew_at:
            self.plan_anew_at *= growth
            await self.till.db.plan_anew()


async def receive(
    intake: Intake, gateway: str, headers: Mapping[str, str], body: bytes, *, offline: bool = False
) -> bool:
    """Verify a webhook and store it; true when it is new. `offline` nothing is fetched to verify it.

    Raises SignatureInvalidError, PayloadUnreadableError, GatewayUnavailableError or NotFoundError, and then nothing is
    stored.
    """
    till = intake.till
    found = _sender(till, gateway, headers)
    if found is None:
        message = (
            f"No gateway “{logs.mask(gateway)[:name_shown_max]}” is configured here, or none that signs like this."
        )
        raise NotFoundError(message)
    try:
        envelope = await found.verify(headers, body, till.now(), offline=offline)
    except SignatureInvalidError:
        meters.count(meters.signature_failures, found.name)
        raise
    new = await intake.store(_arrival(till, found, envelope, body))
    meters.count(meters.webhooks_received, found.name)
    return new


def receive_at_once(
    intake: Intake, gateway: str, headers: Mapping[str, str], body: bytes
) -> tuple[Arrival, asyncio.Future[bool]] | None:
    """Verify a webhook without waiting for anybody and queue it; None for what `receive` is to look at.

    Most webhooks are well signed and need nothing fetched: to judge `offline` is then over at the first step.
    """
    till = intake.till
    found = _sender(till, gateway, headers)
    if found is None:
        return None
    judging = found.verify(headers, body, till.now(), offline=True)
    try:
        judging.send(None)
    except StopIteration as judged:
        arrival = _arrival(till, found, judged.value, body)
    except Exception:  # noqa: BLE001 (whatever it is, `receive` comes to it too, and says so)
        return None
    else:
        judging.close()
        return None
    if len(intake.waiting) >= queue_max:
        return None
    return arrival, intake.store(arrival)


def _sender(till: Till, gateway: str, headers: Mapping[str, str]) -> Gateway | None:
    """Find the gateway by its name, or else by the header in which its signature comes."""
    if gateway != ANY:
        return till.gateways.get(gateway)
    return next((each for each in till.gateways.values() if each.signature_header in headers), None)


def _arrival(till: Till, gateway: Gateway, envelope: Envelope, body: bytes) -> Arrival:
    return Arrival(
        id=ids.new(),
        gateway=gateway.name,
        event_id=envelope.event_id,
        content_sha=sha256(body),
        type=envelope.type,
        body=till.box.seal(body),
        version=envelope.version,
    )


async def _commit(till: Till, arrivals: list[Arrival], versions: list[tuple[str, str]], now: datetime) -> set[UUID]:
    new, unseen = await _store(till, arrivals)
    if versions or unseen:
        await _note(till, versions, unseen, now)
    return new


@retry_conflicts
async def _store(till: Till, arrivals: list[Arrival]) -> tuple[set[UUID], list[Arrival]]:
    async with till.db.statement() as tx:
        return await inbox.receive(tx, arrivals)


@retry_conflicts
async def _note(till: Till, versions: list[tuple[str, str]], unseen: list[Arrival], now: datetime) -> None:
    async with till.db.transaction() as tx:
        if versions:
            await inbox.see_versions(tx, versions, now)
        if unseen:
            await inbox.count_copies(tx, unseen)


def _versions(batch: Sequence[tuple[Arrival, object]]) -> set[tuple[str, str]]:
    """List the versions in a batch; one that no column would take must not cost the webhooks beside it."""
    told = {(arrival.gateway, arrival.version) for arrival, _ in batch if arrival.version}
    return {(gateway, version) for gateway, version in told if version.isprintable() and len(version) <= version_max}
