"""Every call that the API describes, tried with what its description allows and with what it forbids.

A few tries a call on every change, 100 with TILL_TEST_FULL=1; schemathesis thinks them up and judges the answers.
"""

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction, load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks
from tests.web.conftest import Front

from tillkeeper.flows.authorize import issue

TRIES = 50 if os.environ.get("TILL_TEST_FULL") else 2
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
JUDGES: list[CheckFunction] = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
AWAY = "gateway_unavailable"
"""What is answered with 503 here, where no gateway can be reached."""

pytestmark = pytest.mark.timeout(3_600 if TRIES > 2 else 180)


def thought_up(operation: Any, mode: GenerationMode) -> list[Any]:
    """List requests that a call allows, or that it forbids, the same in every run."""
    cases: list[Any] = []

    @settings(
        max_examples=TRIES,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def note(case: Any) -> None:
        cases.append(case)

    note()
    return cases


async def test_every_call_answers_as_its_description_says_whatever_it_is_sent(front: Front) -> None:
    load_all_checks()
    _, key = await issue(front.till, "schemathesis", scopes=["admin"])
    schema: Any = schemathesis.openapi.from_dict((await front.call("GET", "/openapi.json", key="")).json())
    cases = [case for found in schema.get_all_operations() for mode in MODES for case in thought_up(found.ok(), mode)]
    assert len({case.operation.label for case in cases}) == schema.statistic.operations.total
    wrong = [f"{case.operation.label}: {why}" for case in cases if (why := await tried(front, case, key))]
    assert wrong == [], "\n\n".join(wrong)


async def tried(front: Front, case: Any, key: str) -> str:
    """Send a request; return what is wrong with its answer."""
    case.headers["Authorization"] = f"Bearer {key}"
    asked = case.as_transport_kwargs(base_url="http://till.test")
    content = {"content" if name == "data" else name: value for name, value in asked.items() if name != "cookies"}
    answer = await front.http.request(**content)
    if answer.status_code >= 500 and answer.json()["code"] != AWAY:
        return f"{answer.status_code}: {case.as_curl_command()}"
    try:
        case.validate_response(answer, checks=JUDGES)
    except FailureGroup as error:
        return f"{[str(each) for each in error.exceptions]} for {case.as_curl_command()}: {answer.text[:300]}"
    return ""
