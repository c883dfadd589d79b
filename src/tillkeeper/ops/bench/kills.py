"""The whole way while parts of it are killed: what was acknowledged must all be there afterwards."""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack

from tillkeeper.kernel import clock
from tillkeeper.ops.bench import payments, pipeline, volleys
from tillkeeper.ops.bench.generator import OTHER, Load, Result
from tillkeeper.ops.bench.ground import BenchError, Ground, end
from tillkeeper.ops.bench.webhooks import event_id, payment_id

duration_seconds = 12
webhooks_per_second_max = 4_000
VICTIMS = ("worker", "postgres", "worker", "postgres", "worker")
down_ms = 300
"""How long a killed worker stays away; PostgreSQL is started again at once, and has to recover."""

KEPT = """
    CREATE TEMPORARY TABLE acknowledged (event_id text PRIMARY KEY, payment_id uuid NOT NULL);
    COPY acknowledged FROM STDIN;
{rows}
\\.
    ANALYZE acknowledged;
    SELECT count(*) FROM acknowledged
    JOIN inbox_message USING (event_id) JOIN payment ON payment.id = acknowledged.payment_id
    WHERE inbox_message.status = 'processed' AND payment.status = 'succeeded'
      AND 1 = (SELECT count(*) FROM entitlement WHERE payment_id = payment.id)
      AND 1 = (SELECT count(*) FROM journal WHERE (source, source_id, kind) = ('payment', payment.id::text, 'capture'))
      AND 1 = (SELECT count(*) FROM outbox_event WHERE payment_id = payment.id AND type = 'payment.succeeded')"""


def run(ground: Ground) -> tuple[dict[str, int], list[str]]:
    """Send webhooks while killing with signal 9; return the figures, and a sentence for each broken promise."""
    if ground.postgres is None:
        message = "`--kill` ends PostgreSQL without warning, and does so only to its own."
        raise BenchError(message)
    numbers = range(duration_seconds * webhooks_per_second_max)
    payments.open_checkouts(ground, numbers)
    load = Load(
        port=ground.port,
        secret=ground.secret,
        first=numbers[0],
        count=len(numbers),
        duration_ms=duration_seconds * 1000,
        insistent=True,
    )
    with ground.api(), ExitStack() as stack, volleys.loaded(load) as generator:
        worker = [ground.start("worker", "worker")]
        stack.callback(lambda: end(worker[0]))
        volleys.start(generator)
        killed = _kill_in_turn(ground, worker)
        result = volleys.collect(generator)
        pipeline.await_drained(ground)
        delivery = pipeline.account(ground, numbers)
    return _judge(ground, result, delivery, killed)


def _kill_in_turn(ground: Ground, worker: list[subprocess.Popen[bytes]]) -> int:
    """Spread the deaths over the time of the load."""
    for victim in VICTIMS:
        clock.pause_ms(duration_seconds * 1000 // (len(VICTIMS) + 1))
        if victim == "worker":
            worker[0].kill()
            end(worker[0])
            clock.pause_ms(down_ms)
            worker[0] = ground.start("worker", "worker")
        else:
            assert ground.postgres, "checked before"
            pid = ground.postgres.pid
            assert pid, "it runs"
            os.kill(pid, signal.SIGKILL)
            ground.postgres.start()
    return len(VICTIMS)


def _judge(
    ground: Ground, result: Result, delivery: pipeline.Delivery, killed: int
) -> tuple[dict[str, int], list[str]]:
    kept = count_kept(ground, result.acknowledged)
    figures = {
        "kills": killed,
        "acknowledged": len(result.acknowledged),
        "kept_and_delivered_once": kept,
        "sent_again": result.answers.get(OTHER, 0),
        "acknowledged_per_second": volleys.rate(result),
        "delivered_per_second": delivery.rate,
        "lag_p99_ms": delivery.lag_p99_ms,
    }
    lost = len(result.acknowledged) - kept
    wrong = [f"{lost} acknowledged webhooks were lost, or not delivered exactly once"] if lost else []
    if not result.acknowledged or not result.answers.get(OTHER):
        wrong.append("the deaths disturbed nothing, so the run proves nothing")
    return figures, wrong


def count_kept(ground: Ground, acknowledged: Sequence[int]) -> int:
    """Count the acknowledged events that are stored, processed and delivered exactly once, looking at every one."""
    rows = "\n".join(f"{event_id(number)}\t{payment_id(number)}" for number in acknowledged)
    return ground.count(KEPT.format(rows=rows)) if rows else 0
