"""The control verbs that all gateways share: faults, webhooks, books, and the page that documents them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from tillkeeper.sandbox_kit import control, faults, luck, merchant, mishaps, outages, paper, post
from tillkeeper.sandbox_kit.books import Books, Json
from tillkeeper.sandbox_kit.courses import COURSES
from tillkeeper.sandbox_kit.stand import Desk, Stand, Verb

calls_max = 10_000

PAPER = paper.desk_paper(Path(__file__).parent / "templates")
FAULTS_EXAMPLE = '{"webhook_copies": 3, "webhook_shuffle": true}'

MERCHANTS = {"takes": HTTPStatus.NO_CONTENT, "breaks": HTTPStatus.SERVICE_UNAVAILABLE}
"""Programs of a merchant to which webhooks may go, as `/_merchant/takes`, with what they answer."""
MERCHANT = "merchant"
"""Under what the faults of these programs are counted, beside those of the gateways."""
VERBS = (
    Verb("GET", "faults", "Read the fault dial."),
    Verb("PUT", "faults", "Turn the fault dial; what is not named stays as it is.", FAULTS_EXAMPLE),
    Verb("DELETE", "faults", "Put the fault dial back to where it stands by default; what was counted stays."),
    Verb("GET", "injected", "Count the faults that really happened, in all and at each gateway, and list them."),
    Verb("GET", "webhooks", "List deliveries: event, type, object, state, attempts, last status."),
    Verb("POST", "webhooks/resend", "Send an event again, as often as you like.", '{"event": "evt_…", "copies": 50}'),
    Verb(
        "POST",
        "outages",
        "Let a gateway answer every call with an error for a while, and keep its webhooks back; 0 seconds end it.",
        '{"gateway": "stripe", "seconds": 60}',
    ),
    Verb("POST", "webhooks/release", "Send the webhooks that were held back so far."),
    Verb("GET", "calls", "Count API calls by route and list them: proof of how often a gateway was asked."),
    Verb(
        "GET",
        "taken",
        "List what a merchant's program at /_merchant/takes was told: each message as it came, and how often.",
    ),
    Verb("GET", "books/{gateway}", "Lay open a gateway's books for an oracle."),
)


@dataclass(frozen=True, slots=True)
class Steering:
    """Serve the verbs over one set of books."""

    books: Books
    desks: Sequence[tuple[Stand, Desk]]
    public_url: str

    async def health(self, _request: Request) -> Response:
        """Say that the sandbox is up."""
        return JSONResponse({"status": "ok", "gateways": [stand.name for stand, _ in self.desks]})

    async def faults(self, _request: Request) -> Response:
        """Show the fault dial."""
        return JSONResponse(asdict(self.books.dial))

    async def turn(self, request: Request) -> Response:
        """Turn the fault dial."""
        wishes = await control.wish(request, set(asdict(self.books.dial)))
        try:
            dial = self.books.turn(wishes)
        except faults.RefusedError as problem:
            raise control.refusal(str(problem)) from problem
        return JSONResponse(asdict(dial))

    async def reset(self, _request: Request) -> Response:
        """Put the fault dial back to its defaults."""
        return JSONResponse(asdict(self.books.turn(asdict(faults.Dial()))))

    async def injected(self, _request: Request) -> Response:
        """Count and list the faults that really happened."""
        connection = self.books.connection
        each = {stand.name: luck.tally(connection, stand.name) for stand, _ in self.desks}
        return JSONResponse({"counts": luck.tally(connection), "gateways": each, "data": luck.listing(connection)})

    async def webhooks(self, _request: Request) -> Response:
        """List deliveries."""
        listed = post.listing(self.books.connection)
        return JSONResponse({"data": [{**delivery, "url": self._url(delivery["gateway"])} for delivery in listed]})

    async def resend(self, request: Request) -> Response:
        """Send an event's webhook again."""
        wish = await control.wish(request, {"event", "copies"})
        event, copies = control.text(wish, "event"), control.copies(wish)
        for _, desk in self.desks:
            with self.books.change(desk.gateway) as change:
                if change.find("event", event) is not None:
                    change.owe(event, copies=copies or 1)
                    return JSONResponse({"event": event, "copies": copies or 1})
        message = f"There is no event {event}. GET /_control/webhooks lists them."
        raise control.refusal(message, HTTPStatus.NOT_FOUND)

    async def release(self, request: Request) -> Response:
        """Let go of held webhooks."""
        await control.wish(request, set())
        released = post.release(self.books.connection)
        self.books.wake()
        return JSONResponse({"released": released})

    async def outage(self, request: Request) -> Response:
        """Begin an outage of one gateway, or end it."""
        wish = await control.wish(request, {"gateway", "seconds"})
        gateway = control.choice(wish, "gateway", [desk.gateway for _, desk in self.desks])
        seconds = control.seconds(wish, most=outages.outage_seconds_max)
        if seconds:
            outages.begin(self.books.connection, gateway, seconds)
        else:
            outages.end(self.books.connection, gateway)
        self.books.wake()
        return JSONResponse({"gateway": gateway, "seconds": seconds})

    async def calls(self, _request: Request) -> Response:
        """Count and list API calls."""
        return JSONResponse(_calls(self.books))

    async def report(self, request: Request) -> Response:
        """Lay open one gateway's books."""
        for stand, desk in self.desks:
            if stand.name == request.path_params["gateway"]:
                with self.books.change(desk.gateway) as change:
                    report = stand.report(change)
                return JSONResponse({**report, "calls": _counted(self.books, stand.name)})
        message = f"There is no gateway {request.path_params['gateway']} here."
        raise control.refusal(message, HTTPStatus.NOT_FOUND)

    async def hear(self, request: Request) -> Response:
        """Take a webhook as a merchant's program does, or fail as one that is out of order or as the dial says."""
        body, status = await request.body(), MERCHANTS.get(request.path_params["name"], HTTPStatus.NOT_FOUND)
        message = request.headers.get(merchant.MESSAGE)
        if message is None or status is not HTTPStatus.NO_CONTENT:
            return Response(status_code=status)
        if self._goes_wrong(faults.MERCHANT_ERROR, message):
            return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        merchant.take(self.books.connection, request.headers, body)
        return mishaps.Cut() if self._goes_wrong(faults.MERCHANT_LOST_REPLY, message) else Response(status_code=status)

    def _goes_wrong(self, fault: str, message: str) -> bool:
        """Throw for a fault of the merchant, and count it."""
        connection = self.books.connection
        struck = luck.strikes(connection, MERCHANT, fault, dial=self.books.dial)
        if struck:
            luck.count(connection, MERCHANT, fault, message)
        return struck

    async def taken(self, _request: Request) -> Response:
        """List what was taken."""
        return JSONResponse({"data": merchant.listing(self.books.connection)})

    async def docs(self, _request: Request) -> Response:
        """Document every verb."""
        chapters: list[tuple[str, str, Sequence[Verb]]] = [("All gateways", "/_control", VERBS)]
        chapters += [(stand.title, f"/_control/{stand.name}", stand.verbs) for stand, _ in self.desks]
        context = {
            "base": self.public_url.rstrip("/"),
            "chapters": chapters,
            "courses": COURSES,
            "settings": [
                {"name": name, "value": value, "says": faults.EXPLANATIONS[name]}
                for name, value in asdict(faults.Dial()).items()
            ],
        }
        return paper.page(PAPER, "docs.html", context)

    def _url(self, gateway: str) -> str | None:
        return next((desk.webhook_url for _, desk in self.desks if desk.gateway == gateway), None)


def routes(books: Books, desks: Sequence[tuple[Stand, Desk]], public_url: str) -> list[BaseRoute]:
    """List the shared verbs and mount those of each gateway."""
    steering = Steering(books, desks, public_url)
    shared: list[BaseRoute] = [
        Route("/faults", steering.faults, methods=["GET"]),
        Route("/faults", steering.turn, methods=["PUT"]),
        Route("/faults", steering.reset, methods=["DELETE"]),
        Route("/injected", steering.injected, methods=["GET"]),
        Route("/webhooks", steering.webhooks, methods=["GET"]),
        Route("/webhooks/resend", steering.resend, methods=["POST"]),
        Route("/outages", steering.outage, methods=["POST"]),
        Route("/webhooks/release", steering.release, methods=["POST"]),
        Route("/calls", steering.calls, methods=["GET"]),
        Route("/taken", steering.taken, methods=["GET"]),
        Route("/books/{gateway}", steering.report, methods=["GET"]),
        Route("/docs", steering.docs, methods=["GET"]),
        *(Mount(f"/{stand.name}", routes=stand.control(desk)) for stand, desk in desks),
    ]
    return [
        Route("/health", steering.health, methods=["GET"]),
        Route("/_merchant/{name}", steering.hear, methods=["POST"]),
        Mount("/_control", routes=shared),
    ]


async def _explain(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    return JSONResponse({"error": {"message": problem.detail}}, problem.status_code, problem.headers)


EXCEPTION_HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {HTTPException: _explain}


def _calls(books: Books) -> Json:
    names = ("gateway", "method", "route", "path", "status", "replayed", "key", "request", "at_ms")
    rows = books.connection.execute(
        "SELECT gateway, method, route, path, status, replayed, key, request, at_ms FROM call"
        " ORDER BY sequence DESC LIMIT ?",
        (calls_max,),
    ).fetchall()
    return {"routes": _counted(books), "data": [dict(zip(names, row, strict=True)) for row in rows[::-1]]}


def _counted(books: Books, gateway: str | None = None) -> Json:
    counted = books.connection.execute(
        "SELECT route, count(*), sum(replayed), sum(status >= 400) FROM call"
        " WHERE ? IS NULL OR gateway = ? GROUP BY route ORDER BY route",
        (gateway, gateway),
    ).fetchall()
    return {route: {"calls": calls, "replayed": again, "refused": bad} for route, calls, again, bad in counted}
