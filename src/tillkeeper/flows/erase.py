"""Forget who a user is, everywhere; the books, the payments and the goods stay as they are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tillkeeper import (
    access,
    adoption,
    audit,
    customers,
    idempotency,
    inbox,
    mail,
    outbox,
    refund_requests,
    responses,
    risk,
)
from tillkeeper.audit import Action
from tillkeeper.fulfilment import wallet
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError
from tillkeeper.payments import traces
from tillkeeper.payments.traces import Traces
from tillkeeper.settlement import lines, runs
from tillkeeper.till import Till

OK = 200
named_max = 5
opened_max = 500
"""How many webhooks are opened at once; each may have a megabyte."""
WORDS = re.compile(rb'[^"\s,:{}\[\]&=]+')
"""What can be a name in a webhook, whether it is JSON or a form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """Hold what is left of a name, the names that are gone, and the ids about which somebody may have said a word."""

    left: str
    names: Sequence[str]
    customers: Sequence[UUID]
    subjects: Sequence[str]


async def erase(till: Till, wish: Wish, user: str, *, reason: str) -> Replay:
    """Erase all that tells who a user is, once per key; what is left of the name is in the answer.

    Harmless to repeat under that name: what has come in since goes as well. Raises NotFoundError, and
    InvalidStateError while money may still move.
    """
    return await _forget(till, wish, user, await _untied(till, user), reason)


async def _untied(till: Till, user: str) -> list[UUID]:
    """Find webhooks that we made nothing of, and that speak of this user's purchases all the same."""
    async with till.db.transaction(read_only=True) as tx:
        whose = await customers.find(tx, user)
        called, since = await traces.references(tx, whose) if whose else ([], None)
    found: list[UUID] = []
    after: UUID | None = None
    names = {each.encode() for each in called}
    while since and names:
        async with till.db.transaction(read_only=True) as tx:
            page = await inbox.untied(tx, since=since, after=after, limit=opened_max)
        if not page:
            break
        found += [message for message, body in page if not names.isdisjoint(WORDS.findall(till.box.open(body)))]
        after = page[-1][0]
    return found


@retry_conflicts
async def _forget(till: Till, wish: Wish, user: str, untied: Sequence[UUID], reason: str) -> Replay:
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        whose = await customers.lock(tx, user)
        if whose is None:
            message = "No user has this name, or not any more."
            raise NotFoundError(message)
        found = await traces.of_user(tx, whose)
        requests, open_ = await refund_requests.of_payments(tx, found.payments)
        _check([*found.unfinished, *(ids.text("refund_request", each) for each in open_)])
        gone = await _erase(tx, till, user, whose, found, requests)
        body: dict[str, object] = {
            "object": "erasure",
            "user": gone.left,
            "payments": len(found.payments),
            "webhooks": await inbox.erase(tx, found.payments, untied),
            "customers": [ids.text("customer", each) for each in gone.customers],
            "customers_kept": [ids.text("customer", each) for each in found.shared],
        }
        await idempotency.finish(tx, wish, OK, body)
        vouched = await audit.erase(tx, gone.subjects, gone.names)
        after = {"entries": vouched, "payments": body["payments"], "webhooks": body["webhooks"]}
        await audit.record(tx, till.by, Action.USER_ERASED, gone.left, after=after, reason=reason, at=till.now())
        return Replay(status=OK, body=body)


def _check(unfinished: list[str]) -> None:
    """Refuse while somebody may still have to be told who this is."""
    if unfinished:
        named = ", ".join(unfinished[:named_max])
        message = f"Money may still move: {named}{' and more' if unfinished[named_max:] else ''}; end that first."
        raise InvalidStateError(message)


async def _erase(tx: Transaction, till: Till, user: str, whose: UUID, found: Traces, requests: list[UUID]) -> Gone:
    """Go through every package that may know somebody."""
    own = await customers.named(tx, user)
    known_as = sorted({*found.customers, *([own] if own and own not in found.shared else [])})
    left, names = await customers.erase(tx, whose, known_as)
    await traces.erase(tx, whose, found)
    await wallet.erase(tx, whose)
    await refund_requests.erase(tx, requests, name=user, left=left)
    await responses.erase(tx, found.payments)
    entries = await risk.erase(tx, whose, found.payments, name=user, secret=till.settings.secret_key)
    await outbox.erase(tx, found.payments)
    await mail.erase(tx, found.shown)
    await lines.erase(tx, found.objects)
    await runs.erase(tx, found.objects)
    await adoption.erase(tx, user=user, payments=found.payments)
    await access.forget_user(tx, user)
    objects = [*found.objects, *requests]
    await idempotency.erase(tx, name=user, left=left, mode=till.settings.mode, objects=objects, shown=found.shown)
    subjects = [*found.shown, ids.text("user", whose)]
    for prefix, each in (("customer", known_as), ("refund_request", requests), ("entry", entries)):
        subjects += [ids.text(prefix, id_) for id_ in each]
    return Gone(left=left, names=names, customers=known_as, subjects=subjects)
