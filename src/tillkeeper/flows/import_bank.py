"""Take in the bank's account, so that payouts can be followed to where they should arrive."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from tillkeeper import settlement
from tillkeeper.flows.import_settlement import note_file
from tillkeeper.flows.pay_out import arrive
from tillkeeper.kernel import logs
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.settlement import BankLine, lines, runs
from tillkeeper.till import Till


async def import_bank(till: Till, file: bytes) -> int:
    """Take in lines of the bank, each once, and look for payouts anew; return how many were new.

    Raises FileUnreadableError, and then nothing of the file was taken.
    """
    told = settlement.read_bank(file)
    if not told:
        return 0
    await note_file(till, "bank", file)
    new = await _keep(till, told)
    logs.reconciliation.info("bank_imported", new=new)
    return new


@retry_conflicts
async def _keep(till: Till, told: Sequence[BankLine]) -> int:
    """Keep the lines, let payouts arrive by them, and ask for the days of payouts that they may speak of."""
    first, last = min(line.day for line in told), max(line.day for line in told)
    async with till.db.transaction() as tx:
        new = await settlement.take_in_bank(tx, told)
        await arrive(tx, till)
        days: defaultdict[str, set[date]] = defaultdict(set)
        for gateway, heard_at in await settlement.arriving(tx, first - timedelta(days=settlement.late_days_max), last):
            if gateway in till.gateways:
                days[gateway].add(lines.day_of(heard_at, ZoneInfo(till.gateways[gateway].settlement_zone)))
        for gateway in sorted(days):
            today = lines.day_of(till.now(), ZoneInfo(till.gateways[gateway].settlement_zone))
            await runs.ask(tx, gateway, sorted(days[gateway]), today)
    return new
