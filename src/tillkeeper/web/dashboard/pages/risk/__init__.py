"""Risk review: payments that wait for a person, the lists of who is trusted or blocked, and the rules."""

from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.web.dashboard.desk import Entrance
from tillkeeper.web.dashboard.pages.risk import held, lawbook, lists
from tillkeeper.web.dashboard.rail import Group, Place

PLACE = Place(group=Group.SAFETY, title="Risk review", icon="shield", path="/risk", key="v")


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    one = "/risk/rules/{rule}"
    return [
        entrance.page("/risk", held.show, live=True),
        entrance.page("/risk/lists", lists.show),
        *entrance.deed("/risk/lists/add", lists.ask_add, lists.do_add, Right.REVIEW),
        *entrance.deed("/risk/lists/{entry}/remove", lists.ask_remove, lists.do_remove, Right.REVIEW),
        entrance.page("/risk/rules", lawbook.show),
        entrance.page("/risk/try", lawbook.show_trial, Right.SET_RULES),
        *entrance.deed("/risk/rules/add", lawbook.ask_add, lawbook.do_add, Right.SET_RULES),
        *entrance.deed(f"{one}/change", lawbook.ask_change, lawbook.do_change, Right.SET_RULES),
        *entrance.deed(f"{one}/remove", lawbook.ask_remove, lawbook.do_remove, Right.SET_RULES),
    ]
