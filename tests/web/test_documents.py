"""What the server says about itself: the description of the API, its pages, and a page for every error."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.web.conftest import Front

from tillkeeper.outbox import TYPES
from tillkeeper.web import documents, guides

ERRORS = Path(__file__).parents[2] / "docs" / "errors.md"
PROMISED = {
    "/api/v1/payments": {"get", "post"},
    "/api/v1/payments/{payment}": {"get"},
    "/api/v1/payments/{payment}/sync": {"post"},
    "/api/v1/payments/{payment}/timeline": {"get"},
    "/api/v1/payments/{payment}/fulfil": {"post"},
    "/api/v1/payments/{payment}/notes": {"post"},
    "/api/v1/refunds": {"get", "post"},
    "/api/v1/refunds/{refund}": {"get"},
    "/api/v1/customers": {"get", "post"},
    "/api/v1/customers/{customer}": {"get"},
    "/api/v1/packages": {"get", "post"},
    "/api/v1/users/{user}/wallet": {"get"},
    "/api/v1/users/{user}/wallet/entries": {"get"},
    "/api/v1/users/{user}/wallet/spend": {"post"},
    "/api/v1/users/{user}/wallet/grant": {"post"},
    "/api/v1/users/{user}/wallet/take": {"post"},
    "/api/v1/users/{user}/wallet/write_off": {"post"},
    "/api/v1/users/{user}/cards": {"get"},
    "/api/v1/users/{user}/cards/{card}/use": {"post"},
    "/api/v1/events": {"get"},
    "/api/v1/events/{event}": {"get"},
    "/api/v1/webhook_endpoints": {"get", "post"},
    "/api/v1/webhook_endpoints/{endpoint}": {"get", "patch", "delete"},
    "/api/v1/webhook_endpoints/{endpoint}/rotate": {"post"},
    "/api/v1/webhook_endpoints/{endpoint}/test": {"post"},
    "/api/v1/webhook_endpoints/{endpoint}/recover": {"post"},
    "/api/v1/deliveries": {"get"},
    "/api/v1/deliveries/{delivery}": {"get"},
    "/api/v1/deliveries/{delivery}/resend": {"post"},
    "/api/v1/inbox": {"get"},
    "/api/v1/session": {"get", "post", "delete"},
    "/api/v1/session/proof": {"post"},
    "/api/v1/session/password": {"put"},
    "/api/v1/session/second_factor": {"post"},
    "/api/v1/session/second_factor/confirm": {"post"},
    "/api/v1/ledger/trial_balance": {"get"},
    "/api/v1/ledger/accounts": {"get"},
    "/api/v1/ledger/journals": {"get"},
    "/api/v1/ledger/statements/{account}": {"get"},
    "/api/v1/ledger/seals": {"get"},
    "/api/v1/ledger/checks": {"get"},
    "/api/v1/reports/{step}": {"get"},
}
CONTRACT = {
    "idempotency_key_missing",
    "signature_invalid",
    "malformed_json",
    "unauthenticated",
    "card_declined",
    "insufficient_credits",
    "forbidden",
    "not_found",
    "idempotency_in_progress",
    "invalid_state",
    "outcome_unknown",
    "too_large",
    "unsupported_media_type",
    "idempotency_key_reused",
    "unknown_field",
    "invalid_field",
    "amount_out_of_range",
    "currency_not_supported",
    "refund_exceeds_captured",
    "card_data_not_accepted",
    "maintenance",
    "gateway_unavailable",
    "database_unavailable",
}
OUTSIDE = re.compile(r"""(?:src|href|action)\s*=\s*["']?(?:https?:)?//|@import|url\(\s*["']?(?:https?:)?//""")
LEADS_OUT = re.compile(r'<a href="https?://[^"]*"')  # whoever follows it leaves; the page itself does not
INSIDE = re.compile(r"""(?:src|href)="(/[^"]+)\"""")


def references(thing: Any) -> list[str]:
    """List every $ref of a description."""
    if isinstance(thing, dict):
        found = [thing["$ref"]] if isinstance(thing.get("$ref"), str) else []
        return found + [item for value in thing.values() for item in references(value)]
    return [item for value in thing for item in references(value)] if isinstance(thing, list) else []


async def described(front: Front) -> dict[str, Any]:
    """Read the description of the API."""
    answer = await front.call("GET", "/openapi.json", key="")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_the_description_is_valid_and_every_reference_in_it_leads_somewhere(front: Front) -> None:
    spec = await described(front)
    assert spec["openapi"].startswith("3.1.")
    schemas = spec["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    known = schemas.keys() | spec["components"]["responses"].keys()
    assert {reference.rpartition("/")[2] for reference in references(spec)} <= known
    operations = [call for path in spec["paths"].values() for call in path.values()]
    names = [call["operationId"] for call in operations]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z_]+", name) for name in names)
    assert all(call["summary"] for call in operations)
    assert {tag for call in operations for tag in call["tags"]} == {tag["name"] for tag in spec["tags"]}


async def test_every_call_that_is_promised_is_described_and_every_described_call_exists(front: Front) -> None:
    paths = (await described(front))["paths"]
    assert {path: set(calls) for path, calls in paths.items() if path in PROMISED} == PROMISED
    for path, calls in paths.items():
        for method in calls:
            answer = await front.call(method.upper(), re.sub(r"{\w+}", "x", path), key="")
            expected = {422} if (method, path) == ("post", "/api/v1/session") else {401, 400}
            assert answer.status_code in expected, (method, path, answer.text)


async def test_every_type_of_event_is_described_with_an_example_that_fits(front: Front) -> None:
    spec = await described(front)
    assert spec["webhooks"].keys() == set(TYPES)
    for type_, item in spec["webhooks"].items():
        example = item["post"]["requestBody"]["content"]["application/json"]["example"]
        assert example["type"] == type_
        announced(spec, type_).validate(example)


def announced(spec: dict[str, Any], type_: str) -> jsonschema.Draft202012Validator:
    """Find what judges events of a type."""
    schema = spec["webhooks"][type_]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return jsonschema.Draft202012Validator({**schema, "components": spec["components"]})


async def test_an_answer_has_the_fields_that_the_description_promises(front: Front) -> None:
    spec = await described(front)
    problem = spec["components"]["schemas"]["Problem"]
    answer = await front.call("GET", "/api/v1/payments", key="")
    jsonschema.Draft202012Validator(problem).validate(answer.json())
    assert set(answer.json()) <= set(problem["properties"])


@pytest.mark.parametrize(
    "path",
    [
        *("/docs", "/docs/errors"),
        *(f"/docs/errors/{code}" for code in documents.documented()),
        *(f"/docs/{name}" for name in guides.pages() if name != "errors"),
    ],
)
async def test_a_page_needs_nothing_from_another_machine(front: Front, path: str) -> None:
    page = await front.call("GET", path, key="")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert OUTSIDE.findall(LEADS_OUT.sub("", page.text)) == []
    for link in INSIDE.findall(page.text):
        part = await front.call("GET", link, key="")
        assert part.status_code == 200, link
        if link.endswith(".css"):
            assert OUTSIDE.findall(part.text) == []


def test_the_search_for_other_machines_finds_them() -> None:
    for text in ('<script src="https://cdn.test/x.js">', "<link href='//cdn.test/x.css'>", "url(http://x.test/f.woff)"):
        assert OUTSIDE.findall(text)


async def test_an_error_page_says_what_happened_and_what_to_do(front: Front) -> None:
    for code, error in documents.documented().items():
        page = (await front.call("GET", f"/docs/errors/{code}", key="")).text
        assert code in page
        assert str(int(error.status)) in page


def test_a_page_explains_a_code_and_not_one_special_case_of_it() -> None:
    special = [code for code, error in documents.documented().items() if getattr(error.__mro__[1], "code", "") == code]
    assert special == []


def test_every_error_of_the_contract_exists() -> None:
    assert CONTRACT - documents.documented().keys() == set()


def test_the_list_of_errors_in_the_documents_is_the_list_of_errors_in_the_program() -> None:
    written = re.findall(r"^###+ `(\w+)`", ERRORS.read_text(), re.MULTILINE)
    assert sorted(written) == sorted(documents.documented())


def test_every_link_of_a_guide_leads_to_a_page_and_a_heading_that_the_server_has() -> None:
    for name in guides.pages():
        for page, anchor in re.findall(r'href="/docs/(?!errors)([^"#]*)(?:#([^"]*))?"', guides.show(name).html):
            assert page in guides.pages(), (name, page)
            assert not anchor or f'id="{anchor}"' in guides.show(page).html, (name, page, anchor)


def test_a_guide_shows_no_marks_of_its_source_and_no_links_out_of_the_documents() -> None:
    html = "".join(guides.show(name).html for name in guides.pages())
    assert "not executed:" not in html
    assert not re.search(r'href="(?!https?:|/docs|#)', html)


async def test_a_page_that_is_not_there_is_not_found(front: Front) -> None:
    for page in ("nothing", "../README", "images/../../README.md", "decisions/0001"):
        assert (await front.call("GET", f"/docs/{page}", key="")).status_code == 404
