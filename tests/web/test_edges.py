"""Every limit lets exactly as much pass as it says, and not one more; docs/limits.md names them."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.web.bad_requests import CUSTOMERS, GOOD, HOOK, PAYMENTS, SUM, good, signed
from tests.web.conftest import Front

from tillkeeper.flows.authorize import issue
from tillkeeper.kernel import sheets
from tillkeeper.kernel.errors import MalformedJsonError
from tillkeeper.reports import paging
from tillkeeper.web import caller, intake, shell, strict
from tillkeeper.web.api import payments

LIMITS = Path(__file__).parents[2] / "docs" / "limits.md"
PAST = {"gateway_unavailable", ""}
"""What is answered to what has passed every limit: the gateway of these tests cannot be reached."""


async def code(front: Front, path: str, content: object, **headers: str) -> str:
    """Send something, and say which error it got if it got one."""
    answer = await front.call("POST", path, content, **headers)
    return "" if answer.is_success else str(answer.json()["code"])


def padded(body: object, size: int) -> bytes:
    """Write a body with so much white space that it has a size."""
    return json.dumps(body).encode().ljust(size)


@pytest.mark.parametrize(("more", "codes"), [(0, PAST), (1, {"too_large"})])
async def test_a_body_may_be_as_large_as_the_limit(front: Front, more: int, codes: set[str]) -> None:
    assert await code(front, PAYMENTS, padded(SUM, shell.body_bytes_max + more)) in codes


@pytest.mark.parametrize(("more", "expected"), [(0, "not_found"), (1, "too_large")])
@pytest.mark.parametrize("path", ["/", "/webhooks/", "/nowhere?"])
async def test_an_address_may_be_as_long_as_the_limit(front: Front, path: str, more: int, expected: str) -> None:
    length = shell.target_bytes_max + more - len(path.replace("?", ""))
    assert await code(front, path + "x" * length, b"{}") == expected


@pytest.mark.parametrize(("more", "codes"), [(0, {"malformed_json"}), (1, {"too_large"})])
async def test_a_webhook_may_be_as_large_as_the_limit(front: Front, more: int, codes: set[str]) -> None:
    body = b"x" * (intake.body_bytes_max + more)
    assert await code(front, HOOK, body, Stripe_Signature=signed(body)) in codes


@pytest.mark.parametrize(("more", "codes"), [(0, {"file_unreadable"}), (1, {"too_large"})])
async def test_a_report_may_be_as_large_as_the_limit(front: Front, more: int, codes: set[str]) -> None:
    path = f"{shell.FILES_TO}?gateway=stripe"
    body = b"x" * (sheets.file_bytes_max + more)
    _, key = await issue(front.till, "edges", scopes=["admin"])
    assert await code(front, path, body, key=key, Content_Type="text/csv") in codes


def nested(levels: int) -> bytes:
    return b"[" * (levels + 1) + b"]" * (levels + 1)


def test_a_body_may_be_nested_as_deep_as_the_limit() -> None:
    assert strict.parse(nested(strict.depth_max))
    with pytest.raises(MalformedJsonError):
        strict.parse(nested(strict.depth_max + 1))


@pytest.mark.parametrize(
    ("limit", "status"), [(1, 200), (0, 422), (paging.limit_max, 200), (paging.limit_max + 1, 422)]
)
@pytest.mark.parametrize("path", [PAYMENTS, CUSTOMERS, "/api/v1/events", "/api/v1/inbox", "/api/v1/ledger/journals"])
async def test_a_page_may_be_as_long_as_the_limit(front: Front, path: str, limit: int, status: int) -> None:
    assert (await front.call("GET", f"{path}?limit={limit}", key="read")).status_code == status


@pytest.mark.parametrize(
    ("length", "codes"), [(caller.key_length_max, PAST), (caller.key_length_max + 1, {"idempotency_key_missing"})]
)
async def test_an_idempotency_key_may_be_as_long_as_the_limit(front: Front, length: int, codes: set[str]) -> None:
    assert await code(front, PAYMENTS, GOOD, Idempotency_Key="k" * length) in codes


def entries(count: int) -> dict[str, str]:
    return {f"n{number}": "v" for number in range(count)}


@pytest.mark.parametrize(
    ("fits", "exceeds"),
    [
        (
            {"metadata": entries(payments.metadata_entries_max)},
            {"metadata": entries(payments.metadata_entries_max + 1)},
        ),
        ({"metadata": {"n" * 40: "v"}}, {"metadata": {"n" * 41: "v"}}),
        ({"metadata": {"n": "v" * 500}}, {"metadata": {"n": "v" * 501}}),
        ({"user": "u" * 200}, {"user": "u" * 201}),
        ({"quantity": 1}, {"quantity": 0}),
        ({"description": "d" * 200}, {"description": "d" * 201}),
    ],
    ids=["entries", "names", "values", "user", "quantity", "description"],
)
async def test_a_field_may_be_as_long_as_the_limit(front: Front, fits: Any, exceeds: Any) -> None:
    assert await code(front, PAYMENTS, good(**fits)) in PAST
    assert await code(front, PAYMENTS, good(**exceeds)) == "invalid_field"


def test_the_documents_name_the_limits_that_hold() -> None:
    written = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", LIMITS.read_text())]
    held = {
        shell.body_bytes_max,
        shell.target_bytes_max,
        intake.body_bytes_max,
        sheets.file_bytes_max,
        strict.depth_max,
        paging.limit_max,
    }
    assert held | {caller.key_length_max, payments.metadata_entries_max} <= set(written)


BEYOND = "0001-01-01T00:00:00+14:00"
"""A moment that no calendar in UTC knows."""


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/webhook_endpoints/endpoint_01h455vb4pex5vsknk084sn02q/recover", {"since": BEYOND}),
        ("/api/v1/inbox/replay", {"since": BEYOND}),
        ("/api/v1/inbox/replay", {"until": "10000-01-01T00:00:00Z"}),
        ("/api/v1/inbox/replay", {"until": 1_800_000_000}),
        ("/api/v1/refund_requests/bulk", {"filter": {"captured_after": BEYOND}, "reason_code": "other"}),
        ("/api/v1/payments", good(context={"account_created_at": BEYOND})),
    ],
)
async def test_a_moment_beyond_all_calendars_is_refused(front: Front, path: str, body: Any) -> None:
    _, key = await issue(front.till, "edges", scopes=["admin"])
    assert await code(front, path, body, key=key) == "invalid_field"


@pytest.mark.parametrize(
    "path", ["/api/v1/events?since=", "/api/v1/admin/audit?until=", "/api/v1/ledger/trial_balance?as_of="]
)
async def test_a_moment_beyond_all_calendars_is_no_question(front: Front, path: str) -> None:
    _, key = await issue(front.till, "edges", scopes=["admin"])
    answer = await front.call("GET", path + quote(BEYOND), key=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")
