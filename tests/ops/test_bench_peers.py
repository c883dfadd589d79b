"""`till bench peers`: others do the same job beside us, what they did is counted, and who is absent is named."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from tillkeeper.cli import ExitCode
from tillkeeper.cli import bench as command
from tillkeeper.ops.bench import broker, comparing, generator, ground, peer, references, rivals, webhooks
from tillkeeper.ops.bench.ground import BenchError, Ground
from tillkeeper.ops.bench.report import Report
from tillkeeper.ops.bench.rivals import CELERY, DJ_STRIPE, HORDAK, PGLEDGER, UNIT_OF_WORK, Rival
from tillkeeper.ops.bench.subject import Rounds
from tillkeeper.ops.bench.webhooks import Kind

few = 20
VENV = Path(os.environ.get("TILL_BENCH_PEERS", "till-peers")).absolute()
NOWHERE = Path("/nowhere/till-peers")


def needed(rival: Rival) -> None:
    """Skip the test where somebody is not installed, and say what installs them."""
    if not rivals.is_here(rival, VENV):
        pytest.skip(f"{rival.program} is not here: {rival.install.format(venv=VENV)}")


@contextmanager
def celery(bed: Ground) -> Iterator[peer.Peer]:
    """Run a worker of Celery with a Redis of its own."""
    with broker.redis() as url, peer.opened(CELERY.program, bed, peer.OWN_PYTHON, PEER_BROKER=url) as running:
        running.do("prepare")
        yield running


@pytest.mark.timeout(240)
def test_one_celery_task_for_each_webhook_brings_state_books_goods_and_events_once(bed: Ground) -> None:
    needed(CELERY)
    with celery(bed) as running:
        assert comparing.drain(bed, running, range(few)) > 0
        assert comparing.prove_settled(bed) == []
        running.do("enqueue", ids=[webhooks.event_id(number) for number in range(few)])
        assert comparing.drain(bed, running, range(few, few + 1)) > 0
    assert bed.count("SELECT count(*) FROM peer_entitlement") == few + 1
    assert bed.count("SELECT sum(units) FROM peer_wallet") == (few + 1) * webhooks.units
    bed.sql("DELETE FROM peer_outgoing WHERE id = (SELECT min(id) FROM peer_outgoing)")
    (wrong,) = comparing.prove_settled(bed)
    assert wrong.startswith("1 payments of the Celery tasks lack")


@pytest.mark.timeout(240)
def test_a_unit_of_work_is_counted_by_its_entries(bed: Ground) -> None:
    references.prepare(bed)
    with peer.opened(UNIT_OF_WORK.program, bed, peer.OWN_PYTHON) as running:
        assert comparing.transfer(bed, UNIT_OF_WORK, running, 1) > 0
        assert comparing.prove_even(bed, UNIT_OF_WORK) == []
        assert bed.count("SELECT sum(balance) FROM bench_account") == 0
        bed.sql("CREATE RULE lost AS ON INSERT TO bench_entry DO INSTEAD NOTHING")
        with pytest.raises(BenchError):
            comparing.transfer(bed, UNIT_OF_WORK, running, 1)
    bed.sql("UPDATE bench_entry SET amount = amount + 1 WHERE id = (SELECT min(id) FROM bench_entry)")
    assert comparing.prove_even(bed, UNIT_OF_WORK) == ["1 transfers of unit_of_work do not add up"]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("rival", [HORDAK, PGLEDGER], ids=lambda rival: str(rival.rate))
def test_another_ledger_is_counted_by_its_entries(bed: Ground, rival: Rival) -> None:
    needed(rival)
    with peer.opened(rival.program, bed, rival.python(VENV)) as running:
        running.do("prepare", **comparing.told(rival, VENV))
        assert comparing.transfer(bed, rival, running, 1) > 0
    assert comparing.prove_even(bed, rival) == []


@pytest.mark.timeout(240)
def test_the_view_of_dj_stripe_takes_what_was_signed_and_nothing_else(bed: Ground) -> None:
    needed(DJ_STRIPE)
    bed.port = ground.free_port()
    with comparing.intake_beside(bed, [DJ_STRIPE], VENV) as subject:
        rates = subject.measure(1)
        assert subject.prove() == []
        assert rates["djstripe"] > 0
        bed.sql("UPDATE djstripe.djstripe_webhookeventtrigger SET valid = false")
        (wrong,) = subject.prove()
    assert wrong.startswith("dj-stripe acknowledged")


def test_who_is_not_installed_is_not_measured_and_the_command_that_installs_them_is_told() -> None:
    missing = {rival.goal for rival in (DJ_STRIPE, HORDAK, PGLEDGER) if not rivals.is_here(rival, NOWHERE)}
    assert missing == {"P8_djstripe", "P8_hordak", "P8_pgledger"}
    report = Report(machine={}, settings={}, rounds=1, missing={"P8_hordak": HORDAK.install.format(venv=NOWHERE)})
    told = json.loads(json.dumps(report.as_json()["goals"]))
    assert told["P8_hordak"]["value"] is None
    assert told["P8_hordak"]["verdict"] == "not measured"
    assert told["P8_hordak"]["install"].startswith(f"python3 -m venv {NOWHERE} && {NOWHERE}/bin/pip install")


def test_the_ratio_is_taken_within_a_round() -> None:
    rounds = Rounds([{"settle": 300, "celery": 10}, {"settle": 100, "celery": 10}, {"settle": 200, "celery": 10}])
    report = Report(machine={}, settings={}, rounds=3, subjects={"settling": rounds})
    (measured,) = report.measured()
    assert (measured.goal.number, measured.verdict) == ("P7", "floor held")
    assert measured.ratio.median == 20


def test_a_peer_that_dies_is_an_error_with_the_end_of_its_log(bed: Ground) -> None:
    with peer.opened("nobody", bed, peer.OWN_PYTHON) as running, pytest.raises(BenchError, match="No module named"):
        running.do("prepare")


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (b'HTTP/1.1 200 OK\r\n\r\n{"status":"accepted"}', True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n17", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n17\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n17\r\n", False),
        (b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", False),
    ],
)
def test_an_answer_of_others_is_whole_when_it_is_as_long_as_it_says(answer: bytes, *, whole: bool) -> None:
    assert generator._is_whole(answer) is whole


def test_words_of_others_accept_a_webhook_and_ours_have_to_be_the_right_ones() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n17"
    assert generator._classify(answer, Kind.NEW, ours=False) == generator.ACCEPTED
    assert generator._classify(answer, Kind.NEW) == generator.OTHER
    assert generator._classify(answer, Kind.FORGED, ours=False) == generator.OTHER


@pytest.mark.timeout(300)
def test_the_command_measures_who_is_here_and_tells_who_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    posting = {"posting": comparing.MATCHES["posting"]}
    monkeypatch.setattr(comparing, "MATCHES", posting)
    app = Typer()
    app.command()(command.bench)
    words = ["peers", "--rounds", "1", "--seconds", "1", "--peers-venv", str(NOWHERE), "--json"]
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == ExitCode.OK
    told = json.loads(ended.stdout)
    assert told["rates"].keys() == {"ledger_spread_100", "unit_of_work"}
    assert told["ratios"]["unit_of_work"]["value"] > 0
    assert {number: goal["verdict"] for number, goal in told["goals"].items()} == dict.fromkeys(
        ("P8_hordak", "P8_pgledger"), "not measured"
    )
    assert told["invariants"] == "ok"
