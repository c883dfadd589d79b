"""Compare what gateways account for with what we say, day by day, until both agree or a person knows why not.

A run is a row, and so much of it is done in one transaction as there are things that fit: most days in one, and a
large one in parts. Whoever dies costs a part and changes nothing of the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tillkeeper import audit, ledger, outbox, payments
from tillkeeper.audit import Action
from tillkeeper.flows.book_lines import book_explained, book_lines, book_opened, book_tolerated
from tillkeeper.gateway import Gateway
from tillkeeper.kernel import failpoints, ids, logs
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import DatabaseUnavailableError, InvalidFieldError, NotFoundError
from tillkeeper.ledger import Journal
from tillkeeper.outbox import Event
from tillkeeper.reports import matching, unmatched
from tillkeeper.reports.unmatched import Bounds
from tillkeeper.settlement import lines, runs
from tillkeeper.settlement.runs import Discrepancy, Finding, Kind, Place, Run, Step, Terms
from tillkeeper.till import Till

part_max = 2_000
"""So many lines and things of ours are looked at in one transaction."""
settle_hours_max = 6
"""How long after its end a day is compared at the latest; what comes even later is compared when it comes."""
planned_days = 7
"""How many days that are over are looked at for one that was never planned: so long may all workers be away."""
closed_days = 35
"""How long it is looked whether what somebody closed has found its explanation after all."""
rest_after_failure_seconds = 600
COUNTED_BEFORE = {Step.RETURNS, Step.GRANTS}
"""Steps that go once more through payouts and payments."""
reason_length_max = 300


@dataclass(slots=True, kw_only=True)
class Look:
    """Hold what one transaction of a run works with, and how much it may still look at."""

    tx: Transaction
    till: Till
    run: Run
    terms: Terms
    bounds: Bounds
    left: int


async def plan(till: Till) -> int:
    """Plan the days that are over at each gateway, each once, and once a day all that left something open."""
    planned = 0
    for gateway in till.gateways.values():
        zone = ZoneInfo(gateway.settlement_zone)
        wait = min(runs.wait(gateway.name), timedelta(hours=settle_hours_max))
        today = lines.day_of(till.now(), zone)
        over = lines.day_of(till.now() - wait, zone)
        async with till.db.transaction() as tx:
            await runs.plan(tx, gateway.name, [over - timedelta(days=ago) for ago in range(planned_days, 0, -1)], today)
            since = till.now() - timedelta(days=closed_days)
            planned += await runs.ask_unfinished(tx, gateway.name, today, closed_since=since)
    return planned


async def reconcile(till: Till) -> int:
    """Work on the next part of the oldest run that is due; return 0 when there is none."""
    async with till.db.transaction() as tx:
        run = await runs.take(tx, list(till.gateways))
    if run is None:
        return 0
    try:
        await _go_on(till, run.gateway, run.day)
    except DatabaseUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 (a run that fails must not keep the others waiting)
        logs.reconciliation.exception("run_failed", gateway=run.gateway, day=run.day.isoformat())
        reason = logs.mask(f"{type(error).__name__}: {error}")[:reason_length_max]
        async with till.db.transaction() as tx:
            await runs.put_off(tx, run.id, error=reason, seconds=rest_after_failure_seconds)
    return 1


async def ask(till: Till, gateway: str, day: date) -> None:
    """Ask for a day to be compared, also when that was done before; raises NotFoundError or InvalidFieldError."""
    today = lines.day_of(till.now(), ZoneInfo(check_gateway(till, gateway).settlement_zone))
    # Somewhere on earth the next day has begun already.
    if not lines.first_day <= day <= today + timedelta(days=1):
        message = f"A day from {lines.first_day} to {today} can be compared; after that none has begun at this gateway."
        raise InvalidFieldError(message, param="day")
    async with till.db.transaction() as tx:
        await runs.ask(tx, gateway, [day], today)
        asked = {"day": day.isoformat()}
        await audit.record(tx, till.by, Action.COMPARISON_REQUESTED, gateway, after=asked, at=till.now())


async def reconcile_day(till: Till, gateway: str, day: date) -> None:
    """Compare one day of one gateway now, beside whoever else is at it; raises NotFoundError."""
    await ask(till, gateway, day)
    while await _go_on(till, gateway, day):
        pass


def check_gateway(till: Till, gateway: str) -> Gateway:
    """Find a gateway; raises NotFoundError for one that is not configured."""
    if gateway not in till.gateways:
        message = f"No gateway “{gateway[:32]}” is configured here; there is {', '.join(till.gateways) or 'none'}."
        raise NotFoundError(message)
    return till.gateways[gateway]


@retry_conflicts
async def _go_on(till: Till, gateway: str, day: date) -> bool:
    """Work on the next part of a run; false when nothing of it is left to do."""
    async with till.db.transaction() as tx:
        run = await runs.lock(tx, gateway, day)
        if run is None or run.status == "done":
            return False
        await matching.go_by_index(tx)
        look = Look(
            tx=tx,
            till=till,
            run=runs.begin(run),
            terms=await _terms(tx, till, gateway),
            bounds=_bounds(day, ZoneInfo(till.gateways[gateway].settlement_zone)),
            left=part_max,
        )
        while look.run.status == "running" and look.left > 0:
            step = look.run.step
            failpoints.reach(f"reconcile:{step}")
            end = await (_compare_lines(look) if step is Step.LINES else _compare_ours(look))
            look.run = runs.go_on(look.run, place=end)
            failpoints.reach(f"reconcile:{step}:written")
        await runs.save(tx, look.run)
    if look.run.status == "done" and look.run.found:
        logs.reconciliation.warning("discrepancies", gateway=gateway, day=day.isoformat(), found=look.run.found)
    return look.run.status != "done"


async def _terms(tx: Transaction, till: Till, gateway: str) -> Terms:
    return Terms(
        gateway=gateway,
        now=till.now(),
        covered_until=await lines.covered_until(tx, gateway),
        paid_out_until=await lines.paid_out_until(tx, gateway) if runs.shows_when_paid_out(gateway) else None,
    )


async def _compare_lines(look: Look) -> Place | None:
    """Look up what the next lines stand for, and compare the two; return the place to go on from."""
    tx, run, now = look.tx, look.run, look.terms.now
    part = await matching.part(tx, run, look.left)
    if part.end is None:
        return None
    named = await matching.named(tx, run, part.end)
    if await _put_right(look, part.end, named):
        named = await matching.named(tx, run, part.end)
    explained = await link(tx, named, now)
    pairs = await matching.differing(tx, run, part.end, named)
    judged = [(pair, runs.judge(pair, look.terms)) for pair in pairs]
    told = book_lines(run.gateway, judged, now)
    await _keep(look, [finding for _, finding in judged if finding], explained, told)
    look.run, look.left = replace(look.run, lines=run.lines + part.count), look.left - part.count
    return part.end


async def _put_right(look: Look, end: Place, named: Sequence[matching.Named]) -> bool:
    """Let lines of second captures stand for these, and their days be compared again; false when all stand right."""
    misplaced = await matching.misplaced(look.tx, look.run, end, named)
    if misplaced:
        await lines.move_links(look.tx, [each.link for each in misplaced])
        days, zone = {each.day for each in misplaced}, ZoneInfo(look.till.gateways[look.run.gateway].settlement_zone)
        await runs.ask(look.tx, look.run.gateway, sorted(days), lines.day_of(look.terms.now, zone))
        look.run = replace(look.run, asked=look.run.asked + (look.run.day in days))
    return bool(misplaced)


async def link(tx: Transaction, named: Sequence[matching.Named], now: datetime) -> list[Discrepancy]:
    """Link lines to what they name, and end what was missing until now."""
    linked = await lines.link(tx, matching.links(named))
    return await runs.explain_linked(tx, [each.object for each in linked], now)


async def _compare_ours(look: Look) -> Place | None:
    """Look at what of ours should have a line, or the goods that it was paid for; return the place to go on from."""
    run = look.run
    match run.step:
        case Step.UNREAD:
            await _keep(look, await _unread(look), [], [])
            return None
        case Step.END:
            return await _end(look)
        case _:
            part = await unmatched.part(look.tx, run, look.bounds, look.left)
            if part.end is None:
                return None
            await _keep(look, await _unmatched(look, part.end), [], [])
            look.run = replace(look.run, ours=run.ours + (0 if run.step in COUNTED_BEFORE else part.count))
            look.left -= part.count
            return part.end


async def _unmatched(look: Look, end: Place) -> list[Finding]:
    tx, run, bounds, terms = look.tx, look.run, look.bounds, look.terms
    match run.step:
        case Step.CAPTURES:
            found = [runs.judge_lonely(each, terms) for each in await unmatched.captures(tx, run, bounds, end)]
            bare = await unmatched.ungranted(tx, run, bounds, end)
            found += [runs.judge_grant(each, granted=False, terms=terms) for each in bare]
            found += [runs.judge_rest(each) for each in await unmatched.rests(tx, run, bounds, end)]
        case Step.REFUNDS:
            found = [runs.judge_lonely(each, terms) for each in await unmatched.refunds(tx, run, bounds, end)]
        case Step.DISPUTES:
            found = [runs.judge_lonely(each, terms) for each in await unmatched.disputes(tx, run, bounds, end)]
            moved = await matching.of_disputes(tx, await unmatched.moved(tx, run, bounds, end))
            found += [runs.judge(pair, terms) for pair in moved]
        case Step.PAYOUTS:
            settled = await unmatched.payouts(tx, run, bounds, end)
            found = [finding for each in settled for finding in runs.judge_payout(each, terms)]
        case Step.RETURNS:
            found = [runs.judge_lonely(each, terms) for each in await unmatched.returns(tx, run, bounds, end)]
        case _:
            given = await unmatched.unpaid(tx, run, bounds, end)
            found = [runs.judge_grant(each, granted=True, terms=terms) for each in given]
    return [finding for finding in found if finding]


async def _unread(look: Look) -> list[Finding]:
    return [
        Finding(
            kind=Kind.UNPARSED_LINE,
            subject=f"unread:{line_id}:{reason}",
            detail=f"Line {line_id} could not be taken: {reason}",
            theirs=None,
            ours=None,
            currency="XXX",
        )
        for line_id, reason in await unmatched.unread(look.tx, look.run)
    ]


async def _end(look: Look) -> Place | None:
    """End what this turn has not seen any more, part by part."""
    explained = await runs.explain_rest(look.tx, look.run, look.terms.now)
    await _keep(look, [], explained, [])
    look.left -= len(explained)
    return look.run.place if explained else None


async def _keep(
    look: Look, findings: Sequence[Finding], explained: Sequence[Discrepancy], told: Sequence[Journal]
) -> None:
    """Keep what a part has found, with its postings and the events that it owes."""
    tx, now = look.tx, look.terms.now
    look.run, outcome = await runs.record(tx, look.run, findings, now)
    fees = {each.object: each.theirs for each in outcome.tolerated if each.kind is Kind.FEE_MISMATCH}
    settled = await payments.settle_fees(tx, {id_: fee for id_, fee in fees.items() if id_ and fee is not None})
    # A fee that was told since this part was read has been booked in full.
    tolerated = [each for each in outcome.tolerated if each.kind is not Kind.FEE_MISMATCH or each.object in settled]
    journals = book_opened(outcome.opened, now) + book_tolerated(tolerated, now)
    await ledger.post(tx, [*told, *journals, *book_explained(explained, now)])
    await outbox.announce(tx, [event(each) for each in outcome.opened if each.kind is not Kind.IN_TRANSIT])


def event(discrepancy: Discrepancy) -> Event:
    """Tell of a discrepancy."""
    payment = discrepancy.payment
    return Event(
        type="reconciliation.discrepancy",
        subject=discrepancy.id,
        payment=payment,
        data={
            "discrepancy": ids.text("discrepancy", discrepancy.id),
            "kind": discrepancy.kind,
            "gateway": discrepancy.gateway,
            "day": discrepancy.day.isoformat(),
            "detail": discrepancy.detail,
            "theirs": discrepancy.theirs,
            "ours": discrepancy.ours,
            "currency": discrepancy.currency,
            "payment": ids.text("payment", payment) if payment else None,
        },
    )


def _bounds(day: date, zone: ZoneInfo) -> Bounds:
    """Tell when a day begins and ends; some have 23 hours, some 25."""
    return datetime.combine(day, time.min, zone), datetime.combine(day + timedelta(days=1), time.min, zone)
