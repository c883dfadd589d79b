"""One request to the imitated gateway: what it may touch, and who asked."""

from dataclasses import dataclass
from datetime import UTC, datetime

from tillkeeper.gateways.paypal.sandbox.refusals import missing
from tillkeeper.sandbox_kit.books import Change, Json
from tillkeeper.sandbox_kit.stand import Desk, token

object_id_length = 17


@dataclass(frozen=True, slots=True)
class Act:
    """Carry a change of the books through the verbs that make it up.

    `key` is the PayPal-Request-Id; `raw` the body as it came; `copies`
    overrides how often the events of this act are delivered.
    """

    desk: Desk
    change: Change
    now: int
    key: str | None = None
    copies: int | None = None
    raw: bytes = b""

    @property
    def api(self) -> str:
        """Tell where the API is, for the links in every object."""
        return f"{self.desk.public_url}/{self.desk.gateway}"

    def put(self, thing: Json, *, due: int | None = None) -> Json:
        """Store an object as it is from now on."""
        return self.change.put({**thing, "updated": self.now}, due=due)

    def load(self, kind: str, thing_id: str, *, field: str = "id") -> Json:
        """Load an object or refuse as PayPal does when there is none; `field` is what the address calls its id."""
        found = self.change.find(kind, thing_id)
        if found is None:
            raise missing(field, thing_id)
        return found


def new_id() -> str:
    """Make an id that looks like PayPal's."""
    return token(object_id_length).upper()


def moment(seconds: int) -> str:
    """Write a time as PayPal does."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
