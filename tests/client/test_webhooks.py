"""The client verifies webhooks as the standard's own library signs them."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook as Standard

from tillkeeper_client import Webhook, WebhookVerificationError, models

SECRET = "whsec_" + base64.b64encode(b"a secret of the client tests").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret of the same").decode()
BODY = (
    b'{"type":"payment.succeeded","timestamp":"2026-11-21T10:00:00.000Z","data":{"payment":"payment_x",'
    b'"amount":199,"currency":"EUR","status":"succeeded","reason":"captured","added_later":1}}'
)


def signed(secret: str = SECRET, *, age: timedelta = timedelta(), body: bytes = BODY) -> dict[str, str]:
    at = datetime.now(UTC) - age  # noqa: TID251 (the client goes by the clock of its machine)
    signature = Standard(secret).sign("event_x", at, body.decode())
    return {
        "Webhook-Id": "event_x",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": signature,
    }


def test_a_webhook_becomes_a_typed_event() -> None:
    event = Webhook(SECRET).verify(BODY, signed())
    assert (event.id, event.type, event.timestamp.year) == ("event_x", "payment.succeeded", 2026)
    assert isinstance(event.data, models.PaymentTold)
    assert (event.data.payment, event.data.amount, event.data.refund) == ("payment_x", 199, None)


def test_an_event_of_a_type_that_came_later_keeps_its_data() -> None:
    body = b'{"type":"moon.landed","timestamp":"2026-11-21T10:00:00Z","data":{"crater":7}}'
    assert Webhook(SECRET).verify(body, signed(body=body)).data == {"crater": 7}


@pytest.mark.parametrize("age", [timedelta(seconds=301), timedelta(seconds=-302)])
def test_a_webhook_of_another_time_is_refused(age: timedelta) -> None:
    with pytest.raises(WebhookVerificationError, match="five minutes"):
        Webhook(SECRET).verify(BODY, signed(age=age))


@pytest.mark.parametrize("change", ["body", "id", "secret", "none", "other version", "timestamp"])
def test_a_webhook_that_was_changed_is_refused(change: str) -> None:
    headers, body = signed(OTHER if change == "secret" else SECRET), BODY
    match change:
        case "body":
            body = BODY.replace(b"199", b"200")
        case "secret":
            pass  # it is signed by another one
        case "id":
            headers["Webhook-Id"] = "event_y"
        case "none":
            del headers["Webhook-Signature"]
        case "other version":
            headers["Webhook-Signature"] = headers["Webhook-Signature"].replace("v1,", "v2,")
        case _:
            headers["Webhook-Timestamp"] = "-1"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers)


def test_while_a_secret_is_rotated_either_one_will_do() -> None:
    assert Webhook(OTHER, SECRET).verify(BODY, signed()).id == "event_x"
    headers = signed()
    headers["Webhook-Signature"] = signed(OTHER)["Webhook-Signature"] + " " + headers["Webhook-Signature"]
    assert Webhook(SECRET).verify(BODY, headers).id == "event_x"


def test_a_secret_that_is_none_says_so_at_once() -> None:
    with pytest.raises(ValueError, match="whsec_"):
        Webhook("till_sk_sandbox_x!")


@pytest.mark.parametrize(
    "secrets", [(), ("",), ("whsec_",), (SECRET, ""), ("whsec_" + base64.b64encode(b"x" * 23).decode(),)]
)
def test_a_secret_that_everybody_could_guess_is_refused_before_anything_is_believed(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="empty or cut off"):
        Webhook(*secrets)


@pytest.mark.parametrize("moment", ["9" * 17, "9" * 5000, "1" * 5000])
def test_a_timestamp_of_any_length_is_refused_as_one_that_is_far_away(moment: str) -> None:
    with pytest.raises(WebhookVerificationError, match="five minutes"):
        Webhook(SECRET).verify(BODY, signed() | {"Webhook-Timestamp": moment})
