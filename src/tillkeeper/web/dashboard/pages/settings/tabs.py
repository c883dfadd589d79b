"""The pages of the settings, of which everybody sees those that they may."""

from tillkeeper.access import Right
from tillkeeper.web.dashboard.desk import Desk
from tillkeeper.web.dashboard.rail import HOME

TABS = (
    ("/settings", "Catalogue", Right.SEE),
    ("/settings/people", "People", Right.KEEP_KEYS),
    ("/settings/keys", "Keys", Right.KEEP_KEYS),
    ("/settings/policy", "Refund policy", Right.DECIDE_REFUNDS),
    ("/settings/kept", "What is kept", Right.SEE),
)


def of(desk: Desk) -> list[tuple[str, str]]:
    """List the addresses and titles of what somebody may see."""
    return [(HOME + path, title) for path, title, right in TABS if desk.may(right)]
