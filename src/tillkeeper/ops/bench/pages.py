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
from tillkeeper.ops.bench import feed, machine
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

# Payments of 90 days with their history, books, webhooks, events, refunds and disputes, as flows leave them. Of ten,
# eight are paid, one was declined and one expired; goods are one posting to a house account and no wallets.
FILL = """
BEGIN;
CREATE TEMPORARY TABLE trade ON COMMIT DROP AS
SELECT number, md5('payment ' || number)::uuid AS id, md5('journal ' || number)::uuid AS journal,
       md5('fee ' || number)::uuid AS fee, md5('grant ' || number)::uuid AS granted,
       md5('user ' || number % 5000)::uuid AS user_id,
       (ARRAY['stripe', 'paypal', 'square', 'razorpay'])[1 + number % 4] AS gateway,
       (ARRAY['EUR', 'USD', 'GBP'])[1 + number % 3] AS currency, 500 + number % 2000 AS amount,
       CASE WHEN number % 10 < 8 THEN 'succeeded' WHEN number % 10 = 8 THEN 'requires_action' ELSE 'expired' END
           AS status, number % 10 < 8 AS paid, number % 33 = 0 AND number % 10 < 8 AS refunded,
       now() - interval '90 days' * ({payments} - number) / {payments} AS at
FROM generate_series(1, {payments}) AS number;
INSERT INTO end_user (id, name) SELECT DISTINCT user_id, 'buyer ' || user_id FROM trade;
INSERT INTO payment (id, mode, status, amount, currency, amount_captured, amount_refunded, user_id, gateway,
                     gateway_reference, checkout, capture_method, metadata, created_at, expires_at, captured_at, fee)
SELECT id, 'sandbox', status, amount, currency, CASE WHEN paid THEN amount ELSE 0 END,
       CASE WHEN refunded THEN 100 ELSE 0 END, user_id, gateway, 'pi_' || number, 'hosted', 'automatic', '{{}}', at,
       at + interval '1 day', CASE WHEN paid THEN at END, 59
FROM trade;
INSERT INTO payment_reference (gateway, reference, payment_id) SELECT gateway, 'pi_' || number, id FROM trade;
INSERT INTO attempt (id, payment_id, ordinal, gateway, key, outcome, latency_ms, created_at, finished_at)
SELECT id, id, 1, gateway, 'key_' || number, 'opened', 200, at, at FROM trade;
INSERT INTO payment_change (payment_id, status_before, status_after, step, reason, cause, amount, at)
SELECT id, NULL, 'created', 'none', 'created', 'bench', 0, at FROM trade
UNION ALL SELECT id, 'requires_action', status, CASE WHEN paid THEN 'captured' ELSE 'none' END,
       CASE WHEN paid THEN 'captured' WHEN status = 'expired' THEN 'expired' ELSE
           'attempt failed: ' || (ARRAY['card_declined', 'insufficient_funds', 'expired_card'])[1 + number % 3] END,
       'bench', CASE WHEN paid THEN amount ELSE 0 END, at FROM trade;
INSERT INTO refund (id, payment_id, amount, currency, status, origin, gateway, gateway_reference, created_at,
                    settled_at)
SELECT fee, id, 100, currency, 'succeeded', 'us', gateway, 're_' || number, at, at FROM trade WHERE refunded;
INSERT INTO dispute (id, payment_id, gateway, gateway_reference, status, amount, currency, reason, due_at, opened_at,
                     told_at)
SELECT journal, id, gateway, 'dp_' || number, CASE WHEN number % 5000 = 0 THEN 'needs_response' ELSE 'under_review' END,
       amount, currency, 'fraudulent', at + interval '20 days', at, at
FROM trade WHERE number % 500 = 0;
INSERT INTO inbox_message (id, gateway, event_id, content_sha, type, body, status, payment_id, received_at, finished_at,
                           reason)
SELECT id, gateway, 'evt_' || number, decode(md5('evt ' || number), 'hex'), 'payment.captured',
       decode(repeat('00', 300), 'hex'), CASE WHEN number % 20000 = 0 THEN 'dead' ELSE 'processed' END,
       id, at, at, 'captured'
FROM trade WHERE paid;
INSERT INTO outbox_event (id, type, subject, payment_id, data, created_at)
SELECT id, 'payment.succeeded', id, id, '{{"reason": "captured"}}', at FROM trade WHERE paid;
INSERT INTO account (code, currency, class, guarded, mode)
SELECT DISTINCT 'gateway:' || gateway || ':clearing:' || currency, currency, 'asset', false, 'deferred' FROM trade
UNION SELECT DISTINCT 'fees:' || gateway || ':processing:' || currency, currency, 'expense', false, 'deferred'
      FROM trade
UNION SELECT DISTINCT 'revenue:other:' || currency, currency, 'income', false, 'deferred' FROM trade
UNION VALUES ('credits:issuer', 'CRD', 'unit', false, 'deferred'), ('wallet:bench', 'CRD', 'unit', false, 'deferred')
ON CONFLICT DO NOTHING;
INSERT INTO balance (account_id, guarded) SELECT id, guarded FROM account ON CONFLICT DO NOTHING;
INSERT INTO journal (id, source, source_id, kind, payload_sha, effective_at)
SELECT journal, 'payment', id::text, 'capture', sha256(id::text::bytea), at FROM trade WHERE paid
UNION ALL SELECT fee, 'payment', id::text, 'fee', sha256(id::text::bytea), at FROM trade WHERE paid
UNION ALL SELECT granted, 'payment', id::text, 'grant', sha256(id::text::bytea),
       at + number % 1900 * interval '1 millisecond' FROM trade WHERE paid;
INSERT INTO posting (journal_id, debit_id, credit_id, currency, amount, effective_at)
SELECT each.journal, debit.id, credit.id, each.currency, each.amount, each.at FROM (
    SELECT journal, 'gateway:' || gateway || ':clearing:' || currency AS debit, 'revenue:other:' || currency AS credit,
           currency, amount, at FROM trade WHERE paid
    UNION ALL SELECT fee, 'fees:' || gateway || ':processing:' || currency,
           'gateway:' || gateway || ':clearing:' || currency, currency, 59, at FROM trade WHERE paid
    UNION ALL SELECT granted, 'credits:issuer', 'wallet:bench', 'CRD', 120,
           at + number % 1900 * interval '1 millisecond' FROM trade WHERE paid
) AS each JOIN account AS debit ON debit.code = each.debit JOIN account AS credit ON credit.code = each.credit;
INSERT INTO unsealed (journals)
SELECT array_agg(id ORDER BY id) FROM (SELECT id, row_number() OVER () / 1000 AS part FROM journal) AS parts
GROUP BY part;
UPDATE balance SET debits = moved.debits, credits = moved.credits FROM (
    SELECT account_id, sum(debits) AS debits, sum(credits) AS credits FROM (
        SELECT debit_id AS account_id, amount AS debits, 0 AS credits FROM posting
        UNION ALL SELECT credit_id, 0, amount FROM posting) AS sides GROUP BY account_id
) AS moved WHERE moved.account_id = balance.account_id;
COMMIT;
VACUUM ANALYZE;
"""
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
    ground.sql(FILL.format(payments=payments))
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
