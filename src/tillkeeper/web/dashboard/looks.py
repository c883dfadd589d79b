"""How states look: an icon and a tone, always beside their word."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """Hold the icon and the tone of a state."""

    icon: str
    tone: str


GOOD = Look("circle-check", "success")
WAITING = Look("clock", "info")
DOUBTFUL = Look("triangle-alert", "warning")
BAD = Look("circle-x", "danger")
OVER = Look("minus", "neutral")
TAKEN_BACK = Look("undo-2", "neutral")
CLAIMED = Look("gavel", "dispute")
QUIET = Look("circle", "neutral")

LOOKS = (
    dict.fromkeys(("succeeded", "delivered", "processed", "won", "matched", "resolved", "approved", "paid"), GOOD)
    | dict.fromkeys(("ok", "done", "finished", "closed", "enabled", "active", "on"), GOOD)
    | dict.fromkeys(("created", "processing", "requires_action", "requires_capture", "received", "pending"), WAITING)
    | dict.fromkeys(("asked", "requested", "running", "submitted", "under_review", "owed", "leased"), WAITING)
    | dict.fromkeys(("in_review", "outcome_unknown", "parked", "quarantined", "held", "partly_revoked"), DOUBTFUL)
    | dict.fromkeys(("open", "half_open", "draining", "drain", "degraded", "warning", "suspended"), DOUBTFUL)
    | dict.fromkeys(
        ("failed", "dead", "rejected", "declined", "refused", "given_up", "blocked", "lost", "broken", "impossible"),
        BAD,
    )
    | dict.fromkeys(("expired", "canceled", "ignored", "disabled", "off", "accepted", "prevented", "ended"), OVER)
    | dict.fromkeys(("revoked", "revoked_after_use", "refunded"), TAKEN_BACK)
    | dict.fromkeys(("needs_response", "disputed", "dispute"), CLAIMED)
    | {"in_force": GOOD, "owned": GOOD, "proposed": WAITING, "waiting_for_second_person": WAITING, "impossible": BAD}
)


def look_of(code: str) -> Look:
    """Find how a state looks; one that nobody gave a look is shown plainly."""
    return LOOKS.get(code, QUIET)
