"""Do what each line of standard input says, `{"do": function, …}`; answer what came of it and how long it took."""

import importlib
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

NAME = sys.argv[1]


def call(function: str, **told: object) -> Any:
    """Call a function of the peer in this process."""
    return getattr(importlib.import_module(NAME), function)(**told)


def main() -> None:
    """Do one thing after another until the input ends; what is said to be done by several processes is added up."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 (what Python itself puts there)
    pool = None
    for line in sys.stdin:
        told = json.loads(line)
        processes, do = told.pop("processes", 0), partial(call, told.pop("do"), **told)
        if processes and pool is None:
            pool = ProcessPoolExecutor(processes, multiprocessing.get_context("fork"))
        start_ns = time.monotonic_ns()
        asked = [pool.submit(do) for _ in range(processes)] if pool else []
        done = sum(each.result() for each in asked) if asked else do()
        elapsed_ms = (time.monotonic_ns() - start_ns) // 1_000_000
        answers.write(json.dumps({"done": done, "elapsed_ms": elapsed_ms}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
