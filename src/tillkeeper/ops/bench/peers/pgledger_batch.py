"""A ledger by pgledger: a hundred transfers in one call of `pgledger_create_transfers`."""

import os
import random
import time
from functools import cache
from pathlib import Path

import psycopg

accounts = 1_000
batch = 100
SCHEMA = "-c search_path=pgledger,pg_catalog"
OPEN = "SELECT id FROM generate_series(1, %s) AS number, pgledger_create_account('bench ' || number, 'EUR')"
TRANSFER = """
    SELECT count(*) FROM pgledger_create_transfers(transfer_requests => ARRAY(
        SELECT ROW(debit, credit, '1.00')::transfer_request
        FROM unnest(%s::text[], %s::text[]) AS wish (debit, credit)))
"""


@cache
def _connection() -> psycopg.Connection[tuple[int]]:
    return psycopg.connect(os.environ["PEER_DATABASE_URL"], autocommit=True, options=SCHEMA)


@cache
def _accounts() -> list[str]:
    return [str(row[0]) for row in _connection().execute("SELECT id FROM pgledger_accounts_view")]


def prepare(files: list[str]) -> None:
    """Load its SQL into a schema of its own, and open the accounts."""
    with psycopg.connect(os.environ["PEER_DATABASE_URL"], autocommit=True, options=SCHEMA) as connection:
        connection.execute("CREATE SCHEMA pgledger")
        for each in files:
            connection.execute(Path(each).read_bytes())
        connection.execute(OPEN, [accounts])


def post(seconds: int) -> int:
    """Transfer between any two accounts until the time is over; return how often."""
    dice, done, connection, everybody = random.Random(), 0, _connection(), _accounts()  # noqa: S311 (no secret)
    until_ns = time.monotonic_ns() + seconds * 1_000_000_000
    while time.monotonic_ns() < until_ns:
        pairs = [dice.sample(everybody, 2) for _ in range(batch)]
        row = connection.execute(TRANSFER, [list(side) for side in zip(*pairs, strict=True)], prepare=True).fetchone()
        done += row[0] if row else 0
    return done
