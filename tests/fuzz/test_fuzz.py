"""Requests, webhooks and forms without number that nobody should send: each is answered and leaves nothing.

1,000 and 250 of the others on every change, 200,000 and 50,000 with TILL_TEST_FULL=1, others with TILL_FUZZ_REQUESTS.
TILL_FUZZ_SEED repeats a run, and what went wrong is printed as a command for a shell.
"""

import asyncio
import json
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pytest
from tests.fuzz.arena import Arena, checksum, opened
from tests.fuzz.wire import Answer, Input, shoot

from tillkeeper.flows.maintain import MaintenanceError
from tillkeeper.flows.read import read
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.kernel import clock
from tillkeeper.reports import invariants
from tillkeeper.web import documents

FULL = bool(os.environ.get("TILL_TEST_FULL"))
SEED = int(os.environ.get("TILL_FUZZ_SEED") or random.randrange(10**6))
REQUESTS = int(os.environ.get("TILL_FUZZ_REQUESTS") or (200_000 if FULL else 1_000))
requests_per_turn = 4
"""After so many requests to the API come a webhook and a request to the dashboard."""
INPUTS = REQUESTS + 2 * (REQUESTS // requests_per_turn)
accepted_share_min = 5
"""At least one input in so many is taken, or the others would test nothing but the door."""
parts = 10
memory_growth_percent_max = 10
quiet_seconds_max = 120

pytestmark = pytest.mark.timeout(300 if REQUESTS <= 1_000 else 7_200)

PAGE = {"content-type": "text/html", "request-id": "request_01h455vb4pex5vsknk084sn02q"}
PROBLEM = {"content-type": "application/problem+json"}
UNAVAILABLE = {"maintenance", "gateway_unavailable"}
"""What a server may say with a 5xx here: other inputs switch maintenance on and gateways off."""
UNAVAILABLE_TITLES = (MaintenanceError.title, GatewayUnavailableError.title)
SAID = re.compile(r'role="alert"|request_[0-9a-z]{26}')
"""What is wrong stands above a form, or on a page of its own with the id of the request."""
FROM_UVICORN = b"Invalid HTTP request received."
"""What is no HTTP gets no further than the server in front of the application."""


@dataclass
class Report:
    """Hold what came of all inputs."""

    seen: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    bodies_refused: set[str] = field(default_factory=set)
    bodies_accepted: set[str] = field(default_factory=set)
    memory_kib: list[int] = field(default_factory=list)
    duration_ms: int = 0

    @property
    def accepted(self) -> int:
        """Count what was taken."""
        return sum(count for what, count in self.seen.items() if what.startswith("2"))

    def summary(self) -> str:
        """Say in a line how it went."""
        total = sum(self.seen.values())
        rate, held = total * 1000 // self.duration_ms, ", ".join(str(kib // 1024) for kib in self.memory_kib)
        return f"seed {SEED}, {total} inputs, {rate}/s, {held} MiB, {dict(self.seen.most_common())}"

    def judge(self, sent: Input, answer: Answer | str, url: str) -> None:
        """Note an answer, and what is wrong with it if anything is."""
        why = page_mistake(sent, answer) if is_page(sent) else mistake(answer)
        if why:
            self.wrong.append(f"{sent.name}: {why}\n  {sent.curl(url)[:4000]}")
        if isinstance(answer, Answer) and is_page(sent):
            self.seen[f"{answer.status} page"] += 1
            if is_refused(answer):
                self.refused[sent.mark] = f"{sent.name}: {answer.status} at a page"
        elif isinstance(answer, Answer):
            self.seen[f"{answer.status} {code_of(answer)}".strip()] += 1
            if answer.status >= 400 and code_of(answer) not in KEPT:
                self.refused[sent.mark] = f"{sent.name}: {answer.status} {code_of(answer)}"
                self.bodies_refused.add(checksum(sent.body))
            elif answer.body == b'{"status":"accepted"}':
                self.bodies_accepted.add(checksum(sent.body))


REFUNDS = """
SELECT payment_id::text, captured_at::text, payment.amount_captured, refund.amount, refund.status, origin,
       refund.gateway_reference, refund.error_code, refund.created_at::text, refund.settled_at::text
FROM refund JOIN payment ON payment.id = payment_id WHERE payment_id::text = ANY ($1) ORDER BY 1, refund.created_at
"""
"""What went back of payments about which something is not true: a database of random inputs cannot be had again."""
KEPT = {"card_declined"}
"""Refusals that come after something was rightly kept: a payment that was tried."""
DOCUMENTED = documents.documented()


def code_of(answer: Answer) -> str:
    """Read the code of a problem."""
    if answer.headers.get("content-type") != PROBLEM["content-type"]:
        return ""
    return str(json.loads(answer.body)["code"])


def mistake(answer: Answer | str) -> str:
    """Say what is wrong with an answer."""
    if isinstance(answer, str):
        return f"no answer: {answer}"
    if answer.status < 400 or (answer.status == 400 and answer.body == FROM_UVICORN):
        return ""
    code = code_of(answer)
    if answer.status >= 500 and code not in UNAVAILABLE:
        return f"{answer.status} {answer.body[:300]!r}"
    if code not in DOCUMENTED or DOCUMENTED[code].status != answer.status:
        return f"{answer.status} is not documented: {answer.body[:300]!r}"
    return ""


def is_page(sent: Input) -> bool:
    """Tell whether something was sent to the dashboard."""
    return sent.target.startswith(b"/admin")


def is_refused(answer: Answer) -> bool:
    """Tell whether a page took nothing: it says so, or asks first who it is."""
    return answer.status >= 400 or leads_to(answer).startswith(("/admin/sign-in", "/admin/prove"))


def leads_to(answer: Answer) -> str:
    """Tell where a page leads."""
    return answer.headers.get("location") or answer.headers.get("hx-redirect") or ""


def page_mistake(sent: Input, answer: Answer | str) -> str:
    """Say what is wrong with the answer of a page."""
    if isinstance(answer, str):
        return f"no answer: {answer}"
    if answer.body == FROM_UVICORN:
        return ""
    text, is_html = answer.body.decode(errors="replace"), answer.headers.get("content-type", "").startswith("text/html")
    cookies = [value for name, value in sent.headers if name == "Cookie"]
    known = len(cookies) == 1 and b"\xff" not in cookies[0]
    wrong = {
        "it has no id": "request-id" not in answer.headers,
        "it shows what is inside": "Traceback" in text,
        "the session was lost": known and leads_to(answer).startswith("/admin/sign-in"),
        "it is a bug of ours": answer.status >= 500 and not any(title in text for title in UNAVAILABLE_TITLES),
        "it says nothing": answer.status >= 400 and not (is_html and SAID.search(text)),
    }
    return next((f"{answer.status}: {what}: {text[-1500:]!r}" for what, found in wrong.items() if found), "")


async def test_whatever_is_sent_gets_a_documented_answer_and_what_is_refused_leaves_nothing(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    async with opened(tmp_path) as arena:
        report = await throw(arena)
        tell(report.summary())
        assert report.wrong == [], "\n".join([f"{len(report.wrong)} inputs went wrong:", *report.wrong[:20]])
        assert sum(report.seen.values()) == INPUTS
        assert report.accepted * accepted_share_min >= INPUTS
        await check_what_is_kept(arena, report)
        assert arena.unexpected() == []
        await check_what_must_be_true(arena)
        assert arena.unexpected() == []
        warm, *_, end = report.memory_kib
        assert (end - warm) * 100 <= warm * memory_growth_percent_max, f"the server grew: {report.memory_kib} KiB"


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ("TimeoutError: ", "no answer"),
        (Answer(500, {}, b"Internal Server Error"), "500"),
        (Answer(404, {}, b"Not Found"), "not documented"),
        (Answer(404, PROBLEM, b'{"code": "nothing_that_is_documented"}'), "not documented"),
        (Answer(400, PROBLEM, b'{"code": "not_found"}'), "not documented"),
        (Answer(503, PROBLEM, b'{"code": "database_unavailable"}'), "503"),
    ],
)
def test_the_judge_finds_an_answer_that_is_wrong(answer: Answer | str, what: str) -> None:
    assert what in mistake(answer)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ("TimeoutError: ", "no answer"),
        (Answer(500, PAGE, b"request_01h455vb4pex5vsknk084sn02q"), "a bug of ours"),
        (Answer(422, PAGE, b"<p>Wrong.</p>"), "says nothing"),
        (Answer(404, PAGE | PROBLEM, b'{"request_id": "request_01h455vb4pex5vsknk084sn02q"}'), "says nothing"),
        (Answer(200, PAGE, b"Traceback (most recent call last)"), "shows what is inside"),
        (Answer(200, {}, b""), "no id"),
        (Answer(303, PAGE | {"location": "/admin/sign-in"}, b""), "lost"),
    ],
)
def test_the_judge_finds_a_page_that_is_wrong(answer: Answer | str, what: str) -> None:
    assert what in page_mistake(Input("", "GET", b"/admin", (("Cookie", b"good"),)), answer)


@pytest.mark.parametrize("answer", [Answer(200, {}, b""), Answer(404, PROBLEM, b'{"code": "not_found"}')])
def test_the_judge_lets_an_answer_pass_that_is_right(answer: Answer) -> None:
    assert mistake(answer) == ""


async def throw(arena: Arena) -> Report:
    """Send every input; look at the server's memory after each part of them."""
    report, menu, took_ms = Report(), arena.menu(SEED), clock.timer_ms()
    pages = arena.pages(SEED, menu.told)

    async def heard(sent: Input, answer: Answer | str) -> None:
        report.judge(sent, answer, arena.stage.api)
        if isinstance(answer, Answer):
            (pages if is_page(sent) else menu).remember(answer)

    inputs = mixed(menu.inputs(), arena.post(SEED).inputs(), pages.inputs())
    async with arena.cared_for():
        for _ in range(parts):
            await shoot(arena.stage.api, islice(inputs, INPUTS // parts), heard)
            report.memory_kib.append(arena.memory_kib())
    report.duration_ms = took_ms()
    return report


def mixed(requests: Iterator[Input], *others: Iterator[Input]) -> Iterator[Input]:
    """Deal all out in the proportion of their numbers."""
    while True:
        yield from islice(requests, requests_per_turn)
        for each in others:
            yield next(each)


async def check_what_is_kept(arena: Arena, report: Report) -> None:
    """Find nothing of a refused input in the database, and every webhook that was accepted."""
    kept, webhooks = await arena.marks_kept(), await arena.webhooks_kept()
    assert kept, "what was accepted is found"
    assert [what for mark, what in report.refused.items() if mark in kept] == []
    assert report.bodies_accepted - webhooks == set()
    before = {checksum(body) for _, body in arena.letters}
    assert (report.bodies_refused - report.bodies_accepted - before) & webhooks == set()


async def check_what_must_be_true(arena: Arena) -> None:
    """Prove every invariant once the worker has gone through all webhooks."""
    waited_ms = clock.timer_ms()
    due = "SELECT count(*) FROM inbox_message WHERE status = 'received' AND attempts = 0 AND due_at <= now()"
    while await arena.stage.count(due):
        assert waited_ms() < quiet_seconds_max * 1000, "the worker does not get on"
        await asyncio.sleep(0.2)
    found = await read(arena.till, lambda tx: invariants.examine(tx, recent=False))
    broken = [(each.name, each.sample) for each in found if each.violations]
    payments = re.findall(r"[0-9a-f-]{36}", str(broken))
    assert broken == [], [dict(row) for row in await arena.stage.fetch(REFUNDS, payments)]
