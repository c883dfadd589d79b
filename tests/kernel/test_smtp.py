"""Letters leave encrypted where that is demanded; whatever goes wrong is said without the server's own words."""

from email.message import EmailMessage
from pathlib import Path

import pytest
from tests.flows.mailbox import HOST, Mailbox, identity, mailbox

from tillkeeper.kernel.smtp import Receipt, Smtp, is_address

SENDER = "shop@shop.example"
ANA = "ana@buyers.example"


def letter() -> EmailMessage:
    written = EmailMessage()
    written["Subject"] = "Für Sie"
    written["From"], written["To"] = SENDER, ANA
    written.set_content("Line one\n.a line that begins with a dot\n")
    return written


async def send(smtp: Smtp) -> Receipt:
    return await smtp.send(letter(), sender=SENDER, to=[ANA])


async def refused(box: Mailbox, **answers: bytes) -> Receipt:
    box.answers = answers
    return await send(Smtp(box.url()))


async def test_a_letter_arrives_as_it_was_written() -> None:
    async with mailbox() as box:
        assert await send(Smtp(box.url())) == Receipt()
    (taken,) = box.letters
    assert (taken.sender, taken.to, taken.message["Subject"]) == (SENDER, (ANA,), "Für Sie")
    assert ".a line that begins with a dot" in taken.text


async def test_starttls_comes_before_the_login_and_the_letter(tmp_path: Path) -> None:
    shown, trust = identity(tmp_path)
    async with mailbox(identity=shown, password="p@ss word") as box:
        receipt = await send(Smtp(box.url("smtp", "till:p%40ss%20word"), trust=trust))
    assert receipt.taken
    assert (box.letters[0].encrypted, box.letters[0].login) == (True, "till")


async def test_a_server_without_encryption_hears_no_password_and_no_letter() -> None:
    async with mailbox(password="secret") as box:
        receipt = await send(Smtp(box.url("smtp", "till:secret")))
    assert (receipt.taken, receipt.final) == (False, False)
    assert "STARTTLS" in str(receipt.error)
    assert box.letters == []


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    shown, _ = identity(tmp_path)
    async with mailbox(identity=shown) as box:
        receipt = await send(Smtp(box.url("smtp")))
    assert "cannot be trusted" in str(receipt.error)
    assert box.letters == []


async def test_a_wrong_password_is_tried_again_later_and_told_nowhere(tmp_path: Path) -> None:
    shown, trust = identity(tmp_path)
    async with mailbox(identity=shown, password="right") as box:
        receipt = await send(Smtp(box.url("smtp", "till:wrong-secret"), trust=trust))
    assert receipt == Receipt(error="The mail server does not take the login (535).")


@pytest.mark.parametrize(
    ("answers", "final"),
    [
        ({"RCPT": b"550 no such user ana@buyers.example"}, True),
        ({"RCPT": b"450 try later"}, False),
        ({"END": b"554 that looks like spam"}, True),
        ({"END": b"451 disk full"}, False),
        ({"MAIL": b"550 who are you"}, False),
        ({"CONNECT": b"554 go away"}, False),
        ({"EHLO": b"500 what", "HELO": b"500 what"}, False),
        ({"DATA": b"garbage"}, False),
    ],
)
async def test_a_refusal_is_final_only_when_the_same_letter_would_be_refused_again(
    answers: dict[str, bytes],
    final: bool,  # noqa: FBT001 (a column of the table above)
) -> None:
    async with mailbox() as box:
        receipt = await refused(box, **answers)
    assert (receipt.taken, receipt.final) == (False, final)
    assert "ana" not in str(receipt.error)
    assert box.letters == []


async def test_addresses_that_are_refused_among_others_are_said_by_their_places() -> None:
    everybody = [ANA, "ben@shop.example", "cleo@shop.example"]
    async with mailbox(refused={"ben@shop.example": b"450 full", "cleo@shop.example": b"550 no"}) as box:
        receipt = await Smtp(box.url()).send(letter(), sender=SENDER, to=everybody)
    assert receipt.taken
    assert receipt.refused == "It does not go to every address: refused is 2 of 3 (450), 3 of 3 (550)."
    assert box.letters[0].to == (ANA,)


async def test_a_server_that_is_away_is_said_to_be() -> None:
    async with mailbox() as box:
        url = box.url()
    receipt = await send(Smtp(url))
    assert (receipt.taken, receipt.final) == (False, False)
    assert "cannot be reached" in str(receipt.error)


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example",
        "smtp://",
        "mail.example:25",
        "smtps://mail.example/path",
        "smtp://mail.example?x=1",
        "smtp+plain://till:secret@mail.example",
        f"smtp+plain://till:secret@{HOST.replace('127', '10')}",
    ],
)
def test_an_address_of_a_server_that_cannot_be_meant_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="smtp") as caught:
        Smtp(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", [ANA, "a.b+c@x-y.example", "o'neil@shop.example", "a" * 64 + "@b.example"])
def test_an_address_is_one(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "ana",
            "ana@",
            "@shop.example",
            "ana@localhost",
            "ana@@shop.example",
            "ana@shop..example",
            ".a@b.example",
        ),
        *("ana@shop.example\nBcc: eve@evil.example", "ana@shop.example, eve@evil.example", "ana <ana@shop.example>"),
        *("ana@shop.example\r\nDATA", "ana@shop.example ", '"a b"@shop.example', "ana@[127.0.0.1]", "änä@shop.example"),
        *(
            "a" * 65 + "@b.example",
            "a@" + "b." * 130 + "example",
            "ana>@shop.example",
            "ana@-shop.example",
            "a\0b@c.de",
        ),
    ],
)
def test_whatever_could_become_a_second_address_or_another_header_is_no_address(text: str) -> None:
    assert not is_address(text)
