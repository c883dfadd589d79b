"""A merchant's program that is told to go wrong: it refuses, or takes and says nothing, and both are counted."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.gateways import serving

from tillkeeper.sandbox import app
from tillkeeper.sandbox.config import SandboxConfig

SECRETS = {"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}
EVENT = {"webhook-id": "event_1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[httpx2.Client]:
    """Serve a sandbox, because only a server can cut a connection."""
    built = app.build(SandboxConfig(tmp_path / "books.sqlite", "http://sandbox.test", SECRETS))
    listener, url = serving.free_listener()
    with serving.serving(built, listener), httpx2.Client(base_url=url, trust_env=False) as client:
        yield client


def turn(sandbox: httpx2.Client, **wishes: int) -> None:
    assert sandbox.put("/_control/faults", json=wishes).is_success


def injected(sandbox: httpx2.Client) -> dict[str, int]:
    counts: dict[str, int] = sandbox.get("/_control/injected").json()["counts"]
    return {name: times for name, times in counts.items() if times}


def taken(sandbox: httpx2.Client) -> list[tuple[str, int]]:
    return [(each["message"], each["times"]) for each in sandbox.get("/_control/taken").json()["data"]]


def test_a_merchant_that_refuses_has_not_taken_what_came(sandbox: httpx2.Client) -> None:
    turn(sandbox, merchant_error_percent=100)
    assert sandbox.post("/_merchant/takes", content=b"{}", headers=EVENT).status_code == 503
    assert (taken(sandbox), injected(sandbox)) == ([], {"merchant_error_percent": 1})
    turn(sandbox, merchant_error_percent=0)
    assert sandbox.post("/_merchant/takes", content=b"{}", headers=EVENT).status_code == 204
    assert taken(sandbox) == [("event_1", 1)]


def test_a_merchant_whose_reply_gets_lost_has_taken_what_came(sandbox: httpx2.Client) -> None:
    turn(sandbox, merchant_lost_reply_percent=100)
    with pytest.raises(httpx2.RemoteProtocolError):
        sandbox.post("/_merchant/takes", content=b"{}", headers=EVENT)
    assert (taken(sandbox), injected(sandbox)) == ([("event_1", 1)], {"merchant_lost_reply_percent": 1})


def test_faults_of_gateways_leave_the_merchant_alone(sandbox: httpx2.Client) -> None:
    turn(sandbox, error_before_percent=100, latency_ms=1)
    assert sandbox.post("/_merchant/takes", content=b"{}", headers=EVENT).status_code == 204
    assert injected(sandbox) == {}
