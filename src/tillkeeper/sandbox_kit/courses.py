"""Courses: what may become of a payment's webhooks, by the names that pages, control verbs and commands share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tillkeeper.sandbox_kit import faults
from tillkeeper.sandbox_kit.faults import BAD_SIGNATURE, DROP, OLD_TIMESTAMP, Dial

late_ms = 5_000
many = 50

TIMEOUT = "timeout"
"""The one course on which an answer is lost besides."""


@dataclass(frozen=True, slots=True)
class Course:
    """Hold what a button is called, what will happen, and how the fault dial stands for this one payment."""

    label: str
    says: str
    turns: Mapping[str, object] = field(default_factory=dict)


COURSES: Mapping[str, Course] = MappingProxyType(
    {
        "duplicate": Course(
            "Send the webhook twice",
            "You pay, and every webhook arrives twice. The goods are delivered once.",
            {"webhook_copies": 2},
        ),
        "thrice": Course(
            "Send it 3 times",
            "You pay, and every webhook arrives three times. The goods are delivered once.",
            {"webhook_copies": 3},
        ),
        "storm": Course(
            f"Send it {many} times at once",
            f"You pay, and {many} copies of every webhook arrive at the same moment. The goods are delivered once.",
            {"webhook_copies": many},
        ),
        "late": Course(
            "Send it late",
            f"You pay, and the webhook leaves {late_ms // 1000} seconds later. Until then the shop waits.",
            {"webhook_delay_ms": late_ms},
        ),
        "shuffled": Course(
            "Send it out of order",
            "You pay, and what happened first may be told last. The result is the same.",
            {"webhook_shuffle": True},
        ),
        "bad_signature": Course(
            "Add a bad signature",
            "You pay, and beside each webhook comes a copy with a wrong signature, which is refused.",
            {BAD_SIGNATURE: 100},
        ),
        "old_timestamp": Course(
            "Add an old timestamp",
            "You pay, and beside each webhook comes a copy that was signed an hour ago.",
            {OLD_TIMESTAMP: 100},
        ),
        "never": Course(
            "Never send it",
            "You pay, and the webhook is lost. The shop learns of it when it asks the gateway: by itself within"
            " minutes, or when you press “Ask the gateway” there.",
            {DROP: 100},
        ),
        TIMEOUT: Course(
            "Time out after the capture",
            "You pay, and then nobody gets an answer: not your browser, and not the shop’s next question."
            f" The webhook comes {late_ms // 1000} seconds later.",
            {"webhook_delay_ms": late_ms},
        ),
    }
)


def turned(dial: Dial, course: str) -> Dial:
    """Turn a dial for one payment; no course, or an unknown one, leaves it as it stands."""
    return faults.turned(dial, COURSES[course].turns) if course in COURSES else dial
