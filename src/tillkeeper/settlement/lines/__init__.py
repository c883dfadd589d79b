"""The lines by which gateways account for our money: kept as told, each on one day, linked to what they stand for."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

from tillkeeper.facts import SettlementLine, UnreadLine
from tillkeeper.kernel.db import Transaction
from tillkeeper.settlement.lines import rules, store
from tillkeeper.settlement.lines.rules import day_of, first_day, sort_out
from tillkeeper.settlement.lines.store import (
    covered_until,
    empty,
    erase,
    move_links,
    paid_out_until,
    save_told_until,
    save_window,
    window,
)
from tillkeeper.settlement.lines.values import Line, Link, Side, Taken, Unread, Window

__all__ = [
    "Line",
    "Link",
    "Side",
    "Taken",
    "Window",
    "covered_until",
    "day_of",
    "empty",
    "erase",
    "first_day",
    "link",
    "move_links",
    "paid_out_until",
    "save_told_until",
    "save_window",
    "sort_out",
    "take_in",
    "window",
]


async def take_in(
    tx: Transaction,
    told: Sequence[SettlementLine],
    unread: Sequence[UnreadLine],
    *,
    zone: ZoneInfo,
    today: date,
    seal: Callable[[bytes], bytes],
    booked: AbstractSet[str],
) -> Taken:
    """Keep lines of one gateway, each once; what contradicts an earlier telling is kept beside it, unread.

    `booked` names those whose money is in the books as they were told.
    """
    lines = {line.line_id: rules.read(line, zone, seal) for line in told}
    new = await store.insert(tx, list(lines.values())) if lines else set()
    again = [line for line in lines.values() if line.line_id not in new]
    changed, contradictions = await _hear(tx, again, booked, today)
    wrong = [rules.read_unread(line, today, seal) for line in unread] + contradictions
    days = await store.insert_unread(tx, wrong) if wrong else []
    return Taken(
        new=len(new),
        changed=len(changed),
        known=len(lines) - len(new) - len(changed) - len(contradictions),
        contradicting=len(contradictions),
        unread=len(unread),
        days=frozenset(days) | {lines[line_id].day for line_id in new} | {line.day for line in changed},
    )


async def link(tx: Transaction, links: Sequence[Link]) -> list[Link]:
    """Write for what lines stand; return the links that were new: a thing of ours has one line."""
    written = await store.insert_links(tx, links) if links else set()
    return [each for each in links if each.line in written]


async def _hear(
    tx: Transaction, told: Sequence[Line], booked: AbstractSet[str], today: date
) -> tuple[list[Line], list[Unread]]:
    """Compare lines with what was told before."""
    if not told:
        return [], []
    known = await store.lock(tx, told[0].gateway, [line.line_id for line in told])
    changed, contradictions = [], []
    for line in told:
        before = known[line.line_id]
        heard = rules.hear(before, line, booked=line.line_id in booked)
        if isinstance(heard, str):
            contradictions.append(
                Unread(gateway=line.gateway, line_id=line.line_id, reason=heard, raw=line.raw, day=today)
            )
        elif heard != before:
            changed.append(replace(heard, raw=line.raw))
    if changed:
        await store.update(tx, changed)
    return changed, contradictions
