"""One request to the imitated gateway: what it may touch, and who asked."""

from dataclasses import dataclass

from tillkeeper.gateways.stripe.sandbox.refusals import missing
from tillkeeper.sandbox_kit.books import Change, Json
from tillkeeper.sandbox_kit.stand import Desk, token

object_id_length = 24


@dataclass(frozen=True, slots=True)
class Act:
    """Carry a change of the books through the verbs that make it up.

    `request` is null for what a customer or the gateway itself does; `copies` overrides how often the
    events of this act are delivered.
    """

    desk: Desk
    change: Change
    now: int
    request: str | None = None
    idempotency_key: str | None = None
    copies: int | None = None

    def put(self, thing: Json, *, due: int | None = None) -> Json:
        """Store an object."""
        return self.change.put(thing, due=due)

    def load(self, kind: str, thing_id: str, *, param: str = "id", in_path: bool = True) -> Json:
        """Load an object or refuse as Stripe does when there is none."""
        found = self.change.find(kind, thing_id)
        if found is None:
            raise missing(thing_id, kind=kind, param=param, in_path=in_path)
        return found


def new_id(prefix: str) -> str:
    """Make an id that looks like Stripe's."""
    return f"{prefix}_{token(object_id_length)}"
