"""The look of the dashboard: its templates, and how values are written for people."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import jinja2
from markupsafe import Markup
from starlette.responses import HTMLResponse

from tillkeeper import gateways
from tillkeeper.facts import CREDITS
from tillkeeper.kernel import money
from tillkeeper.web import assets, policy
from tillkeeper.web.dashboard import percents
from tillkeeper.web.dashboard.advice import next_step
from tillkeeper.web.dashboard.looks import look_of

HERE = Path(__file__).parent
id_head_length = 12
id_tail_length = 6
minute_seconds = 60
hour_seconds = 3_600
day_seconds = 86_400
relative_days_max = 30
PARTS = re.compile(r"(?<=[._])")
PACKS = "PACK:"
"""How the unit of a card pack begins, in which its cards are counted."""
GOODS = {"credits": CREDITS, "pack": PACKS}
"""In what the kinds of goods are counted."""
MINUS = "\N{MINUS SIGN}"
TITLES = {each.name: each.title for each in gateways.connectors()}
"""How people know the gateways, also those that are not configured here any more."""
HEADERS = {
    "Cache-Control": "no-store",
    # Not `no-referrer`: with it, browsers send `Origin: null` along with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def page(template: str, context: Mapping[str, object], *, status: int = HTTPStatus.OK) -> HTMLResponse:
    """Render a page."""
    text = PAPER.get_template(template).render(context)
    return HTMLResponse(text, status, {"Content-Security-Policy": policy.content()} | HEADERS)


def amount(value: int, code: str) -> tuple[str, str]:
    """Write minor units, credits or cards for a column of figures: the number, and apart from it the unit."""
    if code == CREDITS or code.startswith(PACKS):
        unit = "credit" if code == CREDITS else "card"
        return f"{MINUS * (value < 0)}{abs(value):,}", unit if abs(value) == 1 else f"{unit}s"
    whole, _, fraction = money.decimal(abs(value), code).partition(".")
    return f"{MINUS * (value < 0)}{int(whole):,}{'.' * bool(fraction)}{fraction}", code


def goods(count: int, kind: str) -> str:
    """Write so many of a kind of goods, such as `120 credits` or `1 card`."""
    return " ".join(amount(count, GOODS[kind])) if kind in GOODS else f"{count:,} {words(kind).lower()}"


def shortened(text: str) -> str:
    """Cut the middle out of an id, so that both ends can be compared."""
    if len(text) <= id_head_length + id_tail_length + 1:
        return text
    head = text.find("_") + 5 if 0 < text.find("_") < id_head_length else id_head_length
    return f"{text[:head]}…{text[-id_tail_length:]}"


def moment(written: str) -> datetime:
    """Read a moment as reports write it."""
    return datetime.fromisoformat(written)


def ago(written: str, now: datetime) -> str:
    """Tell how long ago something was, or how soon it will be; what is long ago has its date."""
    seconds = int((now - moment(written)).total_seconds())
    if abs(seconds) >= relative_days_max * day_seconds:
        return written[:10]
    size = abs(seconds)
    if size < minute_seconds:
        return "just now" if seconds >= 0 else "in a moment"
    for unit, length in (("d", day_seconds), ("h", hour_seconds), ("min", minute_seconds)):
        if size >= length:
            count = f"{size // length} {unit}"
            break
    return f"{count} ago" if seconds > 0 else f"in {count}"


def exact(written: str) -> str:
    """Write a moment to the second, in UTC."""
    return f"{moment(written).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def words(code: str) -> str:
    """Write a name of ours as words."""
    return code.replace("_", " ").replace(".", " ").capitalize()


def called(gateway: str) -> str:
    """Name a gateway as people know it."""
    return TITLES.get(gateway, words(gateway))


def share(bps: int) -> str:
    """Write basis points as a share of a hundred."""
    whole, rest = divmod(bps, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + " %" if rest else f"{whole} %"


def parted(name: str) -> Markup:
    """Let a long name break where its parts meet, and not within a word."""
    return Markup("<wbr>").join(PARTS.split(name))


PAPER = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
PAPER.globals["asset"] = assets.url
PAPER.globals["look_of"] = look_of
PAPER.filters["figure"] = amount
PAPER.filters["goods"] = goods
PAPER.filters["shortened"] = shortened
PAPER.filters["ago"] = ago
PAPER.filters["exact"] = exact
PAPER.filters["share"] = share
PAPER.filters["words"] = words
PAPER.filters["called"] = called
PAPER.filters["parted"] = parted
PAPER.filters["percent"] = percents.show
PAPER.filters["next_step"] = next_step
