"""The timeline of a payment for people: a line for each thing that happened, and where it leads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tillkeeper.web.dashboard.rail import HOME
from tillkeeper.web.shop import diary

ICONS = {
    "api": "code",
    "action": "user",
    "note": "file-text",
    "payment": "credit-card",
    "attempt": "arrow-up-right",
    "call": "arrow-up-right",
    "webhook": "arrow-down-left",
    "ledger": "book-open",
    "delivery": "box",
    "goods": "box",
    "event": "bell",
    "sent": "send",
    "letter": "send",
    "risk": "shield",
    "request": "undo-2",
    "dispute": "gavel",
    "discrepancy": "scale",
}
PAGES = {
    "webhook": (f"{HOME}/inbox/{{}}", "Look at the webhook"),
    "sent": (f"{HOME}/deliveries/{{}}", "Look at the delivery"),
}
"""What has a page of its own."""
SET_ASIDE = frozenset({"dead", "quarantined", "parked"})
"""Webhooks whose effect is still to come, and that somebody may want to bring back to work."""
ALARMING = frozenset({"dead", "quarantined", "failed", "late failed", "declined", "given_up", "broken"})
DOUBTFUL = frozenset({"parked", "outcome_unknown", "in_review"})

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Hold one line; `url` leads to the thing itself, and `replay` to the dialog that brings it back to work."""

    kind: str
    icon: str
    tone: str
    words: str
    after: str
    at: str
    raw: str
    url: str | None = None
    label: str = ""
    replay: str | None = None


def lines(events: Sequence[Json], titles: Mapping[str, str], *, may_replay: bool) -> list[Line]:
    """Write the timeline."""
    return [
        _line(event, entry, may_replay=may_replay)
        for event, entry in zip(events, diary.entries(events, titles), strict=True)
    ]


def aside(events: Sequence[Json]) -> list[Json]:
    """List the webhooks of a payment that were set aside."""
    return [event for event in events if _is_aside(event)]


def tone_of(event: Json) -> str:
    """Tell how a line is coloured: only what needs a look stands out."""
    states = {str(event["data"].get(name)) for name in ("status", "state", "after")} | {str(event["title"])}
    if states & ALARMING:
        return "danger"
    return "warning" if states & DOUBTFUL else ""


def _line(event: Json, entry: diary.Entry, *, may_replay: bool) -> Line:
    kind = event["kind"]
    page, label = PAGES.get(kind, ("", ""))
    url = page.format(event["data"]["id"]) if page else None
    return Line(
        kind=kind,
        icon=ICONS.get(kind, "circle"),
        tone=tone_of(event),
        words=entry.words,
        after=entry.after,
        at=entry.at,
        raw=entry.raw,
        url=url,
        label=label,
        replay=f"{url}/replay" if may_replay and _is_aside(event) else None,
    )


def _is_aside(event: Json) -> bool:
    return event["kind"] == "webhook" and event["data"]["status"] in SET_ASIDE
