"""Where canaries are searched: every place at which somebody could read what came in."""

import asyncio
import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.canary.canaries import SHARE
from tests.canary.house import WORD, House

from tillkeeper.kernel import clock
from tillkeeper.ops.bench.pages import HOME, ID, LEFT_OUT, LINK

SHOWN_SINGLY = ("/api/v1/payments?limit=100", "/api/v1/deliveries?limit=100")
SHOWN = (
    *(*SHOWN_SINGLY, "/api/v1/inbox?limit=100", "/api/v1/inbox?status=dead&limit=100", "/api/v1/events?limit=100"),
    *("/api/v1/refunds", "/api/v1/customers", "/api/v1/ledger/journals", "/api/v1/admin/audit", "/api/v1/disputes"),
)
EXPORT = re.compile(r'href="(/[^"#]*(?:export|\.csv|\.jsonl|format=csv)[^"#]*)"')
like_each_other_max = 8 // SHARE
"""So many pages of one kind are looked at: what is different on them is rows of the database, which are all read."""
facts_seconds_max = 20


async def search(house: House) -> dict[str, str]:
    """Read every place, once webhooks that make no sense were given up, and operators were told."""
    hurried = "UPDATE inbox_message SET attempts = 5, due_at = now() WHERE status = 'received' AND due_at > now()"
    await house.until("SELECT count(*) = 0 FROM inbox_message WHERE status = 'received'", hurried)
    await house.until("SELECT count(*) > 0 FROM mail_letter WHERE kind = 'digest' AND status = 'sent'")
    for path in SHOWN:
        for each in (await house.get(path))["data"]:
            if path in SHOWN_SINGLY:
                await house.get(f"{path.partition('?')[0]}/{each['id']}")
    events = [f"{each.path} {each.headers} {each.body.decode()}" for each in house.merchant.taken]
    more = {**await _pages(house), **await _metrics(house)}
    logs = {f"log of {name}": house.stage.log(name).read_text() for name in ("api", "worker")}
    places = {name: "\n".join(texts) for name, texts in house.told.items()}
    places |= {"events": "\n".join(events), "letters": "\n".join(each.raw.decode() for each in house.box.letters)}
    postgres = house.stage.postgres.log.read_text()
    return {**places, **more, **logs, "log of postgres": postgres, "database": await house.rows()}


async def _pages(house: House) -> dict[str, str]:
    """Follow every link of the dashboard, some pages of each kind, and download every file that they offer.

    What is exported is one place for each file, whatever it was narrowed down to.
    """
    told, waiting, known, kinds = defaultdict[str, list[str]](list), [HOME], {HOME}, Counter[str]()
    exported = set[str]()
    while waiting:
        page = await house.show(waiting.pop(0))
        told["pages"].append(page)
        for url in map(html.unescape, EXPORT.findall(page)):
            if kind_of(url) not in exported:
                exported.add(kind_of(url))
                told[_export(url)].append(await house.show(url))
        for url in _further(page):
            if url not in known and kinds[kind_of(url)] < like_each_other_max:
                kinds[kind_of(url)] += 1
                known.add(url)
                waiting.append(url)
    return {name: "\n".join(texts) for name, texts in told.items()}


def _export(url: str) -> str:
    parts = url.partition("?")[0].split("/")[2:]
    return f"export of {'ledger' if 'ledger' in parts else '/'.join(parts)}"


def _further(page: str) -> Iterator[str]:
    return (url for url in map(html.unescape, LINK.findall(page)) if not LEFT_OUT.search(url))


def kind_of(url: str) -> str:
    """Name what pages of one kind have in common: the path without ids, and which filters there are."""
    path, _, query = url.partition("?")
    names = "&".join(sorted({part.partition("=")[0] for part in query.split("&")} - {""}))
    return ID.sub(r"/{\1}", path) + (f"?{names}" if names else "")


async def _metrics(house: House) -> dict[str, str]:
    """Read what both parts count, once the figures of what came in were added up."""
    found = dict[str, str]()
    for part in house.stage.SHOWING:
        waited_ms, told = clock.timer_ms(), await house.measure(part)
        while WORD not in told and waited_ms() < facts_seconds_max * 1000:
            await asyncio.sleep(0.2)
            told = await house.measure(part)
        found[f"metrics of {part}"] = told
    return found
