"""Find out what became of a call that got no answer, before telling the gateway again."""

from collections.abc import Awaitable, Callable

from tillkeeper.gateway import Absent, Outcome, Unknown
from tillkeeper.operations import Kind, Operation

DOUBTS_ENOUGH = dict.fromkeys(Kind, 1) | {Kind.REFUND: 3}
"""After how many doubts something that is nowhere to be found counts as never done.

A checkout that nobody was shown can be opened again, and a gateway captures or cancels once only. A refund could be
made twice, and gateways show new objects late: it is looked for at once, after 5 minutes and after an hour.
"""

NOT_FOUND_YET = Unknown(reason="it cannot be found yet")
"""The gateway answered well, and yet nobody knows."""
REPEATABLE = frozenset({Kind.CREATE, Kind.REFUND})
"""What a gateway would do twice when told twice; a capture or an ending happens once by its nature."""


async def resolve(
    operation: Operation,
    *,
    ask: Callable[[], Awaitable[Outcome | Absent]],
    tell: Callable[[], Awaitable[Outcome]],
    key_forgotten: bool,
) -> Outcome:
    """Tell a gateway for the first time; in doubt ask it first, and tell it again only if it never did it.

    Once the gateway has forgotten the key of the call, telling again could do it twice: then a person must look.
    """
    if not operation.doubts:
        return await tell()
    found = await ask()
    if isinstance(found, Unknown):
        return Unknown(reason=found.reason, counts=False)
    if not isinstance(found, Absent):
        return found
    if key_forgotten and operation.kind in REPEATABLE:
        return Unknown(reason="it cannot be found, and the gateway no longer remembers the key of the call", final=True)
    if operation.doubts % DOUBTS_ENOUGH[operation.kind]:  # counted anew since it was told the last time
        return NOT_FOUND_YET
    return await tell()
