"""A `till` for those who call it often: one process has read every module, and forks for each command.

It is the same program with the same words, folder, environment and files; only the second that Python takes to read it
is spent once.
"""

import json
import os
import signal
import socket
import sys
from importlib import import_module
from typing import NoReturn

from tillkeeper.cli import main

message_bytes_max = 1_000_000


def serve(address: str) -> NoReturn:
    """Fork for every call."""
    for place in main.COMMANDS.values():
        import_module(f"tillkeeper.cli.{place.partition(':')[0]}")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that are over
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        while True:
            caller, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                run(caller)
            caller.close()


def run(caller: socket.socket) -> NoReturn:
    """Be the command that was called, and say how it ended."""
    said, files, _, _ = socket.recv_fds(caller, message_bytes_max, 3)
    words, folder, variables = json.loads(said)
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["till", *words]
    code = 1
    try:
        main.run()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        caller.sendall(str(code).encode())
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
