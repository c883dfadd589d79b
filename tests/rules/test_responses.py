"""How evidence is written from our own records."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.kernel import ids
from tillkeeper.responses import CardHeld, Delivery, Returned, Spent, Words, assemble

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
BARE = Delivery(payment=ids.new(), reference=None, amount=199, currency="EUR", title="A poster", captured_at=AT)
CREDITS = replace(
    BARE,
    title="120 credits",
    reference="pi_1",
    kind="credits",
    granted=120,
    delivered_at=AT + timedelta(seconds=2),
    user="ana",
    balance=20,
    spent=(Spent(at=AT + timedelta(hours=1), credits=100, reason="game"),),
    spent_total=100,
    window_hours=168,
)


def test_credits_that_were_spent_speak_for_us() -> None:
    said = assemble(CREDITS, Words())
    assert said.delivery == (
        '2026-11-21 12:00 UTC: 120 credits delivered to the account "ana", automatically and at once after the payment.'
    )
    assert said.usage == (
        "The account has spent 100 credits since; the latest purchases with them:\n"
        "2026-11-21 13:00 UTC: 100 credits spent (game)\n"
        "20 credits are left in the account."
    )
    assert said.delivered_on == "2026-11-21"
    assert said.customer_name == "ana"
    assert said.refund_policy == "Money goes back within 168 hours of the payment for goods that were not used."
    assert said.receipt is not None
    assert said.receipt.startswith("120 credits for €1.99, paid on 2026-11-21 12:00 UTC. Order payment_")


def test_evidence_of_a_late_delivery_does_not_say_at_once() -> None:
    said = assemble(replace(CREDITS, delivered_at=AT + timedelta(hours=9)), Words())
    assert said.delivery == (
        '2026-11-21 21:00 UTC: 120 credits delivered to the account "ana", automatically after the payment.'
    )


def test_cards_of_a_pack_speak_for_us_with_their_serials() -> None:
    cards = (CardHeld(title="Night Ferry", serial="7", status="owned"),)
    said = assemble(replace(CREDITS, kind="pack", granted=5, spent=(), cards=cards), Words())
    assert said.delivery is not None
    assert "5 cards delivered" in said.delivery
    assert said.usage == 'Card "Night Ferry", serial 7: owned'


def test_what_was_taken_back_and_refunded_is_said_as_well() -> None:
    back = (Returned(at=AT, amount=99, status="succeeded"),)
    said = assemble(replace(CREDITS, revoked=60, refunds=back), Words())
    assert said.delivery is not None
    assert said.delivery.endswith("60 of them were taken back since.")
    assert said.refunds == "Refunds of this payment:\n2026-11-21 12:00 UTC: €0.99 succeeded"


def test_a_payment_without_goods_says_no_more_than_is_known() -> None:
    said = assemble(BARE, Words())
    assert (said.delivery, said.usage, said.refund_policy, said.customer) == (None, None, None, None)
    assert said.product == "A poster"


@given(st.builds(Words, **dict.fromkeys(("product", "refund_policy", "refunds", "customer_ip"), st.text(min_size=1))))
def test_what_the_merchant_says_counts_before_what_the_records_say(words: Words) -> None:
    said = assemble(CREDITS, words)
    assert (said.product, said.refund_policy) == (words.product, words.refund_policy)
    assert (said.refunds, said.customer_ip) == (words.refunds, words.customer_ip)
