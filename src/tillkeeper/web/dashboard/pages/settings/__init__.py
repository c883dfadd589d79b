"""Settings: what is for sale, who may come in, by which rules money goes back, and how long things are kept."""

from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.web.dashboard.desk import Entrance
from tillkeeper.web.dashboard.pages.settings import catalogue, kept, keys, people, policy
from tillkeeper.web.dashboard.rail import Group, Place

PLACE = Place(group=Group.SYSTEM, title="Settings", icon="settings", path="/settings", key="s")


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    package, member = "/settings/packages/{package}", "/settings/people/{member}"
    return [
        entrance.page("/settings", catalogue.show),
        *entrance.deed("/settings/packages/add", catalogue.ask_add, catalogue.do_add, Right.SET_PRICES),
        *entrance.deed(f"{package}/change", catalogue.ask_change, catalogue.do_change, Right.SET_PRICES),
        *entrance.deed(f"{package}/retire", catalogue.ask_retire, catalogue.do_retire, Right.SET_PRICES),
        entrance.page(package, catalogue.show_one, Right.SET_PRICES),
        entrance.page("/settings/people", people.show, Right.KEEP_KEYS),
        *entrance.deed("/settings/people/add", people.ask_add, people.do_add, Right.KEEP_KEYS),
        *entrance.deed(f"{member}/role", people.ask_role, people.do_role, Right.KEEP_KEYS),
        *entrance.deed(f"{member}/reset", people.ask_reset, people.do_reset, Right.KEEP_KEYS),
        *entrance.deed(f"{member}/disable", people.ask_disable, people.do_disable, Right.KEEP_KEYS),
        entrance.page("/settings/keys", keys.show, Right.KEEP_KEYS),
        *entrance.deed("/settings/keys/add", keys.ask_add, keys.do_add, Right.KEEP_KEYS),
        *entrance.deed("/settings/keys/{api_key}/revoke", keys.ask_revoke, keys.do_revoke, Right.KEEP_KEYS),
        entrance.page("/settings/policy", policy.show, Right.DECIDE_REFUNDS),
        *entrance.deed("/settings/policy/change", policy.ask_change, policy.do_change, Right.SET_RULES),
        entrance.page("/settings/kept", kept.show),
    ]
