"""Keys, idempotency and errors of the imitated Stripe, as bytes on the wire."""

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

INTENT = "amount=1000&currency=eur"
LINE = (
    "line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=500"
    "&line_items[0][price_data][product_data][name]=x&line_items[0][quantity]=1"
)
SESSION = f"mode=payment&success_url=https://a.example/&{LINE}"


def test_the_same_key_and_parameters_get_the_same_answer_and_do_nothing_again(sandbox: Any) -> None:
    first = sandbox.post("payment_intents", INTENT, key="k1")
    again = sandbox.post("payment_intents", "currency=eur&amount=1000", key="k1")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"] != again.headers["request-id"]
    assert "idempotent-replayed" not in first.headers
    assert len(sandbox.get("payment_intents").json()["data"]) == 1
    assert sandbox.event_types() == ["payment_intent.created"]


def test_the_same_key_with_other_parameters_is_refused(sandbox: Any) -> None:
    sandbox.post("payment_intents", INTENT, key="k1")
    for path, form in (("payment_intents", "amount=1001&currency=eur"), ("customers", "email=a@example.com")):
        refused = sandbox.post(path, form, key="k1")
        assert (refused.status_code, refused.json()["error"]["type"]) == (400, "idempotency_error")


def test_the_same_key_while_the_first_request_runs_gets_409(sandbox: Any) -> None:
    sandbox.control("PUT", "faults", {"latency_ms": 300})
    with ThreadPoolExecutor(5) as crowd:
        answers = list(crowd.map(lambda _: sandbox.post("payment_intents", INTENT, key="k1"), range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    busy = next(answer for answer in answers if answer.status_code == 409)
    assert busy.json()["error"]["code"] == "idempotency_key_in_use"
    assert len(sandbox.get("payment_intents").json()["data"]) == 1


def test_a_key_is_forgotten_after_a_day(sandbox: Any) -> None:
    first = sandbox.post("payment_intents", INTENT, key="k1").json()["id"]
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 86_401})
    later = sandbox.post("payment_intents", INTENT, key="k1")
    assert "idempotent-replayed" not in later.headers
    assert later.json()["id"] != first


def test_a_decline_is_replayed_but_a_parameter_error_does_not_burn_the_key(sandbox: Any) -> None:
    pay = f"{INTENT}&confirm=true&payment_method=pm_card_chargeDeclined"
    first, again = (sandbox.post("payment_intents", pay, key="k1") for _ in range(2))
    assert (first.status_code, again.status_code, again.content) == (402, 402, first.content)
    assert sandbox.event_types().count("payment_intent.payment_failed") == 1

    assert sandbox.post("payment_intents", "amount=1000", key="k2").status_code == 400
    assert sandbox.post("payment_intents", INTENT, key="k2").status_code == 200


def test_a_key_may_have_255_characters(sandbox: Any) -> None:
    assert sandbox.post("customers", "", key="k" * 255).status_code == 200
    assert sandbox.post("customers", "", key="k" * 256).status_code == 400


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ("currency=eur", "parameter_missing", "amount"),
        ("amount=1000", "parameter_missing", "currency"),
        ("amount=&currency=eur", "parameter_invalid_empty", "amount"),
        ("amount=10.5&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=1e3&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=-5&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=0&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=49&currency=usd", "amount_too_small", "amount"),
        ("amount=100000000&currency=usd", "amount_too_large", "amount"),
        ("amount=1000&currency=xyz", None, "currency"),
        ("amount=1005&currency=kwd", None, "amount"),
        (f"{INTENT}&surprise=1", "parameter_unknown", "surprise"),
        (f"{INTENT}&automatic_payment_methods[surprise]=1", "parameter_unknown", "automatic_payment_methods[surprise]"),
        (f"{INTENT}&capture_method=later", None, "capture_method"),
        (f"{INTENT}&confirm=yes", None, "confirm"),
        (f"{INTENT}&customer=cus_none", "resource_missing", "customer"),
        (f"{INTENT}&metadata=text", None, "metadata"),
        (f"{INTENT}&metadata[{'k' * 41}]=v", None, "metadata"),
        (f"{INTENT}&description[a]=b", None, "description"),
        (f"{INTENT}&expand[]=surprise", None, "expand"),
    ],
)
def test_a_bad_parameter_of_an_intent_is_named(sandbox: Any, form: str, code: str | None, param: str) -> None:
    refused = sandbox.post("payment_intents", form)
    error = refused.json()["error"]
    assert (refused.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error.get("code"), error["param"]) == (code, param)
    assert error["message"]
    assert sandbox.get("payment_intents").json()["data"] == []


@pytest.mark.parametrize(
    ("form", "param"),
    [
        (SESSION.replace("mode=payment", "a=1"), "mode"),
        (SESSION.replace("mode=payment", "mode=subscription"), "mode"),
        (SESSION.replace("success_url=https://a.example/", "cancel_url=https://a.example/"), "success_url"),
        (SESSION.replace("https://a.example/", "javascript:alert(1)"), "success_url"),
        ("mode=payment&success_url=https://a.example/", "line_items"),
        (SESSION.replace("[quantity]=1", "[quantity]=0"), "line_items[0][quantity]"),
        (SESSION.replace("unit_amount]=500", "unit_amount]=1"), "line_items"),
        (
            SESSION.replace("product_data][name]=x", "product_data][title]=x"),
            "line_items[0][price_data][product_data][name]",
        ),
        (f"{SESSION}&payment_intent_data[surprise]=1", "payment_intent_data[surprise]"),
        (f"{SESSION}&ui_mode=embedded_page", "success_url"),
        (f"{SESSION}&{LINE.replace('[0]', '[1]').replace('usd', 'eur')}", "line_items"),
    ],
)
def test_a_bad_parameter_of_a_session_is_named(sandbox: Any, form: str, param: str) -> None:
    refused = sandbox.post("checkout/sessions", form)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


def test_every_answer_carries_a_request_id_and_the_version(sandbox: Any) -> None:
    for answer in (sandbox.get("charges"), sandbox.get("charges/ch_none")):
        assert answer.headers["request-id"].startswith("req_")
        assert answer.headers["stripe-version"] == "2026-10-28.endive"
    assert answer.json()["error"]["request_log_url"].endswith(answer.headers["request-id"])


def test_what_does_not_exist_is_404_with_its_name(sandbox: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sandbox.stripe.v1.payment_intents.retrieve("pi_none")
    error = refused.value
    assert (error.http_status, error.code, error.param) == (404, "resource_missing", "intent")
    assert error.user_message == "No such payment_intent: 'pi_none'"
    unknown = sandbox.get("subscriptions")
    assert unknown.status_code == 404
    assert unknown.json()["error"]["message"] == "Unrecognized request URL (GET: /v1/subscriptions)."


@pytest.mark.parametrize("key", ["sk_test_other", "sk_live_real", "rk_live_real"])
def test_only_the_sandboxs_own_key_opens_it(sandbox: Any, key: str) -> None:
    refused = sandbox.post("payment_intents", INTENT, secret=key)
    assert refused.status_code == 401
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert "sk_live_real" not in refused.text


def test_a_request_without_a_key_is_told_how_to_send_one(sandbox: Any) -> None:
    refused = sandbox.http.get(f"{sandbox.url}/stripe/v1/charges")
    assert refused.status_code == 401
    assert "You did not provide an API key" in refused.json()["error"]["message"]


def test_the_key_may_come_as_basic_user(sandbox: Any) -> None:
    for user, status in (("sk_test_sandbox_for_tests", 200), ("sk_test_other", 401)):
        basic = base64.b64encode(f"{user}:".encode()).decode()
        answer = sandbox.http.get(f"{sandbox.url}/stripe/v1/charges", headers={"Authorization": f"Basic {basic}"})
        assert answer.status_code == status


def test_another_api_version_is_refused(sandbox: Any) -> None:
    headers = {"Authorization": "Bearer sk_test_sandbox_for_tests", "Stripe-Version": "2023-08-16"}
    answer = sandbox.http.get(f"{sandbox.url}/stripe/v1/charges", headers=headers)
    assert answer.status_code == 400
    assert "2026-10-28.endive" in answer.json()["error"]["message"]


def test_calls_are_counted_by_route(sandbox: Any) -> None:
    for key in ("k1", "k1", "k2"):
        sandbox.post("payment_intents", INTENT, key=key)
    sandbox.get("charges/ch_none")
    routes = sandbox.control("GET", "calls")["routes"]
    assert routes["POST /v1/payment_intents"] == {"calls": 3, "replayed": 1, "refused": 0}
    assert routes["GET /v1/charges/{id}"] == {"calls": 1, "replayed": 0, "refused": 1}
    assert sandbox.control("GET", "books/stripe")["calls"] == routes
