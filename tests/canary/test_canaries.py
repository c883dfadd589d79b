"""Card numbers and secrets come in by every way there is, and are nowhere to be found afterwards.

What each kind of canary is: `canaries.py`. By which ways they come in: `planting.py` and, from gateways, `voices.py`.
Where they are searched: `places.py`, and each of these places is also shown to hold a harmless word that came in beside
them.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.canary import planting
from tests.canary.canaries import SEED, Canary, disguises, found, hatch, share
from tests.canary.house import STANDS, WORD, House, housed
from tests.canary.places import search
from tests.canary.voices import VOICES, Sold, Voice

CANARIES = hatch(SEED)
CARDS = [each for each in CANARIES if each.name.startswith("card")]
TRIAL = ("mail", "test")
COMMANDS = (("payments", "show"), ("refund", "--yes"), ("events", "show"), ("events", "replay"), TRIAL)
ADDRESSES = ("e-mail", "address of UPI")
"""These are where a trial letter may go: it is sent there and the command says so, as it was asked to."""
VARIABLES = ("DATABASE_URL", "STRIPE_API_BASE", "TILL_JWKS_URL", "TILL_MODE", "TILL_REVIEW_HOURS", "TILL_SMTP_URL")
NAME = Canary("name of a buyer", "Quxwyth Zemblanity", "Quxwyth Zemblanity")
EXPORTS = ("export of payments/export.csv", "export of payments/export.jsonl", "export of audit/export.csv")
MEND = "UPDATE gateway_state SET breaker = 'closed', failures = 0, retry_at = NULL"
Shop = dict[str, Sold]
"""What was sold by each gateway."""

pytestmark = pytest.mark.timeout(600)


async def test_what_must_stay_secret_is_nowhere_by_whatever_way_it_came_in(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    async with housed(tmp_path) as house:
        words = await plant(house)
        channels = await search(house)
    tell(f"seed {SEED}, {len(CANARIES)} canaries, {len(channels)} places: {[*channels]}")
    assert {where: word for where, word in words.items() if word not in channels[where]} == {}
    assert words.keys() == channels.keys()
    secrets = [*CANARIES, NAME, *house.ours]
    leaks = [
        f"{where}: {name}: {text}" for where, held in channels.items() for name, text in found(held, secrets).items()
    ]
    assert leaks == [], "\n".join(leaks)


async def plant(house: House) -> dict[str, str]:
    """Bring every canary in by every way; return a harmless word for each place that it must hold."""
    shop = {voice.name: await sell(house, voice) for voice in VOICES}
    await house.send(("GET", f"/{WORD}", {}, b""))
    for canary in CANARIES:
        for request in planting.requests(canary):
            await house.send(request)
    for card in CARDS:
        for request in planting.taken(card):
            assert (await house.send(request)).status_code == 422
    await let_the_gateways_say_it(house, shop)
    await let_webhooks_say_it(house, shop)  # they dispute what was refunded until here
    await let_the_merchant_say_it(house)
    await let_the_database_say_it(house)
    paid = shop["stripe"].paid["id"]
    await asyncio.to_thread(say_it_to_commands, house, paid)
    logs = {"log of api": WORD, "log of worker": "message_failed", "log of postgres": "database system is ready"}
    told = {"events": paid, "letters": paid, "export of ledger": "deferred:EUR"}
    places = ("answers", "problems", "database", "commands", "pages", "metrics of api", "metrics of worker", *EXPORTS)
    return dict.fromkeys(places, WORD) | told | logs


async def sell(house: House, voice: Voice) -> Sold:
    """Sell something twice: one customer fails to pay, and one pays."""
    wish = planting.wish(voice) | {"metadata": {"note": WORD}, "user": WORD}
    waits, paid = [await house.post(planting.PAYMENTS, wish) for _ in range(2)]
    await house.hear(voice, voice.failure(waits, WORD, WORD))
    await house.act(voice.name, f"{STANDS[voice.name].checkout}/{paid['gateway_reference']}/pay")
    await house.until(f"SELECT count(*) > 0 FROM payment WHERE status = 'succeeded' AND gateway = '{voice.name}'")
    return Sold(waits, paid, (await house.get(f"{planting.PAYMENTS}/{paid['id']}"))["gateway_reference"])


async def let_webhooks_say_it(house: House, shop: Shop) -> None:
    """Bring canaries in webhooks that are signed, and in such as are not, or not quite."""
    for voice in VOICES:
        await house.hear(voice, voice.dispute(WORD, shop[voice.name]))
    for turn, canary in enumerate(CANARIES):
        for place, voice in enumerate(VOICES):
            events = voice.events(canary.written, shop[voice.name])
            for event in share(events, turn + place):
                await house.hear(voice, event)
            signed = house.write(voice, events[-1])
            for request in share([*planting.forged(signed, canary)], turn + place):
                await house.send(request)


async def let_the_gateways_say_it(house: House, shop: Shop) -> None:
    """Answer our calls with canaries: those that a customer waits for, and those that the worker makes."""
    for turn, canary in enumerate(CANARIES):
        for place, voice in enumerate(VOICES):
            for saying in share(voice.answers(canary.written), turn + place):
                house.lend(voice, saying, canary)
                await ask_the_gateway(house, voice)
    for card, voice in zip(CARDS, VOICES, strict=False):
        house.lend(voice, voice.answers(card.written)[0], card)
        payment = shop[voice.name].paid["id"]
        await house.send(("POST", f"{planting.PAYMENTS}/{payment}/sync", {}, b""))
        await house.post("/api/v1/refunds", {"payment": payment, "amount": 1, "reason": WORD})
    tried = "SELECT count(DISTINCT payment_id) = 4 FROM operation WHERE kind = 'refund' AND tries > 0"
    await house.until(tried, MEND)
    house.mouth.answers = {}


async def ask_the_gateway(house: House, voice: Voice) -> None:
    """Try to buy until the gateway is asked; after failures it is left alone for a while, and that is cut short."""
    asked, wish = house.mouth.asked[voice.name], json.dumps(planting.wish(voice)).encode()
    while house.mouth.asked[voice.name] == asked:
        await house.execute(MEND)
        await house.send(("POST", planting.PAYMENTS, {"Content-Type": "application/json"}, wish))


async def let_the_merchant_say_it(house: House) -> None:
    """Answer the next deliveries with canaries: as many at once as are kept of an answer, and some beyond its end."""
    house.merchant.status = 500
    for part in batched(CANARIES, 12):
        house.merchant.body = " | ".join(each.written for each in part).encode()
        await tell_the_merchant(house)
    for card, short in zip(CARDS, (3, 9, 14), strict=False):
        house.merchant.body = (b"word " * 205)[: 1024 - short] + f" {card.written} and more".encode()
        await tell_the_merchant(house)


def batched(canaries: Iterable[Canary], size: int) -> Iterator[list[Canary]]:
    """Go through canaries by so many."""
    rest = iter(canaries)
    while part := list(islice(rest, size)):
        yield part


async def tell_the_merchant(house: House) -> None:
    """Let something happen, and wait until the merchant was told of it."""
    taken = len(house.merchant.taken)
    await ask_the_gateway(house, VOICES[0])
    await house.until("SELECT true", fits=lambda: len(house.merchant.taken) > taken)


async def let_the_database_say_it(house: House) -> None:
    """Let PostgreSQL refuse a row and show it: its errors quote what they refuse."""
    person = next(each for each in CANARIES if each.name == "e-mail")
    customer = json.dumps({"email": person.written, "name": NAME.written}).encode()
    for spoil, mend in (
        ("ADD CONSTRAINT spoilt CHECK (false) NOT VALID", "DROP CONSTRAINT spoilt"),
        ("RENAME COLUMN email TO away", "RENAME COLUMN away TO email"),
    ):
        await house.execute(f"ALTER TABLE customer {spoil}")
        answer = await house.send(("POST", "/api/v1/customers", {"Content-Type": "application/json"}, customer))
        assert answer.status_code == 500
        await house.execute(f"ALTER TABLE customer {mend}")


def say_it_to_commands(house: House, payment: str) -> None:
    """Name canaries to commands, in their words and in their environment."""
    own = house.stage.environment
    house.run("payments", "show", payment, "--json")
    house.run("report", "month", "--csv")
    house.run("ledger", "statement", f"wallet:{WORD}", "--csv")
    for canary, words, name in zip(share(CANARIES), cycle(COMMANDS), cycle(VARIABLES)):
        if words != TRIAL or canary.name not in ADDRESSES:
            house.run(*words, "--json", "--", canary.written)
        house.run("payments", "ls", "--json", **own | {name: canary.in_header})
        house.run("payments", "ls", **own | {"DATABASE_URL": f"postgresql://u:{quote(canary.core)}@127.0.0.1:1/x"})


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.name)
def test_the_search_finds_each_canary_in_each_disguise(canary: Canary) -> None:
    for disguise, text in disguises(canary).items():
        assert [*found(text, CANARIES)] == [canary.name], disguise
    assert found(f"{WORD} 4111 2222 3333 4444", CANARIES) == {}
