"""How old the secrets are that are in use, as far as a worker has seen them."""

from datetime import datetime

from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import time

age_days_max = 90
unseen_hours_max = 48
"""What no worker has seen for so long is not in use any more."""

NEWEST = """
SELECT DISTINCT ON (name) name, fingerprint, first_seen_at, last_seen_at FROM secret_sighting
ORDER BY name, first_seen_at DESC
"""


async def ages(tx: Transaction, now: datetime) -> dict[str, int]:
    """Tell for how many days each secret in use has been the same, by the name of its variable."""
    return {
        row["name"]: (now - row["first_seen_at"]).days
        for row in await tx.fetch(NEWEST)
        if (now - row["last_seen_at"]).total_seconds() < unseen_hours_max * 3600
    }


async def old(tx: Transaction, now: datetime) -> dict[str, int]:
    """List the secrets that should have been changed by now, with their age in days."""
    return {name: age for name, age in (await ages(tx, now)).items() if age > age_days_max}


async def sightings(tx: Transaction) -> dict[str, dict[str, object]]:
    """Report which fingerprint of each secret is in use, and since when."""
    return {
        row["name"]: {
            "fingerprint": row["fingerprint"],
            "first_seen_at": time(row["first_seen_at"]),
            "last_seen_at": time(row["last_seen_at"]),
        }
        for row in await tx.fetch(NEWEST)
    }
