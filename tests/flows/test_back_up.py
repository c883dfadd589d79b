"""A backup holds what the database held at one moment, and is believed in only after it was read again."""

import json
import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.flows.vaults import KEY, backed_up, vault_in

from tillkeeper import backups
from tillkeeper.backups import BackupFolderError, BackupsOffError, Facts
from tillkeeper.flows import back_up as writing
from tillkeeper.flows.back_up import BackupUnprovedError, back_up, bytes_min
from tillkeeper.flows.read import read
from tillkeeper.flows.seal import seal
from tillkeeper.kernel import clock
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.encrypted import Reader
from tillkeeper.kernel.errors import TillError
from tillkeeper.ledger import seals
from tillkeeper.reports import backups as reported
from tillkeeper.till import Till


@pytest.fixture
def saving(till: Till, tmp_path: Path, owner_url: str) -> Till:
    return backed_up(till, tmp_path / "backups", owner_url)


async def test_a_backup_and_its_manifest_say_what_is_in_it(shop: Any, saving: Till) -> None:
    await shop.paid()
    await seal(shop.till)

    made = await back_up(saving)

    told = json.loads(backups.manifest_of(made.path).read_text())
    head = await read(shop.till, seals.last)
    assert told["tables"]["payment"] == 1
    assert told["tables"] == {row["name"]: row["rows"] for row in await counts(shop)}
    assert (told["bytes"], told["sha256"]) == (made.path.stat().st_size, sha256(made.path.read_bytes()).hex())
    assert (told["seal_number"], told["seal_hash"]) == (head.number, head.hash.hex())
    assert told["revision"] == await shop.owner.fetchval("SELECT version_num FROM alembic_version")
    assert told["bytes"] >= bytes_min


async def counts(shop: Any) -> Any:
    tables = await shop.owner.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " AND relname <> 'isolation'"
    )
    await shop.owner.execute("DELETE FROM backup")  # it is written down after it was made
    return [
        {"name": row["relname"], "rows": await shop.owner.fetchval(f"SELECT count(*) FROM {row['relname']}")}
        for row in tables
    ]


async def test_the_file_says_the_same_as_its_manifest(saving: Till) -> None:
    made = await back_up(saving)
    with made.path.open("rb") as file:
        reader = Reader.begin(file)
        assert Facts.read(reader.head) == made.facts
        assert b"".join(reader.chunks([KEY])).startswith(b"PGDMP")


async def test_only_its_owner_may_read_a_backup_and_no_partial_one_is_left(saving: Till) -> None:
    made = await back_up(saving)
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in made.path.parent.iterdir()) == sorted(
        [".lock", made.name, backups.manifest_of(made.path).name]
    )


async def test_the_last_good_backup_is_written_down(saving: Till) -> None:
    assert await read(saving, reported.age_seconds) is None

    made = await back_up(saving)

    age = await read(saving, reported.age_seconds)
    last = await read(saving, reported.last_backup)
    assert age is not None
    assert 0 <= age < 60
    assert last is not None
    assert (last["file"], last["bytes"]) == (made.name, made.size)


def older_in(till: Till, count: int) -> list[Path]:
    assert till.vault
    older = [till.vault.folder / f"tillkeeper-2026010{day}T050000Z.tillbackup" for day in range(1, count + 1)]
    for path in older:
        path.write_bytes(b"older")
        backups.manifest_of(path).write_text("{}")
    return older


async def test_as_many_stay_as_are_asked_for(saving: Till) -> None:
    assert saving.vault
    older = older_in(saving, 7)
    strange = saving.vault.folder / "letters.txt"
    strange.write_text("not ours")

    made = await back_up(saving, keep=5)

    assert made.removed == tuple(path.name for path in older[:3])
    assert [path.name for path in saving.vault.backups()] == [*(path.name for path in older[3:]), made.name]
    assert strange.exists()
    assert not backups.manifest_of(older[0]).exists()


async def test_five_stay_where_nobody_says_how_many(saving: Till) -> None:
    older = older_in(saving, 5)
    made = await back_up(saving)
    assert made.removed == (older[0].name,)


async def test_whoever_says_no_number_leaves_as_many_as_there_are(saving: Till) -> None:
    """Whoever keeps thirty does not lose twenty-five because somebody else asks for one more."""
    older = older_in(saving, 9)
    made = await back_up(saving)
    assert made.removed == (older[0].name,)


async def test_the_setting_says_how_many_stay(saving: Till) -> None:
    older = older_in(saving, 5)
    settings = saving.settings.model_copy(update={"backups_kept": 3})
    made = await back_up(replace(saving, settings=settings))
    assert made.removed == tuple(path.name for path in older[:3])


async def test_a_backup_is_never_written_over(saving: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await back_up(saving)
    before = made.path.read_bytes()
    monkeypatch.setattr(backups, "name", lambda _: made.name)

    with pytest.raises(BackupFolderError, match="there already"):
        await back_up(saving)

    assert made.path.read_bytes() == before


async def test_two_backups_within_a_second_are_both_made(saving: Till) -> None:
    """A small database is backed up in less, and a drill that follows at once saves the present state first."""
    at = clock.now()
    moments = iter([at, at, at + timedelta(seconds=1)])
    till = replace(saving, now=lambda: next(moments, at + timedelta(seconds=1)))

    first, second = await back_up(till), await back_up(till)

    assert first.path.exists()
    assert second.path.exists()
    assert first.name != second.name


async def test_two_at_once_do_not_disturb_each_other(saving: Till) -> None:
    assert saving.vault
    with saving.vault.alone(), pytest.raises(BackupFolderError, match="being written"):
        await back_up(saving)


async def test_what_a_killed_backup_left_is_cleared_away(saving: Till) -> None:
    assert saving.vault
    left = saving.vault.folder / ".tillkeeper-20260101T050000Z.tillbackup.partial"
    left.write_bytes(b"half")

    await back_up(saving)

    assert not left.exists()


async def test_a_backup_that_holds_too_little_does_not_stay(saving: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = writing._gather

    async def one_more(tx: Any) -> Facts:
        facts = await whole(tx)
        object.__setattr__(facts, "tables", {**facts.tables, "end_user": facts.tables["end_user"] + 1})
        return facts

    monkeypatch.setattr(writing, "_gather", one_more)

    with pytest.raises(BackupUnprovedError, match="end_user has 0 rows instead of 1"):
        await back_up(saving)

    assert saving.vault
    assert saving.vault.backups() == []
    assert await read(saving, reported.last_backup) is None


async def test_a_disk_that_forgets_is_found_out(saving: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def forgetful(descriptor: int) -> None:
        sync(descriptor)
        if os.fstat(descriptor).st_size > bytes_min:
            os.pwrite(descriptor, b"\0\0\0\0", os.fstat(descriptor).st_size // 2)

    monkeypatch.setattr(os, "fsync", forgetful)

    with pytest.raises(BackupUnprovedError):
        await back_up(saving)


@pytest.mark.parametrize("key", ["", "short", "flows " * 4])
async def test_without_a_key_of_its_own_nothing_is_written(saving: Till, tmp_path: Path, key: str) -> None:
    object.__setattr__(saving, "vault", vault_in(tmp_path / "backups", TILL_BACKUP_KEY=key))
    with pytest.raises(BackupsOffError):
        await back_up(saving)


async def test_without_a_folder_it_is_said_what_to_set(till: Till) -> None:
    with pytest.raises(BackupsOffError, match="BACKUP_PATH"):
        await back_up(till)


async def test_a_folder_that_is_not_there_is_named(saving: Till) -> None:
    assert saving.vault
    saving.vault.folder.rmdir()
    with pytest.raises(BackupFolderError, match="No such file"):
        await back_up(saving)


async def test_a_full_disk_leaves_nothing_and_is_named(saving: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tillkeeper.kernel.encrypted.Writer.write", full)
    assert saving.vault
    with pytest.raises(TillError, match="No space left"):
        await back_up(saving)
    assert saving.vault.backups() == []
    assert not list(saving.vault.folder.glob(".*.partial"))


def test_rows_are_counted_wherever_the_stream_is_cut() -> None:
    text = (
        b"SET x = 1;\n\nCOPY public.payment (id, words) FROM stdin;\n1\tCOPY public.x (a) FROM stdin;\n2\t\\\\.\n"
        b"\\.\n\n"
        b"COPY public.empty (id) FROM stdin;\n\\.\n\nCOPY public.one (id) FROM stdin;\n\n\\.\nSELECT 1;\n"
    )
    for size in range(1, len(text)):
        counted: Counter[str] = Counter()
        table, rest = "", b""
        for start in range(0, len(text), size):
            table, rest = writing._count_lines(rest + text[start : start + size], table, counted)
        assert dict(counted) == {"payment": 2, "empty": 0, "one": 1}, size
