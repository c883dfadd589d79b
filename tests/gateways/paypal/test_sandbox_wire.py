"""Tokens, request ids, parameters and errors of the imitated PayPal, as bytes on the wire."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

ORDERS = "/v2/checkout/orders"
DAY = 86_400


def turn(sandbox: Any, **wishes: object) -> None:
    sandbox.control("PUT", "faults", wishes)


def injected(sandbox: Any) -> dict[str, int]:
    """Count what was injected, leaving out what never happened."""
    counts: dict[str, int] = sandbox.control("GET", "injected")["counts"]
    return {fault: times for fault, times in counts.items() if times}


def issue(answer: Any) -> str:
    return str(answer.json()["details"][0]["issue"])


def approved(sandbox: Any, **more: Any) -> str:
    order = sandbox.order(**more)["id"]
    sandbox.act(f"orders/{order}/pay")
    return str(order)


def test_the_same_key_and_body_get_the_same_order_and_make_no_other(sandbox: Any, wanted: Any) -> None:
    first = sandbox.post(ORDERS, wanted(), key="k1")
    again = sandbox.post(ORDERS, dict(reversed(wanted().items())), key="k1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert len(sandbox.lines()) == 1
    assert sandbox.control("GET", "calls")["routes"]["POST /v2/checkout/orders"]["replayed"] == 1


def test_a_replay_tells_the_latest_status_and_not_the_first_answer(sandbox: Any, wanted: Any) -> None:
    order = sandbox.post(ORDERS, wanted(), key="k1").json()
    sandbox.act(f"orders/{order['id']}/pay")
    assert sandbox.post(ORDERS, wanted(), key="k1").json()["status"] == "APPROVED"


def test_the_same_key_with_another_body_or_path_is_refused(sandbox: Any, wanted: Any) -> None:
    order = sandbox.post(ORDERS, wanted(), key="k1").json()["id"]
    for path, body in ((ORDERS, wanted(value="13.00")), (f"{ORDERS}/{order}/capture", {})):
        refused = sandbox.post(path, body, key="k1")
        assert (refused.status_code, refused.json()["name"]) == (400, "DUPLICATE_REQUEST_ID")


def test_the_same_key_while_the_first_request_runs_is_a_conflict(sandbox: Any, wanted: Any) -> None:
    sandbox.token = sandbox.grant()
    turn(sandbox, latency_ms=300)
    with ThreadPoolExecutor(5) as crowd:
        answers = list(crowd.map(lambda _: sandbox.post(ORDERS, wanted(), key="k1"), range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    busy = next(answer for answer in answers if answer.status_code == 409)
    assert (busy.json()["name"], issue(busy)) == ("RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS")
    assert len(sandbox.lines()) == 1


def test_a_key_of_an_order_is_forgotten_after_six_hours(sandbox: Any, wanted: Any) -> None:
    first = sandbox.post(ORDERS, wanted(), key="k1").json()["id"]
    for ahead, same in ((6 * 3600 - 60, True), (6 * 3600 + 1, False)):
        turn(sandbox, clock_ahead_seconds=ahead)
        assert (sandbox.post(ORDERS, wanted(), key="k1").json()["id"] == first) == same


def test_a_key_of_a_refund_is_forgotten_after_45_days(sandbox: Any) -> None:
    capture = sandbox.captured()["id"]
    path, body = f"/v2/payments/captures/{capture}/refund", {"amount": {"currency_code": "USD", "value": "1.00"}}
    first = sandbox.post(path, body, key="r1").json()["id"]
    for ahead, same in ((45 * DAY - 60, True), (45 * DAY + 1, False)):
        turn(sandbox, clock_ahead_seconds=ahead)
        sandbox.token = ""
        assert (sandbox.post(path, body, key="r1").json()["id"] == first) == same
    assert [line["refunded"] for line in sandbox.lines()] == [200]


def test_a_refusal_is_said_again_for_its_key_and_another_key_is_judged_anew(sandbox: Any) -> None:
    order = sandbox.order()["id"]
    assert issue(sandbox.post(f"{ORDERS}/{order}/capture", key="c1")) == "ORDER_NOT_APPROVED"
    sandbox.act(f"orders/{order}/pay")
    assert issue(sandbox.post(f"{ORDERS}/{order}/capture", key="c1")) == "ORDER_NOT_APPROVED"
    assert sandbox.post(f"{ORDERS}/{order}/capture", key="c2").status_code == 201


def test_a_request_that_was_not_understood_leaves_its_key_free(sandbox: Any, wanted: Any) -> None:
    assert sandbox.post(ORDERS, wanted() | {"intent": "GIVE"}, key="k1").status_code == 400
    assert sandbox.post(ORDERS, wanted(), key="k1").status_code == 201


def test_a_key_may_have_108_characters(sandbox: Any, wanted: Any) -> None:
    assert sandbox.post(ORDERS, wanted(), key="k" * 108).status_code == 201
    refused = sandbox.post(ORDERS, wanted(), key="k" * 109)
    assert (refused.status_code, issue(refused)) == (400, "INVALID_STRING_LENGTH")


def test_without_a_preference_an_answer_says_little(sandbox: Any, wanted: Any) -> None:
    made = sandbox.call("POST", ORDERS, wanted(), prefer="return=minimal")
    assert set(made.json()) == {"id", "status", "links"}
    held = sandbox.held()["id"]
    voided = sandbox.call("POST", f"/v2/payments/authorizations/{held}/void", {}, prefer="")
    assert (voided.status_code, voided.content) == (204, b"")


@pytest.mark.parametrize(
    ("change", "found", "field"),
    [
        ({"intent": None}, "MISSING_REQUIRED_PARAMETER", "/intent"),
        ({"intent": "LATER"}, "INVALID_PARAMETER_VALUE", "/intent"),
        ({"purchase_units": []}, "MISSING_REQUIRED_PARAMETER", "/purchase_units"),
        ({"purchase_units": "x"}, "INVALID_PARAMETER_SYNTAX", "/purchase_units"),
        ({"purchase_units": [{}]}, "MISSING_REQUIRED_PARAMETER", "/purchase_units/0/amount"),
        (
            {"purchase_units": [{"amount": {"value": "1"}}]},
            "MISSING_REQUIRED_PARAMETER",
            "/purchase_units/0/amount/currency_code",
        ),
        ({"payment_source": {"card": {}}}, "MISSING_REQUIRED_PARAMETER", "/payment_source/paypal"),
        (
            {"application_context": {"return_url": "nowhere"}},
            "INVALID_PARAMETER_SYNTAX",
            "/application_context/return_url",
        ),
        (
            {"application_context": {"user_action": "RUN"}},
            "INVALID_PARAMETER_VALUE",
            "/application_context/user_action",
        ),
    ],
)
def test_a_bad_parameter_is_named(sandbox: Any, wanted: Any, change: Any, found: str, field: str) -> None:
    refused = sandbox.post(ORDERS, wanted() | change, key="k1")
    assert (refused.status_code, refused.json()["name"]) == (400, "INVALID_REQUEST")
    detail = refused.json()["details"][0]
    assert (detail["issue"], detail["field"]) == (found, field)
    assert sandbox.lines() == []


@pytest.mark.parametrize(
    ("value", "currency", "status", "found"),
    [
        ("1.999", "USD", 422, "DECIMAL_PRECISION"),
        ("1.5", "JPY", 422, "DECIMALS_NOT_SUPPORTED"),
        ("1.5", "HUF", 422, "DECIMALS_NOT_SUPPORTED"),
        ("0", "USD", 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ("-5.00", "USD", 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ("10.00", "INR", 422, "INVALID_CURRENCY_CODE"),
        ("1e3", "USD", 400, "INVALID_PARAMETER_SYNTAX"),
        ("1,000.00", "USD", 400, "INVALID_PARAMETER_SYNTAX"),
    ],
)
def test_an_amount_that_paypal_does_not_write_is_refused(
    sandbox: Any, wanted: Any, value: str, currency: str, status: int, found: str
) -> None:
    refused = sandbox.post(ORDERS, wanted(value=value, currency=currency))
    assert (refused.status_code, issue(refused)) == (status, found)


@pytest.mark.parametrize("value", ["1.00", "1", "1.000", ".50"])
def test_an_amount_may_be_written_in_several_ways(sandbox: Any, wanted: Any, value: str) -> None:
    assert sandbox.post(ORDERS, wanted(value=value)).status_code == 201


@pytest.mark.parametrize("raw", [b"{", b"[]", b"5", b"[" * 100_000, b'{"a": NaN'])
def test_a_body_that_is_no_json_object_is_refused(sandbox: Any, raw: bytes) -> None:
    headers = {"Authorization": f"Bearer {sandbox.grant()}"}
    refused = sandbox.http.post(f"{sandbox.api}{ORDERS}", content=raw, headers=headers)
    assert (refused.status_code, refused.json()["name"]) == (400, "INVALID_REQUEST")


def test_an_order_that_names_how_it_is_paid_needs_a_key(sandbox: Any, wanted: Any) -> None:
    body = wanted() | {"payment_source": {"paypal": {}}}
    assert issue(sandbox.post(ORDERS, body)) == "PAYPAL_REQUEST_ID_REQUIRED"
    made = sandbox.post(ORDERS, body, key="k1")
    assert (made.status_code, made.json()["status"]) == (200, "PAYER_ACTION_REQUIRED")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer nobody", "Basic YTpi", "nonsense"])
def test_a_call_without_a_good_token_is_turned_away_before_execution(
    sandbox: Any, wanted: Any, authorization: str
) -> None:
    headers = {"Authorization": authorization}
    refused = sandbox.http.post(f"{sandbox.api}{ORDERS}", json=wanted(), headers=headers)
    assert (refused.status_code, refused.json()["name"]) == (401, "AUTHENTICATION_FAILURE")
    assert sandbox.lines() == []


def test_a_token_lasts_nine_hours_on_the_gateways_clock(sandbox: Any) -> None:
    for ahead, status in ((9 * 3600 - 60, 200), (9 * 3600 + 1, 401)):
        sandbox.token = sandbox.token or sandbox.grant()
        turn(sandbox, clock_ahead_seconds=ahead)
        assert sandbox.get("/v1/notifications/webhooks-events").status_code == status


@pytest.mark.parametrize(
    ("user", "form", "error"),
    [
        (("A_client_for_tests", "wrong"), {"grant_type": "client_credentials"}, "invalid_client"),
        (("other", "E_secret_for_tests"), {"grant_type": "client_credentials"}, "invalid_client"),
        (("A_client_for_tests", "E_secret_for_tests"), {"grant_type": "password"}, "unsupported_grant_type"),
        (("A_client_for_tests", "E_secret_for_tests"), {}, "unsupported_grant_type"),
    ],
)
def test_a_token_is_granted_for_the_right_credentials_only(sandbox: Any, user: Any, form: Any, error: str) -> None:
    answer = sandbox.http.post(f"{sandbox.api}/v1/oauth2/token", data=form, auth=user)
    assert answer.json()["error"] == error


def test_what_does_not_exist_is_not_found(sandbox: Any) -> None:
    for path in (f"{ORDERS}/NONE", "/v2/payments/captures/NONE", "/v1/customer/disputes/NONE", "/v2/anything"):
        missing = sandbox.get(path)
        assert (missing.status_code, missing.json()["name"]) == (404, "RESOURCE_NOT_FOUND")
    assert sandbox.http.get(f"{sandbox.api}/v1/notifications/certs/CERT-NONE").status_code == 404


def test_capture_and_authorise_follow_the_intent_of_the_order(sandbox: Any) -> None:
    for intent, verb in (("CAPTURE", "authorize"), ("AUTHORIZE", "capture")):
        order = approved(sandbox, intent=intent)
        assert issue(sandbox.post(f"{ORDERS}/{order}/{verb}")) == "ACTION_DOES_NOT_MATCH_INTENT"


def test_a_lost_reply_is_a_cut_connection_and_a_capture_that_asking_finds(sandbox: Any) -> None:
    order = approved(sandbox)
    turn(sandbox, lost_reply_percent=100, only_methods=["POST"])
    with pytest.raises(httpx2.TransportError):
        sandbox.post(f"{ORDERS}/{order}/capture", key="c1")
    turn(sandbox, lost_reply_percent=0)
    again = sandbox.post(f"{ORDERS}/{order}/capture", key="c1")
    assert (again.status_code, again.json()["status"]) == (200, "COMPLETED")
    assert [line["captured"] for line in sandbox.lines()] == [1200]
    assert injected(sandbox) == {"lost_reply_percent": 1}


def test_an_error_before_execution_changes_nothing_and_leaves_the_key_free(sandbox: Any, wanted: Any) -> None:
    sandbox.token = sandbox.grant()
    turn(sandbox, error_before_percent=100, only_methods=["POST"])
    failed = sandbox.post(ORDERS, wanted(), key="k1")
    assert (failed.status_code, failed.json()["name"]) == (500, "INTERNAL_SERVER_ERROR")
    assert sandbox.lines() == []
    turn(sandbox, error_before_percent=0)
    assert sandbox.post(ORDERS, wanted(), key="k1").status_code == 201
    assert injected(sandbox) == {"error_before_percent": 1}


def test_an_error_after_execution_made_the_order_that_the_key_finds(sandbox: Any, wanted: Any) -> None:
    sandbox.token = sandbox.grant()
    turn(sandbox, error_after_percent=100, only_methods=["POST"])
    assert sandbox.post(ORDERS, wanted(), key="k1").status_code == 500
    turn(sandbox, error_after_percent=0)
    again = sandbox.post(ORDERS, wanted(), key="k1")
    assert [again.json()["id"]] == [line["order"] for line in sandbox.lines()]
    assert injected(sandbox) == {"error_after_percent": 1}


def test_a_forgotten_key_makes_a_second_refund(sandbox: Any) -> None:
    path = f"/v2/payments/captures/{sandbox.captured()['id']}/refund"
    turn(sandbox, forget_keys=True)
    part = {"amount": {"currency_code": "USD", "value": "1.00"}}
    made = {sandbox.post(path, part, key="r1").json()["id"] for _ in range(2)}
    assert len(made) == 2
    assert injected(sandbox) == {"forget_keys": 1}


def test_a_window_that_somebody_turned_counts_instead_of_paypals_own(sandbox: Any, wanted: Any) -> None:
    turn(sandbox, key_window_seconds=600)
    first = sandbox.post(ORDERS, wanted(), key="k1").json()["id"]
    turn(sandbox, clock_ahead_seconds=601)
    assert sandbox.post(ORDERS, wanted(), key="k1").json()["id"] != first
    assert injected(sandbox) == {"key_window_seconds": 1}


def test_a_new_object_does_not_show_at_first_nor_in_lists(sandbox: Any) -> None:
    turn(sandbox, not_found_first=1)
    order = sandbox.order()["id"]
    assert sandbox.get(f"{ORDERS}/{order}").status_code == 404
    assert sandbox.get(f"{ORDERS}/{order}").status_code == 200
    sandbox.act(f"orders/{order}/pay")
    assert sandbox.event_types() == []
    assert sandbox.event_types() == ["CHECKOUT.ORDER.APPROVED"]


def test_a_call_can_be_delayed_and_stalled(sandbox: Any, wanted: Any) -> None:
    sandbox.token = sandbox.grant()
    turn(sandbox, latency_ms=30, stall_percent=100, stall_ms=50, only_methods=["POST"])
    assert sandbox.post(ORDERS, wanted(), key="k1").status_code == 201
    assert injected(sandbox) == {"latency_ms": 1, "stall_percent": 1}


def test_events_are_paged_and_narrowed(sandbox: Any) -> None:
    order = approved(sandbox)
    sandbox.post(f"{ORDERS}/{order}/capture")
    place = "/v1/notifications/webhooks-events"
    first = sandbox.get(f"{place}?page_size=2").json()
    assert (first["count"], [link["rel"] for link in first["links"]]) == (2, ["self", "next"])
    rest = sandbox.get(first["links"][1]["href"].removeprefix(sandbox.api)).json()
    assert [link["rel"] for link in rest["links"]] == ["self"]
    assert [event["event_type"] for event in first["events"] + rest["events"]] == sandbox.event_types()[::-1]
    assert sandbox.get(f"{place}?event_type=PAYMENT.CAPTURE.COMPLETED").json()["count"] == 1
    assert sandbox.get(f"{place}?transaction_id={order}").json()["count"] == 2
    assert sandbox.get(f"{place}?end_time=2020-01-01T00:00:00Z").json()["count"] == 0
    assert sandbox.get(f"{place}?start_time=yesterday").status_code == 400
    assert sandbox.get(f"{place}?page_size=301").status_code == 400


def test_an_event_is_sent_again_on_request(sandbox: Any, until: Any) -> None:
    approved(sandbox)
    [event] = sandbox.events()
    assert sandbox.get(f"/v1/notifications/webhooks-events/{event['id']}").json() == event
    assert sandbox.post(f"/v1/notifications/webhooks-events/{event['id']}/resend").status_code == 202
    until(lambda: [letter.event["id"] for letter in sandbox.receiver.letters] == [event["id"]] * 2)
    sent = {letter.headers["paypal-transmission-id"] for letter in sandbox.receiver.letters}
    assert len(sent) == 2


def test_the_event_in_a_request_to_verify_is_cut_out_as_it_was_written(sandbox: Any, until: Any) -> None:
    approved(sandbox)
    until(lambda: len(sandbox.receiver.letters) == 1)
    letter = sandbox.receiver.letters[0]
    names = ("auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time")
    told = {name: letter.headers[f"paypal-{name.replace('_', '-')}"] for name in names}
    asked = told | {"webhook_id": "4JH86294D6297924G", "webhook_event": letter.event}
    place = "/v1/notifications/verify-webhook-signature"
    # Read and written again, the event has other bytes, and its checksum is another.
    rewritten = {**asked, "webhook_event": dict(reversed(letter.event.items()))}
    assert sandbox.post(place, rewritten).json()["verification_status"] == "FAILURE"
    assert sandbox.post(place, {**asked, "webhook_id": "OTHER"}).json()["verification_status"] == "FAILURE"
    assert sandbox.post(place, {**asked, "transmission_sig": "AAAA"}).json()["verification_status"] == "FAILURE"
    assert issue(sandbox.post(place, told)) == "MISSING_REQUIRED_PARAMETER"


def test_a_control_verb_says_what_it_cannot_do(sandbox: Any) -> None:
    order = sandbox.order()["id"]
    base = f"{sandbox.url}/_control/paypal"
    for path, body, status in (
        (f"orders/{order}/decline", {"code": "boredom"}, 422),
        (f"orders/{order}/pay", {"surprise": 1}, 422),
        ("orders/NONE/pay", {}, 404),
        ("refunds", {}, 422),
        ("refunds", {"order": order}, 404),
        ("payouts", {}, 422),
    ):
        answer = sandbox.http.post(f"{base}/{path}", json=body)
        assert answer.status_code == status, answer.text
        assert answer.json()["error"]["message"]
    sandbox.act(f"orders/{order}/pay")
    sandbox.post(f"{ORDERS}/{order}/capture")
    assert sandbox.http.post(f"{base}/orders/{order}/pay").status_code == 422


def test_every_control_verb_is_documented_and_served(sandbox: Any) -> None:
    page = sandbox.http.get(f"{sandbox.url}/_control/docs").text
    for verb in ("orders/{id}/pay", "captures/{id}/settle", "disputes/{id}/escalate", "tokens/revoke"):
        assert verb in page
