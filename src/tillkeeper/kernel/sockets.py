"""Connections that notice when nobody is at the other end any more."""

import socket
from typing import Any

idle_seconds = 5
probe_seconds = 2
probes_max = 3
unanswered_ms = 10_000
OPTIONS = {
    "TCP_KEEPIDLE": idle_seconds,
    "TCP_KEEPINTVL": probe_seconds,
    "TCP_KEEPCNT": probes_max,
    "TCP_USER_TIMEOUT": unanswered_ms,
}
"""A cut link sends no word of its end: without these a question waits for a quarter of an hour, and whoever only
listens waits for ever."""


def guard(connection: Any) -> None:
    """Let a connection of asyncpg end by itself, within ten seconds or so, once nothing comes back on it."""
    wire = connection._transport.get_extra_info("socket")  # noqa: SLF001 (asyncpg shows it nowhere else)
    if wire is None or wire.family == socket.AF_UNIX:
        return
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in OPTIONS.items():
        option = getattr(socket, name, None)  # each system has some of them
        if option is not None:
            wire.setsockopt(socket.IPPROTO_TCP, option, value)
