"""The machine is able to fail: it notices each guard that is taken out of the program.

Each has its turn in time (tests/slices.py); all of them with TILL_TEST_FULL=1. Most patches are those of the museum,
whose re-enactments each know what to look for; the machine is not told.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.museum import guards

SHARED = (
    "test_a_dispute_that_is_won_gives_the_credits_back",
    "test_a_dispute_that_was_lost_in_part_leaves_the_goods_of_the_rest",
    "test_a_lost_dispute_that_is_told_again_is_lost_once",
    "test_a_payment_that_a_bank_is_taking_back_is_not_refunded_as_well",
    "test_a_refund_after_a_dispute_that_was_won_takes_the_credits",
    "test_credits_whose_money_a_bank_took_back_cannot_be_spent",
    "test_money_that_the_gateway_took_back_in_part_takes_its_share_of_the_goods",
    "test_one_payment_told_under_two_event_ids_is_granted_once",
    "test_refunds_at_once_never_exceed_what_was_captured",
    "test_two_partial_refunds_take_what_one_refund_of_their_sum_would",
    "test_what_a_lost_dispute_took_is_not_there_to_be_refunded",
)
OWN = sorted((Path(__file__).parent / "patches").glob("*.patch"))
PATCHES = [*OWN, *(guards.HERE / "patches" / f"{name}.patch" for name in SHARED)]
FOUND = "the program and the model differ after"
HOW = {"TILL_MACHINE_SEED": "7", "TILL_MACHINE_STEPS": "1000", "TILL_MACHINE_SHRINK": "0", "TILL_TEST_FULL": ""}


@pytest.mark.parametrize("patch", OWN, ids=lambda patch: patch.stem)
def test_every_patch_of_the_machine_fits_the_program(patch: Path, tmp_path: Path) -> None:
    guards.apply(patch, guards.copy_program(tmp_path))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_without_a_guard_the_machine_finds_a_difference(
    patch: Path, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    program = guards.copy_program(tmp_path)
    guards.apply(patch, program)
    verdict = guards.run("agree", program, where="tests/machine/test_machine.py", **HOW)
    assert FOUND in verdict.words, verdict.words
    tell("found")
