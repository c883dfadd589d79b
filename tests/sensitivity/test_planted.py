"""Each bug that is planted into a copy of the program is found by tests that stand for what it breaks.

Each has its turn in time (tests/slices.py), all of them with TILL_TEST_FULL=1; a run prints who found which, and how
soon. A test that finds nothing proves little; these are the ways in which a payment system goes wrong in earnest.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.museum import guards

from tillkeeper.kernel import clock

PATCHES = Path(__file__).parent / "patches"
FOUND_BY = {
    "a_delivery_is_written_down_before_it_is_made": "tests/flows/test_deliver.py",
    "a_failing_ledger_stops_nothing": "tests/flows/test_failing_books.py",
    "a_key_is_good_for_any_request": "tests/flows/test_checkout.py",
    "a_lease_keeps_nobody_out": "tests/flows/test_operate.py",
    "a_retry_takes_a_new_key_to_the_gateway": "tests/gateways/stripe/test_adapter.py",
    "a_second_capture_is_kept": "tests/flows/test_money_afterwards.py",
    "a_signature_is_compared_as_text": "tests/gateways/stripe/test_webhook.py",
    "a_unique_index_is_dropped": "tests/flows/test_receive.py",
    "a_wallet_is_not_looked_into": "tests/flows/test_spend.py",
    "a_webhook_is_acknowledged_before_it_is_stored": "tests/flows/test_receive.py",
    "a_webhook_is_done_before_its_effect": "tests/flows/test_failing_books.py",
    "an_amount_goes_through_a_float": "tests/gateways/paypal",
    "another_gateway_is_tried_after_a_time_out": "tests/flows/test_failover.py",
    "copies_in_one_batch_do_not_see_each_other": "tests/rules/test_payments.py",
    "each_refund_takes_its_share_of_what_is_left": "tests/rules/test_fulfilment.py",
    "each_try_sends_an_event_under_a_new_id": "tests/flows/test_deliver.py",
    "money_that_comes_after_the_end_is_ignored": "tests/flows/test_late_outcomes.py",
    "nobody_locks_a_payment": "tests/flows/test_refund_races.py",
    "one_log_is_not_scrubbed": "tests/rules/test_logs.py",
    "the_decimals_of_another_gateway_are_used": "tests/gateways/test_currencies.py",
    "the_payment_counts_as_the_event": "tests/flows/test_settle.py",
    "what_is_on_its_way_back_may_go_back_again": "tests/rules/test_payments.py",
    "what_speaks_of_something_unknown_is_dropped": "tests/rules/test_inbox.py",
}
"""Which tests are to find what; they are the ones of the place that is broken, and know nothing of this list."""
BUGS = sorted(FOUND_BY)
REPORT = guards.ROOT / "docs" / "proofs.md"
LINE = re.compile(r"^\| `(\w+)` \| `(tests/[^`]+)` \| \d+ \|$", re.MULTILINE)
FOUND = re.compile(r"^FAILED (\S+)", re.MULTILINE)


def test_every_planted_bug_is_to_be_found_by_somebody() -> None:
    assert {patch.stem for patch in PATCHES.glob("*.patch")} == set(FOUND_BY)
    assert [where for where in FOUND_BY.values() if not (guards.ROOT / where).exists()] == []


def test_the_guide_says_of_each_planted_bug_who_finds_it() -> None:
    told = dict(LINE.findall(REPORT.read_text()))
    assert {bug for bug, where in FOUND_BY.items() if not told.get(bug, "").startswith(where)} == set()
    assert told.keys() == FOUND_BY.keys()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("where", sorted({*FOUND_BY.values()}))
def test_nothing_is_found_where_no_bug_is_planted(where: str, tmp_path: Path) -> None:
    verdict = guards.run("", guards.copy_program(tmp_path), where=where)
    assert verdict.code == pytest.ExitCode.OK, verdict.words


@pytest.mark.parametrize("bug", BUGS)
def test_every_planted_bug_fits_the_program(bug: str, tmp_path: Path) -> None:
    guards.apply(PATCHES / f"{bug}.patch", guards.copy_program(tmp_path))


@pytest.mark.timeout(400)
@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str, tmp_path: Path, tell: Callable[[str], None]) -> None:
    program = guards.copy_program(tmp_path)
    guards.apply(PATCHES / f"{bug}.patch", program)
    read_ms = clock.timer_ms()
    verdict = guards.run("", program, where=FOUND_BY[bug])
    assert verdict.code == pytest.ExitCode.TESTS_FAILED, verdict.words
    found = FOUND.findall(verdict.words)
    assert found, verdict.words
    tell(f"{bug}: found after {read_ms() // 1000} s by {len(found)}, among them {found[0]}")
