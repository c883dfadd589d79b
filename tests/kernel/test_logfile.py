"""A log that several processes write into files of a limited size, losing no line of those that are kept."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tillkeeper.kernel import logfile, logs
from tillkeeper.kernel.logfile import LogFile

WRITER = """
import sys
from pathlib import Path
from tillkeeper.kernel import logfile
logfile.file_bytes_max = 20_000
logfile.files_max = 1_000
file = logfile.LogFile(Path(sys.argv[1]))
for number in range(2_000):
    file.write(f"{sys.argv[2]} {number} " + "x" * (number % 90))
"""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "file_bytes_max", 100)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()  # or configuring would close what pytest listens with
    logs.configure()
    path = tmp_path / "till.log"
    logs.keep(str(path))
    yield path
    logs.files.pop().close()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_file_that_is_full_is_moved_aside_and_five_are_kept(tmp_path: Path, small: None) -> None:
    del small
    file = LogFile(tmp_path / "till.log")
    for number in range(40):
        file.write(f"line {number:02} {'x' * 30}")
    file.close()

    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["till.log", "till.log.1", "till.log.2", "till.log.3", "till.log.4", "till.log.lock"]
    assert (tmp_path / "till.log").read_text().splitlines()[-1].startswith("line 39")
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())


def test_processes_that_write_together_lose_no_line_and_tear_none(tmp_path: Path) -> None:
    path = tmp_path / "till.log"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, name]) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]

    found = [line.split()[:2] for each in tmp_path.glob("till.log*") for line in each.read_text().splitlines()]
    assert sorted(found) == sorted([name, str(number)] for name in "abc" for number in range(2_000))


def test_a_file_that_somebody_else_moved_or_removed_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "till.log"
    file = LogFile(path)
    file.write("one")
    path.rename(tmp_path / "elsewhere")
    file.write("two")
    path.unlink()
    file.write("three")
    file.close()

    assert (tmp_path / "elsewhere").read_text() == "one\n"
    assert path.read_text() == "three\n"


def test_lines_of_the_log_are_masked_and_whole_and_readable_by_few(kept: Path) -> None:
    logs.intent.info("it_was_said", payment="payment_1", detail="sk_live_51Nabc")
    line = json.loads(kept.read_text())

    assert {"timestamp", "level", "logger", "event", "message", "payment"} <= line.keys()
    assert (line["logger"], line["level"], line["message"]) == ("payment.intent", "info", "it was said")
    assert line["detail"] == logs.MASK
    assert kept.stat().st_mode & 0o007 == 0
