"""Forget who a user or a customer is, everywhere; the books, the payments and the goods stay as they are."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from tillkeeper import (
    access,
    adoption,
    audit,
    customers,
    idempotency,
    inbox,
    mail,
    operations,
    outbox,
    refund_requests,
    responses,
    risk,
)
from tillkeeper.audit import Action
from tillkeeper.fulfilment import wallet
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.crypto import Box
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError, TillError
from tillkeeper.payments import traces
from tillkeeper.payments.traces import Traces
from tillkeeper.reports import loose
from tillkeeper.settlement import lines, runs
from tillkeeper.till import Till

T = TypeVar("T", UUID, int)
Page = Sequence[tuple[T, bytes]]
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
    subjects: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Untied:
    """Hold what speaks of somebody's purchases although we made nothing of it: webhooks, and lines of accounts."""

    messages: Sequence[UUID] = ()
    lines: Sequence[int] = ()
    unread: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Hold who is to be erased: a user, a customer who bought for nobody in particular, or both as one."""

    name: str
    user: UUID | None
    customer: UUID | None

    @property
    def own(self) -> list[UUID]:
        """List the customers who are certainly this person."""
        return [self.customer] if self.customer else []

    @property
    def left(self) -> str:
        """Say what is left of the name."""
        somebody = self.user or self.customer
        assert somebody, "nobody is not erased"
        return customers.name_left(somebody)


async def erase(till: Till, wish: Wish, name: str, *, reason: str) -> Replay:
    """Erase all that tells who a user or a customer is, once per key; what is left of the name is in the answer.

    `name` is the merchant's own, or the id of a customer. Harmless to repeat under what is left: what has come in since
    goes as well. Raises NotFoundError, and InvalidStateError while money may still move.
    """
    begun = await _begin(till, wish, name)
    if isinstance(begun, Replay):
        return begun
    try:
        return await _forget(till, wish, name, await _untied(till, *begun), reason)
    except TillError:
        async with till.db.transaction() as tx:
            await idempotency.forget(tx, wish)  # nothing was done under it
        raise


@retry_conflicts
async def _begin(till: Till, wish: Wish, name: str) -> Replay | tuple[list[str], datetime | None]:
    """Claim the key before anything takes long, and see by what names this person's purchases are known."""
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        person = await _find(tx, name)
        found = await traces.of_person(tx, person.user, person.own)
        called, since = await traces.references(tx, person.user, found)
        return [*called, *found.shown, *map(str, found.objects)], since


async def _find(tx: Transaction, name: str) -> Person:
    """Lock who is meant; raises NotFoundError."""
    user = await customers.lock(tx, name)
    customer = await customers.named(tx, name)
    known_as = customer.external_id if customer and customer.external_id else name
    if user is None and known_as != name:
        user = await customers.lock(tx, known_as)
    if user is None and customer is None:
        message = "No user or customer has this name, or not any more."
        raise NotFoundError(message)
    return Person(name=known_as, user=user, customer=customer.id if customer else None)


async def _untied(till: Till, called: Sequence[str], since: datetime | None) -> Untied:
    """Find webhooks and lines that we made nothing of, and that speak of this person's purchases all the same."""
    names = frozenset(each.encode() for each in called)
    if since is None or not names:
        return Untied()
    return Untied(
        messages=await _search(till, names, partial(inbox.untied, since=since), None),
        lines=await _search(till, names, partial(loose.lines_since, since=since), 0),
        unread=await _search(till, names, partial(loose.unread_since, since=since), 0),
    )


async def _search(
    till: Till, names: frozenset[bytes], listed: Callable[..., Awaitable[Page[T]]], after: Any
) -> list[T]:
    """Open page by page, and list what says one of these names."""
    found: list[T] = []
    while True:
        async with till.db.transaction(read_only=True) as tx:
            page = await listed(tx, after=after, limit=opened_max)
        if not page:
            return found
        found += await asyncio.to_thread(_speaking_of, till.box, names, page)  # opening them takes long
        after = page[-1][0]


def _speaking_of(box: Box, names: frozenset[bytes], page: Page[T]) -> list[T]:
    return [each for each, body in page if not names.isdisjoint(WORDS.findall(box.open(body)))]


@retry_conflicts
async def _forget(till: Till, wish: Wish, name: str, untied: Untied, reason: str) -> Replay:
    async with till.db.transaction() as tx:
        person = await _find(tx, name)
        found = await traces.of_person(tx, person.user, person.own)
        requests, open_ = await refund_requests.of_payments(tx, found.payments)
        _check([*found.unfinished, *(ids.text("refund_request", each) for each in open_)])
        gone = await _erase(tx, till, person, found, requests)
        paid = [*found.payments, *found.for_others]
        heard = [ids.text("message", each) for each in {*await inbox.about(tx, paid), *untied.messages}]
        await lines.empty(tx, untied.lines, untied.unread)
        body: dict[str, object] = {
            "object": "erasure",
            "user": gone.left,
            "payments": len(found.payments),
            "webhooks": await inbox.erase(tx, paid, untied.messages),
            "customers": [ids.text("customer", each) for each in found.customers],
            "customers_kept": [ids.text("customer", each) for each in found.shared],
        }
        await idempotency.finish(tx, wish, OK, body)
        vouched = await audit.erase(tx, [*gone.subjects, *heard], gone.names)
        after = {"entries": vouched, "payments": body["payments"], "webhooks": body["webhooks"]}
        await audit.record(tx, till.by, Action.USER_ERASED, gone.left, after=after, reason=reason, at=till.now())
        return Replay(status=OK, body=body)


def _check(unfinished: list[str]) -> None:
    """Refuse while somebody may still have to be told who this is."""
    if unfinished:
        named = ", ".join(unfinished[:named_max])
        message = f"Money may still move: {named}{' and more' if unfinished[named_max:] else ''}; end that first."
        raise InvalidStateError(message)


async def _erase(tx: Transaction, till: Till, person: Person, found: Traces, requests: list[UUID]) -> Gone:
    """Go through every package that may know somebody."""
    left = person.left
    names = await customers.erase(tx, person.user, found.customers, left=left)
    await traces.erase(tx, person.user, found)
    await operations.erase(tx, found.payments)
    await refund_requests.erase(tx, requests, name=person.name, left=left)
    await responses.erase(tx, found.payments)
    secret = till.settings.secret_key
    entries = await risk.erase(tx, person.user, found.payments, name=person.name, secret=secret)
    await outbox.erase(tx, found.payments, found.words)
    await mail.erase(tx, found.shown, found.words)
    await lines.erase(tx, found.objects)
    closed = await runs.erase(tx, found.objects)
    await adoption.erase(tx, user=person.name, payments=found.payments)
    if person.user:
        await wallet.erase(tx, person.user)
        await access.forget_user(tx, person.name)
    objects, mode = [*found.objects, *requests, *found.customers], till.settings.mode
    await idempotency.erase(tx, name=person.name, left=left, mode=mode, objects=objects, shown=found.shown)
    subjects = [*found.shown, *([ids.text("user", person.user)] if person.user else [])]
    named = {"customer": found.customers, "refund_request": requests, "entry": entries, "discrepancy": closed}
    for prefix, each in named.items():
        subjects += [ids.text(prefix, id_) for id_ in each]
    return Gone(left=left, names=names, subjects=subjects)
