"""Make a database out of a backup, kept apart from the first moment on, and prove that it is what it was."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from tillkeeper import audit, backups, customers, ledger
from tillkeeper.audit import SYSTEM, Action
from tillkeeper.backups import Check, Facts, Vault
from tillkeeper.flows.back_up import Say, count, differences, feed, hush
from tillkeeper.flows.unseal import Keys, unseal
from tillkeeper.kernel import clock, ids, logs, postgres_programs
from tillkeeper.kernel.db import Database, Transaction
from tillkeeper.kernel.encrypted import Reader
from tillkeeper.kernel.errors import DatabaseUnavailableError, InvalidStateError, TillError
from tillkeeper.kernel.postgres_programs import Address, Program
from tillkeeper.ledger import recipes, seals
from tillkeeper.reports import books, readiness, verdict

OPTIONS = "-c synchronous_commit=off -c maintenance_work_mem=256MB -c lock_timeout=30s -c statement_timeout=0"
"""Nothing is promised to anybody while a copy is being filled; it is on the disk before it is called restored."""
analyze_seconds_max = 600
samples_max = 3
TABLE_DATA = re.compile(r" TABLE DATA public (\S+) ")
TRIAL = "restore-drill"


class RolesMissingError(TillError):
    """Report a server that does not know who is granted something in a backup."""

    code = "roles_missing"
    title = "The server lacks a role that the backup speaks of"
    next_step = "Create it there as the server's superuser, then restore again."


class NotEmptyError(InvalidStateError):
    """Report a database in which there is something already."""

    code = "not_empty"
    title = "The database is not empty"
    next_step = "Name a database that does not exist yet, or an empty one: nothing is ever restored over another."


class TriedOutError(Exception):
    """End the transaction of a write that was only tried."""


class CopyWrongError(TillError):
    """Report a restored copy that is not what was backed up."""

    code = "copy_wrong"
    title = "The restored copy is not what was backed up"
    next_step = "Try an older backup, and keep both for whoever looks into it."


@dataclass(frozen=True, slots=True)
class Source:
    """Hold a file that is read from its beginning as often as it takes."""

    path: Path
    keys: Sequence[str]

    @contextmanager
    def chunks(self) -> Iterator[Iterator[bytes]]:
        """Decrypt it once; raises DamagedFileError, WrongKeyError and BackupFolderError."""
        try:
            with self.path.open("rb") as file:
                yield Reader.begin(file).chunks(self.keys)
        except OSError as error:
            raise backups.unusable(self.path, error) from error

    def facts(self) -> Facts:
        """Read what it says of itself, for which its first chunk vouches."""
        facts = backups.facts_of(self.path)
        with self.chunks() as chunks:
            next(chunks)
        return facts


async def restore(vault: Vault, path: Path, into: str, *, now: datetime, say: Say = hush) -> Facts:
    """Restore a backup into a database that is empty or does not exist yet; return what it holds.

    It is kept apart before a row is in it. Raises NotEmptyError, RolesMissingError, DamagedFileError, WrongKeyError,
    ProgramMissingError, ProgramFailedError and DatabaseUnavailableError.
    """
    source = Source(path, vault.read_keys(now))
    facts = source.facts()
    await _make(into, facts)
    db = await Database.connect(into, connections=2)
    try:
        async with db.transaction() as tx:
            await _check_target(tx, facts)
            server = await tx.fetchval("SELECT current_setting('server_version_num')::int / 10000")
        program = await postgres_programs.find("pg_restore", version=max(server, facts.program_major))
        await _fill(program, source, into, ["--section=pre-data"], say)
        async with db.transaction() as tx:
            await backups.isolate(tx, path.name, facts.taken_at, now=now)
        await _fill_tables(program, source, into, facts.tables, say)
        await _fill(program, source, into, ["--section=post-data"], say, doing="building indexes")
        say("gathering statistics", 0)
        async with db.transaction() as tx:
            await tx.fetch_long("ANALYZE", seconds_max=analyze_seconds_max)
    finally:
        await db.close()
    logs.worker.warning("restored", file=path.name, rows=facts.rows, taken_at=facts.taken_at.isoformat())
    return facts


async def _make(into: str, facts: Facts) -> None:
    """Make the database as the one that was backed up was made, unless it is there."""
    try:
        db = await Database.connect(into, connections=2)
    except DatabaseUnavailableError as error:
        if not isinstance(error.__cause__, asyncpg.InvalidCatalogNameError):
            raise
        await create(into, facts)
    else:
        await db.close()


async def create(url: str, facts: Facts) -> None:
    """Create the database that a URL names; raises ProgramFailedError where there is one of that name."""
    address = Address.of(url)
    shape = [f"--encoding={facts.encoding}", f"--lc-collate={facts.collate}", f"--lc-ctype={facts.ctype}"]
    words = [f"--maintenance-db={address.named('postgres').url}", "--no-password", "--template=template0", *shape]
    program = await postgres_programs.find("createdb")
    await postgres_programs.run(program, [*words, address.database], address.secrets)


async def _check_target(tx: Transaction, facts: Facts) -> None:
    """Refuse what is not empty, and where somebody is missing who is granted something."""
    found = await tx.fetchval("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    if found:
        message = f"It holds {found} tables, indexes and the like. Nothing was changed."
        raise NotEmptyError(message)
    known = {row["rolname"] for row in await tx.fetch("SELECT rolname FROM pg_roles")}
    missing = [role for role in facts.roles if role not in known]
    if missing:
        statements = " ".join(f'CREATE ROLE "{role}" LOGIN;' for role in missing)
        message = f"Missing: {', '.join(missing)}. In psql: {statements}"
        raise RolesMissingError(message)


async def _fill_tables(program: Program, source: Source, into: str, tables: Mapping[str, int], say: Say) -> None:
    """Let two pg_restores fill the tables, each about half of the rows: one alone is one processor's work."""
    parts = _halves(await _contents(program, source), tables)
    with TemporaryDirectory(prefix="till-restore-") as folder:
        fillings = []
        for number, part in enumerate(parts):
            wanted = Path(folder) / str(number)
            wanted.write_text("".join(f"{line}\n" for line in part))
            words = ["--section=data", f"--use-list={wanted}"]
            fillings.append(asyncio.create_task(_fill(program, source, into, words, hush if number else say)))
        try:
            await asyncio.gather(*fillings)
        finally:
            for filling in fillings:
                filling.cancel()
            await asyncio.gather(*fillings, return_exceptions=True)


async def _contents(program: Program, source: Source) -> list[str]:
    """List what the data of a backup are, a line each, as pg_restore wants to be told of it."""
    said = b""
    with source.chunks() as chunks:
        async with postgres_programs.running(program, ["--list", "--section=data"], {}, fed=True) as listing:
            for chunk in chunks:
                if not await listing.feed(chunk):
                    break
            await listing.close_input()
            while more := await listing.read():
                said += more
            await listing.end()
    return [line for line in said.decode().splitlines() if line and not line.startswith(";")]


def _halves(contents: Sequence[str], tables: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """Share out tables by their rows; whatever else there is, such as where counting goes on, is in the second half."""
    rows = {line: tables.get(found[1], 0) for line in contents if (found := TABLE_DATA.search(line))}
    first, left = set[str](), sum(rows.values()) // 2
    for line in sorted(rows, key=rows.__getitem__, reverse=True):
        if rows[line] <= left:
            first.add(line)
            left -= rows[line]
    return [line for line in contents if line in first], [line for line in contents if line not in first]


async def _fill(
    program: Program, source: Source, into: str, parts: Sequence[str], say: Say, doing: str = "restoring"
) -> None:
    """Let pg_restore do some of a backup; raises ProgramFailedError, and DamagedFileError at any chunk."""
    address = Address.of(into)
    words = [f"--dbname={address.url}", "--no-password", "--no-owner", "--exit-on-error", *parts]
    running = postgres_programs.running(program, words, address.secrets, fed=True, options=OPTIONS)
    say(doing, 0)
    with source.chunks() as chunks:
        async with running as filling:
            await feed(filling, chunks, lambda size: say(doing, size))
            await filling.end()


async def prove(db: Database, facts: Facts, keys: Keys) -> list[Check]:
    """Look at everything in a restored copy that tells whether one could go on with it, all at once."""
    looks: dict[str, Callable[[], Awaitable[str]]] = {
        "migrations": partial(_look_at, db, _migrations),
        "rows": partial(_look_at, db, partial(_rows, facts)),
        "books": partial(_look_at, db, _books),
        "seals": partial(_look_at, db, partial(_seals, facts)),
        "audit log": partial(_look_at, db, _audit),
        "sealed": partial(_look_at, db, partial(unseal, keys=keys)),
        "writing": partial(_try_writing, db),
    }
    return await asyncio.gather(*(_check(name, look) for name, look in looks.items()))


async def try_keys(url: str, keys: Keys) -> Check:
    """Look whether what is sealed in a restored database can be opened here."""
    db = await Database.connect(url, connections=2)
    try:
        return await _check("sealed", partial(_look_at, db, partial(unseal, keys=keys)))
    finally:
        await db.close()


async def _check(name: str, look: Callable[[], Awaitable[str]]) -> Check:
    """Look at one thing; whatever goes wrong is what was found."""
    try:
        return Check(name=name, ok=True, found=await look())
    except TillError as error:
        return Check(name=name, ok=False, found=logs.mask(error.detail))
    except Exception as error:  # noqa: BLE001 (a check that cannot be made has failed, and keeps nobody from the others)
        return Check(name=name, ok=False, found=logs.mask(f"{type(error).__name__}: {error}"))


async def _look_at(db: Database, look: Callable[[Transaction], Awaitable[str]]) -> str:
    async with db.transaction(read_only=True) as tx:
        return await look(tx)


async def _migrations(tx: Transaction) -> str:
    await readiness.check(tx)
    return f"all are in, up to {readiness.REVISION}"


async def _rows(facts: Facts, tx: Transaction) -> str:
    _nothing_of(differences(facts.tables, await count(tx)))
    return f"{facts.rows:,} in {len(facts.tables)} tables, as in the backup's manifest"


async def _books(tx: Transaction) -> str:
    _nothing_of(await books.add_up(tx))
    return "they balance, and agree with what they are about"


async def _seals(facts: Facts, tx: Transaction) -> str:
    kept = await verdict.compare(tx, facts.seal_number, facts.seal_hash) if facts.seal_number else []
    _nothing_of(kept + await seals.verify(tx))
    sealed, _ = await seals.count(tx)
    return f"{sealed:,} journals stand in {facts.seal_number:,} seals, the last as it was"


async def _audit(tx: Transaction) -> str:
    _nothing_of(await audit.verify(tx, recent=False))
    return "its chain holds"


def _nothing_of(wrong: Sequence[str]) -> None:
    """Raise CopyWrongError with the first of what is wrong."""
    if wrong:
        raise CopyWrongError("; ".join(wrong[:samples_max]))


async def _try_writing(db: Database) -> str:
    """Write as a payment's day would, and take all of it back."""
    given = recipes.credits_given(ids.new(), kind="bonus", user=ids.new(), units=1, debt_repaid=0, at=clock.now())
    with suppress(TriedOutError):
        async with db.transaction() as tx:
            await customers.ensure(tx, TRIAL)
            await ledger.post(tx, [given])
            await audit.record(tx, SYSTEM, Action.DRILL_WISHED, TRIAL, at=clock.now())
            raise TriedOutError
    return "a user, a journal and an entry were written and taken back"
