"""Risk review: payments that wait for a person, the lists of who is trusted or blocked, and the rules."""

from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.web.dashboard.desk import Entrance
from tillkeeper.web.dashboard.pages.risk import held, lists, rules
from tillkeeper.web.dashboard.rail import Group, Place

PLACE = Place(group=Group.SAFETY, title="Risk review", icon="shield", path="/risk", key="v")


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    one = "/risk/rules/{rule}"
    return [
        entrance.page("/risk", held.show),
        entrance.page("/risk/lists", lists.show),
        *entrance.deed("/risk/lists/add", lists.ask_add, lists.do_add, Right.REVIEW),
        *entrance.deed("/risk/lists/{entry}/remove", lists.ask_remove, lists.do_remove, Right.REVIEW),
        entrance.page("/risk/rules", rules.show),
        entrance.page("/risk/try", rules.show_trial, Right.SET_RULES),
        *entrance.deed("/risk/rules/add", rules.ask_add, rules.do_add, Right.SET_RULES),
        *entrance.deed(f"{one}/change", rules.ask_change, rules.do_change, Right.SET_RULES),
        *entrance.deed(f"{one}/remove", rules.ask_remove, rules.do_remove, Right.SET_RULES),
    ]
