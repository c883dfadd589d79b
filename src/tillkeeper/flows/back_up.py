"""Write the whole database into an encrypted file, and believe in it only after reading it again."""

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from tillkeeper import backups
from tillkeeper.backups import Backup, Facts, Vault
from tillkeeper.kernel import clock, ids, logs, postgres_programs
from tillkeeper.kernel.db import Database, Transaction
from tillkeeper.kernel.encrypted import DamagedFileError, Reader, Writer
from tillkeeper.kernel.errors import TillError
from tillkeeper.kernel.postgres_programs import Address, Process
from tillkeeper.ledger import seals
from tillkeeper.till import Till

bytes_min = 1_000
count_seconds_max = 600
COMPRESSION = "1"
"""Of gzip, which every version of pg_dump knows: what is sealed cannot be made smaller, and the rest soon is."""
Say = Callable[[str, int], None]
"""Hears what is being done, and how many bytes of it are."""
COPY = re.compile(rb"COPY public\.\"?(\w+)\"? .*FROM stdin;\n")
END = b"\\.\n"

TABLES = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> $1 ORDER BY relname
"""
ROLES = """
SELECT DISTINCT rolname FROM (
    SELECT relacl AS acl FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT proacl FROM pg_proc WHERE pronamespace = 'public'::regnamespace
) AS granted CROSS JOIN LATERAL aclexplode(acl) AS entry JOIN pg_roles ON pg_roles.oid = entry.grantee
WHERE rolname <> current_user ORDER BY rolname
"""
DATABASE = """
SELECT datname, pg_encoding_to_char(encoding) AS encoding, datcollate, datctype, now() AS at,
       current_setting('server_version') AS version, (SELECT version_num FROM alembic_version) AS revision
FROM pg_database WHERE datname = current_database()
"""


class BackupUnprovedError(TillError):
    """Report a backup that does not hold what it should; it was removed again."""

    code = "backup_unproved"
    title = "The backup does not hold what the database held"
    next_step = "The backups before it stay. Look at the disk and its room, and make another one."


def hush(_: str, __: int) -> None:
    """Say nothing."""


async def back_up(till: Till, *, keep: int | None = None, say: Say = hush) -> Backup:
    """Make a backup, prove it, write it down, and remove the oldest beyond as many as `keep` or else the settings say.

    Raises BackupsOffError, BackupFolderError, ProgramMissingError, ProgramFailedError and BackupUnprovedError.
    """
    chosen = keep or till.settings.backups_kept
    return await _make(till, backups.name, lambda vault: vault.prune(chosen), say)


async def save(till: Till, *, tried: Path, say: Say = hush) -> Backup:
    """Back up the present state before a backup is tried; nothing goes for it but what an earlier drill saved.

    Raises what `back_up` does.
    """
    return await _make(till, backups.name_of_snapshot, lambda vault: vault.prune_snapshots(spare=tried), say)


async def _make(
    till: Till, name: Callable[[datetime], str], prune: Callable[[Vault], tuple[str, ...]], say: Say
) -> Backup:
    vault = backups.needed(till.vault)
    key, elapsed_ms = vault.write_key(), clock.timer_ms()
    with vault.alone():
        path = vault.folder / name(till.now())
        if path.exists():  # a name has its second in it, and a small database is backed up in less
            await asyncio.sleep(1)
            path = vault.folder / name(till.now())
        with vault.new_file(path) as (file, finish):
            facts, writer = await _write(till, file, key, say)
            await _prove(file, facts, key, writer.digest, say)
            finish()
        took_ms = elapsed_ms()
        made = Backup(
            id=ids.new(), path=path, facts=facts, size=writer.size, sha256=writer.digest.hex(), took_ms=took_ms
        )
        vault.describe(made)
        async with till.db.transaction() as tx:
            await backups.note(tx, made)
        made = replace(made, removed=prune(vault))
    logs.worker.info("backed_up", file=made.name, bytes=made.size, rows=facts.rows, took_ms=took_ms)
    return made


async def _write(till: Till, file: BinaryIO, key: str, say: Say) -> tuple[Facts, Writer]:
    """Write what the database holds at one moment; the facts and the rows are of the same one."""
    url = till.settings.migrations_url
    address = Address.of(url)
    db = await Database.connect(url, connections=2)
    try:
        async with db.transaction(read_only=True) as tx:
            # Whoever holds a snapshot for pg_dump does nothing meanwhile.
            await tx.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            say("counting rows", 0)
            facts = await _gather(tx)
            snapshot = await tx.fetchval("SELECT pg_export_snapshot()")
            program = await postgres_programs.find("pg_dump", version=facts.server_major)
            facts = replace(facts, program_major=program.major)
            words = ["--format=custom", f"--compress={COMPRESSION}", f"--snapshot={snapshot}", "--no-password"]
            words += [f"--exclude-table-data=public.{backups.KEPT_OUT}", f"--dbname={address.url}"]
            writer = Writer(file, key, json.dumps(facts.written()).encode())
            async with postgres_programs.running(program, words, address.secrets) as dump:
                while data := await dump.read():
                    _append(writer, data, till)
                    say("writing", writer.size)
                await dump.end()
    finally:
        await db.close()
    writer.close()
    if writer.size < bytes_min:
        message = f"It has {writer.size:,} bytes; a database of ours never fits into fewer than {bytes_min:,}."
        raise BackupUnprovedError(message)
    return facts, writer


def _append(writer: Writer, data: bytes, till: Till) -> None:
    """Write more; a full disk is none of the database's faults."""
    try:
        writer.write(data)
    except OSError as error:
        raise backups.unusable(backups.needed(till.vault).folder, error) from error


async def _gather(tx: Transaction) -> Facts:
    """Note what is so at this moment."""
    row = await tx.fetchrow(DATABASE)
    assert row, "a database knows itself"
    head = await seals.last(tx)
    return Facts(
        taken_at=row["at"],
        revision=row["revision"],
        server_version=row["version"].partition(" ")[0],
        database=row["datname"],
        encoding=row["encoding"],
        collate=row["datcollate"],
        ctype=row["datctype"],
        roles=tuple(each["rolname"] for each in await tx.fetch(ROLES)),
        tables=await count(tx),
        seal_number=head.number,
        seal_hash=head.hash.hex(),
    )


async def count(tx: Transaction) -> dict[str, int]:
    """Count the rows of each table that backups hold."""
    counts = {}
    for row in await tx.fetch(TABLES, backups.KEPT_OUT):
        statement = f'SELECT count(*) FROM public."{row["relname"]}"'  # noqa: S608 (the catalogue's own name)
        [counted] = await tx.fetch_long(statement, seconds_max=count_seconds_max)
        counts[row["relname"]] = counted["count"]
    return counts


async def _prove(file: BinaryIO, facts: Facts, key: str, digest: bytes, say: Say) -> None:
    """Read a backup back from the disk, unpack all of it, and count its rows; raises BackupUnprovedError."""
    file.flush()
    os.fsync(file.fileno())
    file.seek(0)
    try:
        reader = Reader.begin(file)
        found = await _count_rows(reader, facts, key, say)
    except DamagedFileError as error:
        raise BackupUnprovedError(error.detail) from error
    if reader.digest != digest:
        message = "What was read back from the disk is not what was written."
        raise BackupUnprovedError(message)
    wrong = differences(facts.tables, found)
    if wrong:
        raise BackupUnprovedError("; ".join(wrong))


def differences(wanted: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """Say which tables have other numbers of rows than they should."""
    names = sorted(wanted.keys() | found.keys())
    return [
        f"{name} has {found.get(name, 0):,} rows instead of {wanted.get(name, 0):,}"
        for name in names
        if wanted.get(name, 0) != found.get(name, 0)
    ]


async def _count_rows(reader: Reader, facts: Facts, key: str, say: Say) -> dict[str, int]:
    """Let pg_restore unpack everything, and count the rows of each table as they come by."""
    program = await postgres_programs.find("pg_restore", version=facts.program_major)
    async with postgres_programs.running(program, ["--data-only", "--file=-"], {}, fed=True) as unpack:
        counting = asyncio.create_task(_count_copied(unpack))
        try:
            await feed(unpack, reader.chunks([key]), lambda size: say("proving", size))
            found = await counting
        finally:
            counting.cancel()
        await unpack.end()
    return found


async def feed(process: Process, chunks: Iterable[bytes], say: Callable[[int], None]) -> None:
    """Hand a program everything; what it does not want any more is read all the same, so that all of it is proved."""
    size, wanted = 0, True
    for chunk in chunks:
        wanted = wanted and await process.feed(chunk)
        size += len(chunk)
        say(size)
        await asyncio.sleep(0)  # others have work to do as well
    await process.close_input()


async def _count_copied(process: Process) -> dict[str, int]:
    """Count rows between the line that begins a table's and the one that ends them; a row is one line."""
    counts: Counter[str] = Counter()
    table, rest = "", b""
    while data := await process.read():
        table, rest = _count_lines(rest + data, table, counts)
    return dict(counts)


def _count_lines(text: bytes, table: str, counts: Counter[str]) -> tuple[str, bytes]:
    """Count the rows in whole lines; return the table that goes on after them, and the line that is not whole yet."""
    at = 0
    while True:
        if not table:
            begun = COPY.search(text, at)
            if begun is None:
                return "", text[max(at, text.rfind(b"\n") + 1) :]
            table, at = begun[1].decode(), begun.end()
            counts[table] += 0
        ended = _end_of_rows(text, at)
        if ended < 0:
            whole = max(at, text.rfind(b"\n") + 1)
            counts[table] += text.count(b"\n", at, whole)
            return table, text[whole:]
        counts[table] += text.count(b"\n", at, ended)
        table, at = "", ended + len(END)


def _end_of_rows(text: bytes, at: int) -> int:
    """Find the line that ends a table's rows, from the beginning of a line on; -1 where it is still to come."""
    if text.startswith(END, at):
        return at
    found = text.find(b"\n" + END, at)
    return found + 1 if found >= 0 else -1
