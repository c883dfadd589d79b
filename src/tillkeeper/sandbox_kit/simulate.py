"""The Simulate panel of a checkout page: what each button does, told before it is pressed, and as a command."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tillkeeper.sandbox_kit.courses import COURSES, TIMEOUT

PAYMENT = re.compile(r"payment_[0-9a-z]{26}")
UNDER_TIMEOUT = "pay.timeout"
NOTHING = "Nothing is charged and nothing is delivered."
DEEDS = {
    "authenticate": (
        "Pay with authentication",
        "You are asked first whether it is you. On the next page, complete that or fail it.",
        "pay.authenticate",
        "pay.unauthenticated",
    ),
    "abandon": ("Close the tab", "You go back to the shop without paying. The checkout stays open.", "pay.abandon"),
}


@dataclass(frozen=True, slots=True)
class Button:
    """Hold one button; `field` and `value` are what the form sends, `lines` do the same in a terminal."""

    label: str
    says: str
    field: str
    value: str
    lines: Sequence[str]
    danger: bool = False
    leaves: bool = False
    """Whether it leads away from a checkout inside the shop's page."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Hold the buttons: what the customer does, and what the webhook does when they pay."""

    deeds: Sequence[Button]
    courses: Sequence[Button]


def panel(
    gateway: str, told: Sequence[str | None], *, declines: Mapping[str, str], leaves: Collection[str] = ()
) -> Panel:
    """Lay out the panel; `told` is where the merchant's own name for the payment may stand, `declines` are in words.

    `leaves` names the deeds, such as pay, that lead away from the shop's page that holds this one.
    """
    payment = next((found[0] for text in told if (found := PAYMENT.search(text or ""))), None)
    tail = f"--payment {payment}" if payment else f"--gateway {gateway}"
    courses = [_course(name, tail, leaves="pay" in leaves) for name in COURSES if name != TIMEOUT]
    deeds = [
        *(
            _decline(place, code, declines[code], tail, leaves="decline" in leaves)
            for place, code in enumerate(declines)
        ),
        *(_deed(act, tail, leaves=act in leaves) for act in DEEDS),
        _course(TIMEOUT, tail, leaves="pay" in leaves),
    ]
    return Panel(deeds, courses)


def _decline(place: int, code: str, reason: str, tail: str, *, leaves: bool) -> Button:
    """Offer the first reason as simply a decline, the others by their names."""
    label = f"Decline: {reason[:1].lower()}{reason[1:]}" if place else "Decline"
    line = _line("pay.decline", tail, *([f"--code {code}"] if place else ()))
    return Button(
        label, NOTHING if place else f"{reason}. {NOTHING}", "decline", code, [line], danger=True, leaves=leaves
    )


def _deed(act: str, tail: str, *, leaves: bool) -> Button:
    label, says, *scenarios = DEEDS[act]
    return Button(label, says, "act", act, [_line(scenario, tail) for scenario in scenarios], leaves=leaves)


def _course(name: str, tail: str, *, leaves: bool) -> Button:
    course = COURSES[name]
    scenario = UNDER_TIMEOUT if name == TIMEOUT else f"webhook.{name}"
    return Button(course.label, course.says, "webhook", name, [_line(scenario, tail)], leaves=leaves)


def _line(scenario: str, *words: str) -> str:
    return " ".join(("./till trigger", scenario, *words))
