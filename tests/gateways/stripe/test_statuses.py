"""Every status that Stripe's own types know is read, in every event about it and when it is asked for."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tillkeeper.facts import EXPIRED, Notice, NoticeKind
from tillkeeper.gateways.stripe import webhook

INTENT = "payment_intent"
OBJECTS = {
    "checkout.session": "checkout.session",
    INTENT: INTENT,
    "refund": "refund",
    "charge.dispute": "dispute",
    "payout": "payout",
}
TEXTS: dict[str, list[str | None]] = {
    "refund": ["pending", "requires_action", "succeeded", "failed", "canceled", "", None],
    "payout": ["paid", "pending", "in_transit", "canceled", "failed", ""],
}
"""What Stripe's pages name where its types say no more than that it is a text, and what they do not name."""


@pytest.fixture(scope="module")
def types(oracles: Path) -> dict[str, Any]:
    schemas: dict[str, Any] = json.loads((oracles / "specs" / "stripe" / "sdk_types_schema.json").read_text())["$defs"]
    return schemas


@pytest.fixture(scope="module")
def fixtures(oracles: Path) -> Path:
    return oracles / "fixtures" / "stripe" / "resources"


def words(types: dict[str, Any], kind: str, name: str) -> list[str | None]:
    """List what a field may say."""
    field = types[kind]["properties"][name]
    parts = field.get("anyOf", [field])
    named = [word for part in parts for word in part.get("enum", [])]
    return [*named, None] if {"type": "null"} in parts and named else named


def states(types: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    """Go through all that an object may say of how far it is."""
    fields = ["status"] + ["payment_status"] * (kind == "checkout.session")
    said = [words(types, kind, name) or TEXTS[kind] for name in fields]
    for combination in product(*said):
        yield dict(zip(fields, combination, strict=True))


@pytest.mark.parametrize("subject", OBJECTS)
def test_no_status_that_stripe_knows_makes_an_event_unreadable(
    types: dict[str, Any], fixtures: Path, subject: str
) -> None:
    kind = OBJECTS[subject]
    thing = json.loads((fixtures / f"{kind}.json").read_text())
    events = [event for event in webhook.READERS if event.rpartition(".")[0] == subject]
    for event, state in product(events, states(types, kind)):
        body = {"id": "evt_1", "type": event, "created": 1, "data": {"object": thing | state}}
        webhook.translate(json.dumps(body).encode())
    assert events


def test_of_all_checkouts_that_are_complete_and_unpaid_only_one_that_waits_for_another_payment_has_ended(
    types: dict[str, Any], fixtures: Path
) -> None:
    session, intent = [json.loads((fixtures / f"{kind}.json").read_text()) for kind in ("checkout.session", INTENT)]
    ended = [
        (state["status"], state["payment_status"], about["status"])
        for state, about in product(states(types, "checkout.session"), states(types, INTENT))
        if says_ended(webhook.of_bounced(session | state, intent | about))
    ]
    assert ended == [("complete", "unpaid", "requires_payment_method")]


def says_ended(notices: list[Notice]) -> bool:
    return [(notice.kind, notice.code) for notice in notices] == [(NoticeKind.PAYMENT_CANCELED, EXPIRED)]
