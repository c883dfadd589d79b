"""The durable books: one change is one transaction."""

from collections.abc import Iterator
from pathlib import Path
from sqlite3 import IntegrityError

import pytest

from tillkeeper.sandbox_kit import luck, post
from tillkeeper.sandbox_kit.books import Books, Change
from tillkeeper.sandbox_kit.post import DUE, Event, listing


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


def test_what_is_due_is_found_without_going_through_what_was_delivered(books: Books) -> None:
    plan = books.connection.execute(f"EXPLAIN QUERY PLAN {DUE}", (0, "[]", 0, 1)).fetchall()
    assert [step for *_, step in plan if step.startswith(("SEARCH d ", "SCAN d "))] == [
        "SEARCH d USING INDEX delivery_due (due_ms<?)"
    ]


def test_the_dial_comes_back_as_it_was_turned(tmp_path: Path) -> None:
    wishes = {"only_methods": ["POST"], "only_paths": ["/v1/refunds"], "lost_reply_percent": 5, "seed": 42}
    first = Books(tmp_path / "dial.sqlite")
    turned = first.turn(wishes)
    first.close()
    second = Books(tmp_path / "dial.sqlite")
    assert (second.dial, second.dial.only_paths) == (turned, ("/v1/refunds",))
    second.close()


def test_what_is_tied_to_one_object_is_loose_no_more(books: Books) -> None:
    with books.change("stripe") as change:
        for number in range(4):
            tell(change, number)
        change.tie(["t_1", "t_3"], "whole")
    with books.change("stripe") as change:
        assert [found["id"] for found in change.loose("thing")] == ["t_0", "t_2"]
        assert sorted(change.tied("whole")) == ["t_1", "t_3"]
        with pytest.raises(IntegrityError), change.undoable():
            change.tie(["t_2", "t_3"], "other")
        assert [found["id"] for found in change.loose("thing")] == ["t_0", "t_2"]


def test_dice_show_the_same_sequence_after_a_restart_and_from_the_seed(tmp_path: Path) -> None:
    def throws(books: Books) -> list[int]:
        return [luck.throw(books.connection, "stripe", "call", dial=books.dial, sides=100) for _ in range(20)]

    first = Books(tmp_path / "dice.sqlite")
    one, two = throws(first), throws(first)
    first.turn({"seed": 0})
    three = throws(first)
    first.close()
    second = Books(tmp_path / "dice.sqlite")
    four = throws(second)
    second.turn({"seed": 1})
    assert (three, four) == (one, two)
    assert one != two
    assert throws(second) != one
    second.close()


@pytest.mark.parametrize(("most_ms", "waits_ms"), [(7_200_000, 300_000), (10_000, 10_000)])
def test_a_webhook_that_failed_often_waits_no_longer_than_the_dial_says(
    books: Books, most_ms: int, waits_ms: int
) -> None:
    books.turn({"webhook_retry_ms_max": most_ms})
    with books.change("stripe") as change:
        tell(change, 1)
    books.connection.execute("UPDATE delivery SET attempts = 8")
    [parcel] = post.due(books.connection, gateways=["stripe"], limit=1)
    failed = post.Receipt(parcel=parcel, at_ms=1_000, took_ms=0, status=500, error=None)
    post.record(books.connection, [failed], retry_ms_max=books.dial.webhook_retry_ms_max)
    assert books.connection.execute("SELECT due_ms FROM delivery").fetchone() == (1_000 + waits_ms,)
