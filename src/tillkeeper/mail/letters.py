"""What letters say: the same in plain text and in simple HTML."""

from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tillkeeper.kernel import ids, logs, money
from tillkeeper.mail.office import Office
from tillkeeper.mail.values import Kind, Leased

FOLDER = Path(__file__).parent / "templates"
HTML = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
TEXT = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=False,  # noqa: S701 (plain text has nothing to escape)
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
subject_length_max = 150
fact_length_max = 300
OTHER = ("Something needs to be looked at", "Look at it with the commands of `till`.")
ALERTS: Mapping[str, tuple[str, str]] = {
    "dispute.opened": (
        "A payment is disputed",
        "Look at it with `till disputes show`, and answer before its time is over: silence loses.",
    ),
    "fulfilment.failed": (
        "A payment was captured, and its goods cannot be handed over",
        "Its money goes back by itself where that is what you decided; `till payments show` says how it stands.",
    ),
    "payout.failed": (
        "The bank did not take a payout",
        "Look into the gateway's dashboard: usually the bank account there is wrong.",
    ),
    "reconciliation.discrepancy": (
        "Our books and a gateway's account do not agree",
        "`till reconcile discrepancies` lists what was found, with a suggestion for each.",
    ),
    "webhook.dead": (
        "A webhook was given up",
        "`till events show` says why; mend the cause, then `till events replay` brings it back.",
    ),
    "delivery.dead": (
        "An event could not be delivered to your endpoint",
        "`till events out ls` shows what it answered; send it again when the endpoint works.",
    ),
    "endpoint.disabled": (
        "A webhook endpoint was switched off",
        "Mend it, switch it on again, and recover what it has missed.",
    ),
    "member.codes_guessed": (
        "Somebody has the password of one of your people, and guesses codes",
        "`till users ls` says who it is. Unless it was they, `till users reset-password` ends it with a new one.",
    ),
    "appointment.missed": (
        "Something that is due at certain moments was not done",
        "The page “Jobs” of the dashboard lists what is due and how it went; its next turn comes by itself.",
    ),
    "drill.failed": (
        "A backup could not be restored and proved",
        "`till restore-drill` tries it again and says what is wrong. Until it passes, take it that there is no backup.",
    ),
    "certificate.ending": (
        "The certificate of your public address ends soon, or browsers do not trust it",
        "Renew it where TLS ends, such as nginx: without it, nobody can pay and no webhook arrives.",
    ),
    "secret.old": (
        "A secret has been the same for more than 90 days",
        "`till secrets status` says where a new one is made, and `till secrets rotate` puts it in its place.",
    ),
    "version.outdated": (
        "A gateway speaks a version of its API that somebody should look at",
        "The page “Gateways” shows the versions; raise yours in the gateway's dashboard, in its test mode first.",
    ),
    "invariant.broken": (
        "Something that must always be true is not",
        "`till ledger check` says what; please stop refunds by hand until it is understood.",
    ),
}
"""What each kind of alert is called, and what to do about it."""
TITLES = {"payment.succeeded": "Your receipt", "refund.succeeded": "Your refund"}


def write(letter: Leased, office: Office, *, to: str, at: datetime, about: Mapping[str, Any]) -> EmailMessage:
    """Write a letter; `about` is what is known of the payment that a receipt is for.

    Its Message-ID follows from the letter, so that it is one letter however often it is sent.
    """
    shown: Mapping[str, Any]
    match letter.kind:
        case Kind.RECEIPT:
            title, shown = f"{TITLES[letter.topic]} from {office.name}", {"lines": _receipt(letter, about)}
        case Kind.ALERT:
            said, advice = ALERTS.get(letter.topic, OTHER)
            title, shown = said, {"facts": _facts(letter.data), "advice": advice, "link": office.link}
        case Kind.DIGEST:
            title, shown = f"{letter.data['total']} more alerts", _digest(letter.data)
    return compose(letter.kind, office, title=title, to=to, at=at, name=ids.text("letter", letter.id), shown=shown)


def compose(
    template: str, office: Office, *, title: str, to: str, at: datetime, name: str, shown: Mapping[str, Any]
) -> EmailMessage:
    """Put a letter together; a title or address that would begin another header raises ValueError."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = logs.mask(title)[:subject_length_max]
    message["From"] = formataddr((office.name, office.address))
    message["To"] = to
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{name}@{office.address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    values = {"title": title, "merchant": office.name, **shown}
    message.set_content(TEXT.get_template(f"{template}.txt").render(values))
    message.add_alternative(HTML.get_template(f"{template}.html").render(values), subtype="html")
    return message


def _receipt(letter: Leased, about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List what a buyer may want to know, and nothing that is not theirs."""
    amount = letter.data["amount"]
    label = "Refunded" if letter.topic == "refund.succeeded" else "Paid"
    what = about["description"] or (f"{about['quantity']} × {about['package']}" if about["package"] else "")
    lines = [(label, money.show(amount, letter.data["currency"])), ("For", what), ("Date", letter.data["at"][:10])]
    return [(name, logs.mask(text)) for name, text in (*lines, ("Payment", letter.data["payment"])) if text]


def _facts(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List what an alert tells, amounts with the decimals of their currency."""
    code = data.get("currency")
    shown = []
    for name, value in data.items():
        if value is None or (name == "currency" and "amount" in data):
            continue
        is_amount = isinstance(value, int) and name in {"amount", "theirs", "ours"} and isinstance(code, str)
        text = money.show(value, str(code)) if is_amount else str(value)
        shown.append((name.replace("_", " ").capitalize(), logs.mask(text)[:fact_length_max]))
    return shown


def _digest(data: Mapping[str, Any]) -> dict[str, Any]:
    samples = [
        (ALERTS.get(each["topic"], OTHER)[0], _facts({name: each[name] for name in each if name != "topic"}))
        for each in data["samples"]
    ]
    counts = [(ALERTS.get(topic, OTHER)[0], count) for topic, count in data["counts"].items()]
    return {"counts": counts, "samples": samples, "total": data["total"]}
