"""Ids: shown with a prefix that says what they are, read back to the same uuid, sorted by age."""

from uuid import UUID

import pytest

from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import NotFoundError


def test_a_new_id_is_a_uuid_of_version_7_and_sorts_after_the_ones_of_earlier_milliseconds() -> None:
    made = [ids.new() for _ in range(1_000)]
    assert {(each.version, each.variant) for each in made} == {(7, "specified in RFC 4122")}
    assert len(set(made)) == 1_000
    assert [each.int >> 80 for each in made] == sorted(each.int >> 80 for each in made)


# The first three stand in the TypeID specification's own list of valid ids.
@pytest.mark.parametrize(
    ("shown", "value"),
    [
        ("prefix_00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
        ("prefix_7zzzzzzzzzzzzzzzzzzzzzzzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        ("prefix_0123456789abcdefghjkmnpqrs", "0110c853-1d09-52d8-d73e-1194e95b5f19"),
    ],
)
def test_an_id_is_written_and_read_as_the_specification_says(shown: str, value: str) -> None:
    assert ids.text("prefix", UUID(value)) == shown
    assert ids.parse("prefix", shown) == UUID(value)


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "payment_",
        "refund_00000000000000000000000000",
        "payment_8zzzzzzzzzzzzzzzzzzzzzzzzz",
        "payment_0000000000000000000000000",
        "payment_000000000000000000000000000",
        "payment_0000000000000000000000000u",
        "payment_0000000000000000000000000A",
        "payment_0000000000000000000000000 ",
        "payment_+0000000000000000000000000",
        "payment_0000000000000000000000000é",
        "payment_0000000000000000000000000\ud800",
    ],
)
def test_what_is_no_id_of_the_kind_asked_for_does_not_exist(shown: str) -> None:
    with pytest.raises(NotFoundError):
        ids.parse("payment", shown)
