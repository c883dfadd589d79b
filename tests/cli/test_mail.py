"""`till mail` sends a trial letter, and lists what became of letters."""

import asyncio
import json
from pathlib import Path

from tests.cli.demo import Said, till
from tests.flows.mailbox import mailbox


async def said(database_url: str, folder: Path, *words: str, **more: str) -> Said:
    """Run a command on a database of its own, beside the loop in which the mail server runs."""
    variables = {"DATABASE_URL": database_url, "TILL_SECRET_KEY": "a secret of the tests", **more}
    return await asyncio.to_thread(lambda: till("mail", *words, "--data-dir", str(folder), **variables))


async def test_a_trial_letter_arrives(database_url: str, tmp_path: Path) -> None:
    async with mailbox() as box:
        mail = {"TILL_SMTP_URL": box.url(), "TILL_MAIL_FROM": "Shop <shop@shop.example>"}
        answer = await said(database_url, tmp_path, "test", "ops@shop.example", "--json", **mail)
    assert (answer.returncode, json.loads(answer.stdout)) == (0, {"sent": True, "to": "ops@shop.example"})
    assert box.letters[0].message["Subject"] == "Mail from Shop arrives"


async def test_a_server_that_refuses_is_said_to(database_url: str, tmp_path: Path) -> None:
    async with mailbox(answers={"RCPT": b"550 no"}) as box:
        mail = {"TILL_SMTP_URL": box.url(), "TILL_MAIL_FROM": "shop@shop.example"}
        answer = await said(database_url, tmp_path, "test", "ops@shop.example", **mail)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "The address is refused (550)." in answer.stderr


async def test_without_a_server_the_command_says_what_to_set(database_url: str, tmp_path: Path) -> None:
    answer = await said(database_url, tmp_path, "test", "ops@shop.example")
    assert answer.returncode == 1
    assert "TILL_SMTP_URL" in answer.stderr


async def test_half_a_configuration_is_refused(database_url: str, tmp_path: Path) -> None:
    for mail in (
        {"TILL_MAIL_RECEIPTS": "1"},
        {"TILL_SMTP_URL": "smtp://till:secret@mail.example"},
        {"TILL_SMTP_URL": "ftp://till:secret@mail.example", "TILL_MAIL_FROM": "shop@shop.example"},
        {"TILL_SMTP_URL": "smtp://mail.example", "TILL_MAIL_FROM": "nobody"},
        {
            "TILL_SMTP_URL": "smtp://mail.example",
            "TILL_MAIL_FROM": "a@b.example",
            "TILL_MAIL_ALERTS_TO": "a@b.example;c",
        },
    ):
        answer = await said(database_url, tmp_path, "ls", **mail)
        assert answer.returncode == 1, mail
        assert "TILL_" in answer.stderr
        assert "secret" not in answer.stderr


async def test_letters_are_listed(database_url: str, tmp_path: Path) -> None:
    answer = await said(database_url, tmp_path, "ls", "--json")
    assert (answer.returncode, json.loads(answer.stdout)) == (0, {"data": []})
