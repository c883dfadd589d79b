"""What must always be true, as it is proved again and again, and the last word on it for people and for metrics."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial

from tillkeeper import audit, ledger
from tillkeeper.kernel import db
from tillkeeper.kernel.db import Transaction
from tillkeeper.ledger import Finding, findings, seals
from tillkeeper.reports import books, outgoing, time

overdue_minutes = 15
"""A webhook that has been due for longer is not being worked on."""

TITLES = {
    "I1": "Debits equal credits in every journal and in every currency",
    "I3": "What was paid is delivered once, and what was not is not",
    "I4": "Never more went back than was captured",
    "I5": "A wallet is the sum of its movements, is what the books say, and is never below zero",
    "I6": "A payment is captured once; whatever is captured beyond that goes back",
    "I7": "Every webhook ends, or is being worked on",
    "I9": "The chain of seals holds, every journal in it, and the chain of the audit log",
    "I10": "What was captured is told, and each event is delivered, given up, or being sent",
    "other": "What payments, goods and books promise each other besides",
}
"""The names under which findings are kept and measured; I2, I8 and I11 need eyes outside the database."""

OF_PROMISES = {
    "a captured payment was not delivered exactly once": "I3",
    "what could not be delivered was not refunded": "I3",
    "goods that are still owed, or not owed any more, were delivered": "I3",
    "goods are waited for although all of their money went back, or not although it did not": "I3",
    "goods are kept from their buyer although no bank claims their money, or waited for although one does": "I3",
    "a payment's cards are not those it was granted": "I3",
    "refunds of a payment do not add up": "I4",
    "more went back than was captured": "I4",
    "we promised to give back more than was captured": "I4",
    "a wallet is not the sum of its movements": "I5",
    "a wallet is not the sum of its lots": "I5",
    "a wallet differs from its accounts in the books": "I5",
    "more of a payment's credits are frozen than a bank claims": "I5",
    "a wallet or a debt is below zero": "I5",
    "a payment was captured more than once and not all of the surplus goes back": "I6",
    "a second capture is not owed back in the books": "I6",
    "captured money is not in the books": "I6",
}
"""Which promises of `books.PROMISES` prove which invariant; what is not named here counts as `other`."""

SUMS_UP_ALL = frozenset({"a wallet is not the sum of its lots"})
"""Promises that have to read whole tables whatever they are asked about: the nightly look proves them."""

UNFINISHED = "a webhook is neither finished nor worked on"
WEBHOOKS = f"""
    SELECT id::text FROM inbox_message
    WHERE (status IN ('received', 'parked') AND due_at < clock_timestamp() - interval '{overdue_minutes} minutes')
       OR (status IN ('ignored', 'quarantined', 'dead') AND reason IS NULL)
       OR (status NOT IN ('received', 'parked') AND finished_at IS NULL)"""


async def examine(tx: Transaction, *, recent: bool) -> list[Finding]:
    """Prove every invariant, over what changed last or over everything; one that takes too long stops no other."""
    wrong: dict[str, list[str]] = {name: [] for name in TITLES}
    for name, prove in _proofs(tx, recent=recent):
        try:
            async with tx.savepoint():
                wrong[name] += await prove()
        except Exception as error:
            if not db.took_too_long(error):
                raise
            wrong[name].append("it could not be proved, because PostgreSQL took too long over it")
    return [Finding(name, len(found), tuple(found)) for name, found in wrong.items()]


def _proofs(tx: Transaction, *, recent: bool) -> Iterator[tuple[str, Callable[[], Awaitable[Sequence[str]]]]]:
    """List what proves what; whole tables are summed up at night."""
    yield "I1", partial(ledger.check, tx, recent=recent)
    if not recent:
        yield "I1", partial(_totals, tx)
    for sentence, query in books.PROMISES.items():
        if not (recent and sentence in SUMS_UP_ALL):
            yield OF_PROMISES.get(sentence, "other"), partial(books.breaches, tx, sentence, query, recent=recent)
    yield "I7", partial(books.breaches, tx, UNFINISHED, WEBHOOKS, recent=recent)
    for sentence, query in outgoing.PROMISES.items():
        yield "I10", partial(books.breaches, tx, sentence, query, recent=recent)
    yield "I9", partial(seals.verify, tx, recent=recent)
    yield "I9", partial(audit.verify, tx, recent=recent)


async def _totals(tx: Transaction) -> list[str]:
    totals = (await ledger.trial_balance(tx)).totals.values()
    return [f"{each.currency}: debits exceed credits by {each.difference}" for each in totals if each.difference]


async def latest(tx: Transaction) -> dict[str, object]:
    """Show the last word on each invariant, the recent look and the full one."""
    return show(await findings.latest(tx))


async def violations(tx: Transaction) -> Mapping[str, int]:
    """Count the breaches of each invariant for the metrics page: the worse of the recent look and the full one."""
    worst = dict.fromkeys(TITLES, 0)
    for finding in await findings.latest(tx):
        worst[finding.name] = max(worst.get(finding.name, 0), finding.violations)
    return worst


def show(found: Sequence[Finding]) -> dict[str, object]:
    """Shape findings."""
    return {
        "object": "list",
        "sound": not any(finding.violations for finding in found),
        "data": [
            {
                "name": finding.name,
                "title": TITLES.get(finding.name, finding.name),
                "scope": finding.scope,
                "checked_at": time(finding.checked_at),
                "violations": finding.violations,
                "sample": list(finding.sample),
                "broken_since": time(finding.broken_since),
            }
            for finding in found
        ],
        "has_more": False,
        "next_cursor": None,
    }
