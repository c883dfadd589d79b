"""One request to the imitated gateway: what it may touch, and how records are kept."""

from dataclasses import dataclass

from tillkeeper.gateways.razorpay.sandbox.refusals import invalid, missing
from tillkeeper.sandbox_kit.books import Change, Json
from tillkeeper.sandbox_kit.stand import Desk, token

id_length = 14


@dataclass(frozen=True, slots=True)
class Act:
    """Carry a change of the books through the verbs that make it up.

    `copies` overrides how often the webhooks of this act are delivered.
    """

    desk: Desk
    change: Change
    now: int
    copies: int | None = None

    def put(self, record: Json, *, due: int | None = None) -> Json:
        """Store a record; `due` is when the gateway must look at it again."""
        return self.change.put(record, due=due)

    def load(self, kind: str, thing_id: str) -> Json:
        """Load a record, or refuse as Razorpay does when there is none."""
        prefix = thing_id.partition("_")[0]
        if prefix != PREFIXES[kind]:
            message = f"{thing_id} is not a valid id"
            raise invalid(message)
        found = self.change.find(kind, thing_id)
        if found is None:
            raise missing()
        return found

    def children(self, kind: str, parent: str) -> list[Json]:
        """List the records of a kind that belong to another, newest first."""
        tied = self.change.tied(parent)
        return self.change.select(kind, ids=tied) if tied else []


PREFIXES = {
    "order": "order",
    "payment_link": "plink",
    "payment": "pay",
    "refund": "rfnd",
    "dispute": "disp",
    "document": "doc",
    "settlement": "setl",
}


def new_id(prefix: str) -> str:
    """Make an id that looks like Razorpay's."""
    return f"{prefix}_{token(id_length)}"


def record(kind: str, shown: Json, **private: object) -> Json:
    """Wrap what Razorpay shows of a thing together with what it keeps to itself."""
    return {"id": shown["id"], "object": kind, "created": shown["created_at"], "shown": shown, **private}


def changed(thing: Json, **shown: object) -> Json:
    """Change what a record shows."""
    return {**thing, "shown": {**thing["shown"], **shown}}
