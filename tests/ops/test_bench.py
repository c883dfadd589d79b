"""`till bench`: its figures rest on answers and rows that were checked, and it says when they prove nothing."""

import asyncio
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.ops.ground import SECRET
from typer import Typer
from typer.testing import CliRunner

from tillkeeper import ledger
from tillkeeper.cli import ExitCode
from tillkeeper.cli import bench as command
from tillkeeper.gateways.stripe import webhook
from tillkeeper.ops import bench
from tillkeeper.ops.bench import (
    generator,
    ground,
    invariants,
    kills,
    machine,
    pages,
    parts,
    payments,
    reconciling,
    references,
    settling,
    volleys,
    webhooks,
)
from tillkeeper.ops.bench.goals import GOALS
from tillkeeper.ops.bench.ground import BenchError, Ground, NotDurableError
from tillkeeper.ops.bench.report import Report
from tillkeeper.ops.bench.subject import INSERT_LIMIT, Rounds
from tillkeeper.ops.bench.webhooks import Kind
from tillkeeper.ops.embedded_postgres import Databases, EmbeddedPostgres

few = 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """Run a server of one's own, whose settings a test may change."""
    postgres = EmbeddedPostgres(tmp_path / "server")
    with postgres:
        yield postgres
    postgres.destroy()


@contextmanager
def settling_all(bed: Ground) -> Iterator[int]:
    """Settle a few webhooks as the bench does, and tell the rate."""

    async def run() -> int:
        till = await bed.open_till()
        try:
            await settling.fill(till, SECRET, range(few))
            return await settling.settle_all(till, few)
        finally:
            await till.close()

    payments.open_checkouts(bed, range(few))
    yield asyncio.run(run())


def url_of(databases: Databases) -> str:
    """Name a server as its superuser, who may make databases."""
    return f"postgresql://postgres@/postgres?host={databases.socket_folder}&port=5432"


def test_the_body_is_1750_bytes_and_stripes_own_reader_takes_it_for_a_capture() -> None:
    body = webhooks.body(7)
    assert len(body) == webhooks.body_bytes
    (notice,) = webhook.translate(body)
    assert (notice.kind, notice.amount, notice.currency) == ("payment.captured", 1_000, "EUR")
    assert notice.payment == webhooks.payment_id(7)


def test_the_signature_is_the_one_that_stripe_documents() -> None:
    body = webhooks.body(7)
    right = hmac.new(SECRET.encode(), b"1700000000." + body, sha256).hexdigest()
    assert webhooks.signature(body, SECRET, 1_700_000_000) == right


def test_a_fifth_of_the_mix_are_copies_of_earlier_webhooks_and_some_are_forged() -> None:
    mixed = list(webhooks.shots(range(5_000), SECRET, 0))
    counts = {kind: sum(shot.kind is kind for shot in mixed) for kind in Kind}
    assert counts[Kind.NEW] == 5_000
    assert 0.18 < counts[Kind.DUPLICATE] / len(mixed) < 0.22
    assert 0.01 < counts[Kind.FORGED] / len(mixed) < 0.03
    seen: set[bytes] = set()
    for shot in mixed:
        assert (shot.request in seen) == (shot.kind is Kind.DUPLICATE)
        seen.add(shot.request)


def test_the_mix_is_the_same_each_time() -> None:
    assert list(webhooks.shots(range(50), SECRET, 1)) == list(webhooks.shots(range(50), SECRET, 1))


@pytest.mark.parametrize(
    ("answer", "kind", "counted"),
    [
        (b'HTTP/1.1 200 OK\r\n\r\n{"status":"accepted"}', Kind.NEW, generator.ACCEPTED),
        (b'HTTP/1.1 200 OK\r\n\r\n{"status":"duplicate"}', Kind.DUPLICATE, generator.DUPLICATE),
        (b'HTTP/1.1 400 Bad Request\r\n\r\n{"code":"signature_invalid"}', Kind.FORGED, generator.FORGED_REFUSED),
        (b'HTTP/1.1 200 OK\r\n\r\n{"status":"accepted"}', Kind.FORGED, generator.OTHER),
        (b'HTTP/1.1 400 Bad Request\r\n\r\n{"code":"signature_invalid"}', Kind.NEW, generator.OTHER),
        (b'HTTP/1.1 503 Service Unavailable\r\n\r\n{"code":"overloaded"}', Kind.NEW, generator.OTHER),
        (b'HTTP/1.1 200 OK\r\n\r\n{"status":"fine"}', Kind.NEW, generator.OTHER),
        (b"", Kind.NEW, generator.OTHER),
        (b'HTTP/1.1 201 Created\r\n\r\n{"status":"requires_action"}', Kind.WISH, generator.CREATED),
        (b'HTTP/1.1 202 Accepted\r\n\r\n{"status":"outcome_unknown"}', Kind.WISH, generator.OTHER),
        (b'HTTP/1.1 201 Created\r\n\r\n{"status":"created"}', Kind.WISH, generator.OTHER),
    ],
)
def test_only_the_right_answer_to_the_right_request_is_counted(answer: bytes, kind: Kind, counted: str) -> None:
    assert generator._classify(answer, kind) == counted


def test_ratios_are_taken_within_each_round_before_the_middle_is_looked_for() -> None:
    taken = Rounds([{"a": 10, "b": 100}, {"a": 90, "b": 100}, {"a": 50, "b": 50}])
    ratio = taken.ratios("a", "b")
    assert ratio
    assert (ratio.median, ratio.min, ratio.max) == (Fraction(9, 10), Fraction(1, 10), Fraction(1))
    assert taken.rates()["a"].median == 50


def test_a_ratio_of_what_was_not_measured_is_none() -> None:
    assert Rounds([{"a": 1}]).ratios("c", "a") is None


@pytest.mark.parametrize(
    ("ingest", "verdict"), [(69, "below the floor"), (70, "floor held"), (99, "floor held"), (100, "goal reached")]
)
def test_the_verdict_compares_the_median_with_floor_and_goal(ingest: int, verdict: str) -> None:
    report = Report(
        machine={}, settings={}, rounds=1, subjects={"ingest": Rounds([{INSERT_LIMIT: 100, "ingest": ingest}])}
    )
    (measured,) = report.measured()
    assert (measured.goal.number, measured.verdict) == ("P1", verdict)


def test_the_json_has_the_shape_of_the_contract() -> None:
    rounds = Rounds([{INSERT_LIMIT: 1000, "ingest": 801}, {INSERT_LIMIT: 1000, "ingest": 799}])
    shaped = Report(machine={"cores": 2}, settings={"fsync": "on"}, rounds=2, subjects={"ingest": rounds}).as_json()
    assert json.loads(json.dumps(shaped)) == {
        "machine": {"cores": 2},
        "settings": {"fsync": "on"},
        "rounds": 2,
        "rates": {
            "insert_limit": {"median": 1000, "min": 1000, "max": 1000},
            "ingest": {"median": 800, "min": 799, "max": 801},
        },
        "goals": {"P1": {"value": 0.8, "min": 0.799, "max": 0.801, "floor": 0.7, "goal": 1.0, "verdict": "floor held"}},
        "ratios": {},
        "invariants": "ok",
    }


def test_the_floors_are_those_of_the_design() -> None:
    floors = {goal.number: (goal.floor, goal.goal) for goal in GOALS if goal.floor}
    grown = ("4/5", "19/20")
    assert {number: tuple(map(str, pair)) for number, pair in floors.items()} == {
        "P1": ("7/10", "1"),
        "P2": ("1/2", "9/10"),
        "flood": ("2000", "150"),
        "P3": ("3/10", "3/5"),
        "P4": ("25", "10"),
        "P5": ("4", "10"),
        "P5_hot": ("10", "30"),
        "P6_intake": grown,
        "P6_settle": grown,
        "P6_ledger": grown,
        "P7": ("8", "25"),
        "P8_djstripe": ("15", "35"),
        "P8_hordak": ("10", "25"),
        "P8_pgledger": ("2", "5"),
        "P9": ("700", "400"),
        "P11": ("2000", "20000"),
    }


@pytest.mark.parametrize(
    ("mean_ms", "verdict"), [(701, "below the floor"), (700, "floor held"), (401, "floor held"), (400, "goal reached")]
)
def test_of_a_time_less_is_better(mean_ms: int, verdict: str) -> None:
    report = Report(machine={}, settings={}, rounds=1, subjects={"create": Rounds([{"create_mean_ms": mean_ms}])})
    (measured,) = report.measured()
    assert (measured.goal.number, measured.verdict) == ("P9", verdict)


def test_the_machine_is_described() -> None:
    described = machine.describe()
    assert described["cores"]
    assert all(described[name] for name in ("cpu", "memory_gib", "kernel", "python", "revision"))


def test_the_references_count_rows_that_are_really_there(bed: Ground) -> None:
    references.prepare(bed)
    assert references.measure_insert_limit(bed, 1) > 0
    assert references.measure_transfer(bed, 1, hot=False) > 0
    short = "SELECT count(*) - 2 * (SELECT count(*) FROM bench_transaction) FROM bench_entry"
    assert bed.count(short) == 0
    assert bed.count("SELECT sum(balance) FROM bench_account") == 0


def test_a_figure_that_the_rows_do_not_prove_is_refused() -> None:
    with pytest.raises(BenchError, match="pgbench counted 2 rows of bench_entry, and 1 are there"):
        references._verify("bench_entry", 2, 1)


def test_a_server_that_does_not_wait_for_the_disk_is_refused(server: EmbeddedPostgres) -> None:
    server.databases.run("ALTER ROLE postgres SET synchronous_commit = off")
    with pytest.raises(NotDurableError, match="synchronous_commit"), ground.opened(url_of(server.databases)):
        pytest.fail("it was measured all the same")


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_each_setting_without_which_a_commit_can_be_lost_is_required(name: str) -> None:
    durable = dict.fromkeys(ground.MUST_BE_ON, "on")
    ground.check_durable(durable)
    with pytest.raises(NotDurableError, match=name):
        ground.check_durable(durable | {name: "off"})


def test_a_named_server_keeps_its_databases_and_loses_ours_at_the_end(databases: Databases) -> None:
    before = databases.run("SELECT count(*) FROM pg_database WHERE datname LIKE 'till_bench_%'")
    with ground.opened(url_of(databases)) as opened:
        assert parse_qs(urlsplit(opened.owner_url).query)["host"] == [str(databases.socket_folder)]
        assert opened.count("SELECT count(*) FROM inbox_message") == 0
    assert databases.run("SELECT count(*) FROM pg_database WHERE datname LIKE 'till_bench_%'") == before


def test_settled_webhooks_deliver_and_the_invariants_hold(bed: Ground) -> None:
    with settling_all(bed) as rate:
        assert rate > 0
    assert bed.count("SELECT count(*) FROM entitlement") == few
    assert settling.prove(bed, 0) == []
    assert asyncio.run(invariants.check(bed)) == []


def test_a_payment_without_its_event_is_found(bed: Ground) -> None:
    with settling_all(bed):
        bed.sql(
            "DELETE FROM outbox_event WHERE id = (SELECT id FROM outbox_event WHERE type = 'payment.succeeded' LIMIT 1)"
        )
    (wrong,) = asyncio.run(invariants.check(bed))
    assert wrong.startswith("1 payments whose webhook was processed lack")


def test_an_acknowledged_webhook_that_is_gone_is_missed(bed: Ground) -> None:
    with settling_all(bed):
        assert kills.count_kept(bed, range(few)) == few
        assert kills.count_kept(bed, range(few + 1)) == few


def test_killing_is_refused_on_a_server_that_is_not_ours(bed: Ground) -> None:
    with pytest.raises(BenchError, match="only to its own"):
        kills.run(bed)


def test_the_profile_names_the_verbs_of_settle_and_takes_its_stopwatch_off(bed: Ground) -> None:
    real = ledger.post
    named = {part.name.strip() for part in parts.settle_parts(bed, few)}
    assert {"inbox.claim", "payments.lock", "payments.decide", "ledger.post", "SQL: select ledger_post"} <= named
    assert ledger.post is real


def test_the_profile_names_the_parts_of_taking_a_webhook_in(bed: Ground) -> None:
    named = {part.name.strip() for part in parts.ingest_parts(bed, few)}
    assert {"signature, time and JSON head", "seal the body", "SQL: insert into inbox_message"} <= named


def test_a_load_that_nobody_answers_is_an_error_and_not_a_figure(bed: Ground) -> None:
    with pytest.raises(BenchError, match="load generator stopped"):
        volleys.fire(bed, first=0, count=2, seconds=1)


@pytest.mark.timeout(180)
def test_the_whole_way_is_measured_with_real_processes_and_every_promise_is_kept() -> None:
    said: list[str] = []
    report = bench.run(["end-to-end"], rounds=1, seconds=1, profile=True, say=said.append)
    assert report.wrong == []
    shares = {part.name: part.nanoseconds for part in report.parts["end-to-end"]}
    assert shares.keys() == {"all processes", "API", "worker", "PostgreSQL", "load generator"}
    assert 0 < shares["worker"] < shares["all processes"]
    measured = {each.goal.number: each.ratio.median for each in report.measured()}
    assert measured.keys() == {"P3", "P4"}
    assert min(measured.values()) > 0
    assert report.settings["fsync"] == "on"
    assert said[0].startswith("end-to-end: round 1 of 1: insert_limit ")


def test_a_broken_promise_ends_the_command_with_4_whatever_the_speed() -> None:
    fast = Rounds([{INSERT_LIMIT: 100, "ingest": 1_000}])
    report = Report(machine={}, settings={}, rounds=1, subjects={"ingest": fast}, wrong=["one is missing"])
    assert command.exit_code(report) == ExitCode.PROBLEMS
    assert report.as_json()["invariants"] == "one is missing"
    report.wrong.clear()
    assert command.exit_code(report) == ExitCode.OK


def test_the_command_prints_json_and_nothing_else_on_standard_output() -> None:
    app = Typer()
    app.command()(command.bench)
    ended = CliRunner().invoke(app, ["settle", "--rounds", "1", "--seconds", "1", "--json"])
    assert ended.exit_code == ExitCode.OK
    told = json.loads(ended.stdout)
    assert told["rates"].keys() == {"insert_limit", "settle"}
    assert told["invariants"] == "ok"
    assert "settle: round 1 of 1" in ended.stderr


def test_a_day_is_compared_whole_and_nothing_is_invented(bed: Ground) -> None:
    size = reconciling.SIZES[0]

    async def compare() -> int:
        till = await bed.open_till()
        try:
            return await reconciling.compare(till, bed, size)
        finally:
            await till.close()

    reconciling.lay_in(bed, size)
    assert asyncio.run(compare()) > 0
    assert reconciling.prove(bed, [size]) == []
    assert asyncio.run(invariants.check(bed)) == []
    bed.sql("UPDATE reconciliation_run SET lines = lines - 1")
    (wrong,) = reconciling.prove(bed, [size])
    assert "were compared" in wrong


def test_every_page_is_found_by_its_links_and_asked_over_a_history_that_is_added_up(bed: Ground) -> None:
    bed.port = ground.free_port()
    found = pages.measure(bed, payments=60, times=2, seconds=1)
    assert {"/admin", "/admin/payments", "/admin/payments/{payment}", "/admin/you"} <= {
        each.page for each in found.pages
    }
    assert all(len(each.took_ms) == 2 for each in found.pages)
    assert found.wrong == []
    told = found.as_json()
    assert told["goal_ms"] == 300
    assert found.feed
    assert found.feed.events > 0
    assert found.feed.missed == 0
    assert found.worst.p95 == max(each.p95 for each in found.pages)
