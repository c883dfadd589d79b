"""Take in the bank's account, so that payouts can be followed to where they should arrive."""

from collections import defaultdict
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from tillkeeper import settlement
from tillkeeper.kernel import logs
from tillkeeper.settlement import lines, runs
from tillkeeper.till import Till

late_days_max = 10
"""How many days a payout may be behind the day on which it should arrive, and still be looked for in a file."""


async def import_bank(till: Till, file: bytes) -> int:
    """Take in lines of the bank, each once, and look for payouts anew; return how many were new.

    Raises FileUnreadableError, and then nothing of the file was taken.
    """
    told = settlement.read_bank(file)
    if not told:
        return 0
    first, last = min(line.day for line in told), max(line.day for line in told)
    async with till.db.transaction() as tx:
        new = await settlement.take_in_bank(tx, told)
        days: defaultdict[str, set[date]] = defaultdict(set)
        for gateway, heard_at in await settlement.arriving(tx, first - timedelta(days=late_days_max), last):
            if gateway in till.gateways:
                days[gateway].add(lines.day_of(heard_at, ZoneInfo(till.gateways[gateway].settlement_zone)))
        for gateway in sorted(days):
            today = lines.day_of(till.now(), ZoneInfo(till.gateways[gateway].settlement_zone))
            await runs.ask(tx, gateway, sorted(days[gateway]), today)
    logs.reconciliation.info("bank_imported", new=new)
    return new
