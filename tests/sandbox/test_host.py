"""The host of the imitated gateways: what it refuses, and what it documents."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import BaseRoute, Mount, Route
from starlette.testclient import TestClient

from tillkeeper import gateways
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.sandbox import app
from tillkeeper.sandbox.config import SandboxConfig
from tillkeeper.sandbox_kit.stand import Stand

SECRETS = {"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}


def config(folder: Path) -> SandboxConfig:
    return SandboxConfig(folder / "books.sqlite", "http://sandbox.test", SECRETS)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(app.build(config(tmp_path))) as client:
        yield client


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1", "rzp_live_1"])
def test_a_live_key_refuses_to_start(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="test credentials only"):
        app.build(SandboxConfig(tmp_path / "b", "http://sandbox.test", SECRETS | {"STRIPE_SECRET_KEY": key}))


def test_a_gateway_with_part_of_its_credentials_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="STRIPE_WEBHOOK_SECRET is missing"):
        app.build(SandboxConfig(tmp_path / "b", "http://sandbox.test", SECRETS | {"STRIPE_WEBHOOK_SECRET": ""}))


def test_a_sandbox_of_no_gateway_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one gateway"):
        app.build(SandboxConfig(tmp_path / "b", "http://sandbox.test", {}))


def test_every_gateway_folder_with_a_sandbox_is_found() -> None:
    folders = Path(gateways.__path__[0]).glob("*/sandbox/__init__.py")
    assert {stand.name for stand in gateways.stands()} == {folder.parts[-3] for folder in folders}


@pytest.mark.parametrize("stand", gateways.stands(), ids=lambda stand: stand.name)
def test_invented_credentials_open_the_gateway_and_its_sandbox(stand: Stand, tmp_path: Path) -> None:
    invented = stand.invent("http://127.0.0.1:9")
    assert [opened.name for opened in SandboxConfig(tmp_path / "b", "", invented).opened(gateways.stands())] == [
        stand.name
    ]
    assert list(gateways.connect(Secrets(invented), mode="sandbox")) == [stand.name]


@pytest.mark.parametrize("stand", gateways.stands(), ids=lambda stand: stand.name)
def test_every_gateway_says_where_its_customers_and_its_dashboard_act(stand: Stand) -> None:
    verbs = {verb.path: verb for verb in stand.verbs}
    assert {f"{stand.checkout}/{{id}}/{deed}" for deed in ("pay", "decline", "authenticate", "abandon")} <= {*verbs}
    assert f'"{stand.money}":' in verbs["refunds"].body
    assert f'"{stand.money}":' in verbs["disputes"].body


def test_health_names_the_gateways(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok", "gateways": ["stripe"]}


def test_every_control_verb_is_documented(client: TestClient) -> None:
    page = client.get("/_control/docs").text
    known = [(method, path) for method, path in addresses(client.app.routes, "") if path.startswith("/_control")]  # type: ignore[attr-defined]
    assert len(known) > 15
    for method, path in known:
        assert path == "/_control/docs" or f'<span class="method">{method}</span> {path}</h3>' in page


def addresses(routes: list[BaseRoute], prefix: str) -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Mount):
            yield from addresses(route.routes, prefix + route.path)
        elif isinstance(route, Route):
            yield from ((method, prefix + route.path) for method in (route.methods or set()) - {"HEAD"})


@pytest.mark.parametrize(
    "wish",
    [
        {"webhook_copies": 0},
        {"webhook_copies": 101},
        {"webhook_copies": True},
        {"webhooks_held": 1},
        {"latency_ms": "10"},
        {"rain": True},
        {"lost_reply_percent": 101},
        {"lost_reply_percent": 60, "stall_percent": 41},
        {"only_methods": "POST"},
        {"only_paths": [""]},
        {"only_paths": ["/v1/refunds", 1]},
        {"seed": -1},
    ],
)
def test_a_wrong_wish_for_the_dial_changes_nothing(client: TestClient, wish: dict[str, object]) -> None:
    before = client.get("/_control/faults").json()
    refused = client.put("/_control/faults", json={"webhook_delay_ms": 5, **wish})
    assert refused.status_code == 422
    assert refused.json()["error"]["message"]
    assert client.get("/_control/faults").json() == before


def test_every_setting_of_the_dial_is_explained(client: TestClient) -> None:
    page = client.get("/_control/docs").text
    settings = client.get("/_control/faults").json()
    assert len(settings) > 20
    assert [name for name in settings if f'<dt class="mono">{name}</dt>' not in page] == []


@pytest.mark.parametrize("body", ["{", "[]", '{"copies": 0}', '{"copies": 101}', '{"surprise": 1}'])
def test_a_control_call_that_makes_no_sense_is_explained(client: TestClient, body: str) -> None:
    refused = client.post("/_control/stripe/sessions/cs_none/pay", content=body)
    assert refused.status_code == 422
    assert refused.json()["error"]["message"]


def test_acting_on_what_is_not_there_is_404(client: TestClient) -> None:
    assert client.post("/_control/stripe/sessions/cs_none/pay").status_code == 404
    assert client.get("/_control/books/nobody").status_code == 404


def test_a_gateway_without_a_listener_owes_no_webhooks(client: TestClient) -> None:
    made = client.post("/stripe/v1/customers", headers={"Authorization": "Bearer sk_test_1"})
    assert made.status_code == 200
    assert client.get("/_control/webhooks").json() == {"data": []}


def test_the_style_sheet_is_served_from_here(client: TestClient) -> None:
    assert client.get("/_static/sandbox.css").headers["content-type"].startswith("text/css")


def test_the_clock_of_the_gateways_can_be_set_back_and_right_again(client: TestClient) -> None:
    for ahead in (-90 * 86_400, 0):
        assert (
            client.put("/_control/faults", json={"clock_ahead_seconds": ahead}).json()["clock_ahead_seconds"] == ahead
        )


@pytest.mark.parametrize(("name", "status"), [("takes", 204), ("breaks", 503), ("sleeps", 404)])
def test_programs_of_a_merchant_stand_in_for_one_that_takes_webhooks_and_one_that_is_out_of_order(
    client: TestClient, name: str, status: int
) -> None:
    assert client.post(f"/_merchant/{name}", content=b"{}").status_code == status


def test_what_the_merchants_program_took_is_told_with_how_often_it_came(client: TestClient) -> None:
    def send(name: str, body: bytes, **headers: str) -> None:
        client.post(f"/_merchant/{name}", content=body, headers=headers)

    for number, body in enumerate((b"first", b"first", b"other")):
        send("takes", body, **{"webhook-id": "event_1", "webhook-timestamp": str(number), "webhook-signature": "v1,x"})
    send("breaks", b"refused", **{"webhook-id": "event_2"})
    send("takes", b"of nobody")
    told = client.get("/_control/taken").json()["data"]
    assert len({each.pop("digest") for each in told}) == 2
    both = {"message": "event_1", "signature": "v1,x"}
    assert sorted(told, key=lambda each: each["times"]) == [
        {**both, "times": 1, "timestamp": "2", "body": "other"},
        {**both, "times": 2, "timestamp": "1", "body": "first"},
    ]
