"""The oracle: what must be true of everybody's books when all is quiet.

It imports nothing of the program, so that no bug of the program can hide itself here; a contract of the import linter
sees to that. Amounts are in minor units.
"""

from collections.abc import Callable, Iterator, Sequence

from tillkeeper.ops.chaos.oracle import chains, goods, messages, money, promises
from tillkeeper.ops.chaos.oracle.case import Case, Finding
from tillkeeper.ops.chaos.oracle.evidence import Evidence

CHECKS: Sequence[Callable[[Case], Iterator[Finding]]] = (
    *(
        money.as_gateways_say,
        money.captured_once,
        money.refunded,
        money.disputed,
        goods.delivered,
        goods.handed_to,
        goods.taken_back,
    ),
    *(promises.sold, promises.kept, promises.shown, money.balanced, money.booked, money.promised_back, money.summed_up),
    *(promises.taken, messages.announced, messages.said, messages.sent, messages.heard, messages.believed),
    *(chains.sealed, chains.audited, promises.answered, promises.ended, promises.left_to_people),
)


def judge(evidence: Evidence) -> list[Finding]:
    """Prove everything that can be seen from outside."""
    case = Case(evidence)
    return [finding for check in CHECKS for finding in _look(check, case)]


def _look(check: Callable[[Case], Iterator[Finding]], case: Case) -> Iterator[Finding]:
    """Let what cannot be read be a finding too: an oracle that stumbles has not seen that all is well."""
    try:
        yield from check(case)
    except Exception as error:  # noqa: BLE001 (whatever it is, the run is not sound)
        about, found = f"{check.__module__.rpartition('.')[2]}.{check.__name__}", repr(error)
        yield Finding(invariant="oracle", about=about, found=found, should_be="evidence that can be read")
