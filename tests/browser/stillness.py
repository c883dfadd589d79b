"""Time that stands still until it is moved, and ids that are the same in every run, for pictures to be compared."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from tests.browser.house import House

from tillkeeper.ops.embedded_postgres import Databases

BEGIN = datetime(2026, 3, 11, 8, tzinfo=UTC)
NEVER = 10**6
"""After so many seconds the gateway looks what time alone has brought about: what ends does so when we say it."""
call_ms = 180
"""How long everything takes that is timed."""

# The database reads its clock itself, in statements and in defaults: both are turned to a row that a test moves.
FORM = f"""
CREATE SCHEMA still;
CREATE TABLE still.moment (at timestamptz NOT NULL);
INSERT INTO still.moment VALUES ('{BEGIN.isoformat()}');
CREATE FUNCTION still.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM still.moment';
CREATE FUNCTION still.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM still.moment';
GRANT USAGE ON SCHEMA still TO PUBLIC;
GRANT SELECT, UPDATE ON still.moment TO PUBLIC;
DO $$
DECLARE each record;
BEGIN
    EXECUTE format('ALTER DATABASE %I SET search_path = still, public, pg_catalog', current_database());
    FOR each IN
        SELECT adrelid::regclass AS held_by, attname
        FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
        WHERE pg_get_expr(adbin, adrelid) IN ('now()', 'clock_timestamp()')
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER %I SET DEFAULT still.now()', each.held_by, each.attname);
    END LOOP;
END $$
"""


def form(databases: Databases, name: str) -> None:
    """Let a database read its time from us."""
    databases.run(FORM, database=name)


@dataclass
class Still:
    """Hold the moment that it is."""

    moment: datetime = BEGIN
    made: Iterator[int] = field(default_factory=count)

    def now(self) -> datetime:
        """Read it."""
        return self.moment

    def now_ns(self) -> int:
        """Read it as the wall clock is read."""
        return int(self.moment.timestamp()) * 10**9

    def id_ns(self) -> int:
        """Read it for an id: each a millisecond after the one before, so that they sort as they were made."""
        return self.now_ns() + next(self.made) * 10**6

    def move(self, house: House, **passed: int) -> None:
        """Let some time pass, here and in the database."""
        self.moment += timedelta(**passed)
        house.do(house.shop.owner.execute("UPDATE still.moment SET at = $1", self.moment))


@contextmanager
def standing() -> Iterator[Still]:
    """Stop the clocks, and let ids and the gateway's names follow from one number."""
    still, chances, names = Still(), Random(4), Random(2)
    wall: Any = SimpleNamespace(time_ns=still.now_ns, monotonic_ns=time.monotonic_ns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tillkeeper.kernel.clock.now", still.now)
        patch.setattr("tillkeeper.kernel.clock.timer_ms", lambda: lambda: call_ms)
        patch.setattr("tillkeeper.kernel.ids.time", SimpleNamespace(time_ns=still.id_ns))
        patch.setattr("tillkeeper.kernel.ids.chance", SimpleNamespace(draw=partial(chances.randbytes, 10)))
        patch.setattr("tillkeeper.sandbox_kit.clock.time", wall)
        patch.setattr("tillkeeper.sandbox_kit.stand.secrets", SimpleNamespace(token_bytes=names.randbytes))
        patch.setattr("tillkeeper.sandbox.app.tick_seconds", NEVER)
        yield still
