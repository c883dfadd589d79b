"""Tables that others wrote: read strictly, and believed only cell by cell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.kernel import sheets
from tillkeeper.kernel.sheets import FileUnreadableError

NEEDED = ("id", "amount")


def test_columns_are_found_by_name_whatever_their_order_case_and_spaces() -> None:
    columns = sheets.columns(["Other", " AMOUNT ", "the   Id"], needed=("amount", "the id"), of="a table")
    assert columns.cells(["x", " 5 ", "a"]) == {"amount": "5", "the id": "a"}


def test_a_row_of_another_width_than_its_header_is_no_row() -> None:
    columns = sheets.columns(["id", "amount"], needed=NEEDED, of="a table")
    for row in (["a"], ["a", "5", "6"]):
        with pytest.raises(ValueError, match="the header has 2"):
            columns.cells(row)


def test_only_a_column_that_is_read_may_not_be_there_twice() -> None:
    assert sheets.columns(["id", "amount", "note", "note"], needed=NEEDED, of="a table").width == 4
    with pytest.raises(FileUnreadableError, match="'amount' is there twice"):
        sheets.columns(["id", "amount", "Amount"], needed=NEEDED, of="a table")


def test_a_table_without_a_needed_column_is_refused_by_the_name_of_what_it_should_be() -> None:
    with pytest.raises(FileUnreadableError, match=r"This is not a table: the column 'amount' is missing\."):
        sheets.columns(["id"], needed=NEEDED, of="a table")


def test_quoted_cells_may_hold_commas_line_ends_and_quotation_marks() -> None:
    assert list(sheets.rows(b'a,"b,\r\nc","d""e"\r\n')) == [["a", "b,\r\nc", 'd"e']]


@pytest.mark.parametrize("file", [b"\xff\xfe", b"a\x00b", b'"a\r\nb', b'a,"b"c\r\n'])
def test_what_is_not_comma_separated_text_in_utf_8_is_refused(file: bytes) -> None:
    with pytest.raises(FileUnreadableError):
        list(sheets.rows(file))


@given(st.binary(max_size=200))
def test_no_file_whatsoever_leads_to_another_error(file: bytes) -> None:
    try:
        assert all(any(cell.strip() for cell in row) for row in sheets.rows(file))
    except FileUnreadableError as refused:
        assert refused.detail  # noqa: PT017 (either is right)


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", "", "a b", "a\nb", "x" * 256, "é"])
def test_an_id_can_never_be_a_formula_for_whoever_opens_it_with_a_spreadsheet(cell: str) -> None:
    with pytest.raises(ValueError, match="is no id"):
        sheets.name(cell)
    assert sheets.optional_name("") is None
    assert sheets.name("po_1A-b.c:d") == "po_1A-b.c:d"
