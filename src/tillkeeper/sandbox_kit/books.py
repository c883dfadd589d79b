"""Durable books of the imitated gateways: every change is one SQLite transaction that survives kill -9."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from tillkeeper.sandbox_kit import clock, courses, faults, lag, luck, outages, post, schema
from tillkeeper.sandbox_kit.faults import Dial

busy_timeout_ms = 10_000

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """Remember what was answered to an idempotency key."""

    fingerprint: str
    request: str
    status: int
    body: bytes
    created: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Note one API call for the log that proves how often a gateway was asked."""

    method: str
    route: str
    path: str
    status: int
    request: str
    key: str | None = None
    replayed: bool = False


class Change:
    """Read and write one gateway's books inside one transaction."""

    def __init__(self, connection: sqlite3.Connection, gateway: str, dial: Dial) -> None:
        """Bind to the open transaction."""
        self.connection = connection
        self.gateway = gateway
        self.dial = dial
        self.course = ""
        self.posted = False

    def follow(self, course: str, *, about: str = "") -> None:
        """Let the webhooks of this change take a course of their own; on one, the next answer about a thing is lost."""
        self.course = course
        self.dial = courses.turned(self.dial, course)
        if course == courses.TIMEOUT and about:
            outages.lose(self.connection, self.gateway, about)

    def put(self, thing: Json, *, due: int | None = None) -> Json:
        """Store an object under its own id and kind; `due` is when the gateway must look at it again."""
        body = _text(thing)
        changed = self.connection.execute(
            "UPDATE object SET body = ?, due = ? WHERE gateway = ? AND id = ?", (body, due, self.gateway, thing["id"])
        )
        if not changed.rowcount:
            self.connection.execute(
                "INSERT INTO object (gateway, id, kind, created, due, body) VALUES (?, ?, ?, ?, ?, ?)",
                (self.gateway, thing["id"], thing["object"], thing["created"], due, body),
            )
            lag.hide(self.connection, self.gateway, thing["id"], dial=self.dial)
        return thing

    def find(self, kind: str, thing_id: str) -> Json | None:
        """Load an object, or None when there is none of that kind."""
        row = self.connection.execute(
            "SELECT body FROM object WHERE gateway = ? AND id = ? AND kind = ?", (self.gateway, thing_id, kind)
        ).fetchone()
        return msgspec.json.decode(row[0]) if row else None

    def place(self, kind: str, thing_id: str) -> int | None:
        """Tell an object's place in the order of creation, which paging runs along."""
        row = self.connection.execute(
            "SELECT sequence FROM object WHERE gateway = ? AND id = ? AND kind = ?", (self.gateway, thing_id, kind)
        ).fetchone()
        return row[0] if row else None

    def select(
        self,
        kind: str,
        *,
        where: Mapping[str, object] | None = None,
        created: Mapping[str, int] | None = None,
        ids: Sequence[str] | None = None,
        older_than: int | None = None,
        newer_than: int | None = None,
        limit: int = -1,
    ) -> list[Json]:
        """List objects newest first; with `newer_than` the page just after that place, still newest first."""
        narrowed, values = _narrowed(where or {}, created or {})
        if ids is not None:
            narrowed, values = [*narrowed, "id IN (SELECT value FROM json_each(?))"], [*values, _text(ids)]
        if older_than is not None:
            narrowed, values = [*narrowed, "sequence < ?"], [*values, older_than]
        if newer_than is not None:
            narrowed, values = [*narrowed, "sequence > ?"], [*values, newer_than]
        order = "DESC" if newer_than is None else "ASC"
        condition = "".join(f" AND {part}" for part in narrowed)
        rows = self.connection.execute(
            f"SELECT body FROM object WHERE gateway = ? AND kind = ?{condition} ORDER BY sequence {order} LIMIT ?",  # noqa: S608 - the parts are ours, every value is bound
            (self.gateway, kind, *values, limit),
        ).fetchall()
        found = [msgspec.json.decode(body) for (body,) in rows]
        return found if newer_than is None else found[::-1]

    def overdue(self, now: int) -> list[Json]:
        """List objects whose time to be looked at again has come."""
        rows = self.connection.execute(
            "SELECT body FROM object WHERE gateway = ? AND due <= ? ORDER BY due, sequence", (self.gateway, now)
        ).fetchall()
        return [msgspec.json.decode(body) for (body,) in rows]

    def tie(self, children: Sequence[str], parent: str) -> None:
        """Tie objects to the one that gathers them, once and for all."""
        self.connection.executemany(
            "INSERT INTO tie (gateway, child, parent) VALUES (?, ?, ?)",
            [(self.gateway, child, parent) for child in children],
        )

    def tied(self, parent: str) -> list[str]:
        """List the ids of the objects that another gathers."""
        rows = self.connection.execute("SELECT child FROM tie WHERE gateway = ? AND parent = ?", (self.gateway, parent))
        return [child for (child,) in rows]

    def loose(self, kind: str) -> list[Json]:
        """List the objects of a kind that nothing gathers yet, oldest first."""
        rows = self.connection.execute(
            "SELECT body FROM object o WHERE gateway = ? AND kind = ? AND NOT EXISTS"
            " (SELECT 1 FROM tie WHERE tie.gateway = o.gateway AND tie.child = o.id) ORDER BY sequence",
            (self.gateway, kind),
        )
        return [msgspec.json.decode(body) for (body,) in rows]

    def hidden(self, thing_id: str) -> bool:
        """Look a new object up: say whether replicas lag behind so that it is not found yet."""
        return lag.hidden(self.connection, self.gateway, thing_id)

    def count(self, fault: str, subject: str) -> None:
        """Count a fault that really happened."""
        luck.count(self.connection, self.gateway, fault, subject)

    def emit(self, event: post.Event, *, copies: int | None = None, hooked: bool = True) -> None:
        """Record an event and, when somebody listens, owe its delivery."""
        post.emit(self.connection, self.gateway, event)
        if hooked:
            post.announce(self.connection, self.gateway, event.id, dial=self.dial, copies=copies)
            self.posted = True

    def owe(self, event: str, *, copies: int) -> None:
        """Owe the delivery of an event once more, whatever the dial has in store for new ones."""
        post.owe(self.connection, self.gateway, event, dial=self.dial, copies=copies)
        self.posted = True

    def answered(self, key: str, *, now: int, window_seconds: int | None = None) -> Answer | None:
        """Recall what was answered to an idempotency key, unless that is forgotten by now.

        `window_seconds` is the gateway's own window, which holds unless somebody has turned the dial's.
        """
        row = self.connection.execute(
            "SELECT fingerprint, request, status, body, created FROM answer WHERE gateway = ? AND key = ?",
            (self.gateway, key),
        ).fetchone()
        if row is None:
            return None
        answer = Answer(*row)
        turned = self.dial.key_window_seconds
        window = turned if window_seconds is None or turned != faults.day_seconds else window_seconds
        outlived = answer.created <= now - window
        if outlived or self.dial.forget_keys:
            self.count("key_window_seconds" if outlived else "forget_keys", key)
            return None
        return answer

    def remember(self, key: str, answer: Answer) -> None:
        """Keep an answer for replay."""
        self.connection.execute(
            "INSERT OR REPLACE INTO answer (gateway, key, fingerprint, request, status, body, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self.gateway, key, answer.fingerprint, answer.request, answer.status, answer.body, answer.created),
        )

    def log(self, entry: Entry) -> None:
        """Log an API call."""
        self.connection.execute(
            "INSERT INTO call (gateway, method, route, path, status, replayed, key, request, at_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self.gateway,
                entry.method,
                entry.route,
                entry.path,
                entry.status,
                entry.replayed,
                entry.key,
                entry.request,
                clock.now_ms(),
            ),
        )

    @contextmanager
    def undoable(self) -> Iterator[None]:
        """Undo what was done inside when it raises; the outer change goes on."""
        self.connection.execute("SAVEPOINT undoable")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK TO undoable")
            raise
        finally:
            self.connection.execute("RELEASE undoable")


class Books:
    """One SQLite file that holds the books of all imitated gateways."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # Tests serve the app from another thread than the one that builds it; the event loop still makes
        # one change at a time, because a change never spans an await.
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")
        self.connection.execute("PRAGMA journal_mode = WAL")
        # Whoever kills the process loses nothing. Only with the machine's power goes what the disk had not yet, and to
        # wait for the disk after each change was a seventh of what the imitations did.
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.executescript(schema.SCHEMA)
        self.dial = self._stored_dial()
        self.wake: Callable[[], None] = _sleep_on

    @contextmanager
    def change(self, gateway: str) -> Iterator[Change]:
        """Make state and the events that follow from it true together, or not at all."""
        change = Change(self.connection, gateway, self.dial)
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield change
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        if change.posted:
            self.wake()

    def turn(self, wishes: Mapping[str, object]) -> Dial:
        """Turn the fault dial, for this process and the next."""
        dial = faults.turned(self.dial, wishes)
        self.connection.execute("INSERT OR REPLACE INTO dial (only, settings) VALUES (1, ?)", (_text(asdict(dial)),))
        self.dial = dial
        if "seed" in wishes:
            luck.start_over(self.connection)
        if not dial.webhooks_held:
            post.release(self.connection)
            self.wake()
        return dial

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def _stored_dial(self) -> Dial:
        row = self.connection.execute("SELECT settings FROM dial").fetchone()
        return faults.turned(Dial(), msgspec.json.decode(row[0])) if row else Dial()


def _sleep_on() -> None:
    """Wake nobody: no sender is attached."""


def _text(thing: object) -> str:
    return msgspec.json.encode(thing).decode()


COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def _narrowed(where: Mapping[str, object], created: Mapping[str, int]) -> tuple[list[str], list[object]]:
    # The path is written into the text, not bound: an index on an expression only serves the same expression.
    parts = [f"json_extract(body, '$.{name}') = ?" for name in where]
    parts += [f"created {COMPARISONS[sign]} ?" for sign in created]
    return parts, [*where.values(), *created.values()]
