"""When a secret changed is known, by what it cannot be made from; operators are reminded of old ones."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.flows.conftest import SECRETS
from tests.flows.mailbox import mailbox
from tests.flows.test_notify import posted

from tillkeeper import audit
from tillkeeper.flows.correspond import correspond
from tillkeeper.flows.read import read
from tillkeeper.flows.watch_secrets import in_use, note, watch_secrets
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.reports import attention, secrets
from tillkeeper.routing import Maintenance
from tillkeeper.till import Till

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
NAME = "STRIPE_WEBHOOK_SECRET"
OLD, NEW = "whsec_" + "8fKq2Lw9ZtXb4Vn6", "whsec_" + "Tr5mPz0QcYh7WsJd"


def on(till: Till, day: int, **held: str) -> Till:
    return replace(till, now=lambda: NOW + timedelta(days=day), secrets=Secrets({**SECRETS, NAME: OLD, **held}))


async def ages(till: Till) -> dict[str, int]:
    return await read(till, lambda tx: secrets.ages(tx, till.now()))


async def changes(shop: Any) -> list[Any]:
    rows = await shop.owner.fetch("SELECT * FROM audit_entry WHERE action = 'secret.rotated' ORDER BY number")
    return list(rows)


async def test_the_age_of_a_secret_counts_from_when_it_was_first_seen(shop: Any) -> None:
    for day in (0, 1, 12):
        await watch_secrets(on(shop.till, day))
    assert (await ages(on(shop.till, 12)))[NAME] == 12
    assert await changes(shop) == []


async def test_a_new_secret_is_audited_once_and_is_young(shop: Any) -> None:
    await watch_secrets(on(shop.till, 0))
    for _ in range(2):
        await watch_secrets(on(shop.till, 30, **{NAME: NEW}))
    [entry] = await changes(shop)
    assert entry["subject"] == NAME
    assert entry["before"] != entry["after"]
    assert (await ages(on(shop.till, 30)))[NAME] == 0


async def test_no_secret_is_kept_or_audited(shop: Any) -> None:
    await watch_secrets(on(shop.till, 0))
    await watch_secrets(on(shop.till, 1, **{NAME: NEW}))
    kept = repr([*await shop.owner.fetch("SELECT * FROM secret_sighting"), *await changes(shop)])
    assert NAME in kept
    assert not [each for each in (OLD, NEW, *SECRETS.values()) if each in kept]


async def test_a_process_that_still_has_the_old_one_changes_nothing_back(shop: Any) -> None:
    for day, value in ((0, OLD), (1, NEW), (1, OLD)):
        await watch_secrets(on(shop.till, day, **{NAME: value}))
    assert len(await changes(shop)) == 1


async def test_whoever_changes_one_by_hand_stands_in_the_audit_log(shop: Any) -> None:
    await watch_secrets(on(shop.till, 0))
    till = replace(on(shop.till, 1), by=audit.Actor(id="cli:ana", name="ana (command line)"))
    await note(till, NAME, NEW)
    await watch_secrets(on(shop.till, 2, **{NAME: NEW}))
    [entry] = await changes(shop)
    assert entry["actor"] == "cli:ana"


async def test_operators_are_reminded_of_an_old_one_once_a_month(shop: Any) -> None:
    await watch_secrets(on(shop.till, 0))
    async with mailbox() as box:
        for day in (90, 91, 92, 130):
            await watch_secrets(
                replace(posted(shop.till, box), now=on(shop.till, day).now, secrets=on(shop.till, day).secrets)
            )
        while await correspond(posted(shop.till, box)):
            pass
    told = [letter.text for letter in box.letters if NAME in letter.text]
    assert len(told) == 2, "one for each month"
    assert "till secrets rotate" in told[0]


async def test_an_old_one_needs_somebody_on_the_overview(shop: Any) -> None:
    await watch_secrets(on(shop.till, 0))
    till = on(shop.till, 91)
    await watch_secrets(till)
    found = await read(till, lambda tx: attention.show(tx, till.gateways, till.now(), Maintenance()))
    assert NAME in {need.of for need in found if need.what == "secret"}


async def test_a_secret_that_is_gone_is_not_old(shop: Any) -> None:
    await watch_secrets(on(shop.till, 0))
    assert await ages(on(shop.till, 100)) == {}


async def test_every_gateways_secrets_are_known_by_name(shop: Any) -> None:
    names = {each.name for each in in_use(shop.till)}
    assert names >= {"TILL_SECRET_KEY", "STRIPE_SECRET_KEY", NAME}
