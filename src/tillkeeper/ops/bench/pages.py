"""The pages of the dashboard over a long history: how long each lets a person wait."""

import asyncio
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import httpx2

from tillkeeper.access.staff import Role
from tillkeeper.flows.employ import employ
from tillkeeper.flows.seal import seal
from tillkeeper.flows.sequence import sequence
from tillkeeper.flows.sum_up import sum_up
from tillkeeper.kernel import clock
from tillkeeper.ops.bench import feed, history, machine
from tillkeeper.ops.bench.feed import Feed
from tillkeeper.ops.bench.ground import HOST, BenchError, Ground, opened
from tillkeeper.till import Till

HOME = "/admin"
WHO = "bench@example.com"
request_timeout_seconds = 60
goal_ms = 300
pages_max = 200
percentile = 95
LINK = re.compile(r'href="(/admin[^"#]*)"')
ID = re.compile(r"/([a-z]+)_[0-9a-z]{26}")
LEFT_OUT = re.compile(r"export|\.csv|\.jsonl|sign-out")
"""Exports stream for as long as there are rows: they are no pages."""

CAPTURED = "SELECT coalesce(sum(count), 0) FROM figure WHERE span = 'hour' AND name = 'captured'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """Hold how long one page let people wait, in milliseconds, each time."""

    page: str
    took_ms: Sequence[int]

    @property
    def p95(self) -> int:
        """Tell within what time all but five of a hundred came; of few, the slowest."""
        return sorted(self.took_ms)[(len(self.took_ms) * percentile - 1) // 100]

    def as_json(self) -> dict[str, object]:
        """Shape the figures of a page."""
        return {"p50_ms": round(median(self.took_ms)), "p95_ms": self.p95, "max_ms": max(self.took_ms)}


@dataclass(slots=True, kw_only=True)
class PagesReport:
    """Hold what was found about every page."""

    machine: Mapping[str, object]
    payments: int
    took_ms: dict[str, int] = field(default_factory=dict)
    """How long it took to lay the history in, and to add it up."""
    pages: list[Waited] = field(default_factory=list)
    feed: Feed | None = None
    wrong: list[str] = field(default_factory=list)

    @property
    def worst(self) -> Waited:
        """Name the slowest page."""
        return max(self.pages, key=lambda each: each.p95)

    def as_json(self) -> dict[str, object]:
        """Shape the report."""
        return {
            "machine": dict(self.machine),
            "payments": self.payments,
            "prepared_ms": self.took_ms,
            "pages": {each.page: each.as_json() for each in self.pages},
            "worst": {"page": self.worst.page, **self.worst.as_json()},
            "goal_ms": goal_ms,
            "verdict": "goal reached" if self.worst.p95 <= goal_ms else "below the floor",
            "live_feed": self.feed.as_json() if self.feed else None,
            "invariants": "; ".join(self.wrong) or "ok",
        }


def run(*, payments: int, times: int, seconds: int, database_url: str | None = None) -> PagesReport:
    """Lay a history in, add it up, ask every page for itself, and let pages listen; raises BenchError."""
    with opened(database_url) as ground:
        return measure(ground, payments=payments, times=times, seconds=seconds)


def measure(ground: Ground, *, payments: int, times: int, seconds: int) -> PagesReport:
    """Measure on a ground that is there already."""
    report = PagesReport(machine=machine.describe(), payments=payments)
    elapsed_ms = clock.timer_ms()
    history.fill(ground, payments)
    report.took_ms["filled"] = elapsed_ms()
    password = asyncio.run(_prepare(ground, report))
    ground.sql("VACUUM ANALYZE")
    counted, paid = ground.count(CAPTURED), ground.count("SELECT count(*) FROM payment WHERE captured_at IS NOT NULL")
    if counted != paid:
        report.wrong.append(f"{paid} payments were captured, and the figures say {counted}")
    with ground.api(), httpx2.Client(base_url=f"http://{HOST}:{ground.port}", trust_env=False) as browser:
        browser.timeout = request_timeout_seconds
        _sign_in(browser, password)
        report.pages = [_ask(browser, page, times) for page in _find(browser).values()]
        with ground.process("worker", "worker"):
            report.feed = asyncio.run(feed.measure(ground, dict(browser.cookies), seconds=seconds))
    if report.feed.missed:
        report.wrong.append(f"{report.feed.missed} times an open page did not hear of what happened")
    return report


async def _prepare(ground: Ground, report: PagesReport) -> str:
    """Do what the worker would have done meanwhile, and take somebody in; return their password."""
    till = await ground.open_till()
    try:
        await _work(till, report)
        _, password = await employ(till, WHO, role=Role.ADMIN)
    finally:
        await till.close()
    return password


async def _work(till: Till, report: PagesReport) -> None:
    elapsed_ms = clock.timer_ms()
    while await seal(till):
        pass
    while await sequence(till):
        pass
    report.took_ms["sealed"] = elapsed_ms()
    elapsed_ms = clock.timer_ms()
    while await sum_up(till):
        pass
    report.took_ms["summed_up"] = elapsed_ms()


def _sign_in(browser: httpx2.Client, password: str) -> None:
    answer = browser.post("/api/v1/session", json={"email": WHO, "password": password})
    if not answer.is_success:
        message = f"Nobody could sign in: {answer.text[:200]}"
        raise BenchError(message)


def _find(browser: httpx2.Client) -> dict[str, str]:
    """Follow every link from page to page, one of each kind; return an address for each."""
    found, waiting = {HOME: HOME}, [HOME]
    while waiting and len(found) < pages_max:
        for link in LINK.findall(_get(browser, waiting.pop(0)).text):
            url = html.unescape(link)
            if not LEFT_OUT.search(url) and _kind(url) not in found:
                found[_kind(url)] = url
                waiting.append(url)
    return found


def _kind(url: str) -> str:
    """Name what pages of one kind have in common: the path without ids, and which filters there are."""
    path, _, query = url.partition("?")
    names = "&".join(sorted({part.partition("=")[0] for part in query.split("&")} - {""}))
    return ID.sub(r"/{\1}", path) + (f"?{names}" if names else "")


def _get(browser: httpx2.Client, url: str) -> httpx2.Response:
    answer = browser.get(url)
    if not answer.is_success:
        message = f"{url} answered {answer.status_code}."
        raise BenchError(message)
    return answer


def _ask(browser: httpx2.Client, url: str, times: int) -> Waited:
    took = []
    for _ in range(times):
        elapsed_ms = clock.timer_ms()
        _get(browser, url)
        took.append(elapsed_ms())
    return Waited(page=_kind(url), took_ms=took)
