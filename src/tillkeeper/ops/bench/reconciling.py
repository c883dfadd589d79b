"""Whole days of a gateway compared by `flows.reconcile` in this process, from ten thousand lines to a million."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

from tillkeeper.flows.reconcile import reconcile_day
from tillkeeper.kernel import clock, loop
from tillkeeper.ops.bench.ground import BenchError, Ground
from tillkeeper.ops.bench.subject import Rates, Subject
from tillkeeper.till import Till

SIZES = (10_000, 100_000, 1_000_000)
lines_per_second_max = 400_000
"""How many lines a day may have for each second of a round; a day is compared as a whole, however long that takes."""
FIRST_DAY = date(2026, 6, 1)
GATEWAY = "stripe"
SLOWEST = "reconcile"
"""The rate of the day that was slowest: what is linear has no slowest."""

# Captured payments with their references, journals and postings, and the gateway's line of each. The line of every
# tenth comes without our own id, as a file may have it.
FILL = """
BEGIN;
CREATE TEMPORARY TABLE trade ON COMMIT DROP AS
SELECT number, md5('payment {size} ' || number)::uuid AS id, md5('journal {size} ' || number)::uuid AS journal,
       'pi_{size}_' || number AS reference, '{day}'::timestamptz + number * interval '1 day' / {size} AS at
FROM generate_series(0, {size} - 1) AS number;
INSERT INTO payment (id, mode, status, amount, currency, amount_captured, gateway, gateway_reference, checkout,
                     capture_method, metadata, created_at, expires_at, captured_at, fee, fee_final)
SELECT id, 'sandbox', 'succeeded', 1000, 'EUR', 1000, '{gateway}', reference, 'hosted', 'automatic', '{{}}', at, at, at,
       59, true
FROM trade;
INSERT INTO payment_reference (gateway, reference, payment_id) SELECT '{gateway}', reference, id FROM trade;
INSERT INTO settlement_line (gateway, line_id, kind, object_id, our_reference, our_payment, gross, fee, tax, net,
                             currency, settle_currency, occurred_at, raw, day)
SELECT '{gateway}', 'txn_' || reference, 'capture', reference, CASE WHEN number % 10 > 0 THEN id::text END,
       CASE WHEN number % 10 > 0 THEN id END, 1000, 59, 0, 941, 'EUR', 'EUR', at, decode(repeat('00', 200), 'hex'),
       '{day}'
FROM trade;
INSERT INTO account (code, currency, class, guarded, mode)
VALUES ('gateway:{gateway}:clearing:EUR', 'EUR', 'asset', false, 'deferred'),
       ('revenue:other:EUR', 'EUR', 'income', false, 'deferred')
ON CONFLICT DO NOTHING;
INSERT INTO balance (account_id, guarded) SELECT id, guarded FROM account ON CONFLICT DO NOTHING;
INSERT INTO journal (id, source, source_id, kind, payload_sha, effective_at)
SELECT journal, 'payment', id::text, 'capture',
       sha256(convert_to('gateway:{gateway}:clearing:EUR revenue:other:EUR EUR 1000', 'UTF8')), at
FROM trade;
INSERT INTO posting (journal_id, debit_id, credit_id, currency, amount, effective_at)
SELECT journal, (SELECT id FROM account WHERE code = 'gateway:{gateway}:clearing:EUR'),
       (SELECT id FROM account WHERE code = 'revenue:other:EUR'), 'EUR', 1000, at
FROM trade;
INSERT INTO unsealed (journals)
SELECT array_agg(journal) FROM (SELECT journal, row_number() OVER () / 1000 AS part FROM trade) AS parts GROUP BY part;
UPDATE balance SET debits = debits + {size} * 1000
WHERE account_id = (SELECT id FROM account WHERE code = 'gateway:{gateway}:clearing:EUR');
UPDATE balance SET credits = credits + {size} * 1000
WHERE account_id = (SELECT id FROM account WHERE code = 'revenue:other:EUR');
COMMIT;
VACUUM ANALYZE;
"""
FORGET = """
DELETE FROM settlement_link WHERE line_id IN (SELECT id FROM settlement_line WHERE day = '{day}');
VACUUM ANALYZE settlement_link;
"""
LINKED = "SELECT count(*) FROM settlement_link WHERE line_id IN (SELECT id FROM settlement_line WHERE day = '{day}')"


@contextmanager
def opened(ground: Ground) -> Iterator[Subject]:
    """Open a till in this process and let it warm up; the days are laid in when they are first compared."""
    with loop.runner() as runner:
        till = runner.run(ground.open_till())
        laid_in = [SIZES[0]]
        lay_in(ground, SIZES[0])
        runner.run(compare(till, ground, SIZES[0]))

        def measure(seconds: int) -> Rates:
            rates = {}
            for size in SIZES:
                if size <= seconds * lines_per_second_max:
                    if size not in laid_in:
                        lay_in(ground, size)
                        laid_in.append(size)
                    rates[f"reconcile_{size}"] = runner.run(compare(till, ground, size))
            return rates | {SLOWEST: min(rates.values())}

        try:
            yield Subject(measure=measure, prove=lambda: prove(ground, laid_in))
        finally:
            runner.run(till.close())


def day_of(size: int) -> date:
    """Give each size a day of its own."""
    return FIRST_DAY + timedelta(days=SIZES.index(size))


def lay_in(ground: Ground, size: int) -> None:
    """Write a day's payments, their books and the gateway's lines."""
    ground.sql(FILL.format(size=size, day=day_of(size).isoformat(), gateway=GATEWAY))


async def compare(till: Till, ground: Ground, size: int) -> int:
    """Compare a day as if for the first time, and tell how many lines that was a second."""
    day = day_of(size)
    ground.sql(FORGET.format(day=day))
    elapsed_ms = clock.timer_ms()
    await reconcile_day(till, GATEWAY, day)
    took_ms = max(elapsed_ms(), 1)
    linked = ground.count(LINKED.format(day=day))
    if linked != size:
        message = f"A day of {size} lines was compared, and {linked} of them found what they stand for."
        raise BenchError(message)
    return size * 1000 // took_ms


def prove(ground: Ground, laid_in: list[int]) -> list[str]:
    """Make sure that every line was looked at and that nothing was invented."""
    invented = ground.count("SELECT count(*) FROM discrepancy")
    done = ground.sql("SELECT lines || '/' || ours FROM reconciliation_run WHERE status = 'done' ORDER BY day").split()
    wrong = [f"{invented} discrepancies were found where there are none"] if invented else []
    if done != [f"{size}/{size}" for size in sorted(laid_in)]:
        wrong.append(f"of days of {sorted(laid_in)} lines, {done} were compared")
    return wrong
