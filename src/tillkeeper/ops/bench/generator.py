"""The load generator: a process of its own that sends ready-made requests and checks every answer.

It is Python, so it shares the machine's cores with what it measures; it says how much processor time it took.
"""

import json
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from tillkeeper.kernel import clock
from tillkeeper.ops.bench.webhooks import Kind, Shot, shots

answer_bytes_max = 65_536
answer_timeout_seconds = 30
reconnect_pause_ms = 20
NANOSECONDS = 1_000_000_000
ACCEPTED, DUPLICATE, FORGED_REFUSED, OTHER = "accepted", "duplicate", "forged_refused", "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Hold what to send: new events from `first` on, `count` of them at most, for at most `duration_ms`."""

    port: int
    secret: str
    first: int
    count: int
    duration_ms: int
    connections: int = 64
    insistent: bool = False
    """Send again what was not acknowledged, as a gateway does."""


@dataclass(slots=True, kw_only=True)
class Result:
    """Hold what came of a load."""

    elapsed_ms: int
    processor_ms: int
    answers: dict[str, int]
    latency_p50_us: int
    latency_p99_us: int
    acknowledged: list[int]
    """The numbers of the events of which at least one copy was answered with 200."""


@dataclass(slots=True)
class Line:
    """Hold one connection, the request on its way and the answer so far."""

    port: int
    plug: socket.socket
    shot: Shot
    sent_ns: int = 0
    answer: bytes = b""

    def send(self) -> None:
        """Send the request; it fits into the socket's buffer, so nothing waits."""
        self.answer = b""
        self.sent_ns = time.monotonic_ns()
        self.plug.sendall(self.shot.request)


@dataclass(slots=True)
class Volley:
    """Send everything over a fixed number of connections, each waiting for its answer before it goes on."""

    load: Load
    queue: deque[Shot]
    answers: Counter[str] = field(default_factory=Counter)
    latencies_ns: list[int] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    lines: dict[int, Line] = field(default_factory=dict)
    until_ns: int = 0

    def connect(self) -> None:
        """Open every connection beforehand."""
        for _ in range(min(self.load.connections, len(self.queue))):
            plug = _dial(self.load.port)
            self.lines[plug.fileno()] = Line(self.load.port, plug, self.queue.popleft())

    def fire(self) -> Result:
        """Send until the time is over or nothing is left, and wait for the answers that are still due."""
        start, processor = time.monotonic_ns(), time.process_time_ns()
        self.until_ns = start + self.load.duration_ms * 1_000_000
        poller = select.epoll()
        for number, line in self.lines.items():
            poller.register(number, select.EPOLLIN)
            line.send()
        while self.lines:
            ready = poller.poll(answer_timeout_seconds)
            if not ready:
                message = f"{len(self.lines)} requests got no answer within {answer_timeout_seconds} s"
                raise TimeoutError(message)
            for number, _ in ready:
                self._hear(poller, number)
        self.latencies_ns.sort()
        return Result(
            elapsed_ms=(time.monotonic_ns() - start) // 1_000_000,
            processor_ms=(time.process_time_ns() - processor) // 1_000_000,
            answers=dict(self.answers),
            latency_p50_us=_percentile(self.latencies_ns, 50),
            latency_p99_us=_percentile(self.latencies_ns, 99),
            acknowledged=sorted(self.acknowledged),
        )

    def _hear(self, poller: select.epoll, number: int) -> None:
        line = self.lines[number]
        try:
            heard = line.plug.recv(answer_bytes_max)
        except ConnectionError:
            heard = b""
        line.answer += heard
        if heard and not line.answer.endswith(b"}"):
            return
        self._count(line)
        if heard:
            self._go_on(line, number)
            return
        poller.unregister(number)
        del self.lines[number]
        line.plug.close()
        if self.queue and time.monotonic_ns() < self.until_ns:
            line.plug = _dial(line.port)
            self.lines[line.plug.fileno()] = line
            poller.register(line.plug.fileno(), select.EPOLLIN)
            self._go_on(line, line.plug.fileno())

    def _go_on(self, line: Line, number: int) -> None:
        if self.queue and time.monotonic_ns() < self.until_ns:
            line.shot = self.queue.popleft()
            line.send()
        else:
            del self.lines[number]
            line.plug.close()

    def _count(self, line: Line) -> None:
        kind = _classify(line.answer, line.shot.kind)
        self.answers[kind] += 1
        if kind in (ACCEPTED, DUPLICATE):
            self.acknowledged.add(line.shot.number)
            self.latencies_ns.append(time.monotonic_ns() - line.sent_ns)
        elif kind == OTHER and self.load.insistent:
            self.queue.append(line.shot)


def _classify(answer: bytes, kind: Kind) -> str:
    """Take an answer for what it proves; only the right status with the right body counts."""
    if answer.startswith(b"HTTP/1.1 200 ") and kind is not Kind.FORGED:
        if answer.endswith(b'{"status":"accepted"}'):
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
    now = int(clock.now().timestamp())
    volley = Volley(load, deque(shots(range(load.first, load.first + load.count), load.secret, now)))
    volley.connect()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    json.dump(asdict(volley.fire()), sys.stdout)


if __name__ == "__main__":
    main()
