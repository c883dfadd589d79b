"""Lists: newest first, narrowed by when things were made, a page at a time."""

from collections.abc import Callable, Sequence

from tillkeeper.gateways.razorpay.sandbox.act import Act
from tillkeeper.gateways.razorpay.sandbox.fields import Fields
from tillkeeper.gateways.razorpay.sandbox.refusals import invalid
from tillkeeper.sandbox_kit.books import Json

count_default = 10
count_max = 100
earliest = 946_684_800
latest = 4_765_046_400


def page(
    act: Act,
    fields: Fields,
    kind: str,
    *,
    ids: Sequence[str] | None = None,
    fits: Callable[[Json], bool] | None = None,
) -> Json:
    """Answer one page of what is shown of a kind of things."""
    start, end = _moment(fields, "from"), _moment(fields, "to")
    count, skip = window(fields, most=count_max)
    fields.done()
    created = {sign: moment for sign, moment in (("gte", start), ("lte", end)) if moment is not None}
    limit = -1 if fits else skip + count
    found = act.change.select(kind, created=created, ids=ids, limit=limit)
    fitting = [thing["shown"] for thing in found if fits is None or fits(thing)]
    return collection(fitting[skip : skip + count])


def window(fields: Fields, *, most: int) -> tuple[int, int]:
    """Take how many to show, and how many to leave out before them."""
    count, skip = fields.integer("count"), fields.integer("skip")
    if count is not None and count < 1:
        message = "The count must be at least 1."
        raise invalid(message, field="count")
    if count is not None and count > most:
        message = f"The count may not be greater than {most}."
        raise invalid(message, field="count")
    if skip is not None and skip < 0:
        message = "The skip must be at least 0."
        raise invalid(message, field="skip")
    return count_default if count is None else count, skip or 0


def collection(items: Sequence[Json]) -> Json:
    """Wrap things as Razorpay does."""
    return {"entity": "collection", "count": len(items), "items": list(items)}


def _moment(fields: Fields, name: str) -> int | None:
    moment = fields.integer(name)
    if moment is not None and not earliest <= moment <= latest:
        message = f"{name} must be between {earliest} and {latest}"
        raise invalid(message, field=name)
    return moment
