"""Several processes as one: each that dies is started anew, and all end when this one is told to, or is gone."""

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from tillkeeper.kernel import clock, logs
from tillkeeper.kernel.errors import TillError

stop_seconds_max = 40
"""How long whoever is told to stop may take: they finish what is under way, which takes ten seconds and seldom more."""
pause_seconds = 1
"""Who has died is started anew at once, and after a pause where it had lived no longer than that."""
look_seconds = 0.5
end_look_seconds = 0.02
STOPS = (signal.SIGTERM, signal.SIGINT)

Duty = Callable[[], None]


@dataclass(slots=True)
class Member:
    """Hold one of the processes, or what is known since it ended."""

    duty: Duty
    pid: int = 0
    lived_ms: Callable[[], int] = field(default_factory=clock.timer_ms)

    @property
    def rested(self) -> bool:
        """Tell whether it was last started long enough ago to be started again."""
        return self.lived_ms() >= pause_seconds * 1000


def keep(duties: Sequence[Duty], *, leash: bool) -> None:
    """Run each duty in a process of its own until SIGTERM, SIGINT, or the end of standard input when on a leash.

    The processes are made by fork, before any loop or thread is started, so they share what was loaded.
    """
    with _wakened() as wakes, _tether() as (held, holding):
        crew = [Member(duty) for duty in duties]
        for member in crew:
            _start(member, held, holding)
        watched = [wakes, sys.stdin.fileno()] if leash else [wakes]
        while not _told_to_stop(watched):
            _bury(crew)
            for member in crew:
                if not member.pid and member.rested:
                    _start(member, held, holding)
        _end(crew)


@contextlib.contextmanager
def beside(duty: Duty, *, wanted: bool = True) -> Iterator[None]:
    """Let a process of its own do a duty for as long as the block runs, if it is wanted; it ends when we do."""
    if not wanted:
        yield
        return
    with _tether() as (held, holding):
        member = Member(duty)
        _start(member, held, holding)
        try:
            yield
        finally:
            _end([member])


def _start(member: Member, held: int, holding: int) -> None:
    member.lived_ms = clock.timer_ms()
    member.pid = os.fork()
    if member.pid == 0:
        os.close(holding)
        os.dup2(held, sys.stdin.fileno())
        _serve(member.duty)


def _serve(duty: Duty) -> NoReturn:
    """Do the duty as a process that nobody forked would, and end with its outcome."""
    signal.set_wakeup_fd(-1)
    for sign in (*STOPS, signal.SIGCHLD):
        signal.signal(sign, signal.SIG_DFL)
    code = 0
    try:
        duty()
    except TillError as error:
        logs.worker.error("process_ended", code=error.code, detail=error.detail)
        code = 1
    except BaseException:  # noqa: BLE001 (whatever it is, the process that was forked must not go on as the first one)
        logs.worker.exception("process_ended")
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _told_to_stop(watched: list[int]) -> bool:
    """Wait a moment, or until something happens; tell whether it was the word to stop."""
    ready, _, _ = select.select(watched, [], [], look_seconds)
    for each in ready:
        said = os.read(each, 512)
        if each == watched[0]:
            if any(sign in said for sign in STOPS):
                return True
        elif not said:  # whoever held the leash is gone
            return True
    return False


def _bury(crew: Sequence[Member], *, expected: bool = False) -> None:
    """Take note of who has ended, and say so where nobody had asked them to."""
    for member in crew:
        if member.pid:
            pid, status = os.waitpid(member.pid, os.WNOHANG)
            if pid:
                member.pid = 0
                if not expected:
                    logs.worker.warning("process_replaced", code=os.waitstatus_to_exitcode(status))


def _end(crew: Sequence[Member]) -> None:
    """Let everybody finish what is under way; whoever does not come to an end is ended."""
    waited_ms, sign = clock.timer_ms(), signal.SIGTERM
    _tell(crew, sign)
    while any(member.pid for member in crew):
        if sign is signal.SIGTERM and waited_ms() > stop_seconds_max * 1000:
            sign = signal.SIGKILL
            _tell(crew, sign)
        time.sleep(end_look_seconds)
        _bury(crew, expected=True)


def _tell(crew: Sequence[Member], sign: signal.Signals) -> None:
    for member in crew:
        if member.pid:
            os.kill(member.pid, sign)


@contextlib.contextmanager
def _wakened() -> Iterator[int]:
    """Lend what can be read from whenever a signal has come; each byte is its number."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing)
    handlers = {sign: signal.signal(sign, lambda *_: None) for sign in (*STOPS, signal.SIGCHLD)}
    try:
        yield reading
    finally:
        for sign, handler in handlers.items():
            signal.signal(sign, handler)
        signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)


@contextlib.contextmanager
def _tether() -> Iterator[tuple[int, int]]:
    """Hold one end of a pipe whose other end everybody reads: it closes when this process ends, however it ends."""
    held, holding = os.pipe()
    try:
        yield held, holding
    finally:
        os.close(held)
        os.close(holding)
