"""Requests for every page of the dashboard: its own forms, filled in as nobody should, by an administrator."""

import html
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from urllib.parse import quote

from tests.fuzz.menu import READY
from tests.fuzz.spoiling import ABSENT, BYTES, CARD, LEAVES, NAMES, bitten, word
from tests.fuzz.wire import Answer, Headers, Input, marked

spoilt_percent = 60
remembered_max = 40
SLOW = {"/admin/ledger/verify", "/admin/audit/check", "/admin/settings/people/add", "/admin/prove", "/admin/proof/fire"}
"""Go through everything, or hash a password: asked less often than the others."""
slow_share = 10
ENDS = {"/admin/sign-out", "/admin/live"}
"""The end of the session, and a stream without an end."""
MAIN = re.compile(r"<main\b.*</main>", re.DOTALL)
SELECT = re.compile(r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', re.DOTALL)
OPTION = re.compile(r'<option value="([^"]*)"')
FIELD = re.compile(r'<(?:input|textarea)[^>]* name="(\w+)"[^>]*>')
VALUE = re.compile(r' value="([^"]*)"')
PLACE = re.compile(r"{(\w+)}")
ID = re.compile(rb"\b([a-z_]+)_[0-9a-hjkmnp-tv-z]{26}\b")
CURSOR = re.compile(rb"[?;]cursor=([\w%=.-]+)")
UNSEEN = {"token", "key"}
KINDS = {"request": "refund_request", "api_key": "key"}
"""What ids are called that stand in places of other names."""
FIT: Mapping[str, Sequence[str]] = {
    **{name: tuple(map(str, values)) for name, values in READY.items() if name != "scopes"},
    "name": ("ana", "ben"),
    "verb": ("enable", "drain", "enable"),
    "rule": ("amount_large", "new_account"),
    "amount": ("1.00", "0.01", "1", "5", "100", "1,00", "-1", "1e3", "0.001"),
    "prices": ("EUR 1.99", "EUR 1.99 19%\nUSD 2", "JPY 100\nKWD 1.234", "EUR 1.99\nEUR 2"),
    **dict.fromkeys(("auto_approve_amounts", "second_person_amounts"), ("", "EUR 50.00", "JPY 5.5")),
    **dict.fromkeys(("quantity", "score", "value", "days", "priority", "grace_hours"), ("1", "40", "100", "0", "-1")),
    **dict.fromkeys(("from", "to", "day", "expires", "until"), ("2026-11-21", "2026-10-01", "2099-01-31")),
    **dict.fromkeys(("since", "as_of"), ("2026-11-21T10:30", "2026-01-01", "2026-11-21T10:30:00+05:30")),
    **dict.fromkeys(("step", "typed", "active", "enabled", "block"), ("confirmed", "yes", "ana")),
    "chosen": ("*", "payment.succeeded"),
}
"""What fits where a field or a place has such a name."""
ODD = (
    "9999-12-31",
    "0001-01-01",
    "0001-01-01T00:00:00+14:00",
    "9" * 19,
    "-1",
    "\u0660",
    "1_000",
    "a|b",
    "MHwx",
    "=1+1",
)
OTHER_KINDS = (b"multipart/form-data", b"multipart/form-data; boundary=x", b"application/json", b"text/plain", b"")
FILES = (b"id,amount\n1,2\n", b"balance_transaction_id,created_utc\n", *BYTES)
BOUNDARY = b"of-the-tests"


@dataclass(frozen=True, slots=True)
class Form:
    """Hold what can be sent to an address: the fields by name, with the values that they offer."""

    method: str
    path: str
    fields: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Pages:
    """Make requests as a browser does, the same for the same seed but for the ids that answers have told meanwhile."""

    forms: Sequence[Form]
    cookie: str
    form_token: str
    seed: int
    told: defaultdict[str, list[str]]
    spared: frozenset[str]

    def inputs(self) -> Iterator[Input]:
        """Make requests without end."""
        for number in count():
            dice = random.Random(f"{self.seed} page {number}")
            form = dice.choice(self.forms)
            while form.path in SLOW and dice.randrange(slow_share):
                form = dice.choice(self.forms)
            yield self._request(dice, form, number)

    def remember(self, answer: Answer) -> None:
        """Keep ids and cursors that a page shows, so that later requests are about things that exist."""
        for found in ID.finditer(answer.body):
            self._keep(found[1].decode(), found[0].decode())
        for cursor in CURSOR.findall(answer.body):
            self._keep("cursor", cursor.decode())

    def _keep(self, kind: str, shown: str) -> None:
        known = self.told[kind]
        if shown in self.spared or shown in known:
            return
        if len(known) < remembered_max:
            known.append(shown)
        else:
            known[hash(shown) % remembered_max] = shown

    def _request(self, dice: random.Random, form: Form, number: int) -> Input:
        mark = marked("p", self.seed, number)
        spoils = [dice.random() * 100 < spoilt_percent and dice.random() < 0.5 for _ in range(3)]
        pairs = self._pairs(dice, form, mark, spoil=spoils[0])
        target = self._path(dice, form, mark, spoil=spoils[1])
        kind, body = b"", b""
        if form.method == "GET":
            target += b"?" + _encoded(pairs) if pairs else b""
            target += dice.randbytes(2).translate(None, b" \r\n\x00#") if spoils[2] and dice.random() < 0.2 else b""
        else:
            kind, body = self._body(dice, form, pairs, mark, spoil=spoils[2])
        return Input(
            name=f"page {number} of seed {self.seed}, {form.method} {form.path}",
            method=form.method,
            target=target,
            headers=self._headers(dice, kind),
            body=body,
            mark=mark,
        )

    def _headers(self, dice: random.Random, kind: bytes) -> Headers:
        given = [("Cookie", self.cookie.encode()), ("Origin", b"http://till.test"), ("Sec-Fetch-Site", b"same-origin")]
        given += [("Content-Type", kind)] if kind else []
        if dice.random() < 0.5:
            given += [("HX-Request", b"true"), ("HX-Target", b"dialog#dialog")]
        if dice.random() < 0.05:
            odd = (b"http://[", b"null", b"https://evil.example", b"\xff")
            given[dice.choice((0, 1))] = dice.choice((("Cookie", b"till_session=\xff"), ("Origin", dice.choice(odd))))
        return tuple(given)

    def _path(self, dice: random.Random, form: Form, mark: str, *, spoil: bool) -> bytes:
        def filled(found: re.Match[str]) -> str:
            name = KINDS.get(found[1], found[1])
            values = ("audit", "entry") if name == "entry" else (name,)
            known = [each for value in values for each in (*self.told[value], *FIT.get(value, ()))]
            if spoil or not known:
                return quote(_odd(dice, mark).encode(errors="replace"), safe="")[:3000] or "%20"
            return quote(dice.choice(known), safe="")

        return PLACE.sub(filled, form.path).encode()

    def _pairs(self, dice: random.Random, form: Form, mark: str, *, spoil: bool) -> list[tuple[str, str]]:
        names = [name for name in form.fields if form.method == "POST" or dice.random() < 0.5]
        pairs = [(name, self._value(dice, name, form.fields[name], mark)) for name in names]
        if spoil:
            for _ in range(dice.randint(1, 3)):
                names = [*form.fields, *NAMES, "cursor", "before", "chosen", "next", "step", "to", "from"]
                pairs.append((dice.choice(names), _odd(dice, mark)))
            dice.shuffle(pairs)
        return pairs

    def _value(self, dice: random.Random, name: str, offers: Sequence[str], mark: str) -> str:
        known = [*offers, *FIT.get(name, ()), *self.told[name]]
        known += self.told["payment"] if name == "chosen" else []
        if known and dice.random() < 0.8:
            return dice.choice(known)
        if dice.random() < 0.3:
            return _odd(dice, mark)
        return f"{mark}@example.com" if name == "email" else mark

    def _body(
        self, dice: random.Random, form: Form, pairs: list[tuple[str, str]], mark: str, *, spoil: bool
    ) -> tuple[bytes, bytes]:
        unseen = [("token", self.form_token if dice.random() < 0.97 else mark), ("key", mark)]
        pairs = unseen[: 2 if dice.random() < 0.97 else 1] + pairs
        if form.path.endswith("/import"):
            kind, body = b"multipart/form-data; boundary=" + BOUNDARY, _parts(pairs, dice.choice(FILES))
        else:
            kind, body = b"application/x-www-form-urlencoded", _encoded(pairs)
        if spoil and dice.random() < 0.3:
            body = bitten(dice, body)
        if spoil and dice.random() < 0.2:
            kind = dice.choice(OTHER_KINDS)
        if spoil and dice.random() < 0.05:
            body = dice.choice((*BYTES, b"x" * 70_000, b"a=1&" * 300))
        return kind, body


def looked_at(path: str, parts: dict[str, str]) -> str:
    """Put things that exist in the places of an address, as far as there are any, and name whom it may be about."""
    known = defaultdict(lambda: ABSENT, {name: values[0] for name, values in FIT.items()} | parts)
    return PLACE.sub(lambda found: known[KINDS.get(found[1], found[1])], path) + "?name=ana"


def learned(method: str, path: str, page: str) -> Form:
    """Read which fields the form of a page has, and what they offer."""
    main = "".join(MAIN.findall(page))
    fields: dict[str, list[str]] = {}
    for name, options in SELECT.findall(main):
        fields[name] = [html.unescape(value) for value in OPTION.findall(options)]
    for field in FIELD.finditer(main):
        fields.setdefault(field[1], []).extend(html.unescape(value) for value in VALUE.findall(field[0]))
    return Form(method, path, {name: values for name, values in fields.items() if name not in UNSEEN})


def _odd(dice: random.Random, mark: str) -> str:
    """Write something that hardly anybody means."""
    return str(dice.choice((*LEAVES, *ODD, CARD, ABSENT, word(dice), mark, mark)))


def _encoded(pairs: Sequence[tuple[str, str]]) -> bytes:
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs).encode()


def _quoted(text: str) -> str:
    return quote(text.encode(errors="replace"))[:3000]


def _parts(pairs: Sequence[tuple[str, str]], file: bytes) -> bytes:
    """Write a form with a file as browsers do."""
    head = b'--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    parts = [head % (BOUNDARY, _quoted(name).encode(), b"", value.encode(errors="replace")) for name, value in pairs]
    return b"".join([*parts, head % (BOUNDARY, b"file", b'; filename="report.csv"', file), b"--%s--\r\n" % BOUNDARY])
