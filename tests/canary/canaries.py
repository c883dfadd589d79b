"""Secrets and card numbers that exist for one run only, and a search that finds them however they are written."""

import base64
import html
import json
import os
import random
import re
import string
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, unquote_plus

from tillkeeper.kernel.cards import luhn

SEED = int(os.environ.get("TILL_CANARY_SEED") or random.randrange(10**6))
SHARE = 1 if os.environ.get("TILL_TEST_FULL") else 4
"""Of what takes long, every fourth is tried on every change, another fourth the next time, and all of it in full."""
Way = TypeVar("Way")
GAPS = re.compile(r"[\s\-_./\u2010-\u2015]+")
around = 150
ALPHABET = string.ascii_letters + string.digits
pem_begin, pem_end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class Canary:
    """Hold one secret as it is planted, and the part of it that nothing else has."""

    name: str
    written: str
    core: str

    @property
    def in_header(self) -> str:
        """Write it so that HTTP takes it as the value of a header."""
        return self.written.replace("\n", " ")


def share(ways: Sequence[Way], turn: int = 0) -> Sequence[Way]:
    """Choose what is tried this time."""
    return ways[(SEED + turn) % SHARE :: SHARE]


def hatch(seed: int) -> list[Canary]:
    """Make a new canary of each kind."""
    dice = random.Random(seed)
    return [*_cards(dice), *_secrets(dice)]


def _cards(dice: random.Random) -> Iterator[Canary]:
    for name, gap in (("card", ""), ("card with spaces", " "), ("card with dashes", "-"), ("card with dots", ".")):
        number = _card(dice)
        yield Canary(name, gap.join(number[place : place + 4] for place in range(0, 16, 4)), number)
    number = _card(dice)
    yield Canary("card for a URL", "%20".join(number[place : place + 4] for place in range(0, 16, 4)), number)
    number = _card(dice)
    yield Canary("card in full-width digits", "".join(chr(ord(digit) + 0xFEE0) for digit in number), number)
    number = _card(dice)
    yield Canary("card in digits of Arabic", "".join(chr(ord(digit) - ord("0") + 0x660) for digit in number), number)
    for name, form in {
        "card with expiry and code": "{} 12/27 123",
        "card with a number before": "order 7 {}",
        "card with a hyphen and a code": "{}-123",
        "card on track 1": "%B{}^DOE/JOHN^25121011000000000000?",
        "card on track 2": ";{}=25121011000000000000?",
    }.items():
        number = _card(dice)
        yield Canary(name, form.format(number), number)
    number = _card(dice)
    spaced = " ".join(number[place : place + 4] for place in range(0, 16, 4))
    yield Canary("card with spaces, expiry and code", f"{spaced} 12/27 123", number)
    amex = _card(dice, start="37", length=15)
    yield Canary("card of fifteen digits", f"{amex[:4]} {amex[4:10]} {amex[10:]} 12/27", amex)


def _secrets(dice: random.Random) -> Iterator[Canary]:
    for name, form in {
        "our key": "till_sk_sandbox_{}",
        "our publishable key": "till_pk_live_{}",
        "key of Stripe": "sk_live_{}",
        "restricted key of Stripe": "rk_test_{}",
        "webhook secret": "whsec_{}",
        "key of Razorpay": "rzp_live_{}",
        "token of Square": "EAAA{}",
        "secret of Square": "sq0csp-{}",
        "token of PayPal": "A21AA{}",
        "token of Braintree": "access_token$production${}$0123456789abcdef",
        "bearer": "Bearer {}",
        "database address": "postgresql://till:{}@127.0.0.1:1/till",
        "address of Redis": "redis://:{}@127.0.0.1:1/0",
        "client secret": "pi_3Nabc_secret_{}",
        "client secret in a query": "see https://x.example/?client_secret={}",
        "session": "till_session={}",
        "password": "password={}",
        "password in JSON": '{{"password": "{}"}}',
        "key in a header": "X-Api-Key: {}",
        "signature in a header": "X-Signature: t=1,v1={}",
        "cookie in a header": "Cookie: a=1; b={}",
        "private key": f"{pem_begin}\n{{}}\n{pem_end}",
    }.items():
        core = "".join(dice.choices(ALPHABET, k=28))
        yield Canary(name, form.format(core), core)
    claims, sign = ("".join(dice.choices(ALPHABET, k=30)) for _ in range(2))
    yield Canary("JWT", f"eyJhbGciOiJIUzI1NiJ9.{claims}.{sign}", claims)
    password = "".join(dice.choices(ALPHABET, k=20))
    basic = base64.b64encode(f"till:{password}".encode()).decode()
    yield Canary("basic", f"Basic {basic}", basic)
    person = "".join(dice.choices(string.ascii_lowercase, k=14))
    yield Canary("e-mail", f"{person}@buyers.example", person)
    payer = "".join(dice.choices(string.ascii_lowercase, k=14))
    yield Canary("address of UPI", f"{payer}@okbuyers", payer)
    phone = "".join(dice.choices(string.digits, k=10))
    yield Canary("telephone", f"+49 1{phone[:2]} {phone[2:]}", f"491{phone}")
    account = "".join(dice.choices(string.digits, k=18))
    iban = f"DE{98 - int(f'{account}131400') % 97:02d}{account}"
    yield Canary("bank account", " ".join(iban[place : place + 4] for place in range(0, 22, 4)), iban)
    code = f"cvc={dice.randrange(100, 1000)}"
    yield Canary("code of a card", code, code)


def _card(dice: random.Random, start: str = "4", length: int = 16) -> str:
    body = start + "".join(dice.choices(string.digits, k=length - len(start) - 1))
    return next(body + digit for digit in string.digits if luhn(body + digit))


def found(text: str, canaries: Iterable[Canary]) -> dict[str, str]:
    """Name the canaries that a text holds, each with what stands around it.

    They are found split, encoded for a URL or for JSON, in other digits, and in hexadecimal.
    """
    once = unquote_plus(text)
    forms = [text, once, unquote_plus(once), text.encode().decode("unicode_escape", errors="ignore")]
    forms += [unicodedata.normalize("NFKC", form) for form in forms]
    forms += ["".join(_digit(letter) for letter in form) for form in forms if not form.isascii()]
    forms += [GAPS.sub("", form) for form in forms] + [text.lower()]
    hits = {}
    for each in canaries:
        for core in (each.core, each.core.encode().hex()):
            form = next((form for form in forms if core in form), None)
            if form is not None:
                place = form.index(core)
                hits[each.name] = form[max(0, place - around) : place + len(core) + around]
    return hits


def _digit(letter: str) -> str:
    return letter if letter.isascii() else str(unicodedata.decimal(letter, letter))


def disguises(canary: Canary) -> dict[str, str]:
    """Write a canary in every way in which it could slip through."""
    return {
        "plain": canary.written,
        "in a sentence": f"said {canary.written}, and more",
        "for a URL": quote(canary.written),
        "for JSON": json.dumps({"said": canary.written}),
        "on a page": f"<td>{html.escape(canary.written)}</td>",
        "in a label of a metric": "till_x_total{code=" + json.dumps(canary.written, ensure_ascii=False) + "} 1.0",
        "in hexadecimal": canary.core.encode().hex(),
        "with its digits apart": "-".join(canary.core[place : place + 3] for place in range(0, len(canary.core), 3)),
    }
