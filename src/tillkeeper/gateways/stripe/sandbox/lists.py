"""Lists in Stripe's envelope, paged by object id."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tillkeeper.gateways.stripe.sandbox.act import Act
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import invalid, missing
from tillkeeper.sandbox_kit.books import Json

limit_default = 10
limit_max = 100
chunk_rows = 200


@dataclass(frozen=True, slots=True)
class Shelf:
    """Name what is listed, under which address, and what narrows it."""

    kind: str
    url: str
    where: Mapping[str, object] = field(default_factory=dict)
    ids: Sequence[str] | None = None


def page(act: Act, params: Params, shelf: Shelf, *, fits: Callable[[Json], bool] | None = None) -> Json:
    """Answer one page, newest first; `fits` narrows by what is not a stored field."""
    limit = _limit(params)
    created = _created(params)
    after, before = params.text("starting_after"), params.text("ending_before")
    params.done()
    if after and before:
        message = "You may pass only one of these parameters: starting_after, ending_before."
        raise invalid(message, param="ending_before")
    older_than = _place(act, shelf.kind, after, "starting_after")
    newer_than = _place(act, shelf.kind, before, "ending_before")
    found: list[Json] = []
    while len(found) <= limit:
        rows = act.change.select(
            shelf.kind,
            where=shelf.where,
            created=created,
            ids=shelf.ids,
            older_than=older_than,
            newer_than=newer_than,
            limit=chunk_rows if fits else limit + 1,
        )
        fitting = [row for row in rows if fits is None or fits(row)]
        found = [*found, *fitting] if newer_than is None else [*fitting, *found]
        if fits is None or len(rows) < chunk_rows:
            break
        edge = act.change.place(shelf.kind, rows[-1 if newer_than is None else 0]["id"])
        older_than, newer_than = (edge, None) if newer_than is None else (None, edge)
    data = found[:limit] if newer_than is None else found[-limit:]
    return {"object": "list", "data": data, "has_more": len(found) > limit, "url": shelf.url}


def _limit(params: Params) -> int:
    limit = params.integer("limit")
    if limit is None:
        return limit_default
    if not 1 <= limit <= limit_max:
        message = f"This value must be from 1 to {limit_max}."
        raise invalid(message, param="limit", code="parameter_invalid_integer")
    return limit


def _created(params: Params) -> dict[str, int]:
    if isinstance(params.tree.get("created"), str):
        at = params.needed_integer("created")
        return {"gte": at, "lte": at}
    group = params.group("created")
    if group is None:
        return {}
    bounds = {sign: group.integer(sign) for sign in ("gt", "gte", "lt", "lte")}
    return {sign: bound for sign, bound in bounds.items() if bound is not None}


def _place(act: Act, kind: str, thing_id: str | None, param: str) -> int | None:
    if thing_id is None:
        return None
    place = act.change.place(kind, thing_id)
    if place is None:
        raise missing(thing_id, kind=kind, param=param, in_path=False)
    return place
