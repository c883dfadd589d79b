"""`till bench create`, `growth` and `soak`: many at once, a long history, a long time."""

import socketserver
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tillkeeper.ops.bench import creating, generator, ground, growing, soak, webhooks
from tillkeeper.ops.bench.ground import Ground
from tillkeeper.ops.bench.webhooks import Kind


def test_a_load_with_a_pace_sends_so_many_a_second_and_no_faster() -> None:
    answer = b'HTTP/1.1 200 OK\r\n\r\n{"status":"accepted"}'
    shots = deque(webhooks.Shot(Kind.NEW, number, b"x") for number in range(20))
    with answering(answer) as port:
        load = generator.Load(port=port, secret="", first=0, count=20, duration_ms=10_000, connections=4, per_second=40)
        volley = generator.Volley(load, shots)
        volley.connect()
        result = volley.fire()
    assert result.answers == {generator.ACCEPTED: 20}
    assert result.elapsed_ms >= 1000 * 19 // 40
    assert 0 < result.latency_mean_us <= result.latency_p99_us


def test_a_load_whose_time_ends_while_nothing_is_on_its_way_waits_for_nothing() -> None:
    load = generator.Load(port=0, secret="", first=0, count=1, duration_ms=0, connections=1)
    volley = generator.Volley(load, deque([webhooks.Shot(Kind.NEW, 0, b"x")]))
    assert volley._patience_ms() == 0


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Answer whatever comes over any number of connections with the same words."""

    class Echo(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while self.request.recv(1000):
                self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:  # a thread that goes on would keep a failed run from ending
            server.shutdown()
            thread.join()


def test_payments_are_created_at_once_beside_a_gateway_that_takes_its_time(
    bed: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.port = ground.free_port()
    monkeypatch.setattr(creating, "creations_at_once", 30)
    monkeypatch.setattr(creating, "warm_up_creations", 3)
    with creating.opened(bed) as subject:
        rates = subject.measure(1)
        assert subject.prove() == []
    assert rates["create_mean_ms"] >= creating.latency_ms
    assert rates["create_p99_ms"] >= rates["create_mean_ms"]
    assert bed.count("SELECT count(*) FROM payment WHERE status = 'requires_action'") == 33


def test_a_creation_that_the_gateway_did_not_take_is_no_figure(bed: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    bed.port = ground.free_port()
    monkeypatch.setattr(creating, "creations_at_once", 3)
    monkeypatch.setattr(creating, "warm_up_creations", 3)
    with creating.opened(bed) as subject:
        bed.sql("UPDATE gateway_state SET switch = 'off'")
        bed.sql("INSERT INTO gateway_state (gateway, switch) SELECT 'stripe', 'off' ON CONFLICT DO NOTHING")
        subject.measure(1)
        assert any("did not open a checkout" in sentence for sentence in subject.prove())


@pytest.mark.timeout(240)
def test_growth_compares_an_empty_database_with_one_that_has_a_history() -> None:
    said: list[str] = []
    report = growing.run(payments=200, rounds=1, seconds=1, database_url=None, say=said.append)
    assert report.wrong == []
    assert report.settings["journals"] == 480
    assert {each.goal.number for each in report.measured() if each.ratio.median > 0} == {
        "P6_intake",
        "P6_settle",
        "P6_ledger",
    }


@pytest.mark.timeout(180)
def test_a_soak_looks_at_memory_connections_and_backlog_all_the_while(
    bed: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.port = ground.free_port()
    monkeypatch.setattr(soak, "webhooks_per_minute", 1_200)
    monkeypatch.setattr(soak, "look_seconds", 1)
    report = soak.SoakReport(machine={}, portions=2, seconds=2)
    soak.measure(bed, report, say=lambda _: None)
    assert report.wrong == []
    assert report.sent["accepted"] == 80
    assert report.seen.keys() == soak.SERIES.keys()
    assert all(report.seen.values())
    assert soak.draw(report).count("<polyline") == len(soak.SERIES)


def test_memory_that_grows_and_work_that_is_left_are_said() -> None:
    report = soak.SoakReport(machine={}, portions=1, seconds=1)
    report.seen["api_mib"] = [(10 * look, 100 + look) for look in range(100)]
    report.seen["worker_mib"] = [(10 * look, 100) for look in range(100)]
    report.seen["backlog"] = [(0, 5), (1, 3)]
    grew, left = soak.judge(report)
    assert "memory of the API" in grew
    assert left.startswith("3 webhooks and events")
