"""What the database knows, asked for when somebody wants to see it."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from tillkeeper.flows.read import read
from tillkeeper.kernel import clock, logs
from tillkeeper.kernel.errors import TillError
from tillkeeper.reports import metrics
from tillkeeper.reports.metrics import SUBJECTS, Fact, Subject, Sums
from tillkeeper.settings import Settings
from tillkeeper.telemetry.counters import PREFIX
from tillkeeper.till import Till

kept_seconds = 4
"""Whoever asks more often gets the same answer, so that asking is nobody's way to keep the database busy."""
answer_seconds_max = 6
"""Less than Prometheus waits."""
days_kept_seconds = 600
"""How long the sums of days that are over are kept; what is booked on such a day later is seen after that."""
connections = 2
OWN = (
    Subject(name="db_up", says="1 when the database answered just now; what it knows is absent while it does not."),
    Subject(name="info", says="1, and in which mode this installation is.", labels=("mode",)),
)


class Facts(Collector):
    """Ask the database on a connection of its own, which is opened for that: so it is also seen whether it can be."""

    def __init__(self, configured: Settings) -> None:
        self._settings = configured.model_copy(update={"database_connections_max": connections})
        self._asking = threading.Lock()
        self._known: Sequence[Fact] = ()
        self._asked_ms: Callable[[], int] | None = None
        self._days: Sums = {}
        self._days_until = datetime.min.replace(tzinfo=UTC)
        self._days_ms = clock.timer_ms()

    def collect(self) -> Iterable[Metric]:
        """List everything that is known, as families of samples."""
        with self._asking:
            if self._asked_ms is None or self._asked_ms() > kept_seconds * 1000:
                mode = Fact("info", 1, {"mode": self._settings.mode})
                self._known = [mode, *asyncio.run(self._ask())]
                self._asked_ms = clock.timer_ms()
            known = self._known
        return _families(known)

    async def _ask(self) -> list[Fact]:
        try:
            async with asyncio.timeout(answer_seconds_max):
                till = await Till.open(self._settings)
                try:
                    return [Fact("db_up", 1), *await self._look(till)]
                finally:
                    await till.close()
        except (TillError, TimeoutError) as error:
            logs.worker.warning("metrics_unanswered", error=type(error).__name__)
        except Exception:  # noqa: BLE001 (whatever it is, the port still tells what this process has counted)
            logs.worker.exception("metrics_unanswered")
        return [Fact("db_up", 0)]

    async def _look(self, till: Till) -> list[Fact]:
        now = till.now()
        today = metrics.midnight(now)
        if self._days_until != today or self._days_ms() > days_kept_seconds * 1000:
            self._days = await read(till, lambda tx: metrics.sums(tx, datetime.min.replace(tzinfo=UTC), today))
            self._days_until, self._days_ms = today, clock.timer_ms()
        fresh = await read(till, lambda tx: metrics.sums(tx, today, now + timedelta(days=2)))
        found = await read(till, lambda tx: metrics.look(tx, till.gateways, now))
        return [*metrics.payments(metrics.add(self._days, fresh)), *found]


def _families(known: Sequence[Fact]) -> Iterable[Metric]:
    """Sort what is known under its subjects; each has its help also while nothing is known of it."""
    for subject in (*OWN, *SUBJECTS):
        name = subject.name.removesuffix("_total") if subject.kind == "counter" else subject.name
        family = Metric(PREFIX + name, subject.says, subject.kind)
        ends = ("_bucket", "_count") if subject.kind == "histogram" else ("",)
        names = {subject.name + end for end in ends}
        for fact in known:
            if fact.name in names:
                family.add_sample(PREFIX + fact.name, dict(fact.labels), fact.value)
        yield family
