"""One Celery task for each stored webhook, written as it usually is: one session of SQLAlchemy, one transaction."""

import asyncio
import atexit
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy import ForeignKey, Index, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

QUEUE = "webhooks"
look_seconds = 0.02
looks_max = 1_500
"""After so many looks at which nothing was done the worker counts as stuck."""
reply_timeout_seconds = 10
fee_divisor = 50

app = Celery("one_task_each", broker=os.environ.get("PEER_BROKER"))
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_default_queue=QUEUE,
    worker_hijack_root_logger=False,
)


class Row(DeclarativeBase):
    """Hold the tables."""


class Event(Row):
    """A webhook that was stored when it was acknowledged."""

    __tablename__ = "peer_event"
    id: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[str]
    processed: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (Index("peer_event_waiting", "id", postgresql_where="NOT processed"),)


class Payment(Row):
    """A payment, which a webhook finds by the id in its metadata."""

    __tablename__ = "peer_payment"
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    status: Mapped[str]
    amount: Mapped[int]
    amount_captured: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str]
    units: Mapped[int]


class Change(Row):
    """A step in the history of a payment."""

    __tablename__ = "peer_change"
    id: Mapped[int] = mapped_column(primary_key=True)
    payment_id: Mapped[str] = mapped_column(ForeignKey("peer_payment.id"), index=True)
    before: Mapped[str]
    after: Mapped[str]
    cause: Mapped[str]


class Journal(Row):
    """A thing that was booked."""

    __tablename__ = "peer_journal"
    id: Mapped[int] = mapped_column(primary_key=True)
    payment_id: Mapped[str] = mapped_column(ForeignKey("peer_payment.id"), index=True)
    kind: Mapped[str]
    postings: Mapped[list["Posting"]] = relationship()


class Posting(Row):
    """An amount from one account to another."""

    __tablename__ = "peer_posting"
    id: Mapped[int] = mapped_column(primary_key=True)
    journal_id: Mapped[int] = mapped_column(ForeignKey("peer_journal.id"), index=True)
    debit: Mapped[str] = mapped_column(index=True)
    credit: Mapped[str] = mapped_column(index=True)
    currency: Mapped[str]
    amount: Mapped[int]


class Entitlement(Row):
    """What a payment has brought its buyer."""

    __tablename__ = "peer_entitlement"
    payment_id: Mapped[str] = mapped_column(ForeignKey("peer_payment.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(index=True)
    units: Mapped[int]


class Wallet(Row):
    """The credits of a user."""

    __tablename__ = "peer_wallet"
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    units: Mapped[int] = mapped_column(default=0)


class Outgoing(Row):
    """An event owed to the merchant."""

    __tablename__ = "peer_outgoing"
    id: Mapped[int] = mapped_column(primary_key=True)
    payment_id: Mapped[str] = mapped_column(ForeignKey("peer_payment.id"), index=True)
    type: Mapped[str]
    body: Mapped[str]


def apply(session: Session, event_id: str) -> None:
    """Let a captured payment have its state, books, goods and events, unless it has them already."""
    event = session.get_one(Event, event_id, with_for_update=True)
    if event.processed:
        return
    intent = json.loads(event.body)["data"]["object"]
    payment = session.get_one(Payment, intent["metadata"]["payment"], with_for_update=True)
    session.add(Change(payment_id=payment.id, before=payment.status, after="succeeded", cause=event.id))
    payment.status, payment.amount_captured = "succeeded", intent["amount_received"]
    book(session, payment)
    wallet = session.get(Wallet, payment.user_id, with_for_update=True)
    if wallet is None:
        wallet = Wallet(user_id=payment.user_id, units=0)
        session.add(wallet)
    wallet.units += payment.units
    session.add(Entitlement(payment_id=payment.id, user_id=payment.user_id, units=payment.units))
    told = json.dumps({"payment": payment.id, "status": payment.status, "amount": payment.amount_captured})
    session.add_all(
        Outgoing(payment_id=payment.id, type=kind, body=told) for kind in ("payment.succeeded", "fulfilment.delivered")
    )
    event.processed = True


def book(session: Session, payment: Payment) -> None:
    """Book the capture, the gateway's fee and the credits; what an account has is the sum of its postings."""
    clearing, fee = "gateway:stripe:clearing", payment.amount_captured // fee_divisor
    moves = (
        ("capture", clearing, "deferred", payment.currency, payment.amount_captured),
        ("fee", "fees:stripe", clearing, payment.currency, fee),
        ("grant", "credits:issuer", f"wallet:{payment.user_id}", "credits", payment.units),
    )
    for kind, debit, credit, currency, amount in moves:
        posting = Posting(debit=debit, credit=credit, currency=currency, amount=amount)
        session.add(Journal(payment_id=payment.id, kind=kind, postings=[posting]))


@dataclass(slots=True)
class Desk:
    """Hold what a process keeps from one task to the next."""

    loop: asyncio.Runner = field(default_factory=asyncio.Runner)
    engine: AsyncEngine = field(
        default_factory=lambda: create_async_engine(
            os.environ["PEER_DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
        )
    )

    def run(self, work: Callable[..., Any], *told: object) -> Any:
        """Do ordinary work with a session, in a transaction of its own."""
        return self.loop.run(self._run(work, *told))

    async def _run(self, work: Callable[..., Any], *told: object) -> Any:
        async with AsyncSession(self.engine) as session, session.begin():
            return await session.run_sync(work, *told)


@cache
def desk() -> Desk:
    """Open the desk of this process at its first task."""
    return Desk()


@app.task  # type: ignore[untyped-decorator]  # it says nothing of its types
def settle(event_id: str) -> None:
    """Settle one webhook."""
    desk().run(apply, event_id)


def prepare() -> None:
    """Make the tables, and start the worker as `celery worker` does by itself: two processes that fetch ahead."""
    desk().run(lambda session: Row.metadata.create_all(session.connection()))
    command = [sys.executable, "-m", "celery", "-A", "one_task_each", "worker", "--concurrency=2", "--loglevel=ERROR"]
    worker = subprocess.Popen(command, cwd=Path(__file__).parent)
    atexit.register(worker.wait)
    atexit.register(worker.terminate)
    while not app.control.ping(timeout=1):
        if worker.poll() is not None:
            message = "the worker ended before it answered"
            raise RuntimeError(message)


def enqueue(ids: Sequence[str]) -> int:
    """Put a task for each webhook into the queue while nobody takes from it."""
    app.control.cancel_consumer(QUEUE, reply=True, timeout=reply_timeout_seconds)
    with app.producer_pool.acquire() as producer:
        for each in ids:
            settle.apply_async((each,), producer=producer)
    return len(ids)


def drain() -> int:
    """Let the worker take what waits; return how many are left, which is none unless nothing went on for long."""
    waiting = select(func.count()).where(Event.processed.is_(False))
    app.control.add_consumer(QUEUE)
    left, still = desk().run(lambda session: session.scalar(waiting)), 0
    while left and still < looks_max:
        time.sleep(look_seconds)
        before, left = left, desk().run(lambda session: session.scalar(waiting))
        still = still + 1 if left == before else 0
    return int(left)
