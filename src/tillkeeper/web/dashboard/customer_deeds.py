"""What people do about a user by hand: credits, debt, lists, and forgetting who it is."""

from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from tillkeeper import risk
from tillkeeper.flows.erase import erase
from tillkeeper.flows.grant import Gift, check, grant
from tillkeeper.flows.guard import Listing, put_on_list, take_off_list
from tillkeeper.flows.read import read
from tillkeeper.flows.take import Taking, take
from tillkeeper.flows.write_off import Forgiving, write_off
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError, NotFoundError
from tillkeeper.reports import people, wallet
from tillkeeper.risk import Side, Trait
from tillkeeper.web.dashboard.days import end_of
from tillkeeper.web.dashboard.desk import Desk, Json

USER = "/customers/user"
"""Where a user stands. Names are the merchant's own and may hold anything, so they travel as a field."""
ADJUSTMENTS = (
    ("bonus", "Give a bonus"),
    ("adjustment", "Give as a correction"),
    ("take", "Take away"),
)
reason_length_max = 200


async def ask_adjust(desk: Desk) -> Response:
    """Ask how many credits and why, and in a second step show what comes of it."""
    held = await _wallet(desk)
    step = _foreseen(desk, held) if desk.given("step") and desk.error is None else None
    return desk.dialog("customer_adjust.html", wallet=held, fields=desk.fields, kinds=ADJUSTMENTS, step=step)


async def do_adjust(desk: Desk) -> Response:
    """Show what comes of it first, then give or take credits."""
    held = await _wallet(desk)
    step = _foreseen(desk, held)
    if desk.given("step") != "confirmed":
        return desk.dialog("customer_adjust.html", wallet=held, fields=desk.fields, kinds=ADJUSTMENTS, step=step)
    name, made_by = desk.need("name"), desk.principal.id
    if step["kind"] == "take":
        taking = Taking(user=name, amount=step["amount"], reason=step["reason"], made_by=made_by)
        made = await take(desk.till, desk.wish, taking)
    else:
        gift = Gift(
            user=name,
            amount=step["amount"],
            reason=step["reason"],
            made_by=made_by,
            kind=step["kind"],
            expires_at=step["expires_at"],
        )
        made = await grant(desk.till, desk.wish, gift)
    return _done(desk, f"Done. The wallet holds {made.body['balance']:,} credits.")


def _foreseen(desk: Desk, held: Json) -> Json:
    """Tell what an adjustment comes to; raises InvalidFieldError."""
    kind, amount = desk.need("kind"), desk.number("amount")
    if kind not in dict(ADJUSTMENTS):
        message = "Choose what to do with the credits."
        raise InvalidFieldError(message, param="kind")
    desk.need("reason")
    reason = str(desk.words("reason", length_max=reason_length_max))
    check(amount or 0, reason)
    assert amount, "checked"
    repaid = min(amount, held["debt"]) if kind != "take" else 0
    return {
        "kind": kind,
        "amount": amount,
        "reason": reason,
        "expires_at": end_of(desk, "expires") if kind != "take" else None,
        "repaid": repaid,
        "after": held["balance"] + (amount - repaid if kind != "take" else -amount),
    }


async def ask_write_off(desk: Desk) -> Response:
    """Say what forgiving debt means."""
    return desk.dialog("customer_write_off.html", wallet=await _wallet(desk), fields=desk.fields)


async def do_write_off(desk: Desk) -> Response:
    """Forgive what a user owes."""
    desk.need("reason")
    wanted = Forgiving(
        user=desk.need("name"),
        reason=str(desk.words("reason", length_max=reason_length_max)),
        made_by=desk.principal.id,
        amount=desk.number("amount"),
    )
    made = await write_off(desk.till, desk.wish, wanted)
    return _done(desk, f"Forgiven. The debt is {made.body['debt']:,} credits now.")


async def ask_block(desk: Desk) -> Response:
    """Say what blocking a buyer does."""
    return await _ask_listing(desk, Side.BLOCK)


async def do_block(desk: Desk) -> Response:
    """Keep somebody from paying."""
    return await _list(desk, Side.BLOCK, "Blocked. What they had open and had not paid is ended.")


async def ask_allow(desk: Desk) -> Response:
    """Say what trusting a buyer does."""
    return await _ask_listing(desk, Side.ALLOW)


async def do_allow(desk: Desk) -> Response:
    """Let somebody pay without being held up."""
    return await _list(desk, Side.ALLOW, "Trusted: payments are not held up.")


async def ask_unlist(desk: Desk) -> Response:
    """Say what taking somebody off a list does."""
    return desk.dialog("customer_unlist.html", name=desk.need("name"), entries=await _listed(desk))


async def do_unlist(desk: Desk) -> Response:
    """Take somebody off the lists on which they stand; harmless to repeat."""
    for entry in await _listed(desk):
        await take_off_list(desk.till, ids.parse("entry", str(entry["id"])))
    return _done(desk, "Taken off: payments are judged by the rules again.")


async def ask_erase(desk: Desk) -> Response:
    """Say what is forgotten and what stays."""
    return desk.dialog("customer_erase.html", name=desk.need("name"), fields=desk.fields)


async def do_erase(desk: Desk) -> Response:
    """Forget who somebody is, once the name was typed again."""
    name = desk.need("name")
    if desk.given("typed") != name:
        message = "Type the name exactly as it stands above; nothing was erased."
        raise InvalidFieldError(message, param="typed")
    desk.need("reason")
    reason = str(desk.words("reason", length_max=reason_length_max))
    left: Any = (await erase(desk.till, desk.wish, name, reason=reason)).body
    told = f"Erased. {left['payments']} payments and the books stay under {left['user']}."
    if left["user"].startswith("customer_"):
        return desk.done("/customers", told)
    return desk.done(f"{USER}?{urlencode({'name': left['user']})}", told)


async def _ask_listing(desk: Desk, side: Side) -> Response:
    return desk.dialog("customer_list.html", name=desk.need("name"), side=side, fields=desk.fields)


async def _list(desk: Desk, side: Side, told: str) -> Response:
    desk.need("reason")
    note = str(desk.words("reason", length_max=reason_length_max))
    user = await _user(desk)
    ends = end_of(desk, "expires")
    await put_on_list(
        desk.till, Listing(side=side, trait=Trait.USER, value=str(user["name"]), note=note, expires_at=ends)
    )
    return _done(desk, told)


async def _listed(desk: Desk) -> list[Json]:
    """Find on which lists this user stands."""
    user = await _user(desk)
    key = risk.keys(
        desk.till.settings.secret_key, user=ids.parse("user", str(user["id"])), address=None, fingerprint=None
    )[Trait.USER]
    return list(await read(desk.till, lambda tx: people.listed(tx, key)))


async def _user(desk: Desk) -> Json:
    name = desk.need("name")
    found = await read(desk.till, lambda tx: people.named(tx, name))
    if found is None:
        message = f"Nobody is called “{name[:80]}”, or not any more."
        raise NotFoundError(message)
    return found


async def _wallet(desk: Desk) -> Json:
    """Read the wallet of a user who is there: a mistyped name is no new user."""
    user = await _user(desk)

    async def look(tx: Transaction) -> Json:
        return await wallet.show(tx, str(user["name"]))

    return await read(desk.till, look)


def _done(desk: Desk, told: str) -> Response:
    return desk.done(f"{USER}?{urlencode({'name': desk.need('name')})}", told)
