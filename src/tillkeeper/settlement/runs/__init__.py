"""Comparisons of a gateway's account with ours, day by day, and the disagreements that they find."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError
from tillkeeper.settlement.runs import store
from tillkeeper.settlement.runs.payouts import judge_payout
from tillkeeper.settlement.runs.rules import (
    BOOKED_AS_TOLD,
    Terms,
    judge,
    judge_grant,
    judge_lonely,
    judge_rest,
    residual,
    shows_when_paid_out,
    wait,
)
from tillkeeper.settlement.runs.store import ask_unfinished, erase, lock, put_off, save, take
from tillkeeper.settlement.runs.values import (
    Action,
    Discrepancy,
    Finding,
    Home,
    Kind,
    Line,
    Lonely,
    Ours,
    Outcome,
    Pair,
    Place,
    Rest,
    Run,
    Settled,
    Status,
    Step,
)

__all__ = [
    "BOOKED_AS_TOLD",
    "Action",
    "Discrepancy",
    "Finding",
    "Home",
    "Kind",
    "Line",
    "Lonely",
    "Ours",
    "Outcome",
    "Pair",
    "Place",
    "Rest",
    "Run",
    "Settled",
    "Status",
    "Step",
    "Terms",
    "ask",
    "ask_unfinished",
    "begin",
    "close",
    "erase",
    "explain_linked",
    "explain_rest",
    "find",
    "go_on",
    "judge",
    "judge_grant",
    "judge_lonely",
    "judge_payout",
    "judge_rest",
    "lock",
    "plan",
    "put_off",
    "record",
    "residual",
    "save",
    "shows_when_paid_out",
    "take",
    "wait",
]

NAMESPACE = UUID("01935f2c-7c00-7000-8000-000000000001")
"""What ids of runs and discrepancies are derived from: the same disagreement has the same id, however often seen."""
TOLERANCE = "tolerance"
"""Who closes what is within tolerance."""
explain_batch_max = 2_000
WAITING = (Kind.MISSING_AT_GATEWAY, Kind.IN_TRANSIT)
LINKED = "The gateway's line came."
UNKNOWN = "No discrepancy has this id."
AGREED = "A later look found both accounts to agree about it."


async def plan(tx: Transaction, gateway: str, days: Sequence[date], today: date) -> None:
    """Plan the comparison of days that are over, each once, whatever was compared of them while they lasted."""
    await store.plan(tx, [(_name(gateway, day), gateway, day) for day in days], today)


async def ask(tx: Transaction, gateway: str, days: Sequence[date], today: date) -> None:
    """Ask for days to be compared, also again."""
    if days:
        wanted = sorted(set(days))
        await store.insert(tx, [(_name(gateway, day), gateway, day) for day in wanted], today)
        await store.ask_again(tx, gateway, wanted, today)


def begin(run: Run) -> Run:
    """Begin a run from its first step, unless it is under way."""
    if run.status == "running":
        return run
    fresh = replace(run, status="running", turn=run.asked, step=Step.LINES, place=Place())
    return replace(fresh, lines=0, ours=0, found=0)


def go_on(run: Run, *, place: Place | None) -> Run:
    """Move a run on: to a place within its step, or to the beginning of the next."""
    if place is not None:
        return replace(run, place=place)
    steps = list(Step)
    after = steps.index(run.step) + 1
    if after == len(steps):
        return replace(run, status="done" if run.turn == run.asked else "due", place=Place())
    return replace(run, step=steps[after], place=Place())


async def record(tx: Transaction, run: Run, findings: Sequence[Finding], now: datetime) -> tuple[Run, Outcome]:
    """Keep what a step has found; what is known stays as it is, and what a person has closed stays closed."""
    if not findings:
        return run, Outcome()
    named = {_fact(run, finding): finding for finding in findings}
    known = await store.known(tx, list(named))
    new: list[tuple[UUID, int, Discrepancy]] = []
    seen, still_open = [], 0
    for fact, finding in named.items():
        id_, occurrence, status = known.get(fact, (None, -1, Status.EXPLAINED))
        if status is Status.EXPLAINED:
            new.append((fact, occurrence + 1, _discrepancy(run, fact, occurrence + 1, finding)))
        elif id_:
            seen.append((id_, finding))
            still_open += status is Status.OPEN
    if seen:
        await store.touch(tx, run, seen)
    if new:
        await store.insert_discrepancies(tx, new, turn=run.turn, now=now, tolerance=TOLERANCE)
    opened = tuple(each for _, _, each in new if each.status is Status.OPEN)
    tolerated = tuple(each for _, _, each in new if each.status is Status.CLOSED)
    counted = replace(run, found=run.found + len(opened) + still_open)
    return counted, Outcome(opened=opened, tolerated=tolerated)


async def explain_rest(tx: Transaction, run: Run, now: datetime) -> list[Discrepancy]:
    """End a part of what this turn of a run has not seen any more; nothing is left when it returns nothing."""
    return await store.explain_rest(tx, run, limit=explain_batch_max, reason=AGREED, now=now)


async def explain_linked(tx: Transaction, objects: Sequence[UUID], now: datetime) -> list[Discrepancy]:
    """End what was missing at the gateway and is not any more."""
    return await store.explain_objects(tx, objects, WAITING, reason=LINKED, now=now) if objects else []


async def close(
    tx: Transaction, discrepancy: UUID, *, action: Action, reason: str, by: str, now: datetime
) -> Discrepancy:
    """Close a discrepancy in somebody's name; raises NotFoundError, and InvalidStateError when it is not open."""
    found = await store.lock_discrepancy(tx, discrepancy)
    if found is None:
        raise NotFoundError(UNKNOWN)
    if found.status is not Status.OPEN:
        message = f"This discrepancy is {found.status} already."
        raise InvalidStateError(message)
    await store.close(tx, discrepancy, action=action, reason=reason, by=by, now=now)
    return found


async def find(tx: Transaction, discrepancy: UUID) -> Discrepancy:
    """Read one discrepancy; raises NotFoundError."""
    found = await store.find_discrepancy(tx, discrepancy)
    if found is None:
        raise NotFoundError(UNKNOWN)
    return found


def _name(gateway: str, day: date) -> UUID:
    return ids.derive(NAMESPACE, "run", gateway, day.isoformat())


def _fact(run: Run, finding: Finding) -> UUID:
    """Name a disagreement by what it is about and what the two sides say: other amounts are another one."""
    said = (str(finding.theirs), str(finding.ours), finding.currency)
    return ids.derive(NAMESPACE, run.gateway, finding.kind, finding.subject, *said)


def _discrepancy(run: Run, fact: UUID, occurrence: int, finding: Finding) -> Discrepancy:
    return Discrepancy(
        id=ids.derive(fact, "occurrence", str(occurrence)),
        run=run.id,
        gateway=run.gateway,
        day=run.day,
        kind=finding.kind,
        status=Status.CLOSED if finding.tolerated else Status.OPEN,
        subject=finding.subject,
        detail=finding.detail,
        theirs=finding.theirs,
        ours=finding.ours,
        currency=finding.currency,
        difference=finding.difference,
        difference_currency=finding.difference_currency or finding.currency,
        line=finding.line,
        object=finding.object,
        payment=finding.payment,
        suspended=finding.suspend and finding.difference != 0,
        home=finding.home,
        counter=finding.counter,
        counter_currency=finding.counter_currency,
    )
