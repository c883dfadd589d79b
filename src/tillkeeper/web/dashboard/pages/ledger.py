"""Ledger: what every account stands at, what moved it, every entry with where it came from, and the proof of it all."""

import asyncio
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper import ledger
from tillkeeper.access import Right
from tillkeeper.facts import CREDITS
from tillkeeper.flows.read import read_settled, survey
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import books, invariants, journals, statement, verdict
from tillkeeper.reports.statement import Question
from tillkeeper.reports.verdict import Verdict
from tillkeeper.web.dashboard import moments, tree
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.lists import CURSOR, Address, rows_per_page
from tillkeeper.web.dashboard.rail import HOME, Group, Place

PLACE = Place(group=Group.BOOKS, title="Ledger", icon="book-open", path="/ledger", key="l")
TABS = (
    ("Trial balance", "/ledger"),
    ("Entries", "/ledger/journals"),
    ("Accounts", "/ledger/accounts"),
    ("Seals", "/ledger/seals"),
)
proof_seconds_max = 50
"""How long somebody waits at a page; books that take longer are proved on the command line, and every night."""
seal_digits_max = 18


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    return [
        entrance.page("/ledger", show_balance, live=True),
        entrance.page("/ledger/accounts", show_accounts),
        entrance.page("/ledger/statement", show_statement),
        entrance.page("/ledger/journals", show_journals, live=True),
        entrance.page("/ledger/journals/{journal}", show_journal),
        entrance.page("/ledger/seals", show_seals),
        *entrance.deed("/ledger/verify", ask_verify, do_verify, Right.RECONCILE, keyed=False),
    ]


async def show_balance(desk: Desk) -> Response:
    """Show what every account stands at, by currency, and that the two sides of each are equal."""
    upper = moments.typed(desk, "as_of")

    async def look(tx: Any) -> tuple[Json, Json]:
        return books.show(await ledger.trial_balance(tx, as_of=upper)), await invariants.latest(tx)

    balance, checks = await survey(desk.till, look)
    return desk.page(
        "ledger.html",
        **_frame(desk),
        balance=balance,
        sections=_sections(balance),
        checks=checks,
        fields=desk.fields,
        csv="/api/v1/ledger/trial_balance?" + urlencode({"format": "csv"} | _as_of(upper)),
        link=_account_link,
    )


async def show_accounts(desk: Desk) -> Response:
    """List accounts by code, those of single users too."""
    prefix, after = desk.given("prefix") or "", desk.given(CURSOR) or ""
    page = await survey(desk.till, lambda tx: journals.accounts(tx, prefix=prefix, after=after, limit=rows_per_page))
    return desk.page("accounts.html", **_frame(desk), page=page, fields=desk.fields, link=_account_link)


async def show_statement(desk: Desk) -> Response:
    """Show what moved an account, and what it stood at after each line."""
    since, upper, cursor = moments.typed(desk, "since"), moments.typed(desk, "as_of"), desk.given(CURSOR)
    asked = Question(account=desk.need("account"), since=since, as_of=upper, limit=rows_per_page, cursor=cursor)
    page: Json = await read_settled(
        desk.till,
        lambda tx, cut: statement.show(tx, asked, cut),
        recorded_before=statement.cut(cursor),
    )
    wanted = {"format": "csv"} | _as_of(upper) | ({"since": since.isoformat()} if since else {})
    return desk.page(
        "statement.html",
        **_frame(desk),
        page=page,
        fields=desk.fields,
        csv=f"/api/v1/ledger/statements/{quote(asked.account, safe=':')}?{urlencode(wanted)}",
        link=_account_link,
    )


async def show_journals(desk: Desk) -> Response:
    """List entries, the newest first."""
    payment, cursor = desk.given("payment"), desk.given(CURSOR)
    of = ids.parse("payment", payment) if payment else None
    before = ids.parse("journal", cursor) if cursor else None
    page = await survey(desk.till, lambda tx: journals.find(tx, payment=of, before=before, limit=rows_per_page))
    return desk.page("journals.html", **_frame(desk), page=page, fields=desk.fields)


async def show_journal(desk: Desk) -> Response:
    """Show one entry with its postings, and what it is about."""
    id_ = ids.parse("journal", desk.part("journal"))
    found: Json = await survey(desk.till, lambda tx: journals.show(tx, id_))
    return desk.page("journal.html", **_frame(desk), journal=found, about=_about(found), link=_account_link)


async def show_seals(desk: Desk) -> Response:
    """List the seals of the books, the newest first."""
    before = _seal(desk)
    page = await survey(desk.till, lambda tx: journals.chain(tx, before=before, limit=rows_per_page))
    return desk.page("seals.html", **_frame(desk), page=page)


async def ask_verify(desk: Desk) -> Response:
    """Say what proving the books means."""
    return desk.dialog("verify.html", anchor=desk.given("anchor") or "")


async def do_verify(desk: Desk) -> Response:
    """Prove the books as `till ledger check` does, and say what came of it."""
    elapsed_ms, anchor = clock.timer_ms(), desk.given("anchor") or ""
    found: Verdict | None = None
    try:
        async with asyncio.timeout(proof_seconds_max):
            found = await survey(desk.till, lambda tx: verdict.reach(tx, anchor))
    except TimeoutError:
        pass
    return desk.page("verified.html", found=found, took_ms=elapsed_ms(), CREDITS=CREDITS)


def _frame(desk: Desk) -> Json:
    """Gather what the pages of the books share."""
    path = desk.request.url.path
    tabs = [(title, f"{HOME}{at}") for title, at in TABS]
    return {"tabs": tabs, "address": Address(path, desk.fields), "may_verify": desk.may(Right.RECONCILE)}


def _sections(balance: Json) -> list[Json]:
    """Lay out the accounts of each currency: money first, then what is counted in units."""
    sections = []
    for total in balance["totals"]:
        mine = [each for each in balance["accounts"] if each["currency"] == total["currency"]]
        is_money = not any(each["class"] == "unit" for each in mine)
        title = "Credits" if total["currency"] == CREDITS else total["currency"].removeprefix("PACK:")
        sections.append({"total": total, "rows": tree.rows(mine), "is_money": is_money, "title": title})
    return sorted(sections, key=lambda each: (not each["is_money"], each["title"] != "Credits", each["title"]))


def _account_link(code: str) -> str:
    """Lead to an account's statement, or to the list of those of all users."""
    if tree.EVERYBODY in code:
        return f"{HOME}/ledger/accounts?" + urlencode({"prefix": code.partition(tree.EVERYBODY)[0]})
    return f"{HOME}/ledger/statement?" + urlencode({"account": code})


def _about(journal: Json) -> tuple[str, str] | None:
    """Tell where the fact behind an entry can be looked at, and how that is called."""
    match journal["source"]:
        case "discrepancy":
            id_ = ids.text("discrepancy", UUID(journal["source_id"]))
            return f"{HOME}/reconciliation/{id_}", id_
        case _ if journal["payment"]:
            return f"{HOME}/payments/{journal['payment']}", journal["payment"]
        case _:
            return None


def _as_of(upper: datetime | None) -> dict[str, str]:
    return {"as_of": upper.isoformat()} if upper else {}


def _seal(desk: Desk) -> int | None:
    """Read before which seal a page begins."""
    before = desk.number(CURSOR)
    if before is not None and not 0 < before < 10**seal_digits_max:
        message = "No page begins there."
        raise InvalidFieldError(message, param=CURSOR)
    return before
