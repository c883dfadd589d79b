"""How long it takes to come back from a backup: a long history is laid in, backed up, restored and proved."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.flows.vaults import backed_up

from tillkeeper.flows.back_up import back_up
from tillkeeper.flows.drill import drill
from tillkeeper.flows.read import read
from tillkeeper.flows.restore import samples_max
from tillkeeper.flows.seal import seal
from tillkeeper.ops.bench import history
from tillkeeper.ops.bench.ground import Ground
from tillkeeper.reports import books

FULL = bool(os.environ.get("TILL_TEST_FULL"))
payments = int(os.environ.get("TILL_TEST_HISTORY", "100000" if FULL else "2000"))
"""In the full run a hundred thousand; what a million takes is written down in docs/backup.md."""
recovery_ms_max = 300_000


@pytest.mark.timeout(3_600)
async def test_a_long_history_is_restored_and_proved_within_five_minutes(
    bed: Ground, owner_url: str, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    history.fill(bed, payments)
    opened = await bed.open_till()
    try:
        while await seal(opened):
            pass
        till = backed_up(opened, tmp_path / "backups", owner_url)
        made = await back_up(till)
        report = await drill(till, snapshot=False)
        wrong = await read(till, books.check)
    finally:
        await opened.close()

    # A history that SQL laid in has other digests than one that was posted, and webhooks that no key sealed; the copy
    # has the same.
    [said] = [check.found for check in report.checks if check.name == "books"]
    assert [check.name for check in report.checks if not check.ok] == ["books", "sealed"], report.failures
    assert said == "; ".join(wrong[:samples_max])
    assert report.rows == made.facts.rows > payments
    assert report.rto_ms <= recovery_ms_max
    times = ", ".join(f"{name} {took / 1000:.1f} s" for name, took in report.times_ms.items())
    backup = f"{payments:,} payments, {made.facts.rows:,} rows: a backup of {made.size / 1e6:.1f} MB"
    tell(f"{backup} took {made.took_ms / 1000:.1f} s; RTO {report.rto_ms / 1000:.1f} s ({times})")
