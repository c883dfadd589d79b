"""Which tests have their turn on which day, so that what runs on every change stays within half an hour."""

from collections import defaultdict
from collections.abc import Iterable

from tillkeeper.kernel import clock

CASES = (
    "tests/browser/test_actions.py::test_what_can_be_done",
    "tests/flows/test_sudden_death.py::test_what_is_killed",
    *("tests/gateways/test_conformance_orders", "tests/gateways/test_sudden_death.py::test_what_is_killed"),
    "tests/machine/test_sensitivity.py::test_without_a_guard",
    *("tests/museum/test_guards.py::test_an_untouched_copy", "tests/museum/test_guards.py::test_without_its_guard"),
    "tests/sensitivity/test_planted.py::test_a_planted_bug",
    "tests/sensitivity/test_planted.py::test_nothing_is_found",
)
"""What has many cases that take seconds each: all of them in one run would be too many by hand as well."""
DEAR = (
    *("tests/crash/", "tests/hosts/", "tests/load/", "tests/fuzz/test_fuzz", "tests/machine/"),
    "tests/museum/test_guards",
    *("tests/ops/test_bench", "tests/ops/test_recovery", "tests/ops/test_wheelhouse", "tests/ops/test_image"),
    *("tests/flows/test_back_up", "tests/flows/test_drill", "tests/flows/test_isolate", "tests/flows/test_restore"),
    *("tests/flows/test_unseal", "tests/cli/test_backup", "tests/cli/test_ready"),
)
"""What takes long by itself: many processes, or a copy of everything."""
MONEY = ("tests/flows/", "tests/ledger/", "tests/museum/")
"""What money and goods depend on first."""
QUICK = (
    *("tests/rules/", "tests/kernel/", "tests/ops/chaos/"),
    *("tests/test_tidy.py", "tests/test_links.py", "tests/test_proofs.py", "tests/test_plans.py"),
    *("tests/test_constant_time.py", "tests/test_leaks.py", "tests/test_security_page.py"),
    "tests/test_slices.py::test_nobody_else",
)
"""What looks at all of the program in a moment, or takes no time worth saving."""
DAYS = ((CASES, 14), (DEAR, 12), (MONEY, 3), (QUICK, 1))
other_days = 6
day_seconds = 86_400


def days_of(test: str) -> int:
    """Tell within how many days a test has its turn."""
    return next((days for places, days in DAYS if test.startswith(places)), other_days)


def on_day(tests: Iterable[str], day: int) -> set[str]:
    """Choose the tests of a day, as many each day, and each of them once within its days."""
    groups: defaultdict[int, list[str]] = defaultdict(list)
    for test in sorted(tests):
        groups[days_of(test)].append(test)
    return {test for days, group in groups.items() for place, test in enumerate(group) if (place + day) % days == 0}


def by_hand(tests: Iterable[str], day: int) -> set[str]:
    """Choose what a run takes that was told no day: all tests, but of many cases those whose turn it is."""
    asked = {*tests}
    cases = {test for test in asked if test.startswith(CASES)}
    return asked - cases | on_day(cases, day)


def today() -> int:
    """Count the days as `.ci/run` does; here alone a test's turn depends on the date."""
    return int(clock.now().timestamp()) // day_seconds
