"""What is said of proofs is one list, and each test that it names is there."""

import os
import re
from pathlib import Path

import pytest

from tillkeeper.web import proofs

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "proofs.md"
TABLE = re.compile(r"(?<=<!-- proofs -->\n).*?(?=<!-- /proofs -->)", re.DOTALL)


def test_the_table_of_the_guide_is_made_of_the_list() -> None:
    if os.environ.get("TILL_TEST_RENEW"):
        PAGE.write_text(TABLE.sub(lambda _: proofs.table(), PAGE.read_text()))
    found = TABLE.search(PAGE.read_text())
    assert found
    assert found.group() == proofs.table(), "TILL_TEST_RENEW=1 ./till test tests/test_proofs.py writes it anew"


@pytest.mark.parametrize("proof", proofs.read(), ids=lambda proof: proof.tests[0])
def test_what_shows_a_promise_is_there_and_takes_its_seed_and_its_full_size(proof: proofs.Proof) -> None:
    sources = [ROOT / test for test in proof.tests]
    assert all(source.exists() for source in sources)
    files = [file for source in sources for file in (source.rglob("*.py") if source.is_dir() else [source])]
    text = "".join(file.read_text() for file in files)
    assert proof.seed_from is None or proof.seed_from in text
    assert "TILL_TEST_FULL" in text or proof.full == "the same" or proof.run


@pytest.mark.parametrize("proof", proofs.read(), ids=lambda proof: proof.tests[0])
def test_a_seed_is_told_where_one_was_thrown(proof: proofs.Proof) -> None:
    assert not (proof.seed_from and proof.last) or proof.last.seed, "without its seed nobody can repeat the run"
