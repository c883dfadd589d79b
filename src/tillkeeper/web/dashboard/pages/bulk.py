"""Bulk: the same for many payments at once, with a result for each."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.flows.refund_many import Bulk, bulk_payments_max, preview_many, refund_many
from tillkeeper.flows.sync import sync
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError, TillError
from tillkeeper.refund_requests import ReasonCode
from tillkeeper.reports import refundable
from tillkeeper.web.dashboard.days import begin_of, end_of
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.lists import Address
from tillkeeper.web.dashboard.pages.refunds import note_length_max, person_of, reason_of

REASONS = [(each.value, each.value.replace("_", " ").capitalize()) for each in ReasonCode]
syncs_at_once_max = 5
OUTCOMES = {
    "approved": "back at once",
    "open": "after somebody agrees",
    "rejected": "not allowed by the policy",
    "impossible": "not possible",
}


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    return [
        entrance.page("/refunds/choose", choose, Right.REFUND),
        *entrance.deed("/payments/refund-many", ask_refunds, do_refunds, Right.REFUND),
        *entrance.deed("/payments/sync-many", ask_syncs, do_syncs, Right.HANDLE_PAYMENTS, keyed=False),
    ]


async def choose(desk: Desk) -> Response:
    """Choose payments by what they have in common, and show what would come of each."""
    names = ("user", "package", "gateway", "from", "to")
    fields = {name: desk.fields[name] for name in names if desk.given(name)}
    found: Any = None
    if fields or desk.given("cursor"):
        chosen = refundable.Selection(
            user=desk.given("user"),
            package=desk.given("package"),
            gateway=desk.given("gateway"),
            captured_after=begin_of(desk, "from"),
            captured_before=end_of(desk, "to"),
            cursor=desk.given("cursor"),
        )
        bulk = Bulk(by=person_of(desk), reason_code=ReasonCode.REQUESTED_BY_CUSTOMER, selection=chosen)
        found = await preview_many(desk.till, bulk)
    return desk.page(
        "refunds_choose.html",
        found=found,
        sums=_sums(found["data"]) if found else {},
        outcomes=OUTCOMES,
        address=Address(desk.request.url.path, desk.fields),
        fields=desk.fields,
        gateways=[("", "Any gateway"), *((name, each.title) for name, each in desk.till.gateways.items())],
    )


async def ask_refunds(desk: Desk) -> Response:
    """Say how many payments are meant, how much goes back, and what stands against it."""
    payments = _chosen(desk)
    bulk = Bulk(by=person_of(desk), reason_code=ReasonCode.REQUESTED_BY_CUSTOMER, payments=tuple(payments))
    found: Any = await preview_many(desk.till, bulk)
    goes = [each for each in found["data"] if each["status"] in {"approved", "open"}]
    return desk.dialog(
        "refund_many.html",
        found=found["data"],
        goes=goes,
        sums=_sums(goes),
        outcomes=OUTCOMES,
        reasons=REASONS,
        fields=desk.fields,
        counts=Counter(each["status"] for each in found["data"]),
    )


async def do_refunds(desk: Desk) -> Response:
    """Ask for the money of each payment back, and show what came of each."""
    bulk = Bulk(
        by=person_of(desk),
        reason_code=reason_of(desk),
        payments=tuple(_chosen(desk)),
        note=desk.words("note", length_max=note_length_max),
    )
    made: Any = (await refund_many(desk.till, desk.wish, bulk)).body
    return desk.page(
        "refund_many_done.html",
        found=made["data"],
        sums=_sums([each for each in made["data"] if each["status"] in {"approved", "open"}]),
        outcomes=OUTCOMES,
        counts=made["counts"],
    )


async def ask_syncs(desk: Desk) -> Response:
    """Say how many payments the gateways are asked about."""
    return desk.dialog("sync_many.html", payments=[ids.text("payment", each) for each in _chosen(desk)])


async def do_syncs(desk: Desk) -> Response:
    """Ask the gateways about each payment, a few at once, and show what each has become."""
    door = asyncio.Semaphore(syncs_at_once_max)

    async def ask(payment: UUID) -> Json:
        async with door:
            return await _synced(desk, payment)

    found = await asyncio.gather(*(ask(payment) for payment in _chosen(desk)))
    return desk.page("sync_many_done.html", found=found)


async def _synced(desk: Desk, payment: UUID) -> Json:
    """Ask about one payment; what goes wrong with it stops no other."""
    shown = {"payment": ids.text("payment", payment), "status": None, "error": None}
    try:
        return shown | {"status": (await sync(desk.till, payment))["status"]}
    except TillError as error:
        return shown | {"error": error.detail}


def _chosen(desk: Desk) -> list[UUID]:
    """Read which rows were ticked; raises InvalidFieldError for none or for too many."""
    chosen = list(dict.fromkeys(desk.chosen))
    if not 1 <= len(chosen) <= bulk_payments_max:
        message = f"Tick 1 to {bulk_payments_max} payments first; {len(chosen)} are ticked."
        raise InvalidFieldError(message, param="chosen")
    return [ids.parse("payment", each) for each in chosen]


def _sums(found: Sequence[Mapping[str, Any]]) -> Json:
    """Add up what goes back, apart for each currency."""
    sums: Counter[str] = Counter()
    for each in found:
        if each["status"] in {"approved", "open"}:
            sums[each["currency"]] += each["amount"]
    return dict(sorted(sums.items()))
