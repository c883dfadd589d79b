"""The letter that Razorpay gets: a PDF whose list of places is right, however long and odd the text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.gateways.razorpay import letters


def objects(letter: bytes) -> dict[int, bytes]:
    """Read the objects of a PDF by the list of places at its end, as a reader does."""
    [start] = re.findall(rb"startxref\n(\d+)\n%%EOF\n$", letter)
    table = letter[int(start) :]
    assert table.startswith(b"xref\n")
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n ", table)]
    found = {}
    for number, place in enumerate(places, start=1):
        head = b"%d 0 obj\n" % number
        assert letter[place:].startswith(head)
        found[number] = letter[place + len(head) :].partition(b"\nendobj\n")[0]
    return found


def shown(letter: bytes) -> list[str]:
    """Read the lines that stand on the pages."""
    lines = []
    for content in objects(letter).values():
        stream = re.fullmatch(rb"<< /Length (\d+) >>\nstream\n(.*)\nendstream", content, re.DOTALL)
        if stream:
            assert int(stream[1]) == len(stream[2])
            shown_lines = re.findall(rb"^\((.*)\) Tj T\*$", stream[2], re.MULTILINE)
            lines += [re.sub(rb"\\([()\\])", rb"\1", line) for line in shown_lines]
    return [line.decode("cp1252") for line in lines]


def test_a_letter_says_what_it_was_given_under_headings() -> None:
    letter = letters.write([("Delivered", "120 credits (at once)"), ("Used", "back\\slash")])
    assert letter.startswith(b"%PDF-1.4")
    assert shown(letter) == ["DELIVERED", "120 credits (at once)", "", "USED", "back\\slash", ""]


def test_a_long_text_goes_on_on_further_pages() -> None:
    letter = letters.write([("Used", "\n".join(f"line {number}" for number in range(200)))])
    assert letter.count(b"/Type /Page ") == 4
    assert shown(letter)[1:201] == [f"line {number}" for number in range(200)]


def test_a_letter_never_grows_beyond_its_pages() -> None:
    assert letters.write([("Used", "x\n" * 100_000)]).count(b"/Type /Page ") == letters.pages_max


@pytest.mark.parametrize(("text", "line"), [("Ünïcode – “yes”", "Ünïcode – “yes”"), ("名前", "??")])
def test_letters_that_the_type_lacks_become_question_marks(text: str, line: str) -> None:
    assert shown(letters.write([("Name", text)]))[1] == line


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=500)), max_size=5))
def test_any_text_makes_a_letter_that_can_be_read(sections: list[tuple[str, str]]) -> None:
    assert objects(letters.write(sections))
