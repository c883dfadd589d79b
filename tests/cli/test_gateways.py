"""`till gateways`: the list, the switches, and the trial before going live."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.cli.demo import Demo, Said, running, till

from tillkeeper.ops import trial

STEPS = ["keys accepted", "checkout opened", "paid", "webhook arrived", "refunded"]
PREFERRED = ["stripe", "razorpay", "paypal", "square"]
narrow_columns = 80


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("gateways")) as demo:
        yield demo


@pytest.fixture
def deaf(demo: Demo) -> Iterator[None]:
    """Have the sandbox lose every webhook for the length of one test."""
    dial = f"{demo.told['sandbox']}/_control/faults"
    httpx2.put(dial, json={"webhook_drop_percent": 100}, trust_env=False).raise_for_status()
    yield
    httpx2.delete(dial, trust_env=False).raise_for_status()


def listed(demo: Demo) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(demo.till("gateways", "ls", "--json").stdout)["data"]
    return found


def steps_of(answer: Said) -> dict[str, Any]:
    [tried] = json.loads(answer.stdout)
    return {step["step"]: step for step in tried["steps"]}


def test_the_list_stands_in_the_order_of_preference_and_fits_a_terminal(demo: Demo) -> None:
    assert [each["gateway"] for each in listed(demo)] == PREFERRED
    shown = till("gateways", "ls", "--data-dir", str(demo.data_dir), COLUMNS=str(narrow_columns)).stdout
    assert [line.split()[0] for line in shown.splitlines()[1:]] == PREFERRED
    assert max(map(len, shown.splitlines())) <= narrow_columns
    assert "…" not in shown


def test_a_switch_is_said_in_one_plain_line(demo: Demo) -> None:
    drained = demo.till("gateways", "drain", "square")
    assert [each["switch"] for each in listed(demo)] == ["on", "on", "on", "draining"]
    enabled = demo.till("gateways", "enable", "square")
    assert (drained.stdout, drained.stderr) == ("square takes no new payments; those it has are finished.\n", "")
    assert (enabled.stdout, enabled.stderr) == ("square takes new payments.\n", "")


def test_a_trial_of_all_gateways_pays_and_refunds_through_each(demo: Demo) -> None:
    answer = demo.till("gateways", "test", "--json")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    tried = json.loads(answer.stdout)
    assert [each["gateway"] for each in tried] == PREFERRED
    for each in tried:
        assert [(step["step"], step["passed"]) for step in each["steps"]] == [(step, True) for step in STEPS]
        payment = demo.get(f"/api/v1/payments/{each['payment']}").json()
        assert payment["amount_refunded"] == payment["amount_captured"] == each["amount"]
        assert payment["gateway"] == each["gateway"]


def test_a_trial_takes_the_price_that_was_asked_for_and_shows_a_table(demo: Demo) -> None:
    words = ("gateways", "test", "paypal", "--amount", "321", "--currency", "usd", "--data-dir", str(demo.data_dir))
    answer = till(*words, COLUMNS=str(narrow_columns))
    assert answer.returncode == 0, answer.stdout
    assert "$3.21" in answer.stdout
    assert [step for step in STEPS if step not in answer.stdout] == []
    assert max(map(len, answer.stdout.splitlines())) <= narrow_columns
    assert "Pay here" not in answer.stderr


def test_a_trial_that_nobody_pays_says_so_and_ends_the_payment(demo: Demo) -> None:
    answer = demo.till("gateways", "test", "stripe", "--by-hand", "--wait", "1", "--json")
    assert answer.returncode == 4
    assert f"{demo.told['sandbox']}/stripe/pay/cs_" in answer.stderr
    steps = steps_of(answer)
    assert list(steps) == STEPS[:3]
    assert not steps["paid"]["passed"]
    assert "--wait" in steps["paid"]["next_step"]
    payment = json.loads(answer.stdout)[0]["payment"]
    # Whichever is heard first names the end: our cancellation's answer, or the webhook that the checkout has expired.
    assert demo.get(f"/api/v1/payments/{payment}").json()["status"] in {"canceled", "expired"}


@pytest.mark.usefixtures("deaf")
def test_a_trial_whose_webhooks_are_lost_is_paid_by_asking_and_says_what_is_missing(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "ask_every_ms", 300)
    monkeypatch.setattr(trial, "webhook_wait_seconds", 1)
    answer = demo.till("gateways", "test", "square", "--json")
    assert answer.returncode == 4
    steps = steps_of(answer)
    assert [name for name, step in steps.items() if not step["passed"]] == ["webhook arrived"]
    assert list(steps) == STEPS
    assert "by asking" in steps["paid"]["says"]
    assert "address" in steps["webhook arrived"]["next_step"]


def test_a_trial_with_wrong_keys_stops_before_a_checkout_is_opened(demo: Demo) -> None:
    last = "/api/v1/payments?gateway=stripe&limit=1"
    before = demo.get(last).json()
    wrong = demo.told["environment"] | {"STRIPE_SECRET_KEY": "sk_test_somebody_elses"}
    answer = till("gateways", "test", "stripe", "--json", **wrong)
    assert answer.returncode == 4
    assert list(steps_of(answer)) == ["keys accepted"]
    assert "AuthenticationError" in steps_of(answer)["keys accepted"]["says"]
    assert "TILL_MODE" in steps_of(answer)["keys accepted"]["next_step"]
    assert demo.get(last).json() == before


def test_a_trial_moves_no_real_money_unless_somebody_says_yes(demo: Demo) -> None:
    mine = {name: value for name, value in demo.told["environment"].items() if name.startswith(("DATABASE", "TILL_"))}
    live = {
        "TILL_MODE": "live",
        "TILL_SHOP": "0",
        "TILL_WEBHOOKS_ALLOW_PRIVATE": "0",
        "STRIPE_SECRET_KEY": "sk_live_x",
        "STRIPE_WEBHOOK_SECRET": "whsec_x",
    }
    answer = till("gateways", "test", "stripe", **mine | live)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "--yes" in answer.stderr


def test_a_trial_of_a_gateway_that_is_not_there_names_those_that_are(demo: Demo) -> None:
    answer = demo.till("gateways", "test", "adyen")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "paypal, razorpay, square, stripe" in answer.stderr


def test_starting_the_demo_again_keeps_the_order_that_somebody_chose(demo: Demo) -> None:
    config = f"{demo.told['api']}/api/v1/admin/gateways/square/config"
    headers = {"Authorization": f"Bearer {demo.told['key']}"}
    httpx2.put(config, json={"priority": 5}, headers=headers, trust_env=False).raise_for_status()
    demo.end(signal.SIGTERM)
    demo.start()
    assert [each["gateway"] for each in listed(demo)] == ["square", "stripe", "razorpay", "paypal"]
