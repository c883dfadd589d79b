"""Send letters: outside of any transaction, until a mail server takes them; nothing else ever waits for one."""

import asyncio
from collections.abc import Mapping
from typing import Any

from tillkeeper import backups, customers, mail, outbox
from tillkeeper.flows.notify import PLACE
from tillkeeper.flows.read import read
from tillkeeper.kernel import ids, logs
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import InvalidFieldError, NotFoundError
from tillkeeper.kernel.smtp import Receipt
from tillkeeper.mail import Kind, Leased, Office, Status, Verdict
from tillkeeper.reports import payment as payments_shown
from tillkeeper.till import Till

letters_at_once_max = 8
NOBODY = Verdict(status=Status.DROPPED, reason="Nobody's address is known, or none that a letter can go to.")


async def correspond(till: Till) -> int:
    """Send the letters that are due; return how many.

    After a crash between a server's yes and our note of it a letter is sent again, under the same Message-ID.
    """
    office = till.mail
    if office is None:
        return 0
    most, now = office.alerts_per_day_max, till.now()
    async with till.db.transaction() as tx:
        if await backups.is_isolated(tx):
            return 0
        # One worker at a time counts what a day and an hour may have, or two would allow twice as much.
        await outbox.hold(tx, PLACE)
        await mail.gather(tx, alerts_per_day_max=most, now=now)
        letters = await mail.claim(tx, letters_at_once_max, alerts_per_day_max=most, now=now)
    await asyncio.gather(*(_send(till, office, letter) for letter in letters))
    return len(letters)


async def send_trial(till: Till, office: Office, address: str) -> Receipt:
    """Send a letter that means nothing, now; raises InvalidFieldError for what is no address."""
    if not mail.is_address(address):
        message = "That is no address to which a letter can go, such as ops@example.com."
        raise InvalidFieldError(message, param="address")
    letter = mail.compose(
        "trial",
        office,
        title=f"Mail from {office.name} arrives",
        to=address,
        at=till.now(),
        name=ids.text("letter", ids.new()),
        shown={"receipts": office.receipts, "alerts": ", ".join(office.alerts_to) or "nobody"},
    )
    return await office.smtp.send(letter, sender=office.address, to=[address])


async def _send(till: Till, office: Office, letter: Leased) -> None:
    try:
        verdict = await _hand_in(till, office, letter)
    except Exception:  # noqa: BLE001 (a bug met by one letter must not keep the others from going)
        logs.worker.exception("letter_failed", letter=ids.text("letter", letter.id))
        receipt = Receipt(error="It could not be sent; the log of this installation says why.")
        verdict = mail.judge(letter, receipt)
    await _record(till, letter, verdict)
    if verdict.status is Status.DEAD:
        logs.worker.warning("letter_dead", letter=ids.text("letter", letter.id), reason=verdict.reason)
    if verdict.status is Status.SENT and verdict.reason:
        logs.worker.warning("letter_partly_refused", letter=ids.text("letter", letter.id), reason=verdict.reason)


async def _hand_in(till: Till, office: Office, letter: Leased) -> Verdict:
    to, about = await _addressed(till, office, letter)
    if not to:
        return NOBODY
    written = mail.write(letter, office, to=", ".join(to), at=till.now(), about=about)
    return mail.judge(letter, await office.smtp.send(written, sender=office.address, to=to))


async def _addressed(till: Till, office: Office, letter: Leased) -> tuple[list[str], Mapping[str, Any]]:
    """Find out to whom a letter goes, and what it is about."""
    if letter.kind is not Kind.RECEIPT:
        return list(office.alerts_to), {}
    try:
        return await read(till, lambda tx: _buyer(tx, letter))
    except NotFoundError:
        return [], {}


async def _buyer(tx: Transaction, letter: Leased) -> tuple[list[str], Mapping[str, Any]]:
    shown = await payments_shown.show(tx, ids.parse("payment", str(letter.data["payment"])))
    customer = shown["customer"]
    found = await customers.get(tx, ids.parse("customer", str(customer))) if customer else None
    email = found.email if found else None
    return [email] if email and mail.is_address(email) else [], shown


@retry_conflicts
async def _record(till: Till, letter: Leased, verdict: Verdict) -> None:
    async with till.db.transaction() as tx:
        await mail.record(tx, letter, verdict)
