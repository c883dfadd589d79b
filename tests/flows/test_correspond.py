"""Letters are sent until a server takes them, under one name each; a flood of alerts becomes few letters."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.flows.locks import held_up
from tests.flows.mailbox import Mailbox, mailbox
from tests.flows.merchant import Merchant, merchant_of
from tests.flows.test_notify import OPS, notice, posted

from tillkeeper import mail
from tillkeeper.customers import Profile
from tillkeeper.flows.correspond import correspond, send_trial
from tillkeeper.flows.notify import alert
from tillkeeper.flows.register import register
from tillkeeper.kernel import ids, secrets
from tillkeeper.kernel.backoff import STANDARD_SECONDS
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.till import Till

ANA = "ana@buyers.example"


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with mailbox() as opened:
        yield opened


@pytest.fixture
async def merchant(shop: Any, box: Mailbox) -> Merchant:
    shop.till = posted(shop.till, box)
    shop.intake.till = shop.till
    await notice(shop.till)
    return merchant_of(shop.till, shop.owner)


async def deliver(merchant: Merchant, *, till: Till | None = None) -> None:
    """Owe and send until nothing is due."""
    await notice(merchant.till)
    while await correspond(till or merchant.till):
        pass


async def complain(merchant: Merchant, count: int, **told: object) -> None:
    """Let operators be told of so many things."""
    async with merchant.till.db.transaction() as tx:
        for _ in range(count):
            await alert(tx, merchant.till, "webhook.dead", ids.new(), **{"gateway": "stripe"} | told)


async def states(merchant: Merchant) -> list[str]:
    return [
        row["status"] for row in await merchant.owner.fetch("SELECT status FROM mail_letter ORDER BY created_at, id")
    ]


async def customer(shop: Any, email: str = ANA) -> UUID:
    shown, _ = await register(shop.till, Profile(email=email))
    return ids.parse("customer", str(shown["id"]))


async def test_a_buyer_gets_a_receipt_with_the_amount_as_their_currency_writes_it(
    shop: Any, merchant: Merchant, box: Mailbox
) -> None:
    payment = await shop.paid(customer=await customer(shop), currency="JPY")
    await deliver(merchant)
    (taken,) = box.letters
    assert (taken.sender, taken.to) == ("shop@shop.example", (ANA,))
    assert taken.message["Subject"] == "Your receipt from Shop"
    for said in (taken.text, taken.html):
        assert f"¥{payment['amount']:,}" in said
        assert payment["id"] in said
    assert await states(merchant) == ["sent"]


async def test_a_buyer_whose_address_nobody_knows_gets_nothing(shop: Any, merchant: Merchant, box: Mailbox) -> None:
    await shop.paid()
    await deliver(merchant)
    assert box.letters == []
    assert await states(merchant) == ["dropped"]


async def test_an_address_that_would_begin_another_header_gets_nothing(
    shop: Any, merchant: Merchant, box: Mailbox
) -> None:
    await shop.paid(customer=await customer(shop))
    await shop.owner.execute("UPDATE customer SET email = E'ana@b.example\\nBcc: eve@evil.example'")
    await deliver(merchant)
    assert box.letters == []
    assert await states(merchant) == ["dropped"]


async def test_nothing_in_a_letter_is_markup_or_a_secret_of_somebody_else(merchant: Merchant, box: Mailbox) -> None:
    await complain(merchant, 1, reason="<b>sk_live_abc</b> 4242 4242 4242 4242 ana@buyers.example")
    await deliver(merchant)
    (taken,) = box.letters
    assert "&lt;b&gt;" in taken.html
    for secret in ("sk_live_abc", "4242", "ana@"):
        assert secret not in taken.raw.decode()


async def test_a_server_that_is_away_gets_the_same_letter_later_on_the_schedule(
    merchant: Merchant, box: Mailbox
) -> None:
    await complain(merchant, 1)
    box.answers = {"RCPT": b"450 later"}
    waits = []
    for _ in STANDARD_SECONDS:
        await deliver(merchant)
        waits.append(
            await merchant.owner.fetchval("SELECT extract(epoch FROM due_at - clock_timestamp())::int FROM mail_letter")
        )
        await merchant.owner.execute("UPDATE mail_letter SET due_at = now()")
    assert all(least - 2 <= wait <= least * 1.2 for least, wait in zip(STANDARD_SECONDS, waits, strict=True))
    box.answers = {}
    await deliver(merchant)
    assert len(box.letters) == 1
    assert await states(merchant) == ["sent"]


async def test_a_letter_that_is_never_taken_is_given_up(merchant: Merchant, box: Mailbox) -> None:
    await complain(merchant, 1)
    box.answers = {"CONNECT": b"421 closed"}
    for _ in range(len(STANDARD_SECONDS) + 1):
        await deliver(merchant)
        await merchant.owner.execute("UPDATE mail_letter SET due_at = now()")
    assert await states(merchant) == ["dead"]
    assert box.calls == len(STANDARD_SECONDS) + 1


async def test_an_address_that_is_refused_for_good_is_tried_once(merchant: Merchant, box: Mailbox) -> None:
    await complain(merchant, 1)
    box.answers = {"RCPT": b"550 no such user"}
    await deliver(merchant)
    assert (await states(merchant), box.calls) == (["dead"], 1)
    assert await merchant.owner.fetchval("SELECT reason FROM mail_letter") == "The address is refused (550)."


async def test_a_letter_whose_sending_was_not_written_down_comes_again_under_the_same_name(
    merchant: Merchant, box: Mailbox
) -> None:
    await complain(merchant, 1)
    await deliver(merchant)
    # As after a worker that died between the server's yes and its own note.
    await merchant.owner.execute("UPDATE mail_letter SET status = 'pending', finished_at = NULL")
    await deliver(merchant)
    first, second = (taken.message["Message-ID"] for taken in box.letters)
    assert first == second
    assert first.endswith("@shop.example>")


async def test_two_workers_send_each_letter_once(merchant: Merchant, box: Mailbox) -> None:
    await complain(merchant, 10)
    await asyncio.gather(*(deliver(merchant) for _ in range(3)))
    assert len(box.letters) == 10
    assert len({taken.message["Message-ID"] for taken in box.letters}) == 10


async def test_a_flood_of_alerts_becomes_a_few_letters_and_one_for_all_the_others(
    merchant: Merchant, box: Mailbox
) -> None:
    till = posted(merchant.till, box, mail_alerts_per_day_max=3)
    await complain(merchant, 500)
    await deliver(merchant, till=till)
    assert [taken.message["Subject"] for taken in box.letters[:3]] == ["A webhook was given up"] * 3
    assert [taken.message["Subject"] for taken in box.letters[3:]] == ["497 more alerts"]
    assert "497 × A webhook was given up" in box.letters[3].text
    await complain(merchant, 5)
    await deliver(merchant, till=till)
    assert len(box.letters) == 4, "the next of these is due in an hour"
    await merchant.owner.execute("UPDATE mail_letter SET created_at = created_at - interval '61 minutes'")
    await deliver(merchant, till=till)
    assert [taken.message["Subject"] for taken in box.letters[4:]] == ["5 more alerts"]


async def test_the_next_day_alerts_are_sent_one_by_one_again(merchant: Merchant, box: Mailbox) -> None:
    till = posted(merchant.till, box, mail_alerts_per_day_max=1)
    await complain(merchant, 1)
    await deliver(merchant, till=till)
    await complain(merchant, 1)
    tomorrow = till.now() + timedelta(days=1)
    await deliver(merchant, till=replace(till, now=lambda: tomorrow))
    assert [taken.message["Subject"] for taken in box.letters] == ["A webhook was given up"] * 2


async def test_receipts_do_not_wait_for_alerts(shop: Any, merchant: Merchant, box: Mailbox) -> None:
    till = posted(merchant.till, box, mail_alerts_per_day_max=1)
    await complain(merchant, 30)
    await shop.paid(customer=await customer(shop))
    await deliver(merchant, till=till)
    assert ANA in {to for taken in box.letters for to in taken.to}


async def test_alerts_go_to_everybody_who_is_named(merchant: Merchant, box: Mailbox) -> None:
    till = posted(merchant.till, box, mail_alerts_to=f"{OPS}, ben@shop.example")
    await complain(merchant, 1)
    await deliver(merchant, till=till)
    assert box.letters[0].to == (OPS, "ben@shop.example")


async def test_an_operator_whose_address_is_refused_among_others_is_told_of(
    merchant: Merchant, box: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    till = posted(merchant.till, box, mail_alerts_to=f"{OPS}, ben@shop.example")
    box.refused = {"ben@shop.example": b"550 no such user"}
    await complain(merchant, 1)
    await deliver(merchant, till=till)
    assert (await states(merchant), box.letters[0].to) == (["sent"], (OPS,))
    assert "2 of 2 (550)" in await merchant.owner.fetchval("SELECT reason FROM mail_letter")
    assert '"event": "letter_partly_refused"' in capsys.readouterr().err


async def test_a_password_that_is_rotated_in_its_file_counts_without_a_restart(
    merchant: Merchant, box: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "file_reread_seconds", 0)
    file = tmp_path / "smtp"
    file.write_text(box.url(login="till:first"))
    office = mail.open_office(merchant.till.settings, Secrets({"TILL_SMTP_URL_FILE": str(file)}))
    box.password = "second"
    await complain(merchant, 1)
    await deliver(merchant, till=replace(merchant.till, mail=office))
    assert await states(merchant) == ["pending"]
    file.write_text(box.url(login="till:second"))
    await merchant.owner.execute("UPDATE mail_letter SET due_at = now()")
    await deliver(merchant, till=replace(merchant.till, mail=office))
    assert (await states(merchant), len(box.letters)) == (["sent"], 1)


async def test_workers_that_look_at_the_same_moment_send_no_more_alerts_than_a_day_may_have(
    merchant: Merchant, box: Mailbox
) -> None:
    till = posted(merchant.till, box, mail_alerts_per_day_max=1)
    await complain(merchant, 4)
    # Who holds the letters keeps both workers between their count and what they take.
    async with merchant.owner.transaction():
        await merchant.owner.execute("LOCK TABLE mail_letter IN EXCLUSIVE MODE")
        working = [asyncio.create_task(correspond(till)) for _ in range(2)]
        await held_up(merchant.owner, *working)
    await asyncio.gather(*working)
    alerts = "SELECT count(*) FROM mail_letter WHERE kind = 'alert' AND status = 'sent'"
    assert await merchant.owner.fetchval(alerts) == 1


async def test_a_trial_letter_goes_at_once_and_to_an_address_only(merchant: Merchant, box: Mailbox) -> None:
    assert merchant.till.mail
    assert (await send_trial(merchant.till, merchant.till.mail, ANA)).taken
    assert box.letters[0].to == (ANA,)
    with pytest.raises(InvalidFieldError):
        await send_trial(merchant.till, merchant.till.mail, "ana@b.example\nBcc: eve@evil.example")
