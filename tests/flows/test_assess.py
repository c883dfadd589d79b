"""A payment is judged before any gateway hears of it: taken, held for a person, or turned away."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tillkeeper.flows.guard import Listing, put_on_list, set_rules
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.kernel import clock
from tillkeeper.kernel.errors import DatabaseUnavailableError
from tillkeeper.risk import Context, Fact, Operator, Rule, Side, Trait

ADDRESS = "203.0.113.7"


def rule(fact: Fact, value: int, score: int) -> Rule:
    return Rule(id=str(fact), fact=fact, operator=Operator.MORE_THAN, value=value, score=score, reason=f"much {fact}")


async def refused(shop: Any, **wanted: Any) -> Any:
    answer = await shop.create(**wanted)
    assert (answer.status, answer.body["code"]) == (402, "risk_blocked")
    return answer.body


async def let_fail(shop: Any, times: int, **wanted: Any) -> None:
    for _ in range(times):
        payment = await shop.opened(**wanted)
        await shop.act(f"sessions/{payment['gateway_reference']}/decline")
    await shop.catch_up()


async def test_an_ordinary_payment_is_allowed_and_says_so(shop: Any) -> None:
    assert (await shop.opened())["risk"] == {"score": 0, "decision": "allow", "reasons": []}


async def test_the_sixth_try_in_an_hour_scores_thirty_and_an_hour_later_nothing(shop: Any) -> None:
    scores = [(await shop.opened())["risk"]["score"] for _ in range(6)]
    later = await shop.create(till=shop.later(minutes=61))
    assert (scores, later.body["risk"]["score"]) == ([0, 0, 0, 15, 15, 30], 0)


async def test_tries_at_once_count_one_another(shop: Any) -> None:
    made = await asyncio.gather(*(shop.opened() for _ in range(6)))
    assert sorted(each["risk"]["score"] for each in made) == [0, 0, 0, 15, 15, 30]


async def test_tries_of_others_are_not_counted(shop: Any) -> None:
    made = [(await shop.opened(user=f"user-{number}"))["risk"]["score"] for number in range(6)]
    assert made == [0] * 6


@pytest.mark.parametrize(("hours", "score"), [(23, 25), (25, 10), (169, 0)])
async def test_a_young_account_scores(shop: Any, hours: int, score: int) -> None:
    context = Context(account_created_at=clock.now() - timedelta(hours=hours))
    assert (await shop.opened(context=context))["risk"]["score"] == score


async def test_a_doubtful_payment_is_held_when_it_is_paid_and_nothing_is_delivered(shop: Any) -> None:
    await set_rules(shop.till, [rule(Fact.AMOUNT, 100, 40)])
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.catch_up()

    shown = await shop.show(payment)
    assert (shown["status"], shown["capture_method"], shown["amount_captured"]) == ("in_review", "manual", 0)
    assert (await shop.wallet(), await shop.ledger("deferred:EUR")) == ((0, 0), [0])
    assert await shop.count("outbox_event", "type = 'payment.in_review'") == 1
    assert await shop.count("outbox_event", "type = 'payment.authorized'") == 0


async def test_a_payment_that_scores_too_high_is_turned_away_before_any_gateway_hears_of_it(shop: Any) -> None:
    await set_rules(shop.till, [rule(Fact.AMOUNT, 100, 70)])
    body = await refused(shop)

    assert shop.line.calls == []
    shown = await shop.show({"id": body["payment"]})
    assert (shown["status"], shown["last_error"]["code"], shown["risk"]["score"]) == ("failed", "risk_blocked", 70)
    assert await shop.count("attempt") == 0


async def test_the_answer_tells_nobody_why(shop: Any) -> None:
    await set_rules(shop.till, [rule(Fact.AMOUNT, 100, 70)])
    assert "much amount" not in str(await refused(shop))


async def test_a_payment_that_was_turned_away_is_so_for_its_key_for_ever(shop: Any) -> None:
    await set_rules(shop.till, [rule(Fact.AMOUNT, 100, 70)])
    first = await refused(shop, key="once")
    await set_rules(shop.till, [])
    assert await refused(shop, key="once") == first


async def test_where_money_cannot_be_held_a_doubtful_payment_is_turned_away(shop: Any) -> None:
    await set_rules(shop.till, [rule(Fact.AMOUNT, 100, 40)])
    stripe = shop.till.gateways["stripe"]
    unable = _Unable(stripe)
    answer = await shop.create(till=replace(shop.till, gateways={"stripe": unable}))
    assert (answer.status, answer.body["code"]) == (402, "risk_blocked")


class _Unable:
    """Stand before a gateway that cannot hold money; everything else is the gateway's own."""

    features: frozenset[Any] = frozenset()

    def __init__(self, gateway: Any) -> None:
        self._gateway = gateway

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)


async def test_scoring_that_fails_holds_the_payment_for_a_person(shop: Any) -> None:
    await shop.owner.execute("ALTER TABLE risk_rule RENAME TO risk_rule_gone")
    shown = await shop.opened()
    await shop.owner.execute("ALTER TABLE risk_rule_gone RENAME TO risk_rule")
    assert shown["risk"] == {"score": 50, "decision": "review", "reasons": ["the score could not be worked out"]}


async def test_scoring_that_waits_too_long_holds_nobody_and_is_done_at_the_next_try(shop: Any) -> None:
    async with shop.owner.transaction():
        await shop.owner.execute("LOCK TABLE risk_rule IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailableError):
            await shop.create()
    assert (await shop.opened())["risk"] == {"score": 0, "decision": "allow", "reasons": []}


async def test_failed_tries_of_a_user_score_for_a_day(shop: Any) -> None:
    await let_fail(shop, 4)
    assert "more than 3 failed tries in a day (+20)" in (await shop.opened())["risk"]["reasons"]


async def test_cards_that_are_tried_out_from_one_address_are_stopped_whoever_claims_to_pay(shop: Any) -> None:
    context = Context(address=ADDRESS)
    for number in range(11):
        await let_fail(shop, 1, user=f"tester-{number}", context=context)
    await refused(shop, user="another", context=context)
    assert (await shop.create(user="honest", context=Context(address="203.0.113.8"))).status == 201


async def test_whoever_is_turned_away_does_not_count_as_a_failed_try(shop: Any) -> None:
    await set_rules(shop.till, [rule(Fact.AMOUNT, 100, 70), rule(Fact.FAILURES_BY_USER_DAY, 0, 10)])
    for _ in range(3):
        await refused(shop)
    assert await shop.count("risk_assessment", "failures > 0") == 0


@pytest.mark.parametrize(
    ("trait", "value", "context"),
    [
        (Trait.USER, "ana", Context()),
        (Trait.ADDRESS, ADDRESS, Context(address=f"::ffff:{ADDRESS}")),
        (Trait.FINGERPRINT, "f1", Context(fingerprint="f1")),
    ],
)
async def test_whoever_is_on_the_block_list_never_pays(shop: Any, trait: Trait, value: str, context: Context) -> None:
    await put_on_list(shop.till, Listing(side=Side.BLOCK, trait=trait, value=value, note="a thief"))
    await refused(shop, context=context)


async def test_whoever_is_on_the_allow_list_is_never_held_up(shop: Any) -> None:
    await set_rules(shop.till, [rule(Fact.AMOUNT, 100, 70)])
    await put_on_list(shop.till, Listing(side=Side.ALLOW, trait=Trait.USER, value="ana", note="known"))
    assert (await shop.opened())["risk"]["decision"] == "allow"


async def test_addresses_and_fingerprints_are_kept_as_digests_only(shop: Any) -> None:
    await shop.opened(context=Context(address=ADDRESS, fingerprint="device-of-ana"))
    kept = str(await shop.owner.fetch("SELECT risk_assessment::text FROM risk_assessment"))
    assert ADDRESS not in kept
    assert "device-of-ana" not in kept


async def test_a_gateway_that_cannot_be_used_is_no_failed_try_of_the_buyer(shop: Any) -> None:
    shop.line.fault = "busy"
    with pytest.raises(GatewayUnavailableError):
        await shop.create()
    assert await shop.count("risk_assessment", "failures > 0") == 0
