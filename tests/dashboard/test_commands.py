"""A command that a page names is one that there is, with words that it takes."""

import re
import shlex
from pathlib import Path

import pytest
from tests.telemetry.test_alerts import parse

import tillkeeper.web

PLACES = Path(tillkeeper.web.__file__).parent
COMMAND = re.compile(r"<code>(?:\./)?till ([a-z][^<{]*)</code>")
NAMED = sorted({told for page in PLACES.rglob("*.html") for told in COMMAND.findall(page.read_text())})


@pytest.mark.parametrize("words", NAMED)
def test_a_command_on_a_page_can_be_typed(words: str) -> None:
    parse(shlex.split(words))


def test_pages_name_commands() -> None:
    assert len(NAMED) > 10
