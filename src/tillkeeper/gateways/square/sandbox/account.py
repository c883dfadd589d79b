"""The imitated account: what a test has set for all of it."""

from tillkeeper.gateways.square.sandbox.act import Act
from tillkeeper.gateways.square.sandbox.currencies import checked_mismatch
from tillkeeper.gateways.square.sandbox.refusals import SquareError
from tillkeeper.sandbox_kit.books import Json

ACCOUNT = "account"
MERCHANT = "MLSANDBOX00TILL"
FRESH: Json = {"currency": None, "events_enabled": True, "refunds_held": False}
"""The search of events has to be switched on in a real account; here somebody did so."""


def settings(act: Act) -> Json:
    """Read what the account is set to."""
    found = act.change.find(ACCOUNT, ACCOUNT)
    return found["shown"] if found else FRESH


def put(act: Act, changes: Json) -> Json:
    """Change what the account is set to."""
    shown = {**settings(act), **changes}
    act.change.put({"id": ACCOUNT, "object": ACCOUNT, "created": act.now, "shown": shown})
    return shown


def checked(act: Act, money: Json, *, field: str) -> Json:
    """Refuse money in another currency than the account is tied to."""
    checked_mismatch(money["currency"], settings(act)["currency"], field=f"{field}.currency")
    return money


def location(act: Act) -> str:
    """Name the one location of the account."""
    return act.desk.secrets["SQUARE_LOCATION_ID"]


def checked_location(act: Act, given: str | None, *, field: str = "location_id") -> str:
    """Accept the account's own location."""
    if given not in {None, location(act)}:
        detail = f"Merchant does not have a location with ID `{given}`."
        raise SquareError(detail, code="INVALID_LOCATION", field=field)
    return location(act)
