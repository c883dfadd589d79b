"""A steady load for a long time: whether memory, connections, dead rows and backlog stay where they are."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from threading import Event, Thread

from tillkeeper.kernel import clock
from tillkeeper.ops.bench import invariants, machine, payments, pipeline, volleys
from tillkeeper.ops.bench.ground import Ground, opened
from tillkeeper.ops.bench.volleys import Tally

webhooks_per_minute = 10_000
look_seconds = 5
growth_percent_max = 20
"""By how much memory may be higher in the last quarter than in the second; the first one is for warming up."""
judged_seconds_min = 600
"""A shorter run is warming up all the while."""
PROCESSES = Path("/proc")
kib_per_mib = 1024
UNNUMBERED = "SELECT count(*) FROM outbox_event WHERE seq IS NULL"
LOOK = """
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
           (SELECT count(*) FROM inbox_message WHERE status IN ('received', 'parked'))
           + (SELECT count(*) FROM outbox_event WHERE seq IS NULL),
           (SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables),
           pg_database_size(current_database()) / 1048576"""
SERIES = {
    "api_mib": "memory of the API, MiB",
    "worker_mib": "memory of the worker, MiB",
    "connections": "connections to PostgreSQL",
    "backlog": "webhooks and events that wait",
    "dead_rows": "dead rows, until vacuum comes",
    "database_mib": "size of the database, MiB",
    "lag_p99_ms": "accept to delivered, p99 of the minute, ms",
}
Say = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class SoakReport:
    """Hold what was seen over time: for each series pairs of seconds and values."""

    machine: Mapping[str, object]
    portions: int
    seconds: int
    """How long each portion takes; a webhook is signed for its moment, so it is no more than minutes."""
    sent: dict[str, int] = field(default_factory=dict)
    seen: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: {name: [] for name in SERIES})
    wrong: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Shape the report."""
        return {
            "machine": dict(self.machine),
            "portions": self.portions,
            "seconds": self.seconds,
            "webhooks_per_minute": webhooks_per_minute,
            "sent": self.sent,
            "figures": {
                name: {
                    "first": seen[0][1],
                    "median": round(median(value for _, value in seen)),
                    "last": seen[-1][1],
                    "max": max(value for _, value in seen),
                }
                for name, seen in self.seen.items()
                if seen
            },
            "series": {name: [list(pair) for pair in seen] for name, seen in self.seen.items()},
            "invariants": "; ".join(self.wrong) or "ok",
        }


def run(*, portions: int, seconds: int, database_url: str | None, say: Say) -> SoakReport:
    """Send webhooks of payments at a steady pace, look all the while, and judge at the end; raises BenchError."""
    report = SoakReport(machine=machine.describe(), portions=portions, seconds=seconds)
    with opened(database_url) as ground:
        measure(ground, report, say=say)
        report.wrong += asyncio.run(invariants.check(ground))
    return report


def measure(ground: Ground, report: SoakReport, *, say: Say) -> None:
    """Measure on a ground that is there already."""
    tally = Tally()
    with (
        ground.api() as api,
        ground.process("worker", "worker") as worker,
        _looking(ground, {"api_mib": api, "worker_mib": worker}, report) as elapsed_ms,
    ):
        for number in range(report.portions):
            delivery = _send(ground, number, report.seconds, tally)
            report.seen["lag_p99_ms"].append((elapsed_ms() // 1000, delivery.lag_p99_ms))
            told = f"{delivery.delivered:,} delivered, p99 {delivery.lag_p99_ms} ms"
            say(f"soak: portion {number + 1} of {report.portions}: {told}")
        _await_numbered(ground)
    report.sent = {"accepted": tally.accepted, "duplicates": tally.duplicates, "forged": tally.forged}
    report.wrong += pipeline.prove(ground, tally) + judge(report)


def _send(ground: Ground, portion: int, seconds: int, tally: Tally) -> pipeline.Delivery:
    """Send one portion, and wait until all of it is delivered."""
    per_second = webhooks_per_minute // 60
    count = per_second * seconds
    numbers = range(portion * count, (portion + 1) * count)
    payments.open_checkouts(ground, numbers)
    tally.add(volleys.fire(ground, first=numbers[0], count=count, seconds=2 * seconds, per_second=per_second))
    pipeline.await_drained(ground)
    return pipeline.account(ground, numbers)


def _await_numbered(ground: Ground) -> None:
    """Wait until the last events have their numbers too; what still waits after that is told."""
    elapsed_ms = clock.timer_ms()
    while ground.count(UNNUMBERED) and elapsed_ms() < pipeline.drain_timeout_seconds * 1000:
        clock.pause_ms(pipeline.poll_ms)


def judge(report: SoakReport) -> list[str]:
    """Say what did not stay where it was."""
    wrong = []
    for name in ("api_mib", "worker_mib", "connections"):
        values = [value for _, value in report.seen[name]]
        quarter = len(values) // 4
        if not quarter or report.seen[name][-1][0] < judged_seconds_min:
            continue
        before, after = median(values[quarter : 2 * quarter]), median(values[-quarter:])
        if after * 100 > before * (100 + growth_percent_max):
            wrong.append(f"{SERIES[name]} grew from {before:.0f} in the second quarter to {after:.0f} in the last")
    backlog = report.seen["backlog"]
    if backlog and backlog[-1][1]:
        wrong.append(f"{backlog[-1][1]} webhooks and events were still waiting at the end")
    return wrong


@contextmanager
def _looking(
    ground: Ground, processes: Mapping[str, subprocess.Popen[bytes]], report: SoakReport
) -> Iterator[Callable[[], int]]:
    """Look every few seconds, beside the load."""
    done, elapsed_ms = Event(), clock.timer_ms()

    def look() -> None:
        values = [int(value) for value in ground.sql(LOOK).split("|")]
        found = dict(zip(("connections", "backlog", "dead_rows", "database_mib"), values, strict=True))
        found |= {name: _mib(process.pid) for name, process in processes.items()}
        for name, value in found.items():
            report.seen[name].append((elapsed_ms() // 1000, value))

    def go_on() -> None:
        while not done.wait(look_seconds):
            look()

    thread = Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield elapsed_ms
    finally:
        done.set()
        thread.join()
        look()


def _mib(pid: int) -> int:
    """Read how much memory a process holds."""
    lines = (PROCESSES / str(pid) / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // kib_per_mib


def draw(report: SoakReport) -> str:
    """Draw every series over time, one below the other, as SVG."""
    panels = "".join(
        _panel(place, SERIES[name], seen) for place, (name, seen) in enumerate(report.seen.items()) if seen
    )
    head = f"{report.portions} × {report.seconds} s at {webhooks_per_minute:,} webhooks a minute"
    height = panel_height * len(SERIES) + 40
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="13"><rect width="{width}" height="{height}" fill="#fff"/><text x="20" y="24" font-size="16">'
        f"Soak: {head}</text>{panels}</svg>\n"
    )


width, panel_height, plot_height = 900, 110, 70


def _panel(place: int, title: str, seen: Sequence[tuple[int, int]]) -> str:
    end, most = max(seen[-1][0], 1), max(1, *(value for _, value in seen))
    points = " ".join(
        f"{20 + second * (width - 40) / end:.1f},{plot_height - value * plot_height / most:.1f}"
        for second, value in seen
    )
    return (
        f'<g transform="translate(0 {50 + place * panel_height})"><text x="20" y="-4" fill="#444">{title}: '
        f'last {seen[-1][1]:,}, most {most:,}</text><path d="M20 {plot_height}H{width - 20}" stroke="#ccc"/>'
        f'<polyline points="{points}" fill="none" stroke="#2563eb" stroke-width="1.5"/></g>'
    )
