"""Settlement files as a dashboard offers them for download."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillkeeper.sandbox_kit.books import Change
from tillkeeper.sandbox_kit.stand import Desk, Verb

PATH = "settlement_file"
VERB = Verb("GET", PATH, "Download the settlement file that the gateway's dashboard would offer, of all time.")

Row = Sequence[object]


def route(desk: Desk, rows: Callable[[Change], Iterable[Row]]) -> Route:
    """Offer a file of rows for download."""

    async def handle(_request: Request) -> Response:
        with desk.books.change(desk.gateway) as change:
            body = write(rows(change))
        headers = {"Content-Disposition": f'attachment; filename="{desk.gateway}.csv"'}
        return Response(body, headers=headers, media_type="text/csv")

    return Route(f"/{PATH}", handle, methods=["GET"])


def write(rows: Iterable[Row]) -> str:
    """Write rows as comma-separated text, with the line ends of the format's own specification."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
