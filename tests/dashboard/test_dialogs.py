"""What holds for every dialog that is shown in the midst of a page."""

import re
from typing import Any

import pytest

IDS = re.compile(r'\bid="([^"]+)"')
IN_THE_MIDST = {"HX-Request": "true", "HX-Target": "dialog#dialog"}


@pytest.mark.parametrize(
    ("page", "dialog"),
    [
        ("/reconciliation", "/reconciliation/compare"),
        ("/refunds", "/refunds/ask"),
        ("/inbox", "/inbox/replay"),
        ("/customers", "/customers/user/erase?name=ana"),
    ],
)
async def test_a_field_of_a_dialog_is_not_taken_for_one_of_the_page_behind_it(
    desk_of: Any, page: str, dialog: str
) -> None:
    desk = await desk_of("admin")
    behind, asked = await desk.get(page), await desk.http.get(f"/admin{dialog}", headers=IN_THE_MIDST)
    assert (behind.status_code, asked.status_code, "<html" in asked.text) == (200, 200, False)
    assert set(IDS.findall(behind.text)) & set(IDS.findall(asked.text)) == set()
