"""The event loop on which every part of the product runs."""

import asyncio
import gc

from uvicorn.loops.auto import auto_loop_factory

collect_after_objects = 50_000
"""Python would look for garbage after 700 objects, which is a few webhooks; what it looks for is not among them."""


def runner() -> asyncio.Runner:
    """Make a loop of uvloop's, where that is installed, and let the collector of garbage disturb it rarely."""
    gc.freeze()  # what is loaded by now stays; to look at it again and again takes a tenth of the time
    gc.set_threshold(collect_after_objects)
    return asyncio.Runner(loop_factory=auto_loop_factory())
