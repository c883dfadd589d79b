"""Which tests have their turn on which day, so that what runs on every change stays within half an hour."""

from collections import defaultdict
from collections.abc import Iterable

DEAR = (
    *("tests/crash/", "tests/hosts/", "tests/load/", "tests/fuzz/test_fuzz", "tests/machine/"),
    "tests/museum/test_guards",
    *("tests/ops/test_bench", "tests/ops/test_recovery", "tests/ops/test_wheelhouse", "tests/ops/test_image"),
    *("tests/flows/test_back_up", "tests/flows/test_drill", "tests/flows/test_isolate", "tests/flows/test_restore"),
    *("tests/flows/test_sudden_death", "tests/sensitivity/test_planted.py::test_a_planted_bug"),
    *("tests/cli/test_backup", "tests/cli/test_ready"),
)
"""What takes long by itself: many processes, or a copy of everything."""
MONEY = ("tests/flows/", "tests/ledger/", "tests/museum/")
"""What money and goods depend on first."""
QUICK = ("tests/rules/", "tests/kernel/", "tests/test_tidy.py", "tests/test_links.py", "tests/test_proofs.py")
"""What takes no time worth saving."""
DAYS = ((DEAR, 12), (MONEY, 3), (QUICK, 1))
other_days = 6


def days_of(test: str) -> int:
    """Tell within how many days a test has its turn."""
    return next((days for places, days in DAYS if test.startswith(places)), other_days)


def on_day(tests: Iterable[str], day: int) -> set[str]:
    """Choose the tests of a day, as many each day, and each of them once within its days."""
    groups: defaultdict[int, list[str]] = defaultdict(list)
    for test in sorted(tests):
        groups[days_of(test)].append(test)
    return {test for days, group in groups.items() for place, test in enumerate(group) if (place + day) % days == 0}
