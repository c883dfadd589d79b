"""Webhooks in: a plain ASGI endpoint in front of everything else, because most requests are these."""

from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from tillkeeper.access.limits import Meter, RateLimitedError
from tillkeeper.flows.limit import admit
from tillkeeper.flows.receive import Intake, receive, receive_at_once
from tillkeeper.gateway import GatewayUnavailableError, SignatureInvalidError
from tillkeeper.kernel import clock, ids, logs, meters
from tillkeeper.kernel.errors import TillError
from tillkeeper.web import address, errors, shell
from tillkeeper.web.errors import MethodNotAllowedError, TooLargeError, UnexpectedError
from tillkeeper.web.wire import HandOver, Reply

body_bytes_max = 1_048_576
unverified_per_minute_max = 30
PREFIXES = ("/webhooks/", "/api/v1/webhooks/", "/api/payments/webhook/", "/api/v1/payments/webhook/")
ACCEPTED = b'{"status":"accepted"}'
DUPLICATE = b'{"status":"duplicate"}'


class Webhooks:
    """Answer webhooks, and hand every other request on."""

    def __init__(self, app: ASGIApp, intake: Intake, meter: Meter) -> None:
        self._app = app
        self._intake = intake
        self._meter = meter
        self._trusted = address.networks(intake.till.settings.trusted_proxies)

    async def __call__(self, scope: Scope, receive_: Receive, send: Send) -> None:
        """Run one request."""
        prefix = next((prefix for prefix in PREFIXES if scope.get("path", "").startswith(prefix)), None)
        if scope["type"] != "http" or prefix is None:
            await self._app(scope, receive_, send)
            return
        request_id, read_ms = ids.text("request", ids.new()), clock.timer_ms()
        try:
            body = await self._take(scope, receive_, scope["path"].removeprefix(prefix))
        except Exception as error:  # noqa: BLE001 (whatever it is, the sender gets an answer and the log the cause)
            await _refuse(error, scope, request_id, read_ms)(scope, receive_, send)
        else:
            await _acknowledge(send, body, request_id)
            meters.count(meters.requests, "webhooks", "2xx", by=read_ms())

    def take_at_once(self, scope: Scope, body: bytes, reply: Reply, hand_over: HandOver) -> bool:
        """Answer a webhook without a task of its own; false where there is more to it than to store it."""
        prefix = next((prefix for prefix in PREFIXES if scope["path"].startswith(prefix)), None)
        if prefix is None or scope["method"] != "POST" or len(body) > body_bytes_max or shell.is_long(scope):
            return False
        read_ms = clock.timer_ms()
        taken = receive_at_once(self._intake, scope["path"].removeprefix(prefix), _headers(scope), body)
        if taken is None:
            return False
        arrival, stored = taken

        def tell(_: object) -> None:
            request_id = ids.text("request", arrival.id)
            if error := stored.exception():
                hand_over(_refuse(error, scope, request_id, read_ms))
                return
            reply(_fields(request_id), ACCEPTED if stored.result() else DUPLICATE)
            meters.count(meters.webhooks_received, arrival.gateway)
            meters.count(meters.requests, "webhooks", "2xx", by=read_ms())

        stored.add_done_callback(tell)
        return True

    async def _take(self, scope: Scope, receive_: Receive, gateway: str) -> bytes:
        if scope["method"] != "POST":
            raise MethodNotAllowedError
        shell.check_target(scope)
        headers = _headers(scope)
        body = await _read(receive_)
        who = address.counted_as(address.client_of(scope, self._trusted))
        # Whoever proved nothing so often makes us ask nobody else about the next one either.
        offline = self._meter.is_over(f"webhook {who}", unverified_per_minute_max, self._intake.till.now())
        try:
            new = await receive(self._intake, gateway, headers, body, offline=offline)
        except (SignatureInvalidError, GatewayUnavailableError):
            await self._count(who)
            raise
        return ACCEPTED if new else DUPLICATE

    async def _count(self, who: str) -> None:
        """Count a webhook that nobody proved to have sent; raises RateLimitedError beyond 30 a minute an address.

        It was verified first, so whoever signs rightly is never held up, whatever else comes from the same address.
        """
        name = f"Whoever sends from {who} without a valid signature"
        try:
            await admit(self._intake.till, self._meter, f"webhook {who}", limit=unverified_per_minute_max, name=name)
        except RateLimitedError:
            meters.count(meters.rate_limited)
            raise


def _refuse(error: BaseException, scope: Scope, request_id: str, read_ms: Callable[[], int]) -> ASGIApp:
    """Write down why a webhook is not taken, and make the answer that says so."""
    about = {"request_id": request_id, "path": shell.shown_path(scope)}
    if isinstance(error, TillError):
        told = error
        logs.webhook.warning("webhook_refused", **about, code=error.code, detail=error.detail)
    else:
        told = UnexpectedError()
        logs.webhook.error("webhook_failed", **about, exc_info=error)
    meters.count(meters.requests, "webhooks", f"{told.status // 100}xx", by=read_ms())
    return errors.answer(told, request_id)


def _headers(scope: Scope) -> Mapping[str, str]:
    """Read headers as HTTP writes them; a signature that is no text then simply does not verify."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _read(receive_: Receive) -> bytes:
    """Read the raw bytes, which are what was signed."""
    parts, size = [], 0
    while True:
        message = await receive_()
        part = message.get("body", b"")
        size += len(part)
        if size > body_bytes_max:
            text = f"The limit for a webhook is {body_bytes_max} bytes."
            raise TooLargeError(text)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _fields(request_id: str) -> list[tuple[bytes, bytes]]:
    return [(b"content-type", b"application/json"), (b"request-id", request_id.encode())]


async def _acknowledge(send: Send, body: bytes, request_id: str) -> None:
    headers = [*_fields(request_id), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
