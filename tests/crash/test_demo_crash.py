"""kill -9 of `till demo`: its parts end with it, and the next start goes on where it was."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.demo import Demo, await_true, children, runs

leash_seconds_max = 20
start_seconds_max = 60


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path / "demo")
    yield demo
    demo.remove()


@pytest.mark.crash
def test_a_killed_demo_leaves_no_part_behind_and_the_next_one_has_all_its_data(demo: Demo) -> None:
    demo.start()
    assert demo.process
    bought = demo.till("trigger", "pay.success").stdout.split()[0]
    key, pids = demo.told["key"], children(demo.process.pid)
    assert len(pids) >= 2, "the sandbox and the API are processes of their own"
    postgres = next(pid for pid in pids if Path(f"/proc/{pid}/comm").read_text().strip() == "postgres")
    demo.end(signal.SIGKILL)
    parts = set(pids) - {postgres}
    await_true(lambda: not any(map(runs, parts)), leash_seconds_max, "the end of the parts")

    demo.start()
    assert not runs(postgres), "the old server would write into the new one's data"
    assert demo.told["key"] == key
    payment = demo.get(f"/api/v1/payments/{bought}").json()
    assert (payment["status"], payment["fulfilment"]["status"]) == ("succeeded", "delivered")
    assert json.loads(demo.till("ledger", "check", "--json").stdout)["balanced"]


@pytest.mark.crash
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_told_to_stop_ends_with_0_and_takes_everything_with_it(demo: Demo, sign: signal.Signals) -> None:
    demo.start()
    assert demo.process
    pids = children(demo.process.pid)
    assert demo.end(sign) == 0
    await_true(lambda: not any(map(runs, pids)), leash_seconds_max, "the end of the parts")
    assert "Stopped. The data stays" in demo.output.read_text()


@pytest.mark.crash
def test_a_demo_that_was_killed_over_its_history_starts_over(demo: Demo) -> None:
    demo.words = ()
    begun = demo.data_dir / "sandbox" / "books.sqlite"
    demo.launch()
    await_true(begun.exists, start_seconds_max, "the start of the sandbox")
    demo.end(signal.SIGKILL)
    assert (demo.data_dir / "unfinished").exists()
    before = (demo.data_dir / "secrets.json").read_text()
    demo.words = ("--no-seed",)
    demo.start()
    assert (demo.data_dir / "secrets.json").read_text() != before, "a new database has new secrets"
    assert not (demo.data_dir / "unfinished").exists()
    users = {payment["user"] for payment in demo.get("/api/v1/payments?limit=100").json()["data"]}
    assert users == {"selftest"}
