"""The examples in the description of the API are what was really sent and answered, told and refused."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import httpx2
import jsonschema
import pytest
from tests.flows.receiver import receiving
from tests.web import mishaps, stops
from tests.web.conftest import TEMPLATE, Json
from tests.web.running import opened
from tests.web.tour import Tour, closed, shape, steady

from tillkeeper import catalog
from tillkeeper.flows.authorize import issue
from tillkeeper.flows.offer import offer
from tillkeeper.fulfilment import packs
from tillkeeper.kernel.errors import problem
from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.outbox import TYPES
from tillkeeper.web import description, documents
from tillkeeper.web.app import described

pytestmark = pytest.mark.timeout(300)  # the tour, in which one thing waits for the other
SNAPSHOT = Path(__file__).parents[2] / "docs" / "openapi.json"
RENEW = "TILL_TEST_RENEW"
HOW = f"`{RENEW}=1 ./till test tests/web/test_examples.py` writes the examples anew."
REQUEST = "request_01h455vb4pex5vsknk084sn002"
fields_deep = 8
"""How deep the fields of what stands in a list lie: operations, name, answers, status, media type, list, thing."""
FIXED = ("type", "title", "status", "code", "category", "retryable", "next_step")
UNPROVOKED = {
    "balance_short": "only a bug of ours asks the books for more than an account holds",
    "books_busy": "somebody must write into the books for 15 seconds",
    "card_declined": "Stripe declines on its page; through PayPal: tests/gateways",
    "database_unavailable": "PostgreSQL must be away: tests/web/test_intake.py",
    "form_refused": "the shop is not open here: tests/web/test_shop.py",
    "issuer_unavailable": "an issuer of tokens must be away: tests/flows/test_use.py",
    "journal_conflict": "only a bug of ours tells the books one fact with two amounts",
    "outcome_unknown": "takes a page of a gateway with data: tests/flows/test_confirm.py",
    "second_factor_required": "roles may go without one here: tests/web/test_session.py",
    "overloaded": "thousands of webhooks must wait: tests/ops/test_bench.py",
}
"""Errors whose examples are written from their classes, each with the reason."""


@pytest.fixture(scope="module")
async def tour(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tour]:
    """Go through the whole API once."""
    name = f"tour_{os.getpid()}"
    databases.clone(name, template=TEMPLATE)
    folder = tmp_path_factory.mktemp("sandbox")
    async with (
        AsyncExitStack() as stack,
        opened(databases.app_url(name), folder, TILL_WEBHOOKS_ALLOW_PRIVATE="1") as shop,
        receiving() as receiver,
    ):
        await offer(shop.till, catalog.DEMO_PACKS, packs=packs.DEMO)
        owner = await asyncpg.connect(databases.owner_url(name))
        stack.push_async_callback(owner.close)
        keys = {who: (await issue(shop.till, who, scopes=["admin"]))[1] for who in ("admin", "another admin")}
        browser = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=20))
        tour = Tour(shop, described().openapi(), keys, owner, browser)
        tour.aliases = {
            shop.url: "https://till.example",
            receiver.url: "https://shop.example/webhooks",
            shop.sandbox: "https://checkout.example",
            "127.0.0.1": "203.0.113.7",
        }
        _, keys["reader"] = await issue(shop.till, "reader", scopes=["read"])
        await stops.all_of_them(tour, receiver)
        await mishaps.all_of_them(tour)
        tour.events = await stops.events(tour)
        yield tour
    databases.drop(name)


async def test_every_operation_has_an_example_of_each_answer_that_it_gives(tour: Tour) -> None:
    for _, _, operation in description.operations(tour.spec):
        name = operation["operationId"]
        promised = {status for status in operation["responses"] if status.isdecimal()}
        assert name in tour.operations, name
        assert set(tour.operations[name]["answers"]) == promised, name


async def test_every_example_is_what_was_really_sent_answered_refused_and_told(tour: Tour) -> None:
    recorded = steady(as_recorded(tour), tour.aliases)
    if os.environ.get(RENEW):
        description.EXAMPLES.write_text(description.written(recorded))
        description.examples.cache_clear()
    kept = json.loads(description.EXAMPLES.read_text())
    assert shape(kept, fields_deep) == shape(recorded, fields_deep), HOW
    for name, each in recorded["operations"].items():
        # The number of an id says how many came before it, which differs with the speed of the worker.
        bodies = [steady(side.get("body"), {}) for side in (kept["operations"][name], each)]
        assert bodies[0] == bodies[1], f"{name}: {HOW}"
    for code, refusal in recorded["errors"].items():
        assert {name: kept["errors"][code][name] for name in FIXED} == {name: refusal[name] for name in FIXED}, HOW


def as_recorded(tour: Tour) -> Json:
    """Sort what was recorded, and write what could not be."""
    errors = tour.errors | {
        code: problem(error()) | {"request_id": REQUEST}
        for code, error in documents.documented().items()
        if code in UNPROVOKED
    }
    return {
        name: dict(sorted(each.items()))
        for name, each in (("operations", tour.operations), ("errors", errors), ("events", tour.events))
    }


def test_every_error_was_provoked_or_says_why_it_cannot_be(tour: Tour) -> None:
    assert documents.documented().keys() == tour.errors.keys() | UNPROVOKED.keys()
    assert not tour.errors.keys() & UNPROVOKED.keys()


def test_an_event_of_each_type_really_happened_and_fits_its_description(tour: Tour) -> None:
    assert tour.events.keys() == set(TYPES)
    for type_, event in tour.events.items():
        schema = tour.spec["webhooks"][type_]["post"]["requestBody"]["content"]["application/json"]["schema"]
        tour.judge(schema).validate(event)


def test_every_example_of_the_description_fits_its_schema() -> None:
    spec = described().openapi()
    examples, schemas = list(illustrated(spec)), closed(spec)
    assert len(examples) > len(list(description.operations(spec)))
    for where, content in examples:
        shown = (
            [content["example"]] if "example" in content else [each["value"] for each in content["examples"].values()]
        )
        for example in shown:
            try:
                jsonschema.Draft202012Validator({**content["schema"], **schemas}).validate(example)
            except jsonschema.ValidationError as error:
                pytest.fail(f"{where}: {error.message}")


def illustrated(spec: Json) -> Iterator[tuple[str, Json]]:
    """List every body of the description that has an example."""
    webhooks = [("post", type_, item["post"]) for type_, item in spec["webhooks"].items()]
    bodies = list(spec["components"]["responses"].items())
    for _, name, operation in (*description.operations(spec), *webhooks):
        bodies += [(name, body) for body in (operation.get("requestBody", {}), *operation["responses"].values())]
    for name, body in bodies:
        for content in body.get("content", {}).values():
            if "example" in content or "examples" in content:
                yield name, content


def test_the_description_in_the_documents_is_that_of_the_program() -> None:
    how = "`./till openapi > docs/openapi.json` writes it anew."
    assert SNAPSHOT.read_text() == description.written(described().openapi()), how
