"""The processes that `till chaos` starts beside those of the program: the clients, and who clears up after all."""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

from tillkeeper.ops.chaos import clients, stage


def hold() -> None:
    """End this process when whoever began it is gone."""
    while os.read(sys.stdin.fileno(), 1):  # the buffer of sys.stdin has a lock, which must be free in the end
        pass
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "buy":
        threading.Thread(target=hold, daemon=True).start()
        asyncio.run(clients.buy(folder))
    else:
        stage.keep(folder)
