"""Faults of calls: each does what it says, is counted each time, and follows the seed."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
import stripe

PAY = "amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa"
ANSWERED_WITHIN_SECONDS = 5


def turn(sandbox: Any, **wishes: object) -> None:
    sandbox.control("PUT", "faults", wishes)


def injected(sandbox: Any) -> dict[str, int]:
    """Count what was injected, leaving out what never happened."""
    counts: dict[str, int] = sandbox.control("GET", "injected")["counts"]
    return {fault: times for fault, times in counts.items() if times}


def captures(sandbox: Any) -> list[int]:
    return [line["captured"] for line in sandbox.control("GET", "books/stripe")["payment_intents"]]


def test_a_lost_reply_is_a_cut_connection_and_a_charge_that_the_same_key_finds_again(sandbox: Any) -> None:
    turn(sandbox, lost_reply_percent=100, only_methods=["POST"])
    for _ in range(2):
        with pytest.raises(httpx2.TransportError):
            sandbox.post("payment_intents", PAY, key="k1")
    assert captures(sandbox) == [1000]

    turn(sandbox, lost_reply_percent=0)
    again = sandbox.post("payment_intents", PAY, key="k1")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json()["id"] == sandbox.control("GET", "books/stripe")["payment_intents"][0]["payment_intent"]
    assert captures(sandbox) == [1000]
    assert injected(sandbox) == {"lost_reply_percent": 2}


def test_stripes_own_client_reports_a_lost_reply_as_a_connection_error(sandbox: Any) -> None:
    turn(sandbox, lost_reply_percent=100)
    with pytest.raises(stripe.APIConnectionError):
        sandbox.stripe.v1.customers.create(params={})


def test_a_lost_reply_and_a_forgotten_key_charge_twice(sandbox: Any) -> None:
    turn(sandbox, lost_reply_percent=100, forget_keys=True)
    with pytest.raises(httpx2.TransportError):
        sandbox.post("payment_intents", PAY, key="k1")
    turn(sandbox, lost_reply_percent=0)
    again = sandbox.post("payment_intents", PAY, key="k1")
    assert (again.status_code, "idempotent-replayed" in again.headers) == (200, False)
    assert captures(sandbox) == [1000, 1000]
    assert injected(sandbox) == {"lost_reply_percent": 1, "forget_keys": 1}


def test_a_key_lives_as_long_as_its_window_on_the_gateways_clock(sandbox: Any) -> None:
    turn(sandbox, key_window_seconds=600)
    sandbox.post("payment_intents", PAY, key="k1")
    turn(sandbox, clock_ahead_seconds=500)
    assert "idempotent-replayed" in sandbox.post("payment_intents", PAY, key="k1").headers
    assert captures(sandbox) == [1000]
    turn(sandbox, clock_ahead_seconds=700)
    sandbox.post("payment_intents", PAY, key="k1")
    assert captures(sandbox) == [1000, 1000]
    assert injected(sandbox) == {"key_window_seconds": 1}


def test_an_error_before_execution_changes_nothing_and_leaves_the_key_free(sandbox: Any) -> None:
    turn(sandbox, error_before_percent=100, only_methods=["POST"])
    failed = sandbox.post("payment_intents", PAY, key="k1")
    assert (failed.status_code, failed.json()["error"]["type"]) == (500, "api_error")
    assert captures(sandbox) == []

    turn(sandbox, error_before_percent=0)
    done = sandbox.post("payment_intents", PAY, key="k1")
    assert (done.status_code, "idempotent-replayed" in done.headers) == (200, False)
    assert injected(sandbox) == {"error_before_percent": 1}


def test_an_error_after_execution_charges_and_is_what_the_key_remembers(sandbox: Any) -> None:
    turn(sandbox, error_after_percent=100, only_methods=["POST"])
    assert sandbox.post("payment_intents", PAY, key="k1").status_code == 500
    assert captures(sandbox) == [1000]

    turn(sandbox, error_after_percent=0)
    again = sandbox.post("payment_intents", PAY, key="k1")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (500, "true")
    assert captures(sandbox) == [1000]
    assert injected(sandbox) == {"error_after_percent": 1}


def test_a_refusal_is_no_execution_that_could_end_in_an_error(sandbox: Any) -> None:
    turn(sandbox, error_after_percent=100)
    assert sandbox.post("payment_intents", "amount=1000").status_code == 400
    assert injected(sandbox) == {}


def test_a_stalled_answer_comes_after_the_client_gave_up(sandbox: Any) -> None:
    turn(sandbox, stall_percent=100, stall_ms=60_000, only_methods=["POST"])
    headers = {"Authorization": "Bearer sk_test_sandbox_for_tests", "Idempotency-Key": "k1"}
    with pytest.raises(httpx2.ReadTimeout):
        sandbox.http.post(f"{sandbox.url}/stripe/v1/payment_intents", content=PAY, headers=headers, timeout=0.3)
    assert captures(sandbox) == [1000]
    assert injected(sandbox) == {"stall_percent": 1}

    turn(sandbox, stall_ms=100)
    started = time.monotonic()
    assert sandbox.post("payment_intents", PAY, key="k1").status_code == 200
    assert 0.1 <= time.monotonic() - started < ANSWERED_WITHIN_SECONDS
    assert captures(sandbox) == [1000]


def test_latency_is_counted_for_every_call_it_delays(sandbox: Any) -> None:
    turn(sandbox, latency_ms=50)
    started = time.monotonic()
    for _ in range(3):
        sandbox.get("charges")
    assert time.monotonic() - started >= 0.15
    assert injected(sandbox) == {"latency_ms": 3}


def test_faults_can_be_limited_to_methods_and_paths(sandbox: Any) -> None:
    turn(sandbox, error_before_percent=100, only_methods=["POST"], only_paths=["/v1/refunds", "/v1/customers"])
    assert sandbox.post("payment_intents", PAY).status_code == 200
    assert sandbox.get("refunds").status_code == 200
    assert sandbox.post("refunds", "").status_code == 500
    assert sandbox.post("customers", "").status_code == 500
    assert injected(sandbox) == {"error_before_percent": 2}
    subjects = [entry["subject"].partition(" req_")[0] for entry in sandbox.control("GET", "injected")["data"]]
    assert subjects == ["POST /v1/refunds", "POST /v1/customers"]


def test_a_new_object_is_not_found_by_its_first_look_ups(sandbox: Any) -> None:
    turn(sandbox, not_found_first=2)
    intent = sandbox.post("payment_intents", PAY).json()["id"]
    assert sandbox.get(f"payment_intents/{intent}").status_code == 404
    assert sandbox.get("payment_intents").json()["data"] == []
    assert [found["id"] for found in sandbox.get("payment_intents").json()["data"]] == [intent]
    assert sandbox.get(f"payment_intents/{intent}").status_code == 200
    assert injected(sandbox) == {"not_found_first": 2}


def test_a_new_object_is_not_found_for_a_while_but_can_be_acted_upon(sandbox: Any, until: Any) -> None:
    turn(sandbox, not_found_ms=700)
    session = sandbox.session()
    with pytest.raises(stripe.InvalidRequestError) as absent:
        sandbox.stripe.v1.checkout.sessions.retrieve(session.id)
    assert (absent.value.http_status, absent.value.code) == (404, "resource_missing")
    sandbox.control("POST", f"stripe/sessions/{session.id}/pay")
    assert sandbox.get("charges").json()["data"] == []
    until(lambda: sandbox.get("charges").json()["data"])
    assert sandbox.stripe.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert injected(sandbox)["not_found_ms"] >= 2


def test_what_was_there_before_replicas_lagged_is_found_at_once(sandbox: Any) -> None:
    intent = sandbox.post("payment_intents", PAY).json()["id"]
    turn(sandbox, not_found_first=3)
    sandbox.post(f"payment_intents/{intent}", "description=changed")
    assert sandbox.get(f"payment_intents/{intent}").status_code == 200
    assert injected(sandbox) == {}


def statuses(sandbox: Any, seed: int) -> list[int]:
    """Make 40 calls under mixed faults, with the dice set to a seed."""
    turn(sandbox, seed=seed, error_before_percent=30, error_after_percent=30)
    return [sandbox.post("customers", "").status_code for _ in range(40)]


def test_the_same_seed_meets_the_same_faults_again(sandbox: Any) -> None:
    first, other, again = (statuses(sandbox, seed) for seed in (7, 8, 7))
    assert first == again != other
    counts = injected(sandbox)
    failed = sum(status == 500 for status in first + other + again)
    assert counts["error_before_percent"] + counts["error_after_percent"] == failed
    assert min(counts.values()) > 0


def test_each_call_meets_its_share_of_mishaps_under_load_and_no_payment_is_made_twice(sandbox: Any) -> None:
    turn(sandbox, seed=3, lost_reply_percent=20, error_before_percent=20, only_methods=["POST"])

    def pay(number: int) -> int:
        for attempt in range(1, 50):
            try:
                if sandbox.post("payment_intents", PAY, key=f"payment-{number}").status_code == 200:
                    return attempt
            except httpx2.TransportError:
                continue
        return 50

    with ThreadPoolExecutor(4) as crowd:
        attempts = sum(crowd.map(pay, range(60)))
    counts = injected(sandbox)
    assert captures(sandbox) == [1000] * 60
    assert counts["lost_reply_percent"] + counts["error_before_percent"] == attempts - 60
    assert min(counts["lost_reply_percent"], counts["error_before_percent"]) > 5


def test_the_dial_goes_back_to_its_defaults_and_the_tally_stays(sandbox: Any) -> None:
    before = sandbox.control("GET", "faults")
    turn(sandbox, error_before_percent=100, only_paths=["/v1/customers"], webhook_copies=2)
    sandbox.post("customers", "")
    assert sandbox.control("DELETE", "faults") == before
    assert sandbox.post("customers", "").status_code == 200
    assert injected(sandbox) == {"error_before_percent": 1}


def test_every_fault_on_the_dial_is_tallied_or_only_shapes_others(sandbox: Any) -> None:
    shaping = {"seed", "only_methods", "only_paths", "stall_ms", "clock_ahead_seconds", "signatures_follow_clock"}
    shaping |= {"webhook_retry_ms_max"}
    assert set(sandbox.control("GET", "injected")["counts"]) | shaping == set(sandbox.control("GET", "faults"))
