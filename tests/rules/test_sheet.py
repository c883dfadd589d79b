"""Tables as CSV: read back as they were written, and never run by a spreadsheet."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.reports import sheet

text = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe_before_it(cell: str) -> None:
    [row] = csv.reader(io.StringIO(sheet.lines(["a"], [{"a": cell}], head=False), newline=""))
    assert row == [f"'{cell}"]


def test_numbers_stay_numbers_also_below_zero_and_nothing_is_empty() -> None:
    assert sheet.lines(["a", "b", "c"], [{"a": -5, "b": 0, "c": None}]) == "a,b,c\r\n-5,0,\r\n"


@given(rows=st.lists(st.fixed_dictionaries({"a": text, "b": st.integers()})))
def test_what_is_written_is_read_back_but_for_the_apostrophes(rows: list[dict[str, object]]) -> None:
    read = list(csv.DictReader(io.StringIO(sheet.lines(["a", "b"], rows), newline="")))
    assert [(row["a"].removeprefix("'"), int(row["b"])) for row in read] == [
        (str(row["a"]).removeprefix("'"), row["b"]) for row in rows
    ]
