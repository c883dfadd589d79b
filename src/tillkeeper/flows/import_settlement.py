"""Fetch or take in what gateways account for, line by line, and ask for the days that it speaks of to be compared."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from tillkeeper import audit, ledger, settlement
from tillkeeper.audit import Action
from tillkeeper.facts import LineKind, Notice, NoticeKind, PayoutFacts, SettlementLine
from tillkeeper.flows.book_lines import book_explained
from tillkeeper.flows.pay_out import arrive
from tillkeeper.flows.reconcile import check_gateway, link
from tillkeeper.flows.settle import apply
from tillkeeper.gateway import Gateway, PlaceGoneError
from tillkeeper.gateway.lines import SettlementPage
from tillkeeper.kernel import failpoints, logs
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.reports import matching
from tillkeeper.settlement import lines, runs
from tillkeeper.settlement.lines import Taken, Window
from tillkeeper.till import Till

first_look_days = 7
window_days = 7
"""So much is asked for at once, in pages: whoever was away for long reads all but the overlap once and not twice."""
overlap_hours = 24
"""Lines come into an account late and out of order, so each look begins before the end of the last."""
lines_max = 1_000
"""How many lines of a file are taken in one transaction."""
PAYOUTS = {LineKind.PAYOUT: NoticeKind.PAYOUT_CREATED, LineKind.PAYOUT_FAILED: NoticeKind.PAYOUT_FAILED}


async def import_settlement(till: Till) -> int:
    """Read what is new in every gateway's account; return how many lines were new or told anew.

    A gateway that cannot be asked keeps nobody from the others; it is raised when they are done.
    """
    found = await asyncio.gather(
        *(import_account(till, gateway) for gateway in till.gateways.values()), return_exceptions=True
    )
    failed = next((each for each in found if isinstance(each, BaseException)), None)
    if failed:
        raise failed
    return sum(each.new + each.changed for each in found if isinstance(each, Taken))


async def fetch(till: Till, gateway: str) -> Taken:
    """Read a gateway's account because somebody asks; raises NotFoundError or GatewayUnavailableError."""
    asked = check_gateway(till, gateway)
    async with till.db.transaction() as tx:
        await audit.record(tx, till.by, Action.FILE_IMPORTED, gateway, after={"from": "account"}, at=till.now())
    return await import_account(till, asked)


async def import_account(till: Till, gateway: Gateway) -> Taken:
    """Read one gateway's account up to now, part by part; each is remembered, so a crash costs one of them.

    Where the gateway has forgotten the place, the window is begun anew, once: what is told twice is kept once.
    """
    end = till.now()
    async with till.db.transaction() as tx:
        window = await lines.window(tx, gateway.name)
    window = window or Window(gateway=gateway.name, seen_until=end - timedelta(days=first_look_days))
    taken, anew = Taken(), False
    while window.until or window.seen_until < end:
        until = window.until or min(window.seen_until + timedelta(days=window_days), end)
        try:
            page = await gateway.settlement(window.seen_until - timedelta(hours=overlap_hours), until, window.after)
        except PlaceGoneError:
            if anew or window.after is None:
                raise
            window, anew = replace(window, after=None), True
            continue
        rest = replace(window, until=until, after=page.after)
        window = rest if page.after else Window(gateway=gateway.name, seen_until=until)
        taken += await _keep(till, gateway, page, window)
        failpoints.reach("import:page")
    return taken


async def import_file(till: Till, gateway: str, file: bytes) -> Taken:
    """Take in the report that a gateway's dashboard offers; raises NotFoundError or FileUnreadableError.

    It is taken in parts; sent again after a crash, it takes up nothing twice.
    """
    reader = check_gateway(till, gateway)
    # A large file takes seconds to read, and whoever waits for this process should not.
    page = await asyncio.to_thread(reader.read_settlement, file)
    await note_file(till, gateway, file)
    taken = Taken()
    for start in range(0, max(len(page.lines), len(page.unread)), lines_max):
        part = slice(start, start + lines_max)
        taken += await _keep(till, reader, SettlementPage(lines=page.lines[part], unread=page.unread[part]), None)
    await _note_end(till, reader, page.lines)
    logs.reconciliation.info("file_imported", gateway=gateway, new=taken.new, unread=taken.unread)
    return taken


async def note_file(till: Till, source: str, file: bytes) -> None:
    """Write down who hands a file in, before its parts are taken one by one."""
    told = {"bytes": len(file), "sha256": sha256(file).hex()}
    async with till.db.transaction() as tx:
        await audit.record(tx, till.by, Action.FILE_IMPORTED, source, after=told, at=till.now())


async def _note_end(till: Till, gateway: Gateway, told: Sequence[SettlementLine]) -> None:
    """Note up to when a file tells the account; of a page nobody knows that, for the first may be the newest."""
    plausible, _ = lines.sort_out(told, lines.day_of(till.now(), ZoneInfo(gateway.settlement_zone)))
    if plausible:
        async with till.db.transaction() as tx:
            await lines.save_told_until(tx, gateway.name, max(line.occurred_at for line in plausible))


@retry_conflicts
async def _keep(till: Till, gateway: Gateway, page: SettlementPage, window: Window | None) -> Taken:
    """Keep a part of an account, and how far it was read, in one transaction."""
    async with till.db.transaction() as tx:
        taken = await _take_in(tx, till, gateway, page)
        if page.traces:
            await _trace(tx, till, gateway, page.traces)
        if window:
            await lines.save_window(tx, window)
    return taken


async def _take_in(tx: Transaction, till: Till, gateway: Gateway, page: SettlementPage) -> Taken:
    """Keep lines, say what they stand for, let payouts be heard of, and ask for their days to be compared."""
    zone = ZoneInfo(gateway.settlement_zone)
    today = lines.day_of(till.now(), zone)
    told, undated = lines.sort_out(page.lines, today)
    booked = await matching.booked(tx, gateway.name, [each.line_id for each in told if each.kind is LineKind.CAPTURE])
    unread = [*page.unread, *undated]
    taken = await lines.take_in(tx, told, unread, zone=zone, today=today, seal=till.box.seal, booked=booked)
    if not taken.new and not taken.changed and not taken.days:
        return taken
    heard = [_notice(till, line) for line in told if line.kind in PAYOUTS and line.object_id and line.gross]
    if heard:
        await apply(tx, till, heard, ["settlement"] * len(heard))
        await arrive(tx, till)
    named = await matching.named_by(tx, gateway.name, [line.line_id for line in told])
    explained = await link(tx, named, till.now())
    await ledger.post(tx, book_explained(explained, till.now()))
    payouts = sorted({line.payout_id for line in told if line.payout_id})
    moments = await settlement.days_of(tx, gateway.name, payouts) if payouts else []
    await runs.ask(tx, gateway.name, [*taken.days, *(lines.day_of(at, zone) for at in moments)], today)
    return taken


async def _trace(tx: Transaction, till: Till, gateway: Gateway, told: Mapping[str, str]) -> None:
    """Learn by what the bank's lines of payouts are known, and look at those again of which that is new."""
    moments = await settlement.trace(tx, gateway.name, told)
    if moments:
        await arrive(tx, till)
        zone = ZoneInfo(gateway.settlement_zone)
        await runs.ask(tx, gateway.name, [lines.day_of(at, zone) for at in moments], lines.day_of(till.now(), zone))


def _notice(till: Till, line: SettlementLine) -> Notice:
    """Hear of a payout by its line: not every gateway tells of it in another way.

    What comes into the balance with it was taken from the bank: such a payout is below zero.
    """
    assert line.object_id, "chosen before"
    sent = -line.gross if line.kind is LineKind.PAYOUT else line.gross
    return Notice(
        kind=PAYOUTS[line.kind],
        gateway=line.gateway,
        references=(),
        amount=sent,
        currency=line.currency,
        payout=PayoutFacts(id=line.object_id, arrives_at=line.available_at, automatic=line.automatic),
        occurred_at=line.occurred_at,
        live=till.settings.live,
    )
