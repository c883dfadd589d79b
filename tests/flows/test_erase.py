"""Nothing is left that tells who a user was, and every number stays where it is."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from cryptography.exceptions import InvalidTag
from tests.flows.asking import ask, rule, turn_down
from tests.flows.conftest import uuid_of
from tests.flows.test_adopt import fates
from tests.flows.test_assess import rule as risk_rule
from tests.flows.test_claim import disputed, ended

from tillkeeper import audit
from tillkeeper.adoption import PastUser
from tillkeeper.customers import Profile
from tillkeeper.flows.annotate import annotate
from tillkeeper.flows.clear_up import clear_up
from tillkeeper.flows.erase import erase
from tillkeeper.flows.examine import examine
from tillkeeper.flows.grant import Gift, grant
from tillkeeper.flows.guard import Listing, put_on_list, set_rules
from tillkeeper.flows.read import read
from tillkeeper.flows.refund import RefundWish, refund
from tillkeeper.flows.register import register
from tillkeeper.flows.replay import ignore, replay
from tillkeeper.flows.respond import Answering, respond
from tillkeeper.flows.review import Verdict, review
from tillkeeper.gateway import Declined
from tillkeeper.idempotency import Wish
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError
from tillkeeper.refund_requests import Person, Policy
from tillkeeper.reports import invariants
from tillkeeper.responses import Words
from tillkeeper.risk import Context, Fact, Side, Trait
from tillkeeper.settlement.runs import Action as Closing

NAME = "canary-name-7f3a9c"
EMAIL = "canary.mail.7f3a9c@shop.test"
ADDRESS = "203.0.113.77"
DEVICE = "canary-device-7f3a9c"
WORD = "canary-word-7f3a9c"
EMPTIED = "NOT EXISTS (SELECT FROM inbox_body WHERE message_id = inbox_message.id)"
BUYER = Person(id=f"user:{NAME}", name=NAME)
NUMBERS = """
SELECT 'journal ' || count(*), sum(hashtext(j::text)) FROM journal AS j
UNION ALL SELECT 'posting ' || count(*), sum(hashtext(p::text)) FROM posting AS p
UNION ALL SELECT 'balance ' || count(*), sum(hashtext(b::text)) FROM balance AS b
UNION ALL SELECT 'wallet ' || count(*), sum(hashtext(w::text)) FROM wallet AS w
UNION ALL SELECT 'lot ' || count(*), sum(hashtext(l::text)) FROM credit_lot AS l
UNION ALL SELECT 'entry ' || count(*), sum(amount) FROM wallet_entry
UNION ALL SELECT 'payment ' || count(*), sum(amount + amount_captured + amount_refunded + fee) FROM payment
UNION ALL SELECT 'refund ' || count(*), sum(amount) FROM refund
UNION ALL SELECT 'dispute ' || count(*), sum(amount + booked_lost) FROM dispute
UNION ALL SELECT 'event ' || count(*), max(seq) FROM outbox_event
"""


@pytest.fixture
async def known(shop: Any) -> Any:
    """Let somebody leave traces everywhere."""
    shop.till = replace(shop.till, by=audit.Actor(id="key_x", name="boss"))
    shown, _ = await register(shop.till, Profile(email=EMAIL, name=WORD, external_id=NAME))
    context = Context(address=ADDRESS, fingerprint=DEVICE, account_created_at=clock.now() - timedelta(days=400))
    wanted = {
        "user": NAME,
        "customer": ids.parse("customer", str(shown["id"])),
        "metadata": {"gift_for": WORD},
        "description": WORD,
        "return_url": f"https://shop.test/thanks?who={NAME}",
        "context": context,
    }
    await fates(shop, PastUser(id=NAME))
    await set_rules(shop.till, [])
    paid = [await shop.paid(**wanted) for _ in range(4)]
    wanted_back = RefundWish(payment=uuid_of(paid[0]), amount=10, reason=WORD)
    await refund(shop.till, Wish(scope=f"user:sandbox:{NAME}", key="k", request_sha=b"x"), wanted_back)
    await rule(shop, Policy(auto_approve_units=0))
    await turn_down(shop, await ask(shop, paid[1], 10, by=BUYER, note=WORD, evidence=(f"https://x.test/{WORD}",)))
    await shop.spend(5, user=NAME)
    await shop.owner.execute("UPDATE wallet_spend SET reason = $1", WORD)
    await grant(shop.till, shop.wish(), Gift(user=NAME, amount=5, reason=WORD, made_by="key_x"))
    for trait, value in ((Trait.USER, NAME), (Trait.ADDRESS, ADDRESS), (Trait.FINGERPRINT, DEVICE)):
        await put_on_list(shop.till, Listing(side=Side.ALLOW, trait=trait, value=value, note=WORD))
    await dispute_and_answer(shop, paid[2])
    await hold_and_reject(shop, wanted)
    await shop.catch_up()
    await shop.operate()
    await annotate(shop.till, shop.wish(), uuid_of(paid[3]), WORD)
    webhook = await shop.owner.fetchval("SELECT id FROM inbox_message WHERE payment_id = $1", uuid_of(paid[3]))
    await ignore(shop.till, webhook, reason=WORD)
    await differ_and_ignore(shop, paid[3])
    return paid


async def dispute_and_answer(shop: Any, payment: Any) -> None:
    """Let a bank take a payment back, and lose."""
    opened = await disputed(shop, payment)
    id_ = await shop.owner.fetchval("SELECT id FROM dispute WHERE gateway_reference = $1", opened)
    words = Words(statement=WORD, customer_name=WORD, customer_email=EMAIL, customer_ip=ADDRESS)
    await respond(shop.till, shop.wish(), Answering(dispute=id_, by_id="key_x", by_name="boss", words=words))
    await ended(shop, opened, "win")


async def differ_and_ignore(shop: Any, payment: Any) -> None:
    """Let a payment differ from its gateway's account, and leave it so with a word about its buyer."""
    found = await shop.owner.fetchval(
        """
        WITH run AS (
            INSERT INTO reconciliation_run (id, gateway, day, status, asked_on)
            SELECT gen_random_uuid(), 'stripe', '2026-01-01', 'done', '2026-01-02' RETURNING id
        )
        INSERT INTO discrepancy (id, fact, occurrence, run_id, gateway, day, kind, status, subject, detail, currency,
                                 difference, difference_currency, payment_id, suspended, turn, first_seen_at)
        SELECT gen_random_uuid(), gen_random_uuid(), 1, run.id, 'stripe', '2026-01-01', 'fee_mismatch', 'open', 'x',
               'x', 'EUR', 1, 'EUR', $1, false, 1, now() FROM run RETURNING id
        """,
        uuid_of(payment),
    )
    await clear_up(shop.till, found, action=Closing.IGNORE, reason=WORD, by="boss")


async def hold_and_reject(shop: Any, wanted: Any) -> None:
    """Hold a payment, and let it go with a word about its buyer."""
    await shop.owner.execute("UPDATE risk_list SET expires_at = now()")  # or nobody on it would be held
    await set_rules(shop.till, [risk_rule(Fact.AMOUNT, 100, 40)])
    held = await shop.opened(**wanted)
    await shop.pay(held)
    await shop.catch_up()
    await review(shop.till, shop.wish(), uuid_of(held), Verdict(approved=False, reason=WORD))
    await set_rules(shop.till, [])


@pytest.fixture
async def planted(shop: Any, known: Any) -> None:
    """Write a word wherever only a gateway, an endpoint or a person at work would."""
    payment, day = uuid_of(known[0]), clock.now().date()
    for statement in (
        f"UPDATE payment SET error_code = 'x', error_message = '{WORD}', next_action = '{{\"url\": \"{WORD}\"}}'",
        f"UPDATE attempt SET error_code = 'x', error_message = '{WORD}'",
        f"UPDATE operation SET error = 'it said {WORD}'",
        f"UPDATE inbox_message SET reason = '{WORD}'",
        f"UPDATE refund_request SET override_reason = '{WORD}'",
        f'UPDATE outbox_event SET data = data || \'{{"reason": "given up: {WORD}"}}\'',
        (
            "INSERT INTO mail_letter (id, kind, topic, data, reason) SELECT gen_random_uuid(), 'receipt', 'x',"
            f" jsonb_build_object('payment', '{known[0]['id']}', 'reason', 'told: {WORD}'), '{WORD}'"
        ),
        f"INSERT INTO rate_window VALUES ('user:{NAME}', now(), 1)",
        (
            "INSERT INTO webhook_endpoint (id, url, types, cursor, owed_since, secret)"
            " SELECT gen_random_uuid(), 'u', '{*}', 0, 0, 's'"
        ),
    ):
        await shop.owner.execute(statement)
    await shop.owner.execute(
        "INSERT INTO webhook_delivery (id, endpoint_id, event_id, seq)"
        " SELECT gen_random_uuid(), endpoint.id, event.id, 1"
        " FROM webhook_endpoint AS endpoint, outbox_event AS event LIMIT 1"
    )
    await shop.owner.execute(
        "INSERT INTO webhook_try (delivery_id, number, status, latency_ms, body)"
        " SELECT id, 1, 200, 1, $1 FROM webhook_delivery",
        WORD,
    )
    await shop.owner.execute(
        "INSERT INTO settlement_line (gateway, line_id, kind, our_payment, gross, fee, tax, net, currency,"
        " settle_currency, occurred_at, raw, day)"
        " VALUES ('stripe', 'txn_x', 'capture', $1, 1, 0, 0, 1, 'EUR', 'EUR', now(), $2, $3)",
        payment,
        shop.till.box.seal(WORD.encode()),
        day,
    )


async def found(shop: Any) -> dict[str, set[str]]:
    """Find each canary in every column of every table, also in what is sealed; tell where."""
    places: dict[str, set[str]] = {canary: set() for canary in (NAME, EMAIL, ADDRESS, DEVICE, WORD)}
    tables = await shop.owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        for row in await shop.owner.fetch(f"SELECT * FROM {table}"):
            for column, value in row.items():
                text = opened(shop, value)
                for canary, seen in places.items():
                    if canary in text:
                        seen.add(f"{table}.{column}")
    return places


def opened(shop: Any, value: Any) -> str:
    """Write a value out, unsealing what can be unsealed."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return str(shop.till.box.open(value).decode(errors="replace"))
    except (InvalidTag, ValueError):
        return value.decode(errors="replace")


async def erased(shop: Any, user: str = NAME, key: str | None = None) -> Any:
    """Erase somebody."""
    return (await erase(shop.till, shop.wish(key, user), user, reason="asked for it")).body


async def numbers(shop: Any) -> list[tuple[Any, ...]]:
    """Sum up everything that counts."""
    return [tuple(row) for row in await shop.owner.fetch(NUMBERS)]


@pytest.mark.usefixtures("planted")
async def test_nothing_that_tells_who_somebody_was_is_left_anywhere(shop: Any) -> None:
    before = await found(shop)
    assert {canary: bool(places) for canary, places in before.items() if canary != DEVICE} == dict.fromkeys(
        (NAME, EMAIL, ADDRESS, WORD), True
    ), "a canary that was never there proves nothing"
    assert {
        "end_user.name",
        "customer.external_id",
        "adoption.external_id",
        "payment.return_url",
        "refund_request.requested_by_id",
        "idempotency_key.scope",
        "risk_list.shown",
        "rate_window.who",
    } <= before[NAME]
    assert {"customer.email", "inbox_body.sealed", "dispute_response.body"} <= before[EMAIL]
    assert {
        "payment.metadata",
        "payment.description",
        "refund.reason",
        "refund_request.note",
        "payment_change.reason",
        "payment_note.text",
        "wallet_adjustment.reason",
        "wallet_spend.reason",
        "risk_list.note",
        "audit_entry.reason",
        "payment.error_message",
        "payment.next_action",
        "attempt.error_message",
        "operation.error",
        "inbox_message.reason",
        "refund_request.override_reason",
        "outbox_event.data",
        "webhook_try.body",
        "mail_letter.reason",
        "mail_letter.data",
        "settlement_line.raw",
    } <= before[WORD]

    await erased(shop)

    assert {canary: places for canary, places in (await found(shop)).items() if places} == {}


@pytest.mark.usefixtures("known")
async def test_books_payments_and_goods_are_what_they_were(shop: Any) -> None:
    before = await numbers(shop)
    await erased(shop)
    assert await numbers(shop) == before
    assert await examine(shop.till) == 0
    findings = await read(shop.till, lambda tx: invariants.examine(tx, recent=False))
    assert [finding.name for finding in findings if finding.violations] == []


@pytest.mark.usefixtures("known")
async def test_what_was_taken_out_of_the_audit_log_is_vouched_for_and_nothing_else_can_be(shop: Any) -> None:
    await erased(shop)

    async def problems() -> list[str]:
        return list(await read(shop.till, lambda tx: audit.verify(tx, recent=False)))

    assert await problems() == []
    [entry] = await shop.owner.fetch("SELECT after::text, reason FROM audit_entry WHERE action = 'user.erased'")
    assert entry["reason"] == "asked for it"
    number = await shop.owner.fetchval("SELECT min(number) FROM audit_entry WHERE reason = 'erased'")
    assert f'"{number}"' in entry["after"]
    await shop.owner.execute("ALTER TABLE audit_entry DISABLE TRIGGER USER")
    await shop.owner.execute("UPDATE audit_entry SET actor_name = 'nobody' WHERE number = $1", number)
    assert [f"entry {number} " in problem for problem in await problems()] == [True]


VOUCH = """
    INSERT INTO audit_entry (id, at, actor, actor_name, action, subject, after)
    SELECT gen_random_uuid(), now(), 'x', 'x', 'user.erased', 'x',
           jsonb_build_object('entries', jsonb_build_object('1', encode(audit_digest(entry, ''), 'hex')))
    FROM audit_entry AS entry WHERE number = 1
"""


@pytest.mark.usefixtures("known")
async def test_nobody_can_vouch_for_an_entry_that_lost_no_words(shop: Any) -> None:
    await shop.owner.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_only_words")
    await shop.owner.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_append_only")
    await shop.owner.execute("UPDATE audit_entry SET reason = 'because', actor = 'nobody' WHERE number = 1")
    await shop.owner.execute(VOUCH)
    broken = await read(shop.till, lambda tx: audit.verify(tx, recent=False))
    assert [each.split(" of ")[0] for each in broken] == ["entry 1"]


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    "change", ["actor = 'nobody'", "reason = 'because'", "after = '{}'", "at = now()", "digest = '', reason = 'erased'"]
)
async def test_whoever_says_that_they_are_erasing_changes_nothing_but_words(shop: Any, change: str) -> None:
    await shop.owner.execute("SET till.erasing = 'yes'")
    with pytest.raises(asyncpg.RestrictViolationError):
        await shop.owner.execute(f"UPDATE audit_entry SET {change} WHERE reason IS NOT NULL")


async def test_erasing_can_be_repeated_under_the_name_that_is_left(shop: Any, known: Any) -> None:
    first = await erased(shop, key="once")
    assert await erased(shop, key="once") == first
    assert (first["payments"], first["user"][:7]) == (5, "erased_")
    with pytest.raises(NotFoundError):
        await erased(shop)
    await refund(shop.till, shop.wish(), RefundWish(payment=uuid_of(known[3]), amount=10, reason=WORD))
    await shop.catch_up()
    again = await erased(shop, first["user"])
    assert again["user"] == first["user"]
    assert {canary: places for canary, places in (await found(shop)).items() if places} == {}
    assert [await read(shop.till, lambda tx: audit.verify(tx, recent=False))] == [[]]


@pytest.mark.usefixtures("known")
async def test_the_name_that_is_left_can_be_looked_at_and_taken_by_nobody(shop: Any) -> None:
    balance, _ = await shop.wallet(NAME)
    left = (await erased(shop))["user"]
    assert (await shop.wallet(left))[0] == balance > 0
    assert await shop.wallet(NAME) == (0, 0)
    with pytest.raises(InvalidFieldError):
        await shop.create(user=left)
    await shop.paid(user=NAME)
    assert await shop.wallet(NAME) == (120, 0), "whoever comes back under the old name is somebody new"


async def test_while_money_may_still_move_nobody_is_erased(shop: Any) -> None:
    await rule(shop, Policy(auto_approve_units=0))
    payment = await shop.paid(user=NAME)
    waiting = [
        await shop.opened(user=NAME),
        await ask(shop, payment, 10),
    ]
    with pytest.raises(InvalidStateError) as refused:
        await erased(shop)
    assert all(each["id"] in refused.value.detail for each in waiting)
    assert (await shop.show(payment))["user"] == NAME


async def test_an_open_dispute_keeps_who_it_is_about(shop: Any) -> None:
    payment = await shop.paid(user=NAME)
    opened_ = await disputed(shop, payment)
    with pytest.raises(InvalidStateError, match="dispute_"):
        await erased(shop)
    await ended(shop, opened_, "lose")
    await erased(shop)
    assert (await shop.show(payment))["amount_captured"] == payment["amount_captured"]


async def test_a_customer_who_pays_for_others_too_stays(shop: Any) -> None:
    shown, customer = await somebody(shop)
    for user in (NAME, "ben"):
        await shop.paid(user=user, customer=customer)
    assert (await erased(shop))["customers_kept"] == [shown["id"]]
    assert await shop.count("customer", f"email = '{EMAIL}'") == 1


async def somebody(shop: Any, **more: Any) -> tuple[Any, Any]:
    """Register a customer, whom no user is tied to yet."""
    shown, _ = await register(shop.till, Profile(email=EMAIL, **more))
    return shown, ids.parse("customer", str(shown["id"]))


async def bought(shop: Any, customer: Any, **more: Any) -> Any:
    """Pay an amount for nobody in particular, with a word."""
    wanted = {"package": None, "amount": 500, "user": None, "customer": customer, "description": WORD}
    return await shop.paid(**wanted | more)


async def left_of(shop: Any) -> dict[str, set[str]]:
    return {canary: places for canary, places in (await found(shop)).items() if places}


async def test_a_customer_who_is_no_user_is_erased_under_the_merchants_own_name(shop: Any) -> None:
    shown, customer = await somebody(shop, external_id=NAME, name=WORD)
    await bought(shop, customer)
    answer = await erased(shop)
    assert (answer["payments"], answer["customers"], answer["customers_kept"]) == (1, [shown["id"]], [])
    assert await left_of(shop) == {}
    assert (await erased(shop, answer["user"]))["user"] == answer["user"]
    with pytest.raises(NotFoundError):
        await erased(shop)


async def test_a_customer_is_erased_by_id_and_the_users_paid_for_stay_who_they_are(shop: Any) -> None:
    shown, customer = await somebody(shop, name=WORD)
    await bought(shop, customer)
    for user in ("ben", "cleo"):
        await shop.paid(user=user, customer=customer)
    answer = await erased(shop, shown["id"])
    assert (answer["payments"], answer["customers"]) == (1, [shown["id"]])
    assert await left_of(shop) == {}
    assert (await shop.wallet("ben"), await shop.count("end_user", "name = 'ben'")) == ((120, 0), 1)


async def test_what_a_users_own_customer_paid_for_nobody_in_particular_goes_too(shop: Any) -> None:
    _, customer = await somebody(shop)
    await shop.paid(user=NAME, customer=customer)
    await bought(shop, customer)
    assert ((await erased(shop))["payments"], await left_of(shop)) == (2, {})


async def test_the_customer_who_has_a_users_own_name_goes_whoever_else_they_paid_for(shop: Any) -> None:
    shown, customer = await somebody(shop, external_id=NAME)
    for user in (NAME, "ben"):
        await shop.paid(user=user, customer=customer)
    answer = await erased(shop)
    assert (answer["customers"], answer["customers_kept"], await left_of(shop)) == ([shown["id"]], [], {})


async def test_while_an_open_payment_names_a_customer_nobody_is_erased(shop: Any) -> None:
    shown, customer = await somebody(shop)
    waiting = await shop.opened(package=None, amount=500, user=None, customer=customer)
    with pytest.raises(InvalidStateError, match=waiting["id"]):
        await erased(shop, shown["id"], key="once")
    await put_on_list(shop.till, Listing(side=Side.BLOCK, trait=Trait.USER, value="nobody", note="x"))
    await shop.act(f"sessions/{waiting['gateway_reference']}/expire")
    await shop.catch_up()
    assert (await erased(shop, shown["id"], key="once"))["payments"] == 1


class _Wordy:
    """Stand before a gateway that repeats in its refusal what it was sent."""

    def __init__(self, gateway: Any) -> None:
        self._gateway = gateway

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    async def create(self, order: Any) -> Any:
        return Declined(code="url_invalid", message=f"Not a valid URL {order.return_url}", card=False)


async def test_what_a_gateway_said_when_it_refused_a_checkout_goes(shop: Any) -> None:
    wordy = replace(shop.till, gateways={"stripe": _Wordy(shop.till.gateways["stripe"])})
    answer = await shop.create(till=wordy, user=NAME, return_url=f"https://shop.test/{WORD}")
    assert answer.status == 422
    assert {"payment_change.reason", "outbox_event.data", "attempt.error_message"} <= (await found(shop))[WORD]
    await erased(shop)
    assert await left_of(shop) == {}


async def test_nobody_else_loses_a_word(shop: Any) -> None:
    other = await shop.paid(user="ben", metadata={"note": WORD})
    await refund(shop.till, shop.wish(), RefundWish(payment=uuid_of(other), amount=10, reason=WORD))
    await shop.paid(user=NAME)
    before = (await found(shop))[WORD]
    await erased(shop)
    assert (await found(shop))[WORD] == before
    assert await shop.count("inbox_message", EMPTIED) > 0
    assert await shop.count("inbox_message", f"{EMPTIED} AND payment_id = '{uuid_of(other)}'") == 0


@pytest.mark.usefixtures("known")
async def test_a_webhook_that_was_emptied_is_not_replayed(shop: Any) -> None:
    await erased(shop)
    message = await shop.owner.fetchval(f"SELECT id FROM inbox_message WHERE {EMPTIED} LIMIT 1")
    with pytest.raises(InvalidStateError):
        await replay(shop.till, message)


@pytest.mark.usefixtures("known")
async def test_of_two_who_erase_at_once_one_finds_nobody(shop: Any) -> None:
    answers = await asyncio.gather(erased(shop), erased(shop), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["NotFoundError", "dict"]
