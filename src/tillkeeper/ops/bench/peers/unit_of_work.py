"""A ledger as an ORM's unit of work writes it: a transaction row, two entries and two balances in one session."""

import asyncio
import os
import random
import time
from functools import cache

from sqlalchemy import BigInteger, ForeignKey, Identity, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

accounts = 1_000
amount = 100
sessions = 4
"""So many in each process, as pgbench has eight clients."""


class Row(DeclarativeBase):
    """Hold the tables, which are those of the naive transfer."""

    type_annotation_map = {int: BigInteger}  # noqa: RUF012 (as SQLAlchemy wants it)


class Account(Row):
    """An account with its balance."""

    __tablename__ = "bench_account"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Entry(Row):
    """An amount on an account."""

    __tablename__ = "bench_entry"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("bench_transaction.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("bench_account.id"))
    amount: Mapped[int]
    account: Mapped[Account] = relationship()


class Transfer(Row):
    """A transfer."""

    __tablename__ = "bench_transaction"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    entries: Mapped[list[Entry]] = relationship()


def move(session: Session, low: int, high: int) -> None:
    """Move an amount from one account to another, the lower number locked first."""
    chosen = select(Account).where(Account.id.in_((low, high))).order_by(Account.id).with_for_update()
    first, second = session.scalars(chosen)
    session.add(Transfer(entries=[Entry(account=first, amount=amount), Entry(account=second, amount=-amount)]))
    first.balance += amount
    second.balance -= amount


@cache
def _desk() -> tuple[asyncio.Runner, AsyncEngine]:
    url = os.environ["PEER_DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
    return asyncio.Runner(), create_async_engine(url, pool_size=sessions)


def post(seconds: int) -> int:
    """Transfer until the time is over; return how often."""
    runner, engine = _desk()
    return runner.run(_post(engine, time.monotonic_ns() + seconds * 1_000_000_000))


async def _post(engine: AsyncEngine, until_ns: int) -> int:
    return sum(await asyncio.gather(*(_transfer(engine, until_ns) for _ in range(sessions))))


async def _transfer(engine: AsyncEngine, until_ns: int) -> int:
    dice, done = random.Random(), 0  # noqa: S311 (accounts, not a secret)
    while time.monotonic_ns() < until_ns:
        low, high = sorted(dice.sample(range(1, accounts + 1), 2))
        async with AsyncSession(engine) as session, session.begin():
            await session.run_sync(move, low, high)
        done += 1
    return done
