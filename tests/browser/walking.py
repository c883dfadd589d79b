"""The walks: what can be done at the dashboard, each done once in a browser as somebody would do it."""

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

from tests.browser.hands import Hands

FOLDER = Path(__file__).parent / "walks"
Walk = Callable[[Hands], None]

WALKS: dict[str, Walk] = {}
"""Every walk, by the address of what is done on it."""


def walk(deed: str) -> Callable[[Walk], Walk]:
    """Say what is done on a walk, by its address as `Entrance.deed` takes it; one walk may do several things."""

    def add(taken: Walk) -> Walk:
        assert deed not in WALKS, f"two walks do {deed}"
        WALKS[deed] = taken
        return taken

    return add


def found() -> dict[str, Walk]:
    """List the walks of every file in `walks`."""
    for module in pkgutil.iter_modules([str(FOLDER)]):
        importlib.import_module(f"tests.browser.walks.{module.name}")
    return WALKS
