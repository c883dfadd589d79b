"""Bad input: each gets its documented error, nothing is stored, and nothing of it is told to anybody."""

import sys
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
import structlog
from tests.web.bad_requests import (
    ABSENT,
    ALL,
    CANARY,
    CARD,
    GOOD,
    HOOK,
    PAYMENTS,
    good,
)
from tests.web.conftest import WEBHOOK_SECRET, Front, holds

from tillkeeper.flows.authorize import issue
from tillkeeper.web import shell


@pytest.fixture
async def nothing_stored(front: Front) -> AsyncIterator[None]:
    """Prove that a test left every table as it was."""
    before = await front.counts()
    yield
    assert await front.counts() == before


@pytest.mark.parametrize("name", ALL)
@pytest.mark.usefixtures("own_log", "nothing_stored")
async def test_bad_input_gets_its_documented_error_and_tells_nothing(
    front: Front, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    bad = ALL[name]
    signature = {"Stripe-Signature": bad.sign()} if bad.sign else {}
    answer = await front.call(bad.method, bad.path, bad.content, **bad.headers | signature)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (bad.status, bad.code), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == bad.status
    assert problem["type"] == f"/docs/errors/{bad.code}"
    assert problem["request_id"] == answer.headers["request-id"]
    assert problem["title"]
    assert problem["next_step"]
    told = answer.text + str(answer.headers) + capfd.readouterr().err
    secrets = (*bad.canaries, *front.keys.values(), WEBHOOK_SECRET)
    assert [secret for secret in secrets if holds(told, secret)] == []


@pytest.mark.usefixtures("own_log")
@pytest.mark.parametrize(
    "canary", [CARD, f"{CARD[:4]} {CARD[4:8]} {CARD[8:12]} {CARD[12:]}", quote(f"{CARD[:8]}-{CARD[8:]}")]
)
def test_the_search_finds_a_canary_that_is_told(capfd: pytest.CaptureFixture[str], canary: str) -> None:
    sys.stderr.write(canary)
    assert holds(capfd.readouterr().err, CARD)


@pytest.mark.usefixtures("own_log")
def test_the_search_looks_where_the_program_logs(capfd: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("http").info("request", path=f"/{CANARY}", note=f"card {CARD}")
    said = capfd.readouterr().err
    assert holds(said, CANARY)
    assert not holds(said, CARD), "the log masks card numbers by itself"


async def test_a_key_is_not_used_up_by_a_request_that_was_refused(front: Front) -> None:
    used = {"Idempotency-Key": "not used up"}
    for content in (good(price=1), good(package="none"), good(metadata={"n": CARD}), b"{"):
        assert (await front.call("POST", PAYMENTS, content, **used)).status_code in {400, 422}
    # The gateway of these tests cannot be reached, so nothing was charged, and the key is given back once more.
    for _ in range(2):
        answer = await front.call("POST", PAYMENTS, GOOD, **used)
        assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unavailable")
        assert answer.headers["retry-after"]


async def test_a_key_that_was_used_for_another_request_is_refused(front: Front) -> None:
    await front.owner.execute(
        "INSERT INTO idempotency_key (scope, key, request_sha, status, body, lease_until) "
        "VALUES ('secret:sandbox', 'used', '\\x00', 201, '{}', now())"
    )
    answer = await front.call("POST", PAYMENTS, GOOD, **{"Idempotency-Key": "used"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_an_absent_id_and_a_malformed_one_look_the_same(front: Front) -> None:
    answers = [(await front.call("GET", f"{PAYMENTS}/{id_}")).json() for id_ in (ABSENT, "payment_x", "x")]
    assert [{**answer, "request_id": ""} for answer in answers] == [{**answers[0], "request_id": ""}] * 3


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("path", [PAYMENTS, HOOK])
async def test_a_body_that_does_not_say_its_length_is_cut_off_at_the_limit(front: Front, path: str) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(10_000):
            taken += 1
            yield b"x" * 1024

    headers = {
        "Authorization": f"Bearer {front.keys['write']}",
        "Content-Type": "application/json",
        "Idempotency-Key": "x",
    }
    answer = await front.http.post(path, content=endless(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.usefixtures("own_log")
async def test_a_path_is_masked_before_it_is_cut(front: Front, capfd: pytest.CaptureFixture[str]) -> None:
    spaced = f"{CARD[:4]} {CARD[4:8]} {CARD[8:12]} {CARD[12:]}"
    told = ""
    for kept in range(8, 20):
        for path, shown in (("/webhooks/", 32), ("/webhooks/", shell.path_shown_max), ("/x/", shell.path_shown_max)):
            word = "word " * 200
            answer = await front.call("POST", path + quote(f"{word[: shown - kept]} {spaced}"), b"{}")
            told += answer.text
    told += capfd.readouterr().err
    assert not holds(told, CARD[:8])


async def test_the_name_of_a_key_is_all_that_a_refusal_says_of_it(front: Front) -> None:
    _, key = await issue(front.till, "reporting", scopes=["read"])
    answer = await front.call("POST", PAYMENTS, GOOD, key=key)
    assert "“reporting”" in answer.json()["detail"]
    assert key not in answer.text
