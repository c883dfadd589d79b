"""`till bench peers`: our jobs as others do them, in the same rounds, on the same PostgreSQL and the same cores."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path

import httpx2

from tillkeeper.kernel import ids, loop, trust
from tillkeeper.ops.bench import (
    broker,
    ingest,
    invariants,
    machine,
    peer,
    posting,
    references,
    rivals,
    settling,
    volleys,
    webhooks,
)
from tillkeeper.ops.bench.generator import Load
from tillkeeper.ops.bench.ground import HOST, BenchError, Ground, free_port, opened
from tillkeeper.ops.bench.peer import Peer
from tillkeeper.ops.bench.report import Report
from tillkeeper.ops.bench.rivals import CELERY, DJ_STRIPE, HORDAK, PGLEDGER, UNIT_OF_WORK, Rival
from tillkeeper.ops.bench.subject import Rates, Say, Subject, take_rounds
from tillkeeper.ops.bench.volleys import Tally

tasks_per_second = 300
"""How many Celery tasks are laid in for each second to be measured; all of them are done, however long it takes."""
theirs_per_second_max = 2_500
"""More webhooks than the intake of a peer can take."""
answer_timeout_seconds = 120
writers = 2
batch = 100

UNSETTLED = """
    SELECT count(*) FROM peer_payment AS payment
    JOIN peer_event ON body::jsonb #>> '{data,object,metadata,payment}' = payment.id
    WHERE NOT processed OR status <> 'succeeded' OR amount_captured <> amount
       OR (SELECT count(*) FROM peer_change WHERE payment_id = payment.id) <> 1
       OR (SELECT count(*) FROM peer_entitlement WHERE payment_id = payment.id) <> 1
       OR (SELECT count(*) FROM peer_journal AS journal JOIN peer_posting ON journal_id = journal.id
           WHERE payment_id = payment.id) <> 3
       OR (SELECT count(*) FROM peer_outgoing WHERE payment_id = payment.id) <> 2
"""
TRIGGERS = "SELECT count(*) FROM djstripe.djstripe_webhookeventtrigger WHERE valid"


def run(*, venv: Path | None, rounds: int, seconds: int, database_url: str | None, say: Say) -> Report:
    """Measure beside whoever is here; raises BenchError, and NotDurableError for a server without fsync."""
    named = (venv or rivals.DEFAULT_VENV).absolute()
    report = Report(machine=machine.describe(), settings={}, rounds=rounds)
    for name, (match, those) in MATCHES.items():
        here = [each for each in those if rivals.is_here(each, named)]
        for absent in (each for each in those if each not in here):
            report.missing[absent.goal] = absent.install.format(venv=named)
        if not here:
            continue
        with opened(database_url) as ground:
            report.settings = ground.shown_settings() | {"seconds": seconds}
            references.prepare(ground)
            with match(ground, here, named) as subject:
                report.subjects[name] = take_rounds(
                    subject, name, rounds=rounds, seconds=seconds, wrong=report.wrong, say=say
                )
            report.wrong += asyncio.run(invariants.check(ground))
    return report


@contextmanager
def settling_beside(ground: Ground, present: Sequence[Rival], venv: Path) -> Iterator[Subject]:
    """Settle stored webhooks, by ourselves and by one Celery task for each."""
    del present  # there is but one
    numbers = iter(range(0, 10**9, settling.webhooks_per_second))
    with broker.redis() as url, _opened(CELERY, ground, venv, PEER_BROKER=url) as celery, loop.runner() as runner:
        till = runner.run(ground.open_till())
        celery.do("prepare")

        def measure(seconds: int) -> Rates:
            firsts = [next(numbers) for _ in range(seconds)]
            wanted = range(firsts[0], firsts[-1] + settling.webhooks_per_second)
            ours = settling.lay_in_and_settle(ground, till, runner, wanted)
            return {"settle": ours, CELERY.rate: drain(ground, celery, wanted[: seconds * tasks_per_second])}

        try:
            yield Subject(measure=measure, prove=lambda: settling.prove(ground, 0) + prove_settled(ground))
        finally:
            runner.run(till.close())


def drain(ground: Ground, celery: Peer, numbers: Sequence[int]) -> int:
    """Store webhooks and put their tasks into the queue, and only then measure; return how many were done a second."""
    events = "\n".join(f"{webhooks.event_id(each)}\t{webhooks.body(each).decode()}\tf" for each in numbers)
    terms = f"requires_action\t{webhooks.price_minor}\t0\t{webhooks.currency}\t{webhooks.units}"
    payments = "\n".join(
        f"{ids.text('payment', webhooks.payment_id(each))}\t{each % webhooks.users}\t{terms}" for each in numbers
    )
    ground.sql(
        f"COPY peer_event (id, body, processed) FROM STDIN;\n{events}\n\\.\n"
        "COPY peer_payment (id, user_id, status, amount, amount_captured, currency, units) FROM STDIN;\n"
        f"{payments}\n\\.\nANALYZE;\n"
    )
    celery.do("enqueue", ids=[webhooks.event_id(each) for each in numbers])
    drained = celery.do("drain")
    if drained.done:
        message = f"Of {len(numbers)} tasks {drained.done} were not done."
        raise BenchError(message)
    return len(numbers) * 1000 // max(drained.elapsed_ms, 1)


def prove_settled(ground: Ground) -> list[str]:
    """Make sure that each task has brought all that it was to bring, once."""
    count = ground.count(UNSETTLED)
    return [f"{count} payments of the Celery tasks lack a part of their effect, or have it twice"] if count else []


@contextmanager
def intake_beside(ground: Ground, present: Sequence[Rival], venv: Path) -> Iterator[Subject]:
    """Take webhooks in, by our API and by the view of dj-stripe."""
    del present  # there is but one
    tally, theirs, numbers = Tally(), Tally(), iter(range(0, 10**9, volleys.per_second_max))
    port = free_port()
    with _opened(DJ_STRIPE, ground, venv) as stripe, ground.api():
        path = str(stripe.do("prepare", port=port).done)
        await_answer(port, path, stripe)

        def fire(seconds: int, *, peers: bool) -> int:
            firsts = [next(numbers) for _ in range(seconds)]
            load = Load(
                port=port if peers else ground.port,
                path=path if peers else webhooks.PATH,
                secret=ground.secret,
                first=firsts[0],
                count=seconds * (theirs_per_second_max if peers else volleys.per_second_max),
                duration_ms=seconds * 1000,
            )
            result = volleys.send(load)
            (theirs if peers else tally).add(result)
            return volleys.rate(result)

        def measure(seconds: int) -> Rates:
            return {"ingest": fire(seconds, peers=False), DJ_STRIPE.rate: fire(seconds, peers=True)}

        measure(1)  # what is not warm yet is not measured
        yield Subject(measure=measure, prove=lambda: prove_taken(ground, tally, theirs))


def await_answer(port: int, path: str, server: Peer) -> None:
    """Wait until a server is there and its workers have loaded what they need; a webhook cannot be asked for."""
    broker.await_port(port, server.process)
    asked = httpx2.get(
        f"http://{HOST}:{port}{path}", timeout=answer_timeout_seconds, trust_env=False, verify=trust.authorities()
    )
    if asked.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"{server.name} answered with {asked.status_code} where it takes webhooks."
        raise BenchError(message)


def prove_taken(ground: Ground, ours: Tally, theirs: Tally) -> list[str]:
    """Compare what was acknowledged with the rows that have come, on both sides."""
    wrong = ingest.prove(ground, ours, 0)
    rows = ground.count(TRIGGERS)
    if rows != theirs.accepted:
        wrong.append(f"dj-stripe acknowledged {theirs.accepted} webhooks, and {rows} are stored as valid")
    if theirs.others or not theirs.forged:
        wrong.append(f"dj-stripe gave {theirs.others} answers that the request did not call for")
    return wrong


@contextmanager
def posting_beside(ground: Ground, present: Sequence[Rival], venv: Path) -> Iterator[Subject]:
    """Post transfers between any two of a thousand accounts, by ourselves and by other ledgers."""
    posted, dice = [0], random.Random(1)  # noqa: S311 (accounts that can be drawn again, not a secret)
    with ExitStack() as stack:
        ledgers = {each: stack.enter_context(_opened(each, ground, venv)) for each in present}
        for rival, running in ledgers.items():
            if rival is not UNIT_OF_WORK:
                running.do("prepare", **told(rival, venv))
        runner = stack.enter_context(loop.runner())
        till = runner.run(ground.open_till())
        stack.callback(lambda: runner.run(till.close()))
        posted[0] += runner.run(posting.open_accounts(till))
        ground.sql("ANALYZE")

        def measure(seconds: int) -> Rates:
            batches = posting.draw(dice, batch, seconds * posting.journals_per_second_max // batch, hot=False)
            done, elapsed_ms = runner.run(posting.post_for(till, batches, seconds, writers=writers))
            posted[0] += done
            ours = done * 1000 // max(elapsed_ms, 1)
            return {"ledger_spread_100": ours} | {
                rival.rate: transfer(ground, rival, ledgers[rival], seconds) for rival in present
            }

        def prove() -> list[str]:
            return posting.prove(ground, posted[0]) + [each for rival in present for each in prove_even(ground, rival)]

        yield Subject(measure=measure, prove=prove)


def told(rival: Rival, venv: Path) -> dict[str, object]:
    """Tell a ledger what it needs to know beforehand, which is where its SQL is when that is all it is made of."""
    return {"files": rivals.pgledger_files(venv)} if rival is PGLEDGER else {}


def transfer(ground: Ground, rival: Rival, running: Peer, seconds: int) -> int:
    """Have a ledger transfer for so long; return how often a second it did, by the entries that have come."""
    count = f"SELECT count(*) FROM {rival.entries}"  # noqa: S608 (a constant)
    before = ground.count(count)
    done = running.do("post", seconds=seconds, processes=rival.processes)
    if (found := ground.count(count) - before) != 2 * done.done:
        message = f"{rival.rate} counted {done.done} transfers, and {found} entries are there."
        raise BenchError(message)
    ground.sql("ANALYZE")
    return done.rate


def prove_even(ground: Ground, rival: Rival) -> list[str]:
    """Make sure that every transfer of a ledger adds up to nothing."""
    count = ground.count(rival.uneven)
    return [f"{count} transfers of {rival.rate} do not add up"] if count else []


def _opened(rival: Rival, ground: Ground, venv: Path, **told: str) -> AbstractContextManager[Peer]:
    return peer.opened(rival.program, ground, rival.python(venv), **told)


Match = Callable[[Ground, Sequence[Rival], Path], AbstractContextManager[Subject]]
MATCHES: dict[str, tuple[Match, Sequence[Rival]]] = {
    "settling": (settling_beside, [CELERY]),
    "intake": (intake_beside, [DJ_STRIPE]),
    "posting": (posting_beside, [UNIT_OF_WORK, HORDAK, PGLEDGER]),
}
