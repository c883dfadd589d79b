"""Every re-enactment is able to fail, and every test of a bug of our own: with its guard or mend patched out it does.

Each has its turn in time (tests/slices.py); all of them with TILL_TEST_FULL=1.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.museum import guards
from tests.museum.guards import OWN, PATCHES

MENDS = sorted(OWN)
PASSED, FAILED = 0, 1
"""What pytest ends with when tests ran; anything else is no proof."""
ASSERTED = r":\d+: (?:AssertionError|assert |Failed: DID NOT RAISE)"
"""How pytest says, behind the name of a file, that what is asserted there is untrue, and not that something broke."""


def mend(bug: str) -> Path:
    """Name the patch that takes the mend of one of our own bugs out."""
    return guards.HERE / "own" / f"{bug}.patch"


@pytest.fixture
def told() -> dict[str, str]:
    """Read what every re-enactment says of itself."""
    return {
        node.name: ast.get_docstring(node) or ""
        for path in guards.HERE.glob("test_*.py")
        if path.name != Path(__file__).name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_re_enactment_names_its_incident_and_has_a_patch(told: dict[str, str]) -> None:
    assert {name for name, text in told.items() if not text.startswith("Re-enact ") or "#" not in text} == set()
    assert set(told) == {patch.stem for patch in PATCHES}


def test_the_catalogue_lists_what_is_re_enacted_and_nothing_else(told: dict[str, str]) -> None:
    listed = re.findall(r"^\| ([^|]+) \| `(test_\w+)` \|$", guards.CATALOGUE.read_text(), re.MULTILINE)
    incidents = {name: text.removeprefix("Re-enact ").partition(":")[0] for name, text in told.items()}

    assert set(listed) == {(incident, name) for name, said in incidents.items() for incident in said.split(", ")}


def test_every_bug_of_our_own_has_a_patch_and_a_test_that_is_there() -> None:
    assert {patch.stem for patch in (guards.HERE / "own").glob("*.patch")} == set(OWN)
    for test in OWN.values():
        file, _, name = test.partition("::")
        assert re.search(rf"^(?:async )?def {name}\(", (guards.ROOT / file).read_text(), re.MULTILINE), test


@pytest.mark.parametrize("patch", [*PATCHES, *map(mend, MENDS)], ids=lambda patch: patch.stem)
def test_every_patch_fits_the_program(patch: Path, tmp_path: Path) -> None:
    guards.apply(patch, guards.copy_program(tmp_path))


def test_a_patch_that_fits_nowhere_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    patch = tmp_path / "a.patch"
    patch.write_text("--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 2\n+x = 3\n")
    with pytest.raises(guards.PatchUnfitError, match=r"a\.py"):
        guards.apply(patch, tmp_path)


@pytest.mark.timeout(300)
def test_an_untouched_copy_passes(tmp_path: Path) -> None:
    verdict = guards.run("", guards.copy_program(tmp_path))
    assert verdict.code == PASSED, verdict.words


@pytest.mark.timeout(300)
def test_an_untouched_copy_passes_the_tests_of_our_own_bugs(tmp_path: Path) -> None:
    verdict = guards.run("", guards.copy_program(tmp_path), where=sorted(set(OWN.values())))
    assert verdict.code == PASSED, verdict.words


@pytest.mark.timeout(300)
@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_without_its_guard_a_re_enactment_fails(patch: Path, tmp_path: Path, tell: Callable[[str], None]) -> None:
    program = guards.copy_program(tmp_path)
    guards.apply(patch, program)
    verdict = guards.run(patch.stem, program)
    assert verdict.code == FAILED, verdict.words
    assert " failed" in verdict.words, verdict.words
    tell("failed, as it should")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bug", MENDS)
def test_without_its_guard_a_bug_of_our_own_is_back(bug: str, tmp_path: Path, tell: Callable[[str], None]) -> None:
    program = guards.copy_program(tmp_path)
    guards.apply(mend(bug), program)
    verdict = guards.run("", program, where=OWN[bug])
    assert verdict.code == FAILED, verdict.words
    assert " failed" in verdict.words, verdict.words
    file = OWN[bug].partition("::")[0]
    assert re.search(rf"^\S*/{re.escape(file)}{ASSERTED}", verdict.words, re.MULTILINE), verdict.words
    tell("failed, as it should")
