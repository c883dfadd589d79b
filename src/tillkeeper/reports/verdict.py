"""The whole proof of the books, as `till ledger check` and the dashboard ask for it."""

from dataclasses import dataclass

from tillkeeper import ledger
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.ledger import Seal, TrialBalance, seals
from tillkeeper.reports import books

number_digits_max = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Hold what is wrong, in sentences, and what the proof was about."""

    wrong: list[str]
    balance: TrialBalance
    head: Seal
    sealed: int
    waiting: int

    @property
    def anchor(self) -> str:
        """Write the last seal as people keep it elsewhere."""
        return f"{self.head.number}:{self.head.hash.hex()}"


async def reach(tx: Transaction, anchor: str = "") -> Verdict:
    """Prove that the books balance, agree with what they are about, and were not rewritten since a seal was kept.

    Raises InvalidFieldError for what is no seal.
    """
    kept = _read(anchor) if anchor else None
    wrong = await books.check(tx)
    wrong += await compare(tx, *kept) if kept else []
    sealed, waiting = await seals.count(tx)
    return Verdict(
        wrong=wrong,
        balance=await ledger.trial_balance(tx, as_of=None),
        head=await seals.last(tx),
        sealed=sealed,
        waiting=waiting,
    )


def _read(anchor: str) -> tuple[int, str]:
    number, _, kept = anchor.strip().partition(":")
    if not (number.isdecimal() and number.isascii()) or len(number) > number_digits_max or not kept:
        message = "A seal that you kept is written NUMBER:HASH, as `till ledger check` prints it."
        raise InvalidFieldError(message, param="anchor")
    return int(number), kept.lower()


async def compare(tx: Transaction, number: int, kept: str) -> list[str]:
    """Compare a seal that somebody kept with the one that stands there now."""
    found = await seals.newest(tx, before=number + 1, limit=1)
    if found and found[0].number == number and found[0].hash.hex() == kept:
        return []
    return [f"Seal {number} is not the one that you kept: the books before it were rewritten."]
