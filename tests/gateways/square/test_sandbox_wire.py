"""The wire: tokens, parameters, idempotency windows, and what goes wrong on purpose."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

MONEY = {"amount": 500, "currency": "USD"}
day_seconds = 86_400
clients = 8


def asked(key: str, **more: Any) -> dict[str, Any]:
    return {"source_id": "cnon:card-nonce-ok", "idempotency_key": key, "amount_money": MONEY} | more


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def charges(house: Any) -> int:
    """Count how often money was taken or set aside."""
    return sum(line["charges"] for line in house.control("GET", "books/square")["payments"])


@pytest.mark.parametrize("given", ["", "Bearer wrong", "Basic EAAA", "Bearer"])
def test_a_call_without_the_token_is_refused(house: Any, given: str) -> None:
    answer = house.send("GET", "payments", Authorization=given)
    assert code_of(answer) == (401, "UNAUTHORIZED")
    assert answer.json()["errors"][0]["category"] == "AUTHENTICATION_ERROR"


def test_a_version_of_another_form_is_refused(house: Any) -> None:
    assert code_of(house.send("GET", "payments", **{"Square-Version": "latest"})) == (
        400,
        "INVALID_SQUARE_VERSION_FORMAT",
    )
    assert house.send("GET", "payments", **{"Square-Version": "2025-08-20"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"source_id": None}, "MISSING_REQUIRED_PARAMETER", "source_id"),
        ({"idempotency_key": None}, "MISSING_REQUIRED_PARAMETER", "idempotency_key"),
        ({"idempotency_key": "k" * 46}, "VALUE_TOO_LONG", "idempotency_key"),
        ({"amount_money": None}, "MISSING_REQUIRED_PARAMETER", "amount_money"),
        ({"amount_money": {"amount": "500", "currency": "USD"}}, "EXPECTED_INTEGER", "amount_money.amount"),
        ({"amount_money": {"amount": True, "currency": "USD"}}, "EXPECTED_INTEGER", "amount_money.amount"),
        ({"amount_money": {"amount": 0, "currency": "USD"}}, "VALUE_TOO_LOW", "amount_money.amount"),
        ({"amount_money": {"amount": 5, "currency": "usd"}}, "INVALID_ENUM_VALUE", "amount_money.currency"),
        ({"amount_money": {"amount": 5, "currency": "INR"}}, "INVALID_ENUM_VALUE", "amount_money.currency"),
        ({"amount_money": {"amount": 5, "currency": "USD", "x": 1}}, "UNKNOWN_BODY_PARAMETER", "amount_money.x"),
        ({"amount": 5}, "UNKNOWN_BODY_PARAMETER", "amount"),
        ({"reference_id": "r" * 41}, "VALUE_TOO_LONG", "reference_id"),
        ({"note": 5}, "EXPECTED_STRING", "note"),
        ({"autocomplete": "false"}, "EXPECTED_BOOLEAN", "autocomplete"),
        ({"delay_duration": "PT1H"}, "CONFLICTING_PARAMETERS", "delay_duration"),
        ({"delay_duration": "soon", "autocomplete": False}, "INVALID_VALUE", "delay_duration"),
        ({"location_id": "LELSEWHERE"}, "INVALID_LOCATION", "location_id"),
        ({"customer_id": "NOBODY"}, "NOT_FOUND", "customer_id"),
        ({"source_id": "cnon:unheard-of"}, "NOT_FOUND", "source_id"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name_and_charges_nothing(
    house: Any, body: dict[str, Any], code: str, field: str
) -> None:
    sent = {name: value for name, value in asked("the-key", **body).items() if value is not None}
    answer = house.send("POST", "payments", sent)
    [error] = answer.json()["errors"]
    assert (error["code"], error["field"]) == (code, field)
    assert charges(house) == 0
    if "idempotency_key" not in body:
        assert house.send("POST", "payments", asked("the-key")).status_code == 200, "a refusal burned the key"


@pytest.mark.parametrize("raw", [b"[]", b"{", b"null", b"\xff", b"[" * 10_000])
def test_a_body_that_is_no_object_is_refused(house: Any, raw: bytes) -> None:
    headers = {"Authorization": f"Bearer {house.secrets['SQUARE_ACCESS_TOKEN']}"}
    answer = house.http.post(f"{house.url}/square/v2/payments", content=raw, headers=headers)
    assert code_of(answer) == (400, "EXPECTED_JSON_BODY")


def test_an_unknown_address_or_query_is_refused(house: Any) -> None:
    assert code_of(house.send("GET", "nothing/here")) == (404, "NOT_FOUND")
    assert code_of(house.send("GET", "payments?colour=red")) == (400, "UNKNOWN_QUERY_PARAMETER")
    assert code_of(house.send("GET", "payments?cursor=x!")) == (400, "INVALID_CURSOR")
    assert code_of(house.send("GET", "payments?begin_time=yesterday")) == (400, "INVALID_TIME")


def test_the_same_key_and_body_are_answered_the_same_and_charge_once(house: Any) -> None:
    first, again = (house.send("POST", "payments", asked("k")) for _ in range(2))
    assert first.json() == again.json()
    assert charges(house) == 1
    reordered = dict(reversed(asked("k").items()))
    assert house.send("POST", "payments", reordered).json() == first.json()


def test_the_same_key_with_another_body_is_refused(house: Any) -> None:
    house.send("POST", "payments", asked("k"))
    answer = house.send("POST", "payments", asked("k", note="another"))
    assert code_of(answer) == (400, "IDEMPOTENCY_KEY_REUSED")
    assert charges(house) == 1


def test_a_declined_card_is_answered_the_same_again_and_burns_its_key(house: Any) -> None:
    declined = asked("k", source_id="cnon:card-nonce-declined")
    first, again = (house.send("POST", "payments", declined) for _ in range(2))
    assert first.json() == again.json()
    assert code_of(first) == (400, "GENERIC_DECLINE")
    assert code_of(house.send("POST", "payments", asked("k"))) == (400, "IDEMPOTENCY_KEY_REUSED")


def test_a_key_is_one_for_each_kind_of_call(house: Any) -> None:
    payment = house.send("POST", "payments", asked("k")).json()["payment"]["id"]
    refund = {"idempotency_key": "k", "payment_id": payment, "amount_money": MONEY}
    assert house.send("POST", "refunds", refund).status_code == 200
    assert house.send("POST", "refunds", refund).status_code == 200
    assert house.line(payment)["refunds"] == 1


def test_a_key_is_forgotten_after_its_window_by_the_gateways_clock(house: Any) -> None:
    house.send("POST", "payments", asked("k"))
    house.control("PUT", "faults", {"clock_ahead_seconds": day_seconds - 60})
    house.send("POST", "payments", asked("k"))
    assert charges(house) == 1
    house.control("PUT", "faults", {"clock_ahead_seconds": day_seconds + 60})
    house.send("POST", "payments", asked("k"))
    assert charges(house) == 2
    assert house.control("GET", "injected")["counts"]["key_window_seconds"] == 1


def test_one_key_many_times_at_once_charges_once(house: Any) -> None:
    house.control("PUT", "faults", {"latency_ms": 50})
    with ThreadPoolExecutor(clients) as crowd:
        answers = list(crowd.map(lambda _: house.send("POST", "payments", asked("k")).status_code, range(clients)))
    assert set(answers) <= {200, 409}
    assert 200 in answers
    assert charges(house) == 1


def test_a_lost_reply_was_executed_and_is_repeated_for_its_key(house: Any) -> None:
    house.control("PUT", "faults", {"lost_reply_percent": 100, "only_methods": ["POST"]})
    with pytest.raises(httpx2.TransportError):
        house.send("POST", "payments", asked("k"))
    house.control("DELETE", "faults")
    [shown] = house.send("GET", "payments").json()["payments"]
    assert house.send("POST", "payments", asked("k")).json()["payment"]["id"] == shown["id"]
    assert (charges(house), house.control("GET", "injected")["counts"]["lost_reply_percent"]) == (1, 1)


def test_an_error_before_changes_nothing_and_one_after_has_happened(house: Any) -> None:
    house.control("PUT", "faults", {"error_before_percent": 100})
    assert code_of(house.send("POST", "payments", asked("k"))) == (500, "INTERNAL_SERVER_ERROR")
    house.control("PUT", "faults", {"error_before_percent": 0, "error_after_percent": 100})
    assert charges(house) == 0
    assert code_of(house.send("POST", "payments", asked("k"))) == (500, "INTERNAL_SERVER_ERROR")
    assert charges(house) == 1
    house.control("DELETE", "faults")
    assert house.send("POST", "payments", asked("k")).status_code == 500, "the same key is answered the same"
    assert charges(house) == 1


def test_a_new_object_is_absent_from_look_ups_and_lists_while_replicas_lag(house: Any) -> None:
    house.control("PUT", "faults", {"not_found_first": 2})
    payment = house.send("POST", "payments", asked("k")).json()["payment"]["id"]
    house.control("DELETE", "faults")
    assert code_of(house.send("GET", f"payments/{payment}")) == (404, "NOT_FOUND")
    assert house.send("GET", "payments").json() == {}
    assert house.send("GET", f"payments/{payment}").json()["payment"]["id"] == payment


def test_a_nonce_pays_once(house: Any) -> None:
    nonce = house.act("cards", {"outcome": "ok"})["source_id"]
    assert house.send("POST", "payments", asked("k1", source_id=nonce)).status_code == 200
    assert code_of(house.send("POST", "payments", asked("k2", source_id=nonce))) == (400, "CARD_TOKEN_USED")
    assert house.send("POST", "payments", asked("k1", source_id=nonce)).status_code == 200


def test_a_card_whose_bank_asks_pays_with_a_verification_token_only(house: Any) -> None:
    source = "cnon:card-nonce-requires-verification"
    assert code_of(house.send("POST", "payments", asked("k1", source_id=source))) == (
        400,
        "CARD_DECLINED_VERIFICATION_REQUIRED",
    )
    verified = asked("k2", source_id=source, verification_token="verf:ok")
    assert house.send("POST", "payments", verified).status_code == 200


def test_events_are_searchable_only_from_when_that_is_switched_on(house: Any) -> None:
    assert house.send("PUT", "events/disable").json() == {}
    house.send("POST", "payments", asked("k1"))
    assert house.send("POST", "events", {}).json() == {}
    house.send("PUT", "events/enable")
    house.send("POST", "payments", asked("k2"))
    found = house.send("POST", "events", {"query": {"filter": {"event_types": ["payment.created"]}}}).json()
    assert [event["type"] for event in found["events"]] == ["payment.created"]
    assert found["metadata"][0]["event_id"] == found["events"][0]["event_id"]


def test_events_are_kept_for_28_days(house: Any) -> None:
    house.send("POST", "payments", asked("k1"))
    house.control("PUT", "faults", {"clock_ahead_seconds": 27 * day_seconds})
    assert house.send("POST", "events", {}).json()["events"]
    house.control("PUT", "faults", {"clock_ahead_seconds": 29 * day_seconds})
    assert house.send("POST", "events", {}).json() == {}


def test_an_order_is_paid_once_and_in_full(house: Any) -> None:
    item = {"name": "x", "quantity": "1", "base_price_money": MONEY}
    made = house.send("POST", "orders", {"order": {"location_id": house.location, "line_items": [item]}})
    order = made.json()["order"]["id"]
    short = asked("k1", order_id=order, amount_money={"amount": 400, "currency": "USD"})
    assert code_of(house.send("POST", "payments", short)) == (400, "PAYMENT_AMOUNT_MISMATCH")
    assert house.send("POST", "payments", asked("k2", order_id=order)).status_code == 200
    assert code_of(house.send("POST", "payments", asked("k3", order_id=order))) == (400, "BAD_REQUEST")


def test_what_square_takes_and_this_sandbox_does_not_imitate_is_refused_by_name(house: Any) -> None:
    answer = house.send("POST", "payments", asked("k", app_fee_money=MONEY))
    assert answer.json()["errors"][0]["field"] == "app_fee_money"
