"""A merchant's endpoint on this machine, which believes what is signed and nothing else."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from standardwebhooks import Webhook, WebhookVerificationError


class Receiver:
    """Take events while a block lasts, and remember the ids of those that verify."""

    def __init__(self) -> None:
        self.secret = ""
        self.unverified = 0
        self._heard: list[tuple[str, Any]] = []
        receiver = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(204 if receiver.take(dict(self.headers.items()), body) else 400)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (named there)
                """Say nothing of each request."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Name where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/events"

    def take(self, headers: dict[str, str], body: bytes) -> bool:
        """Verify an event and remember it; false when its signature is wrong."""
        named = {name.lower(): value for name, value in headers.items()}
        try:
            Webhook(self.secret).verify(body, named)
        except (WebhookVerificationError, ValueError, IndexError):
            self.unverified += 1
            return False
        self._heard.append((named["webhook-id"], json.loads(body)))
        return True

    def about(self, payment: str) -> list[str]:
        """List the ids of the events about a payment, one for each time that one came."""
        return [id_ for id_, event in self._heard if payment in (event["data"].get("payment"), event["data"].get("id"))]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
