"""The catalogue: packages, what they cost, and what they were and cost before."""

from dataclasses import replace
from typing import Any

from starlette.responses import Response

from tillkeeper.catalog import Package
from tillkeeper.flows.offer import CREDITS, PACK, add, change
from tillkeeper.flows.read import survey
from tillkeeper.kernel import money
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import catalogue as report
from tillkeeper.web.dashboard import percents
from tillkeeper.web.dashboard.desk import Desk, Json
from tillkeeper.web.dashboard.lists import Address, rows_per_page
from tillkeeper.web.dashboard.pages.settings import tabs

KINDS = ((CREDITS, "Credits"), (PACK, "Card pack"))
PRICE_WRONG = "Write one price a line, such as “EUR 1.99”, or with the tax that is in it: “EUR 1.99 19%”."
prices_max = 100
line_shown_max = 80
title_length_max = 200
revision_max = 2**63 - 1


async def show(desk: Desk) -> Response:
    """List what is for sale, and what is not any more."""
    packages = await survey(desk.till, report.everything)
    return desk.page("settings.html", tabs=tabs.of(desk), packages=packages)


async def show_one(desk: Desk) -> Response:
    """Show a package, and what it was and cost before."""
    name, cursor = desk.part("package"), desk.number("cursor")
    if cursor is not None and not 0 < cursor <= revision_max:
        message = "A page of a history begins at the number of a change."
        raise InvalidFieldError(message, param="cursor")

    async def look(tx: Transaction) -> tuple[Any, Any]:
        return await report.show(tx, name), await report.history(tx, name, rows_per_page, before=cursor)

    package, page = await survey(desk.till, look)
    address = Address(desk.request.url.path, desk.fields)
    return desk.page("settings_package.html", package=package, page=page, address=address)


async def ask_add(desk: Desk) -> Response:
    """Ask what is to be for sale."""
    return desk.dialog("settings_package_form.html", known=None, kinds=KINDS, fields=desk.fields)


async def do_add(desk: Desk) -> Response:
    """Put a new package up for sale."""
    package = _package(desk, desk.need("id"), desk.need("kind"))
    await add(desk.till, package)
    return desk.done("/settings", f"“{package.title}” is for sale.")


async def ask_change(desk: Desk) -> Response:
    """Show a package as it is, to be changed."""
    known = await _known(desk)
    fields = dict(desk.fields) or _fields(known)
    return desk.dialog("settings_package_form.html", known=known, kinds=KINDS, fields=fields)


async def do_change(desk: Desk) -> Response:
    """Change a package as a whole."""
    known = await _known(desk)
    package = _package(desk, known["id"], known["kind"])
    await change(desk.till, replace(package, active=desk.given("active") is not None))
    return desk.done("/settings", f"“{package.title}” was changed. What was sold before keeps what it was sold with.")


async def ask_retire(desk: Desk) -> Response:
    """Say what taking a package off the shelf does."""
    return desk.dialog("settings_package_retire.html", package=await _known(desk))


async def do_retire(desk: Desk) -> Response:
    """Take a package off the shelf."""
    known = await _known(desk)
    wanted = {name: known[name] for name in ("id", "kind", "title", "quantity", "prices", "tax_bps")}
    await change(desk.till, Package(**wanted, active=False))
    return desk.done("/settings", f"“{known['title']}” is not for sale any more.")


async def _known(desk: Desk) -> Json:
    found: Json = await survey(desk.till, lambda tx: report.show(tx, desk.part("package")))
    return found


def _package(desk: Desk, name: str, kind: str) -> Package:
    """Read a package from a form; the catalogue checks the rest. Raises InvalidFieldError."""
    title, quantity = desk.need("title"), desk.number("quantity")
    if len(title) > title_length_max:
        message = f"A title has at most {title_length_max} characters."
        raise InvalidFieldError(message, param="title")
    if quantity is None:
        message = "Say how many credits or cards the package holds."
        raise InvalidFieldError(message, param="quantity")
    prices, taxes = _prices(desk.need("prices"))
    return Package(id=name, kind=kind, title=title, quantity=quantity, prices=prices, tax_bps=taxes)


def _prices(written: str) -> tuple[dict[str, int], dict[str, int]]:
    """Read prices and the taxes in them, one a line; raises InvalidFieldError or CurrencyNotSupportedError."""
    prices: dict[str, int] = {}
    taxes: dict[str, int] = {}
    lines = [line.split() for line in written.splitlines() if line.strip()]
    if len(lines) > prices_max:
        message = f"A package has at most {prices_max} prices."
        raise InvalidFieldError(message, param="prices")
    for words in lines:
        code = money.currency(words[0])
        if code in prices:
            message = f"There are two prices in {code}."
            raise InvalidFieldError(message, param="prices")
        try:
            [amount, *tax] = words[1:]
            prices[code] = money.minor(amount, code)
            if tax:
                [rate] = tax
                taxes[code] = percents.basis_points(rate)
        except ValueError as error:
            message = f"{PRICE_WRONG} This line cannot be read: “{' '.join(words)[:line_shown_max]}”."
            raise InvalidFieldError(message, param="prices") from error
    return prices, {code: rate for code, rate in taxes.items() if rate}


def _fields(package: Json) -> Json:
    """Write a package as its form shows it."""
    lines = []
    for code, amount in package["prices"].items():
        rate = package["tax_bps"].get(code)
        tax = f" {percents.show(rate)}" if rate else ""
        lines.append(f"{code} {money.decimal(amount, code)}{tax}")
    shown = {"title": package["title"], "quantity": str(package["quantity"]), "prices": "\n".join(lines)}
    return shown | ({"active": "yes"} if package["active"] else {})
