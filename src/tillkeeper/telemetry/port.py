"""The port at which metrics are read."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

from tillkeeper.kernel import logs

again_seconds = 5


class Port:
    """Answer in a thread of its own; while somebody else has the port, go on without and try again.

    Whoever is being replaced has it until they end, and nobody stops taking payments because of it.
    """

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self._registry = registry
        self._where = (port, host)
        self._over = threading.Event()
        self._server: WSGIServer | None = None

    @contextmanager
    def open(self) -> Iterator[None]:
        """Answer for as long as the block runs."""
        if not self._listen():
            logs.worker.warning("metrics_port_taken", port=self._where[0], next="set TILL_METRICS_PORT, or set it to 0")
            threading.Thread(target=self._wait, name="metrics", daemon=True).start()
        try:
            yield
        finally:
            self._over.set()
            if self._server:
                self._server.shutdown()
                self._server.server_close()

    def _listen(self) -> bool:
        port, host = self._where
        try:
            self._server, _ = start_http_server(port, host, registry=self._registry)
        except OSError:
            return False
        return True

    def _wait(self) -> None:
        while not self._over.wait(again_seconds):
            if self._listen():
                logs.worker.info("metrics_port_found", port=self._where[0])
                return
