"""Journals written by `ledger.post` in this process, in batches as settle writes them, against naive transfers."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from tillkeeper import ledger
from tillkeeper.kernel import clock, ids, loop
from tillkeeper.ledger import Account, AccountClass, Journal, Posting
from tillkeeper.ops.bench import references
from tillkeeper.ops.bench.ground import Ground
from tillkeeper.ops.bench.subject import Rates, Subject
from tillkeeper.till import Till

CELLS = (("100", 100, 2), ("100_one_writer", 100, 1), ("1000", 1_000, 1))
"""Name, batch size and writers: a worker and an API process do post at the same time."""
journals_per_second_max = 30_000
amount_minor = 100
currency = "EUR"
# The hot account is kept as the product keeps what belongs to the house: turnover waits and is rolled up.
CLEARING = Account("gateway:bench:clearing:EUR", currency, AccountClass.ASSET, deferred=True)
ACCOUNTS = [
    Account(f"bench:{number}:{currency}", currency, AccountClass.LIABILITY) for number in range(references.accounts)
]


@contextmanager
def opened(ground: Ground) -> Iterator[Subject]:
    """Open a till in this process, and open every account before anything counts."""
    with loop.runner() as runner:
        till = runner.run(ground.open_till())
        dice = random.Random(1)  # noqa: S311 (accounts that can be drawn again, not a secret)
        posted = [0]

        def measure(seconds: int) -> Rates:
            rates = {}
            for name, hot in (("spread", False), ("hot", True)):
                rates[f"transfer_{name}"] = references.measure_transfer(ground, seconds, hot=hot)
                for label, size, writers in CELLS:
                    batches = draw(dice, size, seconds * journals_per_second_max // size, hot=hot)
                    done, elapsed_ms = runner.run(post_for(till, batches, seconds, writers=writers))
                    posted[0] += done
                    rates[f"ledger_{name}_{label}"] = done * 1000 // max(elapsed_ms, 1)
            return rates

        try:
            posted[0] += runner.run(open_accounts(till))
            ground.sql("ANALYZE account, balance, journal, posting")
            yield Subject(measure=measure, prove=lambda: prove(ground, posted[0]))
        finally:
            runner.run(till.close())


def draw(dice: random.Random, size: int, batches: int, *, hot: bool) -> list[list[Journal]]:
    """Draw transfers between any two of a thousand accounts, or between the one hot account and any of them."""
    now = clock.now()
    return [[_transfer(dice, now, hot=hot) for _ in range(size)] for _ in range(batches)]


def _transfer(dice: random.Random, at: datetime, *, hot: bool) -> Journal:
    debit, credit = (CLEARING, dice.choice(ACCOUNTS)) if hot else dice.sample(ACCOUNTS, 2)
    return _journal(debit, credit, at)


def _journal(debit: Account, credit: Account, at: datetime) -> Journal:
    move = Posting(debit=debit, credit=credit, amount=amount_minor)
    return Journal(source="bench", source_id=str(ids.new()), kind="transfer", postings=(move,), effective_at=at)


async def post_for(
    till: Till, batches: Sequence[Sequence[Journal]], seconds: int, *, writers: int = 1
) -> tuple[int, int]:
    """Post batch after batch until the time is over, then roll up what waits; return journals and milliseconds."""
    elapsed_ms = clock.timer_ms()
    waiting = iter(batches)
    posted = await asyncio.gather(*(_write(till, waiting, elapsed_ms, seconds * 1000) for _ in range(writers)))
    rolled = 1
    while rolled:
        async with till.db.transaction() as tx:
            rolled = await ledger.roll(tx)
    return sum(posted), elapsed_ms()


async def _write(till: Till, waiting: Iterator[Sequence[Journal]], elapsed_ms: Callable[[], int], until_ms: int) -> int:
    done = 0
    for batch in waiting:
        async with till.db.transaction() as tx:
            done += len(await ledger.post(tx, batch))
        if elapsed_ms() >= until_ms:
            break
    return done


async def open_accounts(till: Till) -> int:
    """Open every account before anything counts, with a journal for each."""
    now = clock.now()
    batch = [_journal(CLEARING, account, now) for account in ACCOUNTS]
    return (await post_for(till, [batch], 1))[0]


def prove(ground: Ground, posted: int) -> list[str]:
    """Compare the journals counted with those that are there; the books are proved like those of every run."""
    found = ground.count("SELECT count(*) FROM journal WHERE source = 'bench'")
    return [f"{posted} journals were counted, and {found} are in the books"] if found != posted else []
