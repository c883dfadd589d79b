"""Answers to disputes: what our records say goes to the gateway once, or the dispute is given up once."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tillkeeper.facts import DisputeFacts, DisputeStatus, Notice, NoticeKind
from tillkeeper.flows.read import read
from tillkeeper.flows.respond import AcceptanceNeedsTwoError, Answering, _begin, draft, respond
from tillkeeper.flows.set_refund_policy import set_refund_policy
from tillkeeper.flows.sweep import purge
from tillkeeper.gateway import Feature, GatewayUnavailableError
from tillkeeper.idempotency import InProgressError, KeyReusedError
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError
from tillkeeper.refund_requests import Person, Policy
from tillkeeper.reports import dispute as report
from tillkeeper.responses import Words

UPDATE = "POST /v1/disputes/{id}"
CLOSE = "POST /v1/disputes/{id}/close"
SAID = Words(statement="She played for an hour.")


async def disputed(shop: Any, **wish: Any) -> Any:
    """Buy, spend a little, and let the bank take it back; return the dispute as it is shown."""
    payment = await shop.paid()
    await shop.spend(20)
    opened = await shop.act("disputes", {"payment_intent": payment["gateway_reference"], **wish})
    await shop.catch_up()
    found: Any = await read(
        shop.till,
        lambda tx: report.find(tx, payment=ids.parse("payment", payment["id"]), status=None, limit=1, cursor=None),
    )
    [dispute] = found["data"]
    assert dispute["gateway_reference"] == opened["id"]
    return dispute


async def answer(shop: Any, dispute: Any, words: Words | None = SAID, *, key: str | None = None) -> Any:
    """Answer a dispute; return status and body."""
    answering = Answering(dispute=ids.parse("dispute", dispute["id"]), by_id="key_ana", by_name="Ana", words=words)
    replay = await respond(shop.till, shop.wish(key, answering), answering)
    return replay.status, replay.body


async def shown(shop: Any, dispute: Any) -> Any:
    id_ = ids.parse("dispute", dispute["id"])
    return await read(shop.till, lambda tx: report.show(tx, id_))


async def at_the_gateway(shop: Any, dispute: Any) -> Any:
    url = f"{shop.line.sandbox}/stripe/v1/disputes/{dispute['gateway_reference']}"
    return (await shop.http.get(url, headers={"Authorization": "Bearer sk_test_flows"})).json()


async def test_evidence_reaches_the_gateway_with_our_records_and_our_words(shop: Any) -> None:
    dispute = await disputed(shop)
    status, after = await answer(shop, dispute)
    assert (status, after["status"]) == (200, "under_review")
    assert {name: after["response"][name] for name in ("kind", "status", "by")} == {
        "kind": "evidence",
        "status": "done",
        "by": "Ana",
    }
    evidence = (await at_the_gateway(shop, dispute))["evidence"]
    assert evidence["uncategorized_text"].startswith("She played for an hour.")
    assert "120 credits delivered" in evidence["access_activity_log"]
    assert "20 credits spent (game)" in evidence["access_activity_log"]
    assert evidence["customer_name"] == "ana"
    assert evidence["refund_refusal_explanation"] == "Nothing of this payment was refunded."
    assert await shop.asked(UPDATE) == 1


async def test_a_draft_shows_what_would_be_handed_in_and_sends_nothing(shop: Any) -> None:
    dispute = await disputed(shop)
    evidence = await draft(shop.till, ids.parse("dispute", dispute["id"]))
    assert evidence.delivery is not None
    assert 'to the account "ana"' in evidence.delivery
    assert (evidence.statement, evidence.customer_ip) == (None, None)
    assert await shop.asked(UPDATE) == 0
    with pytest.raises(NotFoundError):
        await draft(shop.till, ids.new())


async def test_what_was_handed_in_is_kept_unreadable_without_the_key(shop: Any) -> None:
    await answer(shop, await disputed(shop))
    body = await shop.owner.fetchval("SELECT body FROM dispute_response")
    assert b"ana" not in body
    assert b"hour" not in body


async def test_a_dispute_that_is_given_up_is_lost(shop: Any) -> None:
    dispute = await disputed(shop)
    status, after = await answer(shop, dispute, None)
    assert (status, after["status"], after["response"]["kind"]) == (200, "lost", "accept")
    assert (await at_the_gateway(shop, dispute))["status"] == "lost"
    await shop.catch_up()
    assert await shop.count("outbox_event", "type = 'dispute.lost'") == 1


async def test_a_dispute_above_the_limit_of_one_person_is_given_up_by_two_admins(shop: Any) -> None:
    await set_refund_policy(shop.till, Policy(second_person_units=1), by=Person(id="a", name="a"))
    dispute = await disputed(shop)
    id_ = ids.parse("dispute", dispute["id"])

    async def accept(by: str, *, admin: bool = True) -> tuple[int, str]:
        answering = Answering(dispute=id_, by_id=by, by_name=by, by_admin=admin)
        replay = await respond(shop.till, shop.wish(None, answering), answering)
        said: Any = replay.body
        return replay.status, said["response"]["status"]

    with pytest.raises(AcceptanceNeedsTwoError):
        await accept("a program", admin=False)
    for _ in range(2):
        assert await accept("ana") == (202, "waiting_for_second_person")
    assert (await shown(shop, dispute))["status"] == "needs_response"
    assert await shop.asked(CLOSE) == 0
    assert await accept("bob") == (200, "done")
    assert await shop.asked(CLOSE) == 1


async def test_a_dispute_up_to_the_limit_is_given_up_by_one(shop: Any) -> None:
    await set_refund_policy(shop.till, Policy(second_person_units=2), by=Person(id="a", name="a"))
    assert (await answer(shop, await disputed(shop), None))[0] == 200


async def test_a_dispute_is_answered_once(shop: Any) -> None:
    dispute = await disputed(shop)
    await answer(shop, dispute)
    with pytest.raises(InvalidStateError, match="under_review"):
        await answer(shop, dispute)
    with pytest.raises(InvalidStateError):
        await answer(shop, dispute, None)
    assert (await shop.asked(UPDATE), await shop.asked(CLOSE)) == (1, 0)


async def test_of_twenty_answers_at_once_the_gateway_hears_one(shop: Any) -> None:
    dispute = await disputed(shop)
    wishes = [SAID, None] * 10
    answers = await asyncio.gather(*(answer(shop, dispute, words) for words in wishes), return_exceptions=True)
    assert Counter(type(each) for each in answers) == {tuple: 1, InvalidStateError: 19}
    assert await shop.asked(UPDATE) + await shop.asked(CLOSE) == 1


async def test_a_repeated_answer_gets_the_first_reply(shop: Any) -> None:
    dispute = await disputed(shop)
    assert await answer(shop, dispute, key="once") == await answer(shop, dispute, key="once")
    with pytest.raises(KeyReusedError):
        await answer(shop, dispute, None, key="once")
    assert await shop.asked(UPDATE) == 1


@pytest.mark.parametrize("words", [SAID, None], ids=["evidence", "given up"])
async def test_an_answer_whose_reply_is_lost_is_found_by_asking(shop: Any, words: Words | None) -> None:
    dispute = await disputed(shop)
    shop.line.fault = "lost"
    status, after = await answer(shop, dispute, words)
    assert (status, after["status"], after["response"]["status"]) == (202, "needs_response", "pending")
    with pytest.raises(InvalidStateError, match="on its way"):
        await answer(shop, dispute, words)
    shop.line.fault = None
    await shop.operate()
    end = await shown(shop, dispute)
    assert (end["status"], end["response"]["status"]) == ("under_review" if words else "lost", "done")
    assert await shop.asked(UPDATE) + await shop.asked(CLOSE) == 1


async def test_an_answer_that_could_not_be_sent_is_sent_later(shop: Any) -> None:
    dispute = await disputed(shop)
    await shop.line.close()
    assert (await answer(shop, dispute))[0] == 202
    await shop.line.open()
    await shop.operate()
    assert (await shown(shop, dispute))["status"] == "under_review"
    assert len({key for key in shop.line.keys if key.startswith("response_")}) == 1


async def test_an_answer_that_the_gateway_refuses_says_so_and_another_may_follow(shop: Any) -> None:
    dispute = await disputed(shop)
    await shop.act(f"disputes/{dispute['gateway_reference']}/lose")  # and nobody has told us yet
    status, body = await answer(shop, dispute)
    assert (status, body["code"], "status of lost" in body["detail"]) == (409, "invalid_state", True)
    after = await shown(shop, dispute)
    assert (after["status"], after["response"]["status"]) == ("needs_response", "declined")
    assert (await answer(shop, dispute, None))[0] == 409
    await shop.catch_up()
    assert (await shown(shop, dispute))["status"] == "lost"


async def test_a_caller_that_died_before_telling_the_gateway_is_finished_by_its_repeat(shop: Any) -> None:
    dispute = await disputed(shop)
    answering = Answering(dispute=ids.parse("dispute", dispute["id"]), by_id="key_ana", by_name="Ana", words=SAID)
    await _begin(shop.till, shop.wish("died", answering), answering)
    with pytest.raises(InProgressError):
        await answer(shop, dispute, key="died")
    await shop.owner.execute("UPDATE idempotency_key SET lease_until = now()")
    with pytest.raises(InProgressError):
        await answer(shop, dispute, key="died")  # its call is still leased
    await shop.owner.execute("UPDATE operation SET lease_until = now() WHERE state = 'asked'")
    await shop.owner.execute("UPDATE idempotency_key SET lease_until = now()")
    status, after = await answer(shop, dispute, key="died")
    assert (status, after["status"]) == (200, "under_review")
    assert await shop.asked(UPDATE) == 1


async def test_the_key_of_an_answer_in_doubt_is_kept(shop: Any) -> None:
    dispute = await disputed(shop)
    shop.line.fault = "cut"
    await answer(shop, dispute, key="doubt")
    await shop.owner.execute("UPDATE idempotency_key SET created_at = now() - interval '2 days'")
    await purge(shop.till)
    assert await shop.count("idempotency_key", "key = 'doubt'") == 1


async def test_a_dispute_that_is_not_ours_is_not_found(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await answer(shop, {"id": ids.text("dispute", ids.new())})


async def test_a_gateway_that_cannot_be_told_from_here_is_named(shop: Any) -> None:
    dispute = await disputed(shop)
    shop.till.gateways["stripe"].features = frozenset({Feature.FEES})
    for words in (SAID, None):
        with pytest.raises(InvalidStateError, match="dashboard"):
            await answer(shop, dispute, words)


async def test_a_gateway_that_is_not_configured_any_more_cannot_be_told(shop: Any) -> None:
    dispute = await disputed(shop)
    bare = replace(shop.till, gateways={})
    answering = Answering(dispute=ids.parse("dispute", dispute["id"]), by_id="key_ana", by_name="Ana")
    with pytest.raises(GatewayUnavailableError):
        await respond(bare, shop.wish(), answering)
    assert await shop.count("dispute_response") == 0


async def test_disputes_show_how_long_there_is_to_answer(shop: Any) -> None:
    far, near, late = [await disputed(shop) for _ in range(3)]

    async def due(dispute: Any, days: int) -> None:
        await shop.owner.execute(
            "UPDATE dispute SET due_at = now() + $2 * interval '1 day' WHERE gateway_reference = $1",
            dispute["gateway_reference"],
            days,
        )

    for dispute, days in ((far, 9), (near, 2), (late, -1)):
        await due(dispute, days)

    async def listed(**wanted: Any) -> list[str]:
        found: Any = await read(
            shop.till,
            lambda tx: report.find(tx, payment=None, status=None, limit=100, cursor=None, by_due_date=True, **wanted),
        )
        return [each["id"] for each in found["data"]]

    assert await listed() == await listed(due="waiting") == [late["id"], near["id"], far["id"]]
    assert (await listed(due="overdue"), await listed(due="soon")) == ([late["id"]], [near["id"]])
    assert [(await shown(shop, each))["overdue"] for each in (far, near, late)] == [False, False, True]
    await answer(shop, near)
    assert (await shown(shop, near))["due_soon"] is False
    assert await listed(due="soon") == []


async def test_a_mere_question_is_shown_as_one_and_waits_until_it_was_answered(shop: Any) -> None:
    dispute = await disputed(shop)

    async def asks() -> None:
        await shop.owner.execute("UPDATE dispute SET status = 'warning', due_at = now() + interval '1 day'")

    await asks()
    before = await shown(shop, dispute)
    assert (before["status"], before["due_soon"]) == ("warning", True)
    assert (await answer(shop, dispute))[0] == 200
    await asks()  # at some gateways a question stays a question until it is closed
    after = await shown(shop, dispute)
    assert (after["status"], after["due_soon"], after["response"]["status"]) == ("warning", False, "done")
    await shop.owner.execute("UPDATE dispute SET status = 'under_review'")  # as the books know it


async def test_a_dispute_that_was_prevented_is_closed_and_waits_for_nobody(shop: Any) -> None:
    dispute = await disputed(shop)
    facts = DisputeFacts(id=dispute["gateway_reference"], status=DisputeStatus.PREVENTED)
    said = Notice(
        kind=NoticeKind.DISPUTE_UPDATED,
        gateway="stripe",
        references=(),
        payment=ids.parse("payment", dispute["payment"]),
        amount=dispute["amount"],
        currency=dispute["currency"],
        dispute=facts,
    )
    await shop.apply(said)
    after = await shown(shop, dispute)
    assert (after["status"], bool(after["closed_at"]), after["overdue"]) == ("prevented", True, False)
    with pytest.raises(InvalidStateError, match="prevented"):
        await answer(shop, dispute)
