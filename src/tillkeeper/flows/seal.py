"""Seal the books: what was posted goes into a chain of hashes and into the sums of its days."""

from datetime import date

from tillkeeper.kernel import logs
from tillkeeper.ledger import seals
from tillkeeper.till import Till

seal_journals_max = 5_000


async def seal(till: Till, *, limit: int = seal_journals_max) -> int:
    """Seal a block of journals; return how many it holds.

    Nobody who posts waits for this. The log line keeps the head of the chain where the owner of the database cannot
    reach it: `till ledger check --anchor NUMBER:HASH` compares.
    """
    async with till.db.transaction() as tx:
        made = await seals.seal(tx, limit)
    if made is None:
        return 0
    logs.books.info("sealed", number=made.number, hash=made.hash.hex(), journals=made.journals)
    return made.journals


async def recount(till: Till, day: date) -> int:
    """Add up a day from its postings again; return under how many headings something moved."""
    async with till.db.transaction() as tx:
        return await seals.recount(tx, day)
