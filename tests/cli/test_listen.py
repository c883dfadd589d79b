"""`till listen` and `till events out` against a running demo, with a merchant's program on this machine."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook
from tests.cli.demo import Demo, await_true, running

patience_seconds = 20


class Program(HTTPServer):
    """Take what is posted, and answer 200; `refusals` are used up first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.refusals = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks"

    def told(self, event: str) -> list[tuple[dict[str, str], bytes]]:
        return [(headers, body) for headers, body in self.taken if headers["webhook-id"] == event]

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.taken]


class Handler(BaseHTTPRequestHandler):
    server: Program

    def do_POST(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers["content-length"]))
        if self.server.refusals:
            self.server.refusals -= 1
            self.send_response(500)
        else:
            self.server.taken.append((headers, body))
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@contextmanager
def program() -> Iterator[Program]:
    with Program() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:  # a thread that goes on would keep a failed run from ending
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("listen")) as demo:
        yield demo


def post(demo: Demo, path: str, body: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {demo.told['key']}"}
    answer = httpx2.post(f"{demo.told['api']}{path}", json=body, headers=headers, trust_env=False, timeout=30)
    assert answer.is_success, answer.text
    return answer.json()


def test_a_listener_hears_everything_since_a_moment_and_then_only_what_is_new(demo: Demo) -> None:
    with program() as merchant:
        merchant.refusals = 1
        words = ("listen", "--forward-to", merchant.url, "--once")
        first = demo.till(*words, "--since", "2026-01-01T00:00:00Z")
        assert first.returncode == 0, first.stderr
        assert "payment.succeeded" in merchant.types
        assert "not taken, again in 1 s" in first.stdout.splitlines()[0]
        secret = first.stderr.splitlines()[1].removeprefix("Verify with ")
        for headers, body in merchant.taken:
            Webhook(secret).verify(body, headers)
        heard = len(merchant.taken)
        again = demo.till(*words, "--json")
        assert (again.returncode, again.stdout, len(merchant.taken)) == (0, "", heard)


def test_a_listener_with_an_address_that_is_none_says_so(demo: Demo) -> None:
    answer = demo.till("listen", "--forward-to", "localhost:3000", "--once")
    assert answer.returncode == 1
    assert "A URL starts with" in answer.stderr


def test_the_demo_tells_an_endpoint_on_this_machine_and_the_shell_shows_how_it_went(demo: Demo) -> None:
    with program() as merchant:
        made = post(demo, "/api/v1/webhook_endpoints", {"url": merchant.url, "types": ["payment.succeeded"]})
        assert demo.till("trigger", "pay.success").returncode == 0
        # The demo's own first purchase may be told as well: nothing orders it before or after the endpoint.
        await_true(lambda: "payment.succeeded" in merchant.types, patience_seconds, "the first delivery")
        listing = ("events", "out", "ls", "--endpoint", made["id"], "--json")
        await_true(
            lambda: "succeeded" in [each["status"] for each in json.loads(demo.till(*listing).stdout)["data"]],
            patience_seconds,
            "its record",
        )
        delivered = json.loads(demo.till(*listing).stdout)["data"]
        delivery = next(each for each in delivered if each["status"] == "succeeded")
        assert "succeeded" in demo.till("events", "out", "ls").stdout
        assert demo.till("events", "out", "resend", delivery["id"]).returncode == 0
        await_true(lambda: len(merchant.told(delivery["event"])) == 2, patience_seconds, "the second delivery")
    (once, body), (twice, same) = merchant.told(delivery["event"])
    assert (once["webhook-id"], body) == (twice["webhook-id"], same)
    assert Webhook(made["secret"]).verify(body, once)["type"] == "payment.succeeded"
    shown = json.loads(demo.till("events", "out", "show", delivery["id"]).stdout)
    assert {each["status"] for each in shown["log"]} == {204}
