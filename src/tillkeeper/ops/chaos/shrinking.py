"""Shrinking: the smallest part of a schedule that still fails, by delta debugging (Zeller's ddmin)."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
tries_each = 2
"""What depends on a moment may miss it once; more tries would cost more than they find."""


def fails_again(attempt: Callable[[], set[str]], broken: set[str]) -> bool:
    """Tell whether one of a few tries breaks some of what was broken at first: another fault is another search."""
    return any(broken & attempt() for _ in range(tries_each))


def ddmin(items: Sequence[Item], fails: Callable[[Sequence[Item]], bool], in_time: Callable[[], bool]) -> list[Item]:
    """Find few items with which it still fails, at best so few that none can be spared; stop when time is up.

    All of them are known to fail. What fails only now and then may shrink less than it could, never more than it may:
    what is returned has failed.
    """
    left, parts = list(items), 2
    if left and in_time() and fails([]):
        return []
    while len(left) > 1 and in_time():
        smaller = _spare(left, parts, fails, in_time)
        if smaller is None and parts >= len(left):
            break
        parts = min(parts * 2, len(left)) if smaller is None else max(parts - 1, 2)
        left = left if smaller is None else smaller
    return left


def _spare(
    items: list[Item], parts: int, fails: Callable[[Sequence[Item]], bool], in_time: Callable[[], bool]
) -> list[Item] | None:
    """Leave one of so many parts out, each in turn; None when all of them are needed, or time is up."""
    size = -(-len(items) // parts)
    for start in range(0, len(items), size):
        if not in_time():
            return None
        rest = items[:start] + items[start + size :]
        if fails(rest):
            return rest
    return None
