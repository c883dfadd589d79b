"""Keep what somebody notes about a payment, with who and when; it is never changed."""

import unicodedata
from uuid import UUID

from tillkeeper import audit, idempotency, payments
from tillkeeper.audit import Action
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import InvalidFieldError, NotFoundError
from tillkeeper.payments import notes
from tillkeeper.payments.notes import Note, text_length_max
from tillkeeper.reports import note as report
from tillkeeper.till import Till

CREATED = 201
LINE_END = "\n"


@retry_conflicts
async def annotate(till: Till, wish: Wish, payment: UUID, text: str) -> Replay:
    """Keep a note about a payment, once per key; raises InvalidFieldError or NotFoundError.

    The audit log says that there is one, and not what it says: words are kept where they can be erased.
    """
    text = _checked(text)
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        if await payments.lock_one(tx, payment) is None:
            message = "No payment has this id."
            raise NotFoundError(message)
        note = Note(id=ids.new(), payment=payment, text=text, by_id=till.by.id, by_name=till.by.name, at=till.now())
        await notes.add(tx, note)
        body = await report.show(tx, note.id)
        await idempotency.attach(tx, wish, payment)
        await idempotency.finish(tx, wish, CREATED, body)
        told = {"note": body["id"]}
        await audit.record(tx, till.by, Action.PAYMENT_NOTED, str(body["payment"]), after=told, at=note.at)
        return Replay(status=CREATED, body=body)


def _checked(text: str) -> str:
    """Read a note as people write it, in lines; raises InvalidFieldError."""
    text = text.replace("\r\n", LINE_END).strip()
    if not 1 <= len(text) <= text_length_max:
        message = f"A note has 1 to {text_length_max:,} characters; this has {len(text):,}."
        raise InvalidFieldError(message, param="text")
    if any(unicodedata.category(letter) == "Cc" for letter in text.replace(LINE_END, "")):
        message = "A note holds letters and ends of lines, and no other control characters."
        raise InvalidFieldError(message, param="text")
    return text
