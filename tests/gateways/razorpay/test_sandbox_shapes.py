"""What the sandbox says has the keys and the types of Razorpay's own samples."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

Shape = dict[str, set[str]]
# Seen in the samples of some accounts and methods only; absent from others of the same kind.
RARE = {"customer_id", "token_id", "provider", "reward", "offers", "created_at "}


def samples(oracles: Path, *patterns: str) -> list[Any]:
    folder = oracles / "fixtures" / "razorpay"
    found = [json.loads(path.read_text()) for pattern in patterns for path in sorted(folder.glob(pattern))]
    assert found, f"no sample is called {patterns}"
    return found


def kind(value: object) -> str:
    return {dict: "object", str: "text", int: "number", bool: "flag", list: "list", type(None): "nothing"}[type(value)]


def shape(things: Iterable[dict[str, Any]]) -> Shape:
    found: Shape = {}
    for thing in things:
        for name, value in thing.items():
            found.setdefault(name, set()).add(kind(value))
    return found


def check(thing: dict[str, Any], like: list[dict[str, Any]]) -> None:
    """Compare a thing with samples of its kind: no key of its own, none missing that all have, no other type."""
    known = shape(like)
    everywhere = set.intersection(*(set(sample) for sample in like))
    assert set(thing) - set(known) == set()
    assert everywhere - set(thing) - RARE == set()
    for name, value in thing.items():
        told = known.get(name, set()) - {"nothing"}
        # Where all samples have null they tell no type, and PHP writes an object without fields as an empty list.
        assert value in (None, []) or not told or kind(value) in told or name == "notes", (name, value, told)


def payloads(found: list[Any], name: str) -> list[dict[str, Any]]:
    return [event["payload"][name]["entity"] for event in found if name in event["payload"]]


@pytest.mark.parametrize("method", ["card", "netbanking", "upi", "wallet"])
def test_a_payment_of_each_method_looks_like_razorpays(sandbox: Any, oracles: Path, method: str) -> None:
    like = samples(oracles, f"api/payments__fetch-with-id__*-{method}.json")
    made = sandbox.act(f"orders/{sandbox.order()['id']}/pay", method=method)["payment"]
    check(made, like)


def test_a_failed_payment_looks_like_razorpays(sandbox: Any, oracles: Path) -> None:
    [listed] = samples(oracles, "api/orders__fetch-payments__1-success.json")
    made = sandbox.act(f"orders/{sandbox.order()['id']}/decline", method="upi")["payment"]
    check(made, listed["items"])


def test_orders_refunds_disputes_and_settlements_look_like_razorpays(sandbox: Any, oracles: Path) -> None:
    sandbox.order()
    payment = sandbox.paid(notes={"a": "b"})
    check(sandbox.sdk.order.fetch(payment["order_id"]), samples(oracles, "api/orders__*success.json")[:1])
    refund = sandbox.sdk.payment.refund(payment["id"], {"amount": 100, "receipt": "r 1"})
    check(refund, samples(oracles, "api/refunds__create-*success.json", "api/refunds__normal*success.json"))
    dispute = sandbox.act("disputes", payment=sandbox.paid()["id"])
    check(dispute, samples(oracles, "api/disputes__fetch__[1-6]*.json"))
    check(dispute["evidence"], [sample["evidence"] for sample in samples(oracles, "api/disputes__fetch__[1-6]*.json")])
    [settlement] = sandbox.act("settlements", early=True)["items"]
    check(settlement, samples(oracles, "api/settlements__fetch-with-id__1*.json"))


@pytest.mark.parametrize(
    ("path", "sample"),
    [
        ("orders", "api/orders__fetch-all__1-success.json"),
        ("refunds", "api/refunds__fetch-all__1-success.json"),
        ("disputes", "api/disputes__fetch-all__1-success.json"),
        ("settlements", "api/settlements__fetch-all__1-success.json"),
        ("payments", "api/orders__fetch-payments__1-success.json"),
    ],
)
def test_every_list_is_wrapped_as_razorpays(sandbox: Any, oracles: Path, path: str, sample: str) -> None:
    sandbox.sdk.payment.refund(sandbox.paid()["id"], {})
    check(sandbox.api("GET", path).json(), samples(oracles, sample))


def test_the_settlement_report_looks_like_razorpays(sandbox: Any, oracles: Path) -> None:
    [sample] = samples(oracles, "api/settlements__fetch-recon__1-success.json")
    payment = sandbox.act(f"orders/{sandbox.order(amount=900_000)['id']}/pay", method="card")["payment"]
    sandbox.sdk.payment.refund(payment["id"], {"amount": 100})
    dispute = sandbox.act("disputes", payment=sandbox.paid()["id"])
    sandbox.act(f"disputes/{dispute['id']}/lose")
    sandbox.act("adjustments", amount=-1_180, description="Monthly fee")
    [settlement] = sandbox.act("settlements", early=True)["items"]
    lines = sandbox.control("GET", "books/razorpay")["settlements"]
    assert [line["id"] for line in lines] == [settlement["id"]]
    year = {"year": 1970 + settlement["created_at"] // 31_556_952, "count": 1000}
    found = [
        line for month in range(1, 13) for line in sandbox.sdk.settlement.report({**year, "month": month})["items"]
    ]
    assert {line["type"] for line in found} == {"payment", "refund", "adjustment"}
    for line in found:
        check(line, sample["items"])


REFUSED = [
    ("POST", "orders", {"amount": 10, "currency": "INR"}, "orders__create__2-failure"),
    ("GET", "orders/order_AAAAAAAAAAAAAA", None, "orders__fetch-with-id__2-failure"),
    ("GET", "payments/pay_AAAAAAAAAAAAAA", None, "payments__fetch-with-id__6-failure"),
    ("POST", "payments/{paid}/capture", {"amount": "10", "currency": "INR"}, "payments__capture__2-failure"),
    ("POST", "payments/{paid}/refund", {"amount": 10}, "refunds__create-normal__2-failure"),
    ("POST", "payments/_29QQoUBi66xm2f/refund", {"amount": 1000}, "refunds__create-instant__2-failure"),
    ("GET", "refund/rfnd_AAAAAAAAAAAAAA", None, "refunds__fetch-with-id__2-failure"),
    ("GET", "disputes/disp_AAAAAAAAAAAAAA", None, "disputes__fetch__7-failure"),
    ("GET", "settlements?count=0", None, "settlements__fetch-all__2-failure"),
    ("GET", "settlements/recon/combined?year=2022&month=13", None, "settlements__fetch-recon__2-failure"),
]


@pytest.mark.parametrize(("method", "path", "body", "sample"), REFUSED, ids=[line[3] for line in REFUSED])
def test_a_refusal_is_word_for_word_razorpays(
    sandbox: Any, oracles: Path, method: str, path: str, body: object, sample: str
) -> None:
    [expected] = samples(oracles, f"api/{sample}.json")
    answer = sandbox.api(method, path.format(paid=sandbox.paid()["id"]), body)
    assert (answer.status_code, answer.json()) == (400, expected)


def test_a_wrong_key_is_refused_in_razorpays_words(sandbox: Any, oracles: Path) -> None:
    [expected] = samples(oracles, "api/orders__fetch-all__2-failure.json")
    answer = sandbox.api("GET", "orders", auth=("rzp_test_x", "y"))
    assert (answer.status_code, answer.json()) == (401, expected)


WEBHOOKS = {
    "payment.authorized": "payment_authorized__*.json",
    "payment.captured": "payment_captured__*.json",
    "payment.failed": "payment_failed__*.json",
    "order.paid": "order_paid__*.json",
    "payment_link.cancelled": "payment_link_cancelled__*.json",
    "payment_link.expired": "payment_link_expired__*.json",
    "refund.created": "refund_created__*.json",
    "refund.processed": "refund_processed__*.json",
    "refund.failed": "refund_failed__*.json",
    "payment.dispute.created": "payment_dispute_created__*.json",
    "payment.dispute.under_review": "payment_dispute_under_review__*.json",
    "payment.dispute.action_required": "payment_dispute_action_required__*.json",
    "payment.dispute.won": "payment_dispute_won__*.json",
    "payment.dispute.lost": "payment_dispute_lost__*.json",
    "payment.dispute.closed": "payment_dispute_closed__*.json",
    "settlement.processed": "settlement_processed__*.json",
}


def test_every_webhook_looks_like_razorpays(sandbox: Any, oracles: Path, until: Any) -> None:
    everything_happens(sandbox)
    until(lambda: set(WEBHOOKS) <= set(sandbox.told()))
    every_payment = payloads(samples(oracles, "webhooks/payment_[acf]*.json", "webhooks/refund_*.json"), "payment")
    every_order = payloads(samples(oracles, "webhooks/order_paid__*.json"), "order")
    every_dispute = payloads(samples(oracles, "webhooks/payment_dispute_*.json"), "dispute")
    known = {"payment": every_payment, "order": every_order, "dispute": every_dispute}
    for letter in sandbox.receiver.letters:
        event = letter.event
        if event["event"] == "payment_link.paid":
            continue  # its sample is not among the oracles; the parts are checked with the other events
        like = samples(oracles, f"webhooks/{WEBHOOKS[event['event']]}")
        check(event, like)
        assert event["contains"] == like[0]["contains"], event["event"]
        for name, part in event["payload"].items():
            check(part["entity"], known.get(name) or payloads(like, name))


def everything_happens(sandbox: Any) -> None:
    """Make the sandbox send every kind of webhook."""
    link = sandbox.link(reference_id="ref 1", callback_url="https://shop.example/", callback_method="get")
    sandbox.act(f"links/{link['id']}/decline", method="card")
    sandbox.act(f"links/{link['id']}/pay", method="card")
    sandbox.sdk.payment_link.cancel(sandbox.link()["id"])
    sandbox.act(f"links/{sandbox.link()['id']}/expire")
    payment = sandbox.paid(amount=900_000)
    sandbox.sdk.payment.refund(payment["id"], {"amount": 1000})
    sandbox.act("refunds/hold", held=True)
    refund = sandbox.sdk.payment.refund(payment["id"], {"amount": 1000})
    sandbox.act(f"refunds/{refund['id']}/fail")
    for end in ("win", "lose"):
        dispute = sandbox.act("disputes", payment=sandbox.paid()["id"])
        sandbox.act(f"disputes/{dispute['id']}/review")
        sandbox.act(f"disputes/{dispute['id']}/ask")
        sandbox.act(f"disputes/{dispute['id']}/{end}")
    sandbox.act(f"disputes/{sandbox.act('disputes', payment=payment['id'], phase='fraud')['id']}/close")
    sandbox.act("settlements", early=True)
