"""Before real money moves: smoke, ready, secrets and retain, against a demo that runs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.demo import Demo, running

from tillkeeper.cli import ready as command
from tillkeeper.ops import alerts
from tillkeeper.ops.doctor import State
from tillkeeper.ops.smoke.receiver import Receiver
from tillkeeper.reports import books

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("ready")) as demo:
        yield demo


def test_smoke_pays_refunds_and_hears_of_it_once_through_a_gateway(demo: Demo) -> None:
    answer = demo.till("smoke", "--json", "--gateway", "razorpay")
    said = json.loads(answer.stdout)
    assert (answer.returncode, said["passed"]) == (0, True), said
    done = [(step["script"], step["step"]) for step in said["steps"]]
    assert done[-2:] == [("payment", "razorpay"), ("webhooks", "razorpay")]
    assert "taken back" in said["steps"][-2]["says"]
    assert "delivered once" in said["steps"][-1]["says"]


def test_smoke_leaves_no_endpoint_behind(demo: Demo) -> None:
    assert demo.get("/api/v1/webhook_endpoints").json()["data"] == []


def test_smoke_ends_with_4_where_nobody_answers_and_tries_nothing_else(demo: Demo) -> None:
    answer = demo.till("smoke", "--json", "--url", "http://127.0.0.1:1")
    said = json.loads(answer.stdout)
    assert answer.returncode == 4
    assert {step["script"] for step in said["steps"]} == {"answers"}


def test_smoke_without_a_key_of_the_sandbox_says_what_it_left_out(demo: Demo) -> None:
    answer = demo.till("smoke", "--json", "--url", str(demo.told["api"]))
    said = json.loads(answer.stdout)
    assert answer.returncode == 0
    assert [step["state"] for step in said["steps"][-2:]] == ["left out", "left out"]


def test_a_demo_is_not_ready_and_each_reason_has_a_way_out(demo: Demo) -> None:
    answer = demo.till("ready", "--json")
    said = json.loads(answer.stdout)
    assert (answer.returncode, said["verdict"]) == (4, "not_ready")
    problems = [each for each in said["findings"] if each["state"] == "problem"]
    assert {"kind", "mode"} <= {each["what"] for each in problems}
    assert all(each["fix"] for each in problems)
    assert {each["part"] for each in said["findings"]} >= {"database", "smoke", "books", "backups", "alerts"}
    assert [each["state"] for each in said["findings"] if each["part"] in {"smoke", "books"}].count("problem") == 0


def test_books_that_do_not_balance_are_a_reason(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: object) -> list[str]:
        return ["a wallet is not the sum of its movements"]

    monkeypatch.setattr(books, "check", broken)
    for name, value in demo.told["environment"].items():
        monkeypatch.setenv(name, value)
    [finding] = command.books(demo.data_dir)
    assert finding.state is State.PROBLEM


def test_a_backup_that_is_old_or_was_never_tried_is_a_reason() -> None:
    assert command._backup(None).state is State.PROBLEM
    assert command._backup(27 * 3600).state is State.PROBLEM
    assert command._backup(3600).state is State.OK
    assert [command._drill(passed=each).state for each in (None, False, True)] == [
        State.PROBLEM,
        State.PROBLEM,
        State.OK,
    ]


def test_alert_rules_are_read_by_promtool_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert alerts.check(tmp_path).state is State.NOTE
    (tmp_path / "alerts.yml").write_text("groups: []\n")
    tool = tmp_path / "promtool"
    for code, state in ((1, State.PROBLEM), (0, State.OK)):
        tool.write_text(f"#!/bin/sh\necho bad rule\nexit {code}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        assert alerts.check(tmp_path).state is state


def test_a_receiver_takes_nothing_whose_signature_is_wrong() -> None:
    with Receiver() as receiver:
        receiver.secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
        headers = {"webhook-id": "event_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
        assert not receiver.take(headers, b'{"data": {"id": "payment_1"}}')
    assert (receiver.unverified, receiver.about("payment_1")) == (1, [])


def test_secrets_are_listed_with_fingerprints_and_without_themselves(demo: Demo) -> None:
    answer = demo.till("secrets", "status", "--json")
    found = {each["name"]: each for each in json.loads(answer.stdout)["data"]}
    assert found["STRIPE_WEBHOOK_SECRET"]["from"] == "environment"
    assert len(found["STRIPE_WEBHOOK_SECRET"]["fingerprint"]) == 12
    held = [value for name, value in demo.told["environment"].items() if name in found and "://" not in value]
    assert not [value for value in held if value in answer.stdout + answer.stderr]


def test_a_secret_of_the_environment_is_changed_there_and_it_is_said_how(demo: Demo) -> None:
    answer = demo.till("secrets", "rotate", "STRIPE_WEBHOOK_SECRET", "--yes")
    assert answer.returncode == 1
    assert "STRIPE_WEBHOOK_SECRET_PREVIOUS_UNTIL=" in answer.stderr
    assert demo.told["environment"]["STRIPE_WEBHOOK_SECRET"] not in answer.stdout + answer.stderr


def test_nothing_has_to_be_sealed_again_without_a_previous_key(demo: Demo) -> None:
    assert json.loads(demo.till("secrets", "reseal", "--json").stdout) == {"sealed_again": 0}


def test_what_would_be_forgotten_is_counted_and_nothing_is_due_in_a_new_shop(demo: Demo) -> None:
    answer = demo.till("retain", "--dry-run", "--json")
    counts = {each["what"]: each["count"] for each in json.loads(answer.stdout)["data"]}
    assert counts == {"unpaid": 0, "paid": 0, "audit": 0, "lines": 0, "webhooks": 0}
    assert demo.till("retain", "--json").stdout == '{"forgotten": 0}\n'
