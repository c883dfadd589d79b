"""Where the time goes: the product's own functions and statements, timed while they do their work."""

import asyncio
import functools
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tillkeeper import fulfilment, inbox, ledger, outbox, payments
from tillkeeper.flows import receive as receiving
from tillkeeper.flows import settle as settling_flow
from tillkeeper.kernel import loop
from tillkeeper.kernel.crypto import Box
from tillkeeper.kernel.db import Transaction
from tillkeeper.ops.bench import payments as waiting_payments
from tillkeeper.ops.bench import settling
from tillkeeper.ops.bench.ground import Ground
from tillkeeper.ops.bench.webhooks import body, signature
from tillkeeper.till import Till

webhooks_timed = 3_000
STATEMENTS = ("fetch", "fetchrow", "fetchval", "execute")
STATEMENT_NAME = re.compile(r"(INSERT INTO|UPDATE|JOIN|FROM|NOTIFY|SELECT(?=\s+ledger))\s+(?!unnest)(\w+)")


@dataclass(frozen=True, slots=True)
class Part:
    """Hold what one part took of each webhook; statements are inside the verbs that run them."""

    name: str
    nanoseconds: int


@dataclass(slots=True)
class Stopwatch:
    """Time functions by standing in front of them for as long as a block runs."""

    spent_ns: Counter[str] = field(default_factory=Counter)
    undo: list[Callable[[], None]] = field(default_factory=list)

    def watch(self, owner: Any, name: str, label: str | None = None) -> None:
        """Time one function of a module or class, plain or async."""
        real = getattr(owner, name)
        self.undo.append(lambda: setattr(owner, name, real))
        timed = self._awaited if asyncio.iscoroutinefunction(real) else self._called
        setattr(owner, name, timed(real, lambda _: label or name))

    def watch_statements(self) -> None:
        """Time every statement, under its verb and its table."""
        for name in STATEMENTS:
            real = getattr(Transaction, name)
            self.undo.append(functools.partial(setattr, Transaction, name, real))
            setattr(Transaction, name, self._awaited(real, lambda values: _statement(values[1])))

    def stop(self) -> None:
        """Take every function as it was."""
        while self.undo:
            self.undo.pop()()

    def _called(self, real: Callable[..., Any], label: Callable[[Any], str]) -> Callable[..., Any]:
        @functools.wraps(real)
        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter_ns()
            try:
                return real(*args, **kwargs)
            finally:
                self.spent_ns[label(args)] += time.perf_counter_ns() - start

        return run

    def _awaited(self, real: Callable[..., Awaitable[Any]], label: Callable[[Any], str]) -> Callable[..., Any]:
        @functools.wraps(real)
        async def run(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter_ns()
            try:
                return await real(*args, **kwargs)
            finally:
                self.spent_ns[label(args)] += time.perf_counter_ns() - start

        return run

    def parts(self, count: int) -> list[Part]:
        """Divide what was spent among so many webhooks, the greatest part first."""
        return [Part(name, spent // count) for name, spent in self.spent_ns.most_common()]


def _statement(sql: str) -> str:
    found = STATEMENT_NAME.search(sql)
    return f"  SQL: {' '.join(found.groups()).lower()}" if found else "  SQL: other"


@contextmanager
def watching() -> Iterator[Stopwatch]:
    """Lend a stopwatch, and take it off every function at the end."""
    watch = Stopwatch()
    try:
        yield watch
    finally:
        watch.stop()


def settle_parts(ground: Ground, webhooks: int = webhooks_timed) -> list[Part]:
    """Settle an inbox filled beforehand with a stopwatch on every verb of the flow."""
    with loop.runner() as runner, watching() as watch:
        till = runner.run(ground.open_till())
        numbers = range(10**8, 10**8 + webhooks)
        waiting_payments.open_checkouts(ground, numbers)
        runner.run(settling.fill(till, ground.secret, numbers))
        for owner, name in (
            *((inbox, name) for name in ("claim", "finish", "release")),
            *((payments, name) for name in ("lock", "decide", "record", "changes")),
            (fulfilment, "carry_out"),
            (settling_flow, "bookkeep"),
            (ledger, "post"),
            (outbox, "add"),
            (settling_flow, "_translate"),
        ):
            watch.watch(owner, name, f"{owner.__name__.rpartition('.')[2]}.{name.removeprefix('_')}")
        watch.watch_statements()
        watch.watch(settling, "settle_all", "all of settle")
        runner.run(settling.settle_all(till, webhooks))
        runner.run(till.close())
        return watch.parts(webhooks)


def ingest_parts(ground: Ground, webhooks: int = webhooks_timed) -> list[Part]:
    """Take webhooks in without HTTP with a stopwatch on each part; what awaits is told by batch, not by CPU."""
    with loop.runner() as runner, watching() as watch:
        till = runner.run(ground.open_till())
        stripe = till.gateways["stripe"]
        watch.watch(type(stripe), "verify", "signature, time and JSON head")
        watch.watch(Box, "seal", "seal the body")
        watch.watch(receiving, "sha256", "digest the body")
        watch.watch(receiving, "_commit", "commit of a batch, begin to end")
        watch.watch_statements()
        runner.run(_take_in(till, ground.secret, watch, webhooks))
        runner.run(till.close())
        return watch.parts(webhooks)


async def _take_in(till: Till, secret: str, watch: Stopwatch, webhooks: int) -> None:
    numbers = range(2 * 10**8, 2 * 10**8 + webhooks)
    now = int(till.now().timestamp())
    intake = receiving.Intake(till)
    made = [body(number) for number in numbers]
    headers = [{"stripe-signature": f"t={now},v1={signature(each, secret, now)}"} for each in made]
    start = time.perf_counter_ns()
    for first in range(0, webhooks, settling.filling_batch):
        last = first + settling.filling_batch
        calls = zip(headers[first:last], made[first:last], strict=True)
        await asyncio.gather(*(receiving.receive(intake, "stripe", head, content) for head, content in calls))
    watch.spent_ns["all of receive, without HTTP"] += time.perf_counter_ns() - start
