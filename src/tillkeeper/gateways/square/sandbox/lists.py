"""Lists with an opaque cursor."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tillkeeper.gateways.square.sandbox.act import Act
from tillkeeper.gateways.square.sandbox.body import Params
from tillkeeper.gateways.square.sandbox.refusals import SquareError
from tillkeeper.sandbox_kit.books import Json

limit_default = 100
chunk_rows = 200


@dataclass(frozen=True, slots=True)
class Shelf:
    """Name what is listed, under which word in the answer, and what narrows it."""

    kind: str
    word: str
    where: Mapping[str, object] = field(default_factory=dict)
    ids: Sequence[str] | None = None
    created: Mapping[str, int] = field(default_factory=dict)
    limit_max: int = limit_default
    oldest_first: bool = False


def page(act: Act, params: Params, shelf: Shelf, *, fits: Callable[[Json], bool] | None = None) -> Json:
    """Answer one page of what Square shows; a word that lists nothing is left out, as Square does."""
    limit, after = _limit(params, shelf.limit_max), _place(params)
    params.done()
    found: list[tuple[int, Json]] = []
    while len(found) <= limit:
        rows = _rows(act, shelf, after)
        placed = [(act.change.place(shelf.kind, row["id"]) or 0, row) for row in rows]
        found += [(place, row) for place, row in placed if fits is None or fits(row)]
        if len(rows) < chunk_rows:
            break
        after = placed[-1][0]
    things = [row["shown"] for _, row in found[:limit] if not act.change.hidden(row["id"])]
    answer: Json = {shelf.word: things} if things else {}
    if len(found) > limit:
        answer["cursor"] = base64.urlsafe_b64encode(str(found[limit - 1][0]).encode()).decode()
    return answer


def span(params: Params, *, begin: str = "begin_time", end: str = "end_time") -> dict[str, int]:
    """Take the bounds of a time of creation; both belong to the range."""
    bounds = {"gte": params.moment(begin), "lte": params.moment(end)}
    return {sign: at for sign, at in bounds.items() if at is not None}


def oldest_first(params: Params) -> bool:
    """Take the order of a list; the newest come first unless asked otherwise."""
    return params.choice("sort_order", ("ASC", "DESC")) == "ASC"


def _rows(act: Act, shelf: Shelf, after: int | None) -> list[Json]:
    edge = {"newer_than": after or 0} if shelf.oldest_first else {"older_than": after}
    rows = act.change.select(
        shelf.kind, where=shelf.where, created=shelf.created, ids=shelf.ids, limit=chunk_rows, **edge
    )
    return rows[::-1] if shelf.oldest_first else rows


def _limit(params: Params, most: int) -> int:
    limit = params.integer("limit")
    return limit if limit is not None and 1 <= limit <= most else most


def _place(params: Params) -> int | None:
    cursor = params.text("cursor")
    if cursor is None:
        return None
    try:
        return int(base64.urlsafe_b64decode(cursor.encode()))
    except (binascii.Error, ValueError):
        detail = "Invalid cursor."
        raise SquareError(detail, code="INVALID_CURSOR", field="cursor") from None
