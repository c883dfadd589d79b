"""The durable books: one change is one transaction."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tillkeeper.sandbox_kit.books import Books, Change
from tillkeeper.sandbox_kit.post import Event, listing


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    books = Books(tmp_path / "books.sqlite")
    yield books
    books.close()


def thing(number: int) -> dict[str, object]:
    return {"id": f"t_{number}", "object": "thing", "created": number, "payment_intent": f"pi_{number % 2}"}


def tell(change: Change, number: int) -> None:
    change.put(thing(number))
    change.emit(Event(f"evt_{number}", "thing.created", f"t_{number}", number, b"{}"))


def test_state_and_the_webhook_it_owes_become_true_together_or_not_at_all(books: Books) -> None:
    def fall_over() -> None:
        with books.change("stripe") as change:
            tell(change, 1)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fall_over()
    with books.change("stripe") as change:
        assert change.find("thing", "t_1") is None
        tell(change, 2)
    assert [delivery["event"] for delivery in listing(books.connection)] == ["evt_2"]


def test_what_is_undone_inside_leaves_the_rest_of_the_change(books: Books) -> None:
    def fall_over(change: Change) -> None:
        with change.undoable():
            tell(change, 2)
            raise InterruptedError

    with books.change("stripe") as change:
        tell(change, 1)
        with pytest.raises(InterruptedError):
            fall_over(change)
    with books.change("stripe") as change:
        assert [found["id"] for found in change.select("thing")] == ["t_1"]


def test_gateways_do_not_see_each_others_objects(books: Books) -> None:
    with books.change("stripe") as change:
        tell(change, 1)
    with books.change("square") as change:
        assert change.find("thing", "t_1") is None
        assert change.select("thing") == []


def test_objects_are_listed_newest_first_and_narrowed(books: Books) -> None:
    with books.change("stripe") as change:
        for number in range(6):
            tell(change, number)
        assert [found["id"] for found in change.select("thing", where={"payment_intent": "pi_1"})] == [
            "t_5",
            "t_3",
            "t_1",
        ]
        assert [found["id"] for found in change.select("thing", created={"gte": 2, "lt": 4})] == ["t_3", "t_2"]
        place = change.place("thing", "t_2")
        assert [found["id"] for found in change.select("thing", newer_than=place, limit=2)] == ["t_4", "t_3"]


def test_an_index_serves_the_look_up_by_payment_intent(books: Books) -> None:
    plan = books.connection.execute(
        "EXPLAIN QUERY PLAN SELECT body FROM object WHERE gateway = ? AND kind = ?"
        " AND json_extract(body, '$.payment_intent') = ? ORDER BY sequence DESC LIMIT ?",
        ("stripe", "charge", "pi_1", 1),
    ).fetchall()
    assert "object_intent" in plan[0][3]
