"""What a campaign tells: its sums, its verdict, and a page that is complete; its SQL fits the database."""

import json
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import asyncpg
from tests.ops.chaos.testimony import PAYMENT, SHOWN, told

from tillkeeper.cli import ExitCode
from tillkeeper.cli import chaos as command
from tillkeeper.ops.chaos import journal, report, stage, timeline
from tillkeeper.ops.chaos.disturbing import Happening, Progress
from tillkeeper.ops.chaos.oracle import evidence
from tillkeeper.ops.chaos.oracle.case import TITLES, Finding
from tillkeeper.ops.chaos.report import Report
from tillkeeper.ops.chaos.running import Outcome
from tillkeeper.ops.chaos.schedule import Disturbance, Schedule, What

KILL = Disturbance(after=3, what=What.KILL, whom="api-1", lasts_ms=50)
LOST = Disturbance(after=5, what=What.FAULT, whom="sandbox", lasts_ms=1_000, how="lost_replies")
PLAN = Schedule(seed=5, payments=20, gateways=("stripe",), celery=False, disturbances=(KILL, LOST))
FOUND = Finding(invariant="I2", about="captured", found="0 here", should_be="200", payment=PAYMENT)


def outcome(*findings: Finding, injected: int = 4, quiet_ms: int | None = 700) -> Outcome:
    return Outcome(
        plan=PLAN,
        findings=findings,
        happened=[Happening(disturbance=each, at=1_700_000_000_000, until=1_700_000_000_500) for each in (KILL, LOST)],
        injected={"lost_reply_percent": injected},
        links={"clients-api": {"connections": 9, "cut": 2, "answers lost": 1}},
        answers={"create 201": 20},
        ends={"succeeded": 20},
        flagged=["stripe refund: refused"],
        met={"settle._settle/commit": 1},
        missed=["api-1 refund/call@1"],
        payments=20,
        refunds=6,
        took_ms=60_000,
        bought_ms=40_000,
        quiet_ms=quiet_ms,
        timelines=["THE TIMELINE"] if findings else [],
    )


def summed_up(rounds: Sequence[Outcome]) -> Report:
    found = Report(seed=5, command="till chaos --seed 5")
    for each in rounds:
        found.add(each)
    return found


def test_rounds_are_summed_up_and_the_slowest_counts() -> None:
    found = summed_up([outcome(), outcome(quiet_ms=900)])
    shown = found.as_json()
    assert (shown["verdict"], shown["rounds"], shown["payments"], shown["refunds"]) == ("sound", 2, 40, 12)
    assert (shown["disturbances"], shown["killed"]) == ({"kill": 2, "fault": 2}, {"api-1": 2})
    assert (shown["injected"], shown["links"]) == ({"lost_reply_percent": 8}, {"cut": 4, "answers lost": 2})
    assert (shown["converged_ms"]["longest"], shown["flagged"]["in_all"]) == (900, 2)
    assert command.exit_code(found) == ExitCode.OK
    assert "till chaos --seed 5" in "\n".join(found.lines())
    json.dumps(shown)


def test_a_goal_that_was_missed_is_named_and_is_no_violation() -> None:
    found = summed_up([outcome(), outcome(quiet_ms=60_001)])
    assert (found.sound, found.in_time, found.as_json()["converged_ms"]["in_time"]) == (True, False, False)
    assert "MISSED the goal of 60 s" in "\n".join(found.lines())


def test_a_violation_is_the_verdict_whatever_else_was_sound() -> None:
    found = summed_up([outcome(), outcome(FOUND)])
    assert command.exit_code(found) == ExitCode.PROBLEMS
    assert found.as_json()["findings"] == [{"seed": 5, **FOUND.as_json()}]
    text = "\n".join(found.lines())
    assert "VIOLATED" in text
    assert TITLES["I2"] in text


def test_faults_and_failpoints_that_met_nobody_are_named_and_places_that_were_met_are_counted() -> None:
    found = summed_up([outcome(injected=0)])
    assert found.as_json()["faults_that_met_nobody"] == {"api-1 refund/call@1": 1, "lost_replies": 1}
    assert found.as_json()["died_at_failpoints"] == {"settle._settle/commit": 1}
    assert "lost_replies" in "\n".join(found.lines())


def test_what_is_left_after_shrinking_is_told_also_when_that_is_nothing() -> None:
    found = summed_up([outcome(FOUND)])
    found.smallest = report.shrunk([KILL])
    assert "after 3 payments: kill api-1 for 50 ms" in "\n".join(found.lines())
    found.smallest = []
    assert "none at all" in "\n".join(found.lines())


def test_the_page_of_a_violation_holds_the_finding_the_timeline_and_the_schedule(tmp_path: Path) -> None:
    text = report.write(outcome(FOUND), tmp_path, "till chaos --schedule s.json").read_text()
    for word in ("seed 5", "till chaos --schedule s.json", "THE TIMELINE", "0 here", "should be 200", str(LOST)):
        assert word in text
    assert json.loads((tmp_path / "findings.json").read_text())[0]["payment"] == PAYMENT


async def test_the_statements_of_evidence_and_timelines_fit_the_database(owner_url: str) -> None:
    connection = await asyncpg.connect(owner_url)
    try:
        for query in (*evidence.QUERIES.values(), evidence.PENDING):
            await connection.fetch(query)
        for query in timeline.QUERIES.values():
            assert await connection.fetch(query, UUID(PAYMENT)) == []
        await connection.execute(stage.HURRY)
    finally:
        await connection.close()


def test_the_lines_of_a_payment_are_those_of_its_own_client() -> None:
    stranger = {"at": 7, "n": 1, "told": "create", "body": {}}
    lines = list(timeline._clients([*told().journal, stranger], PAYMENT))
    assert len(lines) == len(told().journal)
    assert any(SHOWN in text for _, _, text in lines)


def test_a_journal_is_read_on_line_by_line_and_half_a_line_later(tmp_path: Path) -> None:
    path = tmp_path / "clients.jsonl"
    progress = Progress(journal.Tail(path))
    progress.look()
    with journal.Journal(path) as kept:
        kept.write(n=1, told="create", status=201)
        kept.write(n=2, told="create", status=503)
    with path.open("a") as file:
        file.write('{"n": 3, "end": ')
    progress.look()
    assert (progress.acknowledged, progress.ended) == (1, 0)
    assert [line["n"] for line in evidence.read_journal(path)] == [1, 2]
    with path.open("a") as file:
        file.write('"succeeded"}\n')
    progress.look()
    assert (progress.acknowledged, progress.ended, len(progress.lines)) == (1, 1, 3)
