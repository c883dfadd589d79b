"""The Simulate panel: every button says what it does, and is known to whoever is told of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tillkeeper.ops.scenarios import SCENARIOS
from tillkeeper.sandbox import app
from tillkeeper.sandbox.config import SandboxConfig
from tillkeeper.sandbox_kit import courses, outages, simulate
from tillkeeper.sandbox_kit.books import Books
from tillkeeper.sandbox_kit.faults import Dial

PAYMENT = "payment_01m80bxv2nf1p8n25zbkvvna89"
DECLINES = {"no": "Card declined", "empty": "Insufficient funds"}
SECRETS = {"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}
KEY = {"Authorization": "Bearer sk_test_1"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(app.build(SandboxConfig(tmp_path / "b", "http://sandbox.test", SECRETS))) as client:
        yield client


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    books = Books(tmp_path / "books.sqlite")
    yield books
    books.close()


def test_each_button_names_a_scenario_that_exists() -> None:
    panel = simulate.panel("stripe", [], declines=DECLINES)
    lines = [line.split() for button in (*panel.deeds, *panel.courses) for line in button.lines]
    assert [line for line in lines if line[:2] != ["./till", "trigger"] or line[2] not in SCENARIOS] == []
    assert len(lines) > 12


def test_a_payment_that_the_merchant_has_named_is_what_the_lines_are_about() -> None:
    told = simulate.panel("stripe", [None, "attempt_1", PAYMENT], declines=DECLINES)
    assert {button.lines[0].partition(" --")[2].split()[:2][1] for button in told.courses} == {PAYMENT}
    untold = simulate.panel("stripe", [None, "payment_of_somebody"], declines=DECLINES)
    assert all(button.lines[0].endswith("--gateway stripe") for button in untold.courses)


def test_a_course_turns_the_dial_for_one_payment_and_leaves_the_others_alone(books: Books) -> None:
    with books.change("stripe") as change:
        change.follow("storm")
        assert change.dial.webhook_copies == 50
    with books.change("stripe") as change:
        assert change.dial == Dial() == books.dial


def test_a_course_that_nobody_knows_changes_nothing() -> None:
    assert courses.turned(Dial(), "sideways") == courses.turned(Dial(), "") == Dial()


def test_an_answer_is_lost_once_and_only_for_the_thing_that_timed_out(books: Books) -> None:
    with books.change("stripe") as change:
        change.follow(courses.TIMEOUT, about="cs_1")
    lost = [outages.loses(books.connection, "stripe", path) for path in ("/v1/s/cs_12", "/v1/s/cs_1", "/v1/s/cs_1")]
    assert lost == [False, True, False]


def test_a_control_call_with_an_unknown_course_is_explained(client: TestClient) -> None:
    answer = client.post("/_control/stripe/sessions/cs_1/pay", json={"webhook": "sideways"})
    assert answer.status_code == 422
    assert "never" in answer.json()["error"]["message"]


def test_every_course_is_documented(client: TestClient) -> None:
    page = client.get("/_control/docs").text
    assert [name for name in courses.COURSES if f'<dt class="mono">{name}</dt>' not in page] == []


def test_an_outage_fails_every_call_until_it_is_ended(client: TestClient) -> None:
    def ask() -> int:
        return client.get("/stripe/v1/events", headers=KEY).status_code

    assert ask() == 200
    assert client.post("/_control/outages", json={"gateway": "stripe", "seconds": 60}).status_code == 200
    assert ask() == 500
    client.post("/_control/outages", json={"gateway": "stripe", "seconds": 0})
    assert ask() == 200


@pytest.mark.parametrize("wish", [{"seconds": 601}, {"seconds": -1}, {"seconds": True}, {}, {"gateway": "x"}])
def test_an_outage_that_makes_no_sense_is_explained(client: TestClient, wish: dict[str, object]) -> None:
    answer = client.post("/_control/outages", json=wish)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]
