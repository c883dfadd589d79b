"""One request to the imitated gateway, or one deed of a customer: what it may touch, and how things are kept."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from tillkeeper.gateways.square.sandbox.refusals import missing
from tillkeeper.sandbox_kit.books import Change, Json
from tillkeeper.sandbox_kit.stand import Desk, token

object_id_length = 22
versions_a_second = 1000


@dataclass(frozen=True, slots=True)
class Act:
    """Carry a change of the books through the verbs that make it up.

    `key` is the idempotency key of a request; `copies` overrides how often the events of this act are delivered.
    """

    desk: Desk
    change: Change
    now: int
    key: str | None = None
    copies: int | None = None

    def add(self, kind: str, shown: Json, *, due: int | None = None, **private: object) -> Json:
        """Keep a new object: what Square shows of it, beside what is nobody's business; its version begins at 1."""
        times = {"created_at": stamp(self.now), "updated_at": stamp(self.now, 1)}
        thing = {"id": shown["id"], "object": kind, "created": self.now, "version": 1, **private}
        return self.change.put({**thing, "shown": {**shown, **times}}, due=due)

    def amend(self, thing: Json, changes: Json, *, due: int | None = None, **private: object) -> Json:
        """Keep a changed object under the next version; what became None is not shown any more."""
        version = thing["version"] + 1
        changed = {**thing["shown"], **changes, "updated_at": stamp(self.now, version)}
        shown = {name: value for name, value in changed.items() if value is not None}
        return self.change.put({**thing, **private, "version": version, "shown": shown}, due=due)

    def load(self, kind: str, thing_id: str, *, field: str | None = None) -> Json:
        """Load an object or refuse as Square does when there is none."""
        found = self.change.find(kind, thing_id)
        if found is None:
            raise missing(kind, thing_id, field=field)
        return found

    def remind(self, what: str, about: str, *, at: int) -> None:
        """Note what is to happen to an object later."""
        note = {"id": f"{about}/{what}", "object": "reminder", "created": self.now, "what": what, "about": about}
        self.change.put(note, due=at)


def new_id(suffix: str = "") -> str:
    """Make an id that looks like Square's."""
    return f"{token(object_id_length)}{suffix}"


def new_uuid() -> str:
    """Make an id as events have them."""
    return str(uuid.UUID(bytes=token(16).encode(), version=4))


def stamp(at: int, version: int = 0) -> str:
    """Write a moment as Square does; versions made within one second differ in their milliseconds."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{version % versions_a_second:03d}Z"


def moment_of(text: str) -> int:
    """Read a moment in RFC 3339 as Unix seconds; raises ValueError."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
