"""The load generator: a process of its own that sends ready-made requests and checks every answer.

It is Python, so it shares the machine's cores with what it measures; it says how much processor time it took.
"""

import json
import re
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from tillkeeper.kernel import clock
from tillkeeper.ops.bench.webhooks import PATH, Kind, Shot, shots, wishes

answer_bytes_max = 65_536
answer_timeout_seconds = 30
NANOSECONDS = 1_000_000_000
ACCEPTED, DUPLICATE, FORGED_REFUSED, OTHER = "accepted", "duplicate", "forged_refused", "other"
CREATED = "created"
OPENED = b'"status":"requires_action"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Hold what to send: new events from `first` on, `count` of them at most, for at most `duration_ms`."""

    port: int
    secret: str
    first: int
    count: int
    duration_ms: int
    connections: int = 64
    per_second: int = 0
    """How many to send a second; 0 sends the next one as soon as an answer is there."""
    insistent: bool = False
    """Send again what was not acknowledged, as a gateway does."""
    path: str = PATH
    """Where webhooks are sent; where that is not our own place, 200 accepts whatever words come with it."""
    key: str = ""
    """With a key of the API, payments are wished for instead of webhooks sent."""


@dataclass(slots=True, kw_only=True)
class Result:
    """Hold what came of a load."""

    elapsed_ms: int
    processor_ms: int
    answers: dict[str, int]
    latency_mean_us: int
    latency_p50_us: int
    latency_p99_us: int
    acknowledged: list[int]
    """The numbers of the events of which at least one copy was answered with 200."""


@dataclass(slots=True)
class Line:
    """Hold one connection, the request on its way and the answer so far."""

    plug: socket.socket
    shot: Shot | None = None
    sent_ns: int = 0
    answer: bytes = b""

    def send(self, shot: Shot) -> None:
        """Send a request; it fits into the socket's buffer, so nothing waits."""
        self.shot, self.answer = shot, b""
        self.sent_ns = time.monotonic_ns()
        self.plug.sendall(shot.request)


@dataclass(slots=True)
class Volley:
    """Send everything over a fixed number of connections, each of which waits for its answer before it goes on."""

    load: Load
    queue: deque[Shot]
    answers: Counter[str] = field(default_factory=Counter)
    latencies_ns: list[int] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    poller: select.epoll = field(default_factory=select.epoll)
    lines: dict[int, Line] = field(default_factory=dict)
    idle: list[Line] = field(default_factory=list)
    start_ns: int = 0
    sent: int = 0

    def connect(self) -> None:
        """Open every connection beforehand."""
        for _ in range(min(self.load.connections, len(self.queue))):
            self._open_line()

    def fire(self) -> Result:
        """Send until the time is over or nothing is left, and wait for the answers that are still due."""
        self.start_ns, processor = time.monotonic_ns(), time.process_time_ns()
        self._feed()
        while len(self.idle) < len(self.lines) or self._goes_on():
            patience_ms = self._patience_ms()
            ready = self.poller.poll(patience_ms / 1000)
            if not ready and patience_ms == answer_timeout_seconds * 1000:
                message = f"{len(self.lines) - len(self.idle)} requests got no answer within {answer_timeout_seconds} s"
                raise TimeoutError(message)
            for number, _ in ready:
                self._hear(number)
                self._feed()  # at once: whoever answered is not to wait until everybody else was heard
            self._feed()
        for line in self.lines.values():
            line.plug.close()
        self.latencies_ns.sort()
        return Result(
            elapsed_ms=(time.monotonic_ns() - self.start_ns) // 1_000_000,
            processor_ms=(time.process_time_ns() - processor) // 1_000_000,
            answers=dict(self.answers),
            latency_mean_us=sum(self.latencies_ns) // max(len(self.latencies_ns), 1) // 1000,
            latency_p50_us=_percentile(self.latencies_ns, 50),
            latency_p99_us=_percentile(self.latencies_ns, 99),
            acknowledged=sorted(self.acknowledged),
        )

    def _feed(self) -> None:
        """Send on every line that waits for nothing, as far as it is time."""
        while self.idle and self._is_due():
            self.idle.pop().send(self.queue.popleft())
            self.sent += 1

    def _goes_on(self) -> bool:
        return bool(self.queue) and time.monotonic_ns() < self.start_ns + self.load.duration_ms * 1_000_000

    def _is_due(self) -> bool:
        return self._goes_on() and time.monotonic_ns() >= self._due_ns()

    def _due_ns(self) -> int:
        """Tell when the next request is to be sent."""
        return self.start_ns + self.sent * NANOSECONDS // self.load.per_second if self.load.per_second else 0

    def _patience_ms(self) -> int:
        """Tell how long to wait for an answer, which is until there is something to send if that is sooner."""
        if self.idle and self._goes_on():
            return max(0, self._due_ns() - time.monotonic_ns()) // 1_000_000
        is_due = len(self.idle) < len(self.lines)  # the time may have ended since it was last looked at
        return answer_timeout_seconds * 1000 if is_due else 0

    def _hear(self, number: int) -> None:
        line = self.lines[number]
        try:
            heard = line.plug.recv(answer_bytes_max)
        except ConnectionError:
            heard = b""
        line.answer += heard
        if heard and not _is_whole(line.answer):
            return
        if line.shot:
            self._count(line, line.shot)
            line.shot = None
        if heard:
            self.idle.append(line)
            return
        self.poller.unregister(number)
        del self.lines[number]
        line.plug.close()
        if line in self.idle:
            self.idle.remove(line)
        self._open_line()

    def _open_line(self) -> None:
        line = Line(_dial(self.load.port))
        self.lines[line.plug.fileno()] = line
        self.poller.register(line.plug.fileno(), select.EPOLLIN)
        self.idle.append(line)

    def _count(self, line: Line, shot: Shot) -> None:
        kind = _classify(line.answer, shot.kind, ours=self.load.path == PATH)
        self.answers[kind] += 1
        if kind in (ACCEPTED, DUPLICATE, CREATED):
            self.acknowledged.add(shot.number)
            self.latencies_ns.append(time.monotonic_ns() - line.sent_ns)
        elif kind == OTHER and self.load.insistent:
            self.queue.append(shot)


def _is_whole(answer: bytes) -> bool:
    """Tell whether all of an answer is there: ours are JSON; others say how long they are, or end with no chunk."""
    if answer.endswith((b"}", b"\r\n0\r\n\r\n")):
        return True
    head, ended, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(ended and length and len(body) >= int(length[1]))


def _classify(answer: bytes, kind: Kind, *, ours: bool = True) -> str:
    """Take an answer for what it proves; only the right status with the right body counts."""
    if kind is Kind.WISH:
        return CREATED if answer.startswith(b"HTTP/1.1 201 ") and OPENED in answer else OTHER
    if answer.startswith(b"HTTP/1.1 200 ") and kind is not Kind.FORGED:
        if answer.endswith(b'{"status":"accepted"}') or not ours:
            return ACCEPTED
        if answer.endswith(b'{"status":"duplicate"}'):
            return DUPLICATE
    if answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 429 ")) and kind is Kind.FORGED:  # after thirty a minute
        return FORGED_REFUSED
    return OTHER


def _dial(port: int) -> socket.socket:
    plug = socket.create_connection(("127.0.0.1", port))
    plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plug


def _percentile(ordered: Sequence[int], percent: int) -> int:
    """Read a percentile of sorted nanoseconds in microseconds."""
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] // 1000 if ordered else 0


def main() -> None:
    """Read a load, make its requests, say "ready", and fire at the next line of input."""
    load = Load(**json.loads(sys.stdin.readline()))
    numbers = range(load.first, load.first + load.count)
    made = (
        wishes(numbers, load.key) if load.key else shots(numbers, load.secret, int(clock.now().timestamp()), load.path)
    )
    volley = Volley(load, deque(made))
    volley.connect()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    json.dump(asdict(volley.fire()), sys.stdout)


if __name__ == "__main__":
    main()
