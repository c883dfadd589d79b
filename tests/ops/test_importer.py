"""Files of an earlier system: reported line by line, taken over once, also by an import that was killed."""

import asyncio
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.cli.demo import Said, environment, till

from tillkeeper.flows.read import read
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops import importer
from tillkeeper.ops.importer import FileUnreadableError, Manner, Report
from tillkeeper.reports import books
from tillkeeper.settings import Settings
from tillkeeper.till import Till

PAGE = (Path(__file__).parents[2] / "docs" / "importing.md").read_text()
EXAMPLE = re.findall(r"```json example.jsonl\n(.*?)```", PAGE, re.DOTALL)[0]
ANSWER = re.findall(r"```text output\n(.*?)```", PAGE, re.DOTALL)[0]
SECRET = "a secret of the importer's tests"
users_max = 1_300


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Till]:
    opened = await Till.open(
        Settings(mode="sandbox", database_url=database_url, secret_key=SECRET), secrets=Secrets({})
    )
    yield opened
    wrong = await read(opened, books.check)
    await opened.close()
    assert wrong == []


def write(folder: Path, *lines: object, name: str = "old.jsonl") -> Path:
    """Write lines, those that are bytes as they are."""
    file = folder / name
    file.write_bytes(
        b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in lines)
    )
    return file


def a_user(number: int) -> dict[str, Any]:
    return {
        "id": f"user-{number}",
        "balance": number % 7 + 1,
        "lots": [{"credits": number % 7 + 1, "amount": number % 5, "currency": "EUR"}],
    }


async def take_over(till_: Till, *files: Path, dry_run: bool = False) -> Report:
    return await importer.take_over(till_, files, Manner(dry_run=dry_run), say=lambda _done, _total: None)


async def rows(owner_url: str, table: str) -> int:
    connection = await asyncpg.connect(owner_url)
    found = await connection.fetchval(f"SELECT count(*) FROM {table}")
    await connection.close()
    return int(found)


def run(database_url: str, *words: str, **more: str) -> Said:
    return till("import", *words, DATABASE_URL=database_url, TILL_SECRET_KEY=SECRET, **more)


def test_the_example_of_the_documents_gives_the_answer_of_the_documents(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "example.jsonl"
    file.write_text(EXAMPLE)
    answer = run(database_url, str(file), "--yes")
    assert (answer.returncode, answer.stdout) == (4, ANSWER)
    again = run(database_url, str(file), "--yes")
    assert again.stdout.startswith("5 lines: 0 users and 0 payments are new, 4 were here already, 0 say")
    assert till("ledger", "check", DATABASE_URL=database_url, TILL_SECRET_KEY=SECRET).returncode == 0


async def test_bad_lines_are_named_with_their_reasons_and_good_ones_come_in(store: Till, tmp_path: Path) -> None:
    file = write(
        tmp_path,
        {"id": "ana", "balance": 5},
        b'{"id": "x", "balance": NaN}',
        b'{"id": "x", "balance": 9223372036854775808}',
        b'{"id": "x", "id": "y", "balance": 1}',
        b'{"id": "\xff", "balance": 1}',
        b'{"id": "x", "balance": 10.5}',
        b"",
        b'{"id": "long", "balance": 1, "x": "' + b"x" * importer.line_bytes_max + b'"}',
        {"id": "ana", "balance": 6},
        {"id": "ben", "balance": 7},
    )
    report = await take_over(store, file)
    assert [each.line for each in report.findings] == [2, 3, 4, 5, 6, 8, 9]
    assert (report.lines, report.fates["user"], report.fates["refused"], report.fates["changed"]) == (9, 2, 6, 1)
    assert (report.credits, report.problems) == (12, 7)


async def test_a_dry_run_reports_what_the_import_then_does(store: Till, tmp_path: Path, owner_url: str) -> None:
    lines = [a_user(number) for number in range(600)]
    paid = {
        "id": "p-1",
        "amount": 5,
        "currency": "EUR",
        "status": "paid",
        "gateway": "stripe",
        "gateway_reference": "pi",
    }
    paid["created_at"] = "2026-01-31T12:00:00Z"
    changed = a_user(2) | {"balance": 99, "lots": []}
    file = write(tmp_path, paid, *lines, a_user(1), changed, paid | {"id": "p-2"}, b"{")
    foreseen = await take_over(store, file, dry_run=True)
    assert [await rows(owner_url, table) for table in ("adoption", "end_user", "journal")] == [0, 0, 0]
    done = await take_over(store, file)
    assert foreseen.as_json() | {"dry_run": False} == done.as_json()
    assert (done.fates["user"], done.fates["known"], done.fates["changed"], done.fates["refused"]) == (600, 1, 1, 2)


async def test_an_import_that_is_killed_is_finished_by_the_same_command(
    store: Till, tmp_path: Path, owner_url: str, database_url: str
) -> None:
    file = write(tmp_path, *(a_user(number) for number in range(users_max)))
    command = [sys.executable, "-m", "tillkeeper", "import", str(file), "--yes"]
    settings = environment() | {"DATABASE_URL": database_url, "TILL_SECRET_KEY": SECRET}
    for place, kept in (("adopt:claimed", 0), ("adopt:committed", importer.batch_lines_max)):
        died = await asyncio.to_thread(subprocess.run, command, env=settings | {"TILL_FAILPOINTS": place}, check=False)
        assert died.returncode == -signal.SIGKILL
        assert await rows(owner_url, "adoption") == await rows(owner_url, "end_user") == kept
    report = await take_over(store, file)
    assert (report.fates["user"], report.fates["known"]) == (users_max - kept, kept)
    connection = await asyncpg.connect(owner_url)
    credits_, owed = await connection.fetchrow("SELECT sum(remaining), sum(amount) FROM credit_lot") or (0, 0)
    await connection.close()
    assert credits_ == sum(number % 7 + 1 for number in range(users_max))
    assert owed == sum(number % 5 for number in range(users_max))


async def test_progress_is_told_up_to_the_last_byte(store: Till, tmp_path: Path) -> None:
    first = write(tmp_path, *(a_user(number) for number in range(600)))
    second = write(tmp_path, a_user(700), name="more.jsonl")
    heard: list[tuple[int, int]] = []
    await importer.take_over(store, [first, second], Manner(), say=lambda done, total: heard.append((done, total)))
    total = first.stat().st_size + second.stat().st_size
    assert [total for _, total in heard] == [total, total]
    assert heard[-1] == (total, total)
    assert 0 < heard[0][0] < total


async def test_a_file_that_is_not_there_takes_nothing_of_the_others(
    store: Till, tmp_path: Path, owner_url: str
) -> None:
    with pytest.raises(FileUnreadableError):
        await take_over(store, write(tmp_path, a_user(1)), tmp_path / "absent.jsonl")
    assert await rows(owner_url, "adoption") == 0


def test_the_command_asks_first_and_prints_json_alone_on_standard_output(
    database_url: str, tmp_path: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, *(a_user(number) for number in range(3)))
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody answers
    refused = run(database_url, str(file))
    assert (refused.returncode, asyncio.run(rows(owner_url, "adoption"))) == (1, 0)
    dry = run(database_url, str(file), "--dry-run")
    assert (dry.returncode, dry.stdout.splitlines()[-1]) == (0, "Nothing was stored.")
    done = run(database_url, str(file), "--yes", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["new"], said["dry_run"]) == (0, {"users": 3, "payments": 0}, False)
    assert "100 % read" in done.stderr


def test_an_absent_file_is_an_error_with_the_next_step(database_url: str) -> None:
    answer = run(database_url, "absent.jsonl", "--yes")
    assert answer.returncode == 1
    assert "absent.jsonl" in answer.stderr
    assert "Check the name" in answer.stderr
