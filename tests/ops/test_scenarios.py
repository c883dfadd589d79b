"""Scenarios are played also where something before the service counts their calls."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tillkeeper.ops.scenarios import Target


@contextmanager
def counting(refusals: int) -> Iterator[tuple[str, list[str]]]:
    """Serve what refuses the first calls as too many; tell its address and the keys with which it was called."""
    keys: list[str] = []

    class Counter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.append(self.headers["Idempotency-Key"])
            self.send_response(429 if len(keys) <= refusals else 200)
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(b'{"is": "there"}')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Counter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", keys
        server.shutdown()


def test_a_call_that_came_too_often_is_sent_again_with_the_same_key_when_it_may_be() -> None:
    with counting(refusals=3) as (url, keys):
        assert Target(api=url, sandbox=url, key="till_sk_sandbox_x").call("/api/v1/payments/x") == {"is": "there"}
    assert (len(keys), len(set(keys))) == (4, 1)
