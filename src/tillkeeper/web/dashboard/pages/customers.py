"""Customers: who buys, what they hold and owe, and what people do about it by hand."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from tillkeeper import risk
from tillkeeper.access import Right
from tillkeeper.flows.read import survey
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError, NotFoundError
from tillkeeper.reports import cards, customer, paging, people, wallet
from tillkeeper.reports import payment as payments
from tillkeeper.risk import Trait
from tillkeeper.web.dashboard import customer_deeds as deeds
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.lists import Address, rows_per_page
from tillkeeper.web.dashboard.rail import HOME, Group, Place

PLACE = Place(group=Group.MONEY, title="Customers", icon="users", path="/customers", key="c")
newest_max = 10
entry_max = 2**63 - 1
cards_max = 24
"""How much of what somebody has stands on their page."""


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    user = deeds.USER
    return [
        entrance.page("/customers", show_list),
        entrance.page("/customers/guests", show_guests),
        *entrance.deed(f"{user}/adjust", deeds.ask_adjust, deeds.do_adjust, Right.ADJUST_CREDITS),
        *entrance.deed(f"{user}/write-off", deeds.ask_write_off, deeds.do_write_off, Right.ADJUST_CREDITS),
        *entrance.deed(f"{user}/block", deeds.ask_block, deeds.do_block, Right.REVIEW, keyed=False),
        *entrance.deed(f"{user}/allow", deeds.ask_allow, deeds.do_allow, Right.REVIEW, keyed=False),
        *entrance.deed(f"{user}/unlist", deeds.ask_unlist, deeds.do_unlist, Right.REVIEW, keyed=False),
        *entrance.deed(f"{user}/erase", deeds.ask_erase, deeds.do_erase, Right.ERASE),
        entrance.page(user, show_user),
        entrance.page("/customers/{customer}", show_customer),
    ]


async def show_list(desk: Desk) -> Response:
    """List users, newest first."""
    if name := desk.given("name"):
        return RedirectResponse(f"{HOME}{deeds.USER}?{urlencode({'name': name})}", HTTPStatus.SEE_OTHER)
    found = await survey(desk.till, lambda tx: people.find(tx, limit=rows_per_page, cursor=desk.given("cursor")))
    return desk.page("customers.html", page=found, address=Address(desk.request.url.path, desk.fields))


async def show_guests(desk: Desk) -> Response:
    """List who pays, newest first, whether or not it is a user."""
    found = await survey(desk.till, lambda tx: customer.find(tx, limit=rows_per_page, cursor=desk.given("cursor")))
    return desk.page("customer_guests.html", page=found, address=Address(desk.request.url.path, desk.fields))


async def show_customer(desk: Desk) -> Response:
    """Show a customer: as the user who it is, or alone where it is none."""
    id_ = ids.parse("customer", desk.part("customer"))

    async def look(tx: Transaction) -> tuple[Json, Json | None]:
        found: Any = await customer.show(tx, id_)
        return found, await people.named(tx, found["external_id"]) if found["external_id"] else None

    found, user = await survey(desk.till, look)
    if user:
        return RedirectResponse(f"{HOME}{deeds.USER}?{urlencode({'name': user['name']})}", HTTPStatus.SEE_OTHER)
    bought = await survey(desk.till, lambda tx: people.payments_of(tx, id_, limit=newest_max))
    return desk.page("customer_guest.html", customer=found, payments=bought)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Hold all that stands on the page of a user."""

    user: Json
    customer: Json | None
    wallet: Any
    entries: Any
    cards: Any
    payments: Any
    listed: Any


async def show_user(desk: Desk) -> Response:
    """Show a user: wallet, movements, cards, payments, risk, and by what name gateways know them."""
    name, before = desk.need("name"), desk.number("before")
    if before is not None and not 1 <= before <= entry_max:
        raise InvalidFieldError(paging.CURSOR_WRONG, param="before")
    found = await survey(desk.till, lambda tx: _holdings(tx, desk, name, before))
    return desk.page(
        "customer.html",
        found=found,
        sides={each["side"]: each for each in found.listed},
        query=urlencode({"name": name}),
        before=before,
    )


async def _holdings(tx: Transaction, desk: Desk, name: str, before: int | None) -> Holdings:
    user = await people.named(tx, name)
    if user is None:
        message = f"Nobody is called “{name[:80]}”, or not any more."
        raise NotFoundError(message)
    surrogate = ids.parse("user", str(user["id"]))
    keys = risk.keys(desk.till.settings.secret_key, user=surrogate, address=None, fingerprint=None)
    return Holdings(
        user=user,
        customer=await people.paying_as(tx, name),
        wallet=await wallet.show(tx, name),
        entries=await wallet.entries(tx, name, limit=newest_max, before=before),
        cards=await cards.find(tx, name, limit=cards_max, cursor=desk.given("cards")),
        payments=await payments.find(tx, payments.Filter(user=name, limit=newest_max)),
        listed=await people.listed(tx, keys[Trait.USER]),
    )
