"""Every kind of bad request, with the error that it must get."""

import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from tests.web.conftest import WEBHOOK_SECRET

from tillkeeper.kernel import clock
from tillkeeper.web import intake, shell

CARD = "4242424242424242"
CANARY = "canary7f3a9c"
GOOD = {"package": "credits_120", "currency": "EUR", "user": "ana", "metadata": {"note": CANARY}}
SUM = {"amount": 500, "currency": "EUR"}
PAYMENTS = "/api/v1/payments"
REFUNDS = "/api/v1/refunds"
CUSTOMERS = "/api/v1/customers"
SPEND = "/api/v1/users/ana/wallet/spend"
HOOK = "/webhooks/stripe"
ABSENT = "payment_01h455vb4pex5vsknk084sn02q"
OTHER = "refund_01h455vb4pex5vsknk084sn02q"


@dataclass(frozen=True)
class Bad:
    """Hold one bad request and the error that it must get."""

    status: int
    code: str
    content: object = b""
    path: str = PAYMENTS
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    sign: Callable[[], str] | None = None  # made when it is sent: a signature of an hour ago says something else
    canaries: tuple[str, ...] = (CANARY,)


def good(**changes: object) -> dict[str, object]:
    """Change a good request."""
    return {name: value for name, value in (GOOD | changes).items() if value is not ...}


def raw(field_: str, text: str, start: dict[str, Any]) -> bytes:
    """Write a request whose one field holds text that no encoder would write."""
    return json.dumps(start | {field_: "@"}).replace('"@"', text).encode()


def signed(body: bytes, *, age_seconds: int = 0, secret: str = WEBHOOK_SECRET) -> str:
    """Sign a webhook as Stripe documents it."""
    moment = str(int((clock.now() - timedelta(seconds=age_seconds)).timestamp()))
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, sha256).hexdigest()
    return f"t={moment},v1={digest}"


def hook(body: bytes, sign: Callable[[], str], status: int = 400, code: str = "signature_invalid") -> Bad:
    """Send a webhook."""
    return Bad(status, code, body, HOOK, headers={"Authorization": ""}, sign=sign)


EVENT = json.dumps({"id": "evt_bad", "type": "payment_intent.succeeded", "data": {"object": CANARY}}).encode()
WRONG_AMOUNTS = ('"100"', "true", "10.5", "1e3", "-1", "0", str(2**63), "null", "[1]", "{}", "1e400", "-0")
NOT_JSON_AMOUNTS = ("NaN", "Infinity", "-Infinity", "1" * 5000, "0x10", "01", "1,5")


def access() -> Iterator[tuple[str, Bad]]:
    """List callers who may not."""
    yield "no key", Bad(401, "unauthenticated", GOOD, headers={"Authorization": ""})
    for key in ("revoked", "other", f"till_sk_sandbox_{CANARY}", "sk_test_web_tests", "Ünïcode-key"):
        yield f"key {key}", Bad(401, "unauthenticated", GOOD, headers={"key": key})
    for header in ("Bearer", "Bearer ", "Basic YTpi", f"Token {CANARY}", f"Bearer {CANARY} {CANARY}"):
        yield f"header {header}", Bad(401, "unauthenticated", GOOD, headers={"Authorization": header})
    yield "read-only key", Bad(403, "forbidden", GOOD, headers={"key": "read"})
    yield "reading without a key", Bad(401, "unauthenticated", method="GET", headers={"Authorization": ""})
    for path, body in ((PAYMENTS, GOOD), (REFUNDS, {"payment": ABSENT}), (SPEND, {"amount": 1, "reason": "x"})):
        missing = Bad(400, "idempotency_key_missing", body, path, headers={"Idempotency-Key": ""})
        yield f"no Idempotency-Key for {path}", missing
    for name, key in (("of 256 letters", "k" * 256), ("with a tab inside", "a\tb"), ("beyond ASCII", "ключ")):
        yield (
            f"Idempotency-Key {name}",
            Bad(400, "idempotency_key_missing", GOOD, headers={"Idempotency-Key": key}, canaries=(CANARY, key)),
        )


def bodies() -> Iterator[tuple[str, Bad]]:
    """List bodies that are not JSON as we take it."""
    text = json.dumps(GOOD)
    for name, content in {
        "nothing": b"",
        "half a body": text[:-5].encode(),
        "a key twice": text.replace("{", '{"user": "eve", ', 1).encode(),
        "a key twice inside": json.dumps(good(metadata={})).replace("{}", '{"a": "1", "a": "2"}').encode(),
        "a NUL": text.replace(CANARY, "\\u0000").encode(),
        "a NUL in a key": text.replace("note", "no\\u0000te").encode(),
        "half a surrogate pair": text.replace(CANARY, "\\ud800").encode(),
        "bad UTF-8": text.encode().replace(CANARY.encode(), b"\xff\xfe"),
        "UTF-16": text.encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf" + text.encode(),
        "17 levels": json.dumps(good(metadata={"a": "@"})).replace('"@"', "[" * 17 + "]" * 17).encode(),
        "30,000 levels of lists": b"[" * 30_000 + b"]" * 30_000,
        "10,000 levels of objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        "100,000 brackets of one kind in a field": b'{"user":' + b"[" * 60_000,
        "a comment": b"/* hi */" + text.encode(),
    }.items():
        yield name, Bad(400, "malformed_json", content)
    for name, value in (("a list", []), ("a text", "x"), ("a number", 1), ("null", None), ("true", True)):
        yield f"{name} for a body", Bad(422, "invalid_field", json.dumps(value).encode())
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data", ""):
        yield f"content type {kind}", Bad(415, "unsupported_media_type", GOOD, headers={"Content-Type": kind})
    for coding in ("gzip", "br", "deflate"):
        yield f"encoding {coding}", Bad(415, "unsupported_media_type", GOOD, headers={"Content-Encoding": coding})
    large = json.dumps(good(description="x" * shell.body_bytes_max)).encode()
    yield "a large body", Bad(413, "too_large", large)
    yield "100,000 levels", Bad(413, "too_large", b"[" * 100_000)
    yield "a large refund", Bad(413, "too_large", large, REFUNDS)


def amounts() -> Iterator[tuple[str, Bad]]:
    """List numbers that are none, or that nobody can pay."""
    for text in WRONG_AMOUNTS:
        yield f"amount {text}", Bad(422, "invalid_field", raw("amount", text, SUM))
        yield f"spending {text}", Bad(422, "invalid_field", raw("amount", text, {"reason": "x"}), SPEND)
    for text in sorted(set(WRONG_AMOUNTS) - {"null"}):  # a refund of null is a refund of all that is left
        yield f"refund of {text}", Bad(422, "invalid_field", raw("amount", text, {"payment": ABSENT}), REFUNDS)
    for text in ('"2"', "true", "1.5", "1e3", "0", "-1", "1001", str(2**63)):
        yield f"quantity {text}", Bad(422, "invalid_field", raw("quantity", text, GOOD))
    for text in NOT_JSON_AMOUNTS:
        yield f"amount {text[:9]}", Bad(400, "malformed_json", raw("amount", text, SUM))
    for currency in ("EURO", "", 978, None):
        yield f"amount in {currency}", Bad(422, "invalid_field", SUM | {"currency": currency})
    for amount in (99, 5_000_001, 2**62):
        yield f"{amount} cents", Bad(422, "amount_out_of_range", SUM | {"amount": amount})


def values() -> Iterator[tuple[str, Bad]]:
    """List fields with values that cannot be used."""
    for name in ("price", "status", "Amount", "id", "__proto__"):
        yield f"unknown field {name}", Bad(422, "unknown_field", good(**{name: 1}))
    yield "unknown field of a refund", Bad(422, "unknown_field", {"payment": ABSENT, "currency": "EUR"}, REFUNDS)
    yield "an amount of one's own for a package", Bad(422, "invalid_field", good(amount=1))
    yield "a package for nobody", Bad(422, "invalid_field", good(user=...))
    yield "neither package nor amount", Bad(422, "invalid_field", {"currency": "EUR"})
    yield "an amount in no currency", Bad(422, "invalid_field", {"amount": 500})
    yield "a quantity without a package", Bad(422, "invalid_field", SUM | {"quantity": 2})
    yield "an unknown package", Bad(422, "invalid_field", good(package="credits_121"))
    yield "a package that is a number", Bad(422, "invalid_field", good(package=120))
    yield "a currency of no price", Bad(422, "currency_not_supported", good(currency="CHF"))
    for currency in ("E1R", "€€€"):
        yield f"currency {currency}", Bad(422, "currency_not_supported", good(currency=currency))
    for gateway in ("paypal", "STRIPE", "../stripe"):
        yield f"gateway {gateway}", Bad(422, "invalid_field", good(gateway=gateway))
    for url in (
        "javascript:alert(1)", "//evil.test", "http://", "ftp://a.test/", "https://a@evil.test/", "https://a b.test",
        "https://a.test/\r\nX: 1", "data:text/html,x", "/relative", f"https://a.test/{'x' * 2000}",
    ):  # fmt: skip
        yield f"return_url {url[:30]!r}", Bad(422, "invalid_field", good(return_url=url))
    yield "metadata that is not text", Bad(422, "invalid_field", good(metadata={"a": 1}))
    yield "too much metadata", Bad(422, "invalid_field", good(metadata={f"k{n}": CANARY for n in range(51)}))
    yield "metadata with a long name", Bad(422, "invalid_field", good(metadata={"k" * 41: CANARY}))
    yield "a checkout of another kind", Bad(422, "invalid_field", good(checkout="pigeon"))


def cards() -> Iterator[tuple[str, Bad]]:
    """List the places where somebody may put a card number."""
    spaced, dashed = (
        f"{CARD[:4]} {CARD[4:8]} {CARD[8:12]} {CARD[12:]}",
        f"{CARD[:4]}-{CARD[4:8]}-{CARD[8:12]}-{CARD[12:]}",
    )
    amex = "378282246310005"
    code, canaries = "card_data_not_accepted", (CARD, CANARY)
    for name, content in {
        "in metadata": good(metadata={"n": CARD, "c": CANARY}),
        "with spaces": good(metadata={"n": spaced}),
        "with dashes": good(metadata={"n": dashed}),
        "in the middle of a text": good(description=f"card {spaced} exp 12/30"),
        "as a number": good(metadata={"n": int(CARD)}),
        "as an amount": SUM | {"amount": int(CARD)},
        "as a name in metadata": good(metadata={CARD: "x"}),
        "as an unknown field": good(**{CARD: 1}),
        "as the user": good(user=CARD),
        "as the package": good(package=CARD),
        "beside expiry and code": good(metadata={"n": f"{CARD} 12/27 123"}),
        "behind another number": good(metadata={"n": f"order 7 {CARD}"}),
        "on a magnetic stripe": good(metadata={"n": f"%B{CARD}^DOE/JOHN^2512"}),
        "in the return_url": good(return_url=f"https://a.test/?n={CARD}"),
        "encoded in the return_url": good(return_url=f"https://a.test/?n={quote(spaced)}"),
        "in full-width digits": good(metadata={"n": "".join(chr(0xFF10 + int(digit)) for digit in CARD)}),
    }.items():
        yield f"card number {name}", Bad(422, code, content, canaries=canaries)
    yield "card number of American Express", Bad(422, code, good(metadata={"n": amex}), canaries=(amex,))
    yield "card number in a refund", Bad(422, code, {"payment": ABSENT, "reason": CARD}, REFUNDS, canaries=canaries)
    yield "card number in a spend", Bad(422, code, {"amount": 1, "reason": CARD}, SPEND, canaries=canaries)
    for name, path in {
        "in the path": f"/api/v1/users/{CARD}/wallet",
        "encoded in the path": f"/api/v1/users/{quote(spaced)}/wallet",
        "encoded digit by digit": "/api/v1/users/" + "".join(f"%3{digit}" for digit in CARD) + "/wallet",
        "in the query": f"{PAYMENTS}?user={CARD}",
        "with pluses in the query": f"{PAYMENTS}?user={spaced.replace(' ', '+')}",
        "at an address that does not exist": f"/nowhere/{CARD}",
    }.items():
        yield f"card number {name}", Bad(422, code, path=path, method="GET", canaries=canaries)
    yield "card number as Idempotency-Key", Bad(422, code, GOOD, headers={"Idempotency-Key": CARD}, canaries=canaries)


def webhooks() -> Iterator[tuple[str, Bad]]:
    """List webhooks that no gateway sent."""
    unverified: dict[str, Callable[[], str]] = {
        "without a signature": str,
        "with nonsense for a signature": lambda: f"{CANARY},,=,v1",
        "with a time and no signature": lambda: "t=1700000000",
        "with a signature and no time": lambda: "v1=" + "0" * 64,
        "with a time that is no number": lambda: f"t={CANARY},v1={'0' * 64}",
        "with a time of 5,000 digits": lambda: f"t={'9' * 5000},v1={'0' * 64}",
        "with a signature beyond ASCII": lambda: f"t={int(clock.now().timestamp())},v1=ü",
        "signed with another secret": lambda: signed(EVENT, secret=CANARY),
        "signed for another body": lambda: signed(b"{}"),
        "signed six minutes ago": lambda: signed(EVENT, age_seconds=360),
        "signed six minutes from now": lambda: signed(EVENT, age_seconds=-360),
        "with the scheme of test mode": lambda: signed(EVENT).replace("v1=", "v0="),
        "with a signature of 10,000 letters": lambda: "t=1,v1=" + "0" * 10_000,
    }
    for name, sign in unverified.items():
        yield f"webhook {name}", hook(EVENT, sign)
    for name, body in {
        "a list": b"[]",
        "null": b"null",
        "nothing": b"",
        "a text": b'"evt"',
        "an object without id": b'{"type": "x"}',
        "an id that is a number": b'{"id": 1, "type": "x"}',
        "an id with a NUL": b'{"id": "evt_\\u0000", "type": "x"}',
        "a type with a NUL": b'{"id": "evt_1", "type": "\\u0000"}',
        "an id of half a surrogate pair": b'{"id": "\\ud800", "type": "x"}',
        "an id of 5,000 letters": b'{"id": "' + b"e" * 5000 + b'", "type": "x"}',
        "bad UTF-8": b'{"id": "\xff\xfe", "type": "x"}',
        "100,000 levels": b'{"id": "e", "type": "x", "data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "half an object": EVENT[:-3],
    }.items():
        yield f"signed webhook with {name}", hook(body, partial(signed, body), code="malformed_json")
    large = b'{"id": "evt_1", "type": "x", "data": "' + b"x" * intake.body_bytes_max + b'"}'
    yield "a webhook over 1 MiB", hook(large, partial(signed, large), 413, "too_large")


def places() -> Iterator[tuple[str, Bad]]:
    """List addresses, methods and ids that lead nowhere."""
    for method, path in (("DELETE", PAYMENTS), ("PUT", PAYMENTS), ("POST", f"{PAYMENTS}/{ABSENT}"), ("GET", HOOK)):
        yield f"{method} {path[:20]}", Bad(405, "method_not_allowed", method=method, path=path)
    for path in ("/nowhere", "/api/v1/nothing", "/api/v2/payments", "/webhooks/nobody", "/docs/errors/nothing"):
        method = "POST" if path.startswith("/webhooks") else "GET"
        yield f"path {path}", Bad(404, "not_found", method=method, path=path)
    for id_ in (ABSENT, "payment_1", "1", OTHER, ABSENT.upper(), "payment_" + "z" * 26, "..%2f..", "ünïcode"):
        yield f"payment {id_[:12]}", Bad(404, "not_found", method="GET", path=f"{PAYMENTS}/{id_}")
        yield f"timeline of {id_[:12]}", Bad(404, "not_found", method="GET", path=f"{PAYMENTS}/{id_}/timeline")
        yield f"refund of {id_[:12]}", Bad(404, "not_found", {"payment": id_}, REFUNDS)
    for id_ in ("customer_01h455vb4pex5vsknk084sn02q", ABSENT, "customer_1", "", "cus_123"):
        yield f"customer {id_[:12]}", Bad(404, "not_found", method="GET", path=f"{CUSTOMERS}/{id_ or 'x'}")
        yield f"payment of customer {id_[:12]}", Bad(404, "not_found", good(customer=id_))
    yield "refund by id", Bad(404, "not_found", method="GET", path=f"{REFUNDS}/{OTHER}")


def customers() -> Iterator[tuple[str, Bad]]:
    """List people who cannot be remembered."""
    for name, content in {
        "nothing": {},
        "only a name": {"name": CANARY},
        "an address that is none": {"email": CANARY},
        "an address with a line break": {"email": f"{CANARY}@shop.test\n"},
        "two addresses": {"email": f"{CANARY}@a.test,b@c.test"},
        "an address of 300 letters": {"email": f"{CANARY}@{'x' * 300}.test"},
        "an empty id": {"external_id": "", "name": CANARY},
        "a padded id": {"external_id": f" {CANARY}"},
        "an id that is a number": {"external_id": 7, "name": CANARY},
        "a name of 201 letters": {"external_id": "7", "name": CANARY + "x" * 201},
    }.items():
        yield f"customer with {name}", Bad(422, "invalid_field", content, CUSTOMERS)
    yield "customer with an id of our own", Bad(422, "unknown_field", {"id": CANARY, "external_id": "7"}, CUSTOMERS)
    yield "customer with a card", Bad(422, "card_data_not_accepted", {"external_id": CARD}, CUSTOMERS, canaries=(CARD,))
    yield "customer by a reader", Bad(403, "forbidden", {"external_id": "7"}, CUSTOMERS, headers={"key": "read"})


def lists() -> Iterator[tuple[str, Bad]]:
    """List questions that cannot be answered."""
    for path in (PAYMENTS, REFUNDS, CUSTOMERS, "/api/v1/inbox", "/api/v1/users/ana/wallet/entries"):
        for limit in ("0", "-1", "101", "ten", "1.5", "", "9" * 30):
            yield f"{path[8:]} limit {limit[:5]}", Bad(422, "invalid_field", method="GET", path=f"{path}?limit={limit}")
    # Some are written as a cursor is, and say something that no cursor says.
    broken = ("2026-11-21|x", "0001-01-01|00000000-0000-0000-0000-000000000000", "9999-12-31T23:59:59+00:00|1")
    for cursor in ("x", "!!!", "", *(b64encode(text.encode()).decode() for text in broken)):
        for path in (PAYMENTS, REFUNDS, CUSTOMERS, "/api/v1/inbox"):
            bad = Bad(422, "invalid_field", method="GET", path=f"{path}?cursor={cursor}")
            yield f"{path[8:]} cursor {cursor[:18]}", bad
    yield "status paid", Bad(422, "invalid_field", method="GET", path=f"{PAYMENTS}?status=paid")
    for query in ("status=%00", "cursor=%00", "user=%00"):
        yield query, Bad(400, "malformed_json", method="GET", path=f"{PAYMENTS}?{query}")
    for moment in ("now", "2026-11-21T10:00:00", "10000-01-01T00:00:00Z", "1e999"):
        path = f"/api/v1/ledger/trial_balance?as_of={moment}"
        yield f"books as of {moment}", Bad(422, "invalid_field", method="GET", path=path)
    yield from books()


def books() -> Iterator[tuple[str, Bad]]:
    """List questions about the books that cannot be answered."""
    beyond = "0001-01-01T00:00:00%2B14:00"
    statement, report = "/api/v1/ledger/statements/deferred:EUR", "/api/v1/reports/daily"
    for param in ("since", "as_of", "recorded_before"):
        for moment in ("now", "2026-11-21T10:00:00", beyond, "1e999"):
            bad = Bad(422, "invalid_field", method="GET", path=f"{statement}?{param}={moment}")
            yield f"statement {param} {moment}", bad
    bad_cursors = (
        *("x", "2026-11-21T00:00:00+00:00|2026-11-21T00:00:00+00:00|1", "2026-11-21|2026-11-21|1|1"),
        *(f"2026-11-21T00:00:00+00:00|0001-01-01T00:00:00+14:00|{id_}|1" for id_ in ("1", "-1", str(2**63), "9" * 90)),
    )
    for number, cursor in enumerate(bad_cursors):
        path = f"{statement}?cursor={b64encode(cursor.encode()).decode()}"
        yield f"statement cursor {number}", Bad(422, "invalid_field", method="GET", path=path)
    for query in ("format=xml", "limit=0", "recorded_before=2999-01-01T00:00:00Z"):
        yield f"statement {query}", Bad(422, "invalid_field", method="GET", path=f"{statement}?{query}")
    for day in (
        "from=soon",
        "to=2026-13",
        "from=",
        "from=0001-01-01",
        "to=9999-12-31",
        "from=2020-01-01",
        "to=2020-01-01",
    ):
        yield f"report {day}", Bad(422, "invalid_field", method="GET", path=f"{report}?{day}")
    yield "report by the week", Bad(422, "invalid_field", method="GET", path="/api/v1/reports/weekly")
    yield "statement of nothing", Bad(404, "not_found", method="GET", path="/api/v1/ledger/statements/nothing")
    yield "journals of nothing", Bad(404, "not_found", method="GET", path="/api/v1/ledger/journals?payment=x")
    yield "journals after nothing", Bad(404, "not_found", method="GET", path="/api/v1/ledger/journals?cursor=x")
    yield "seals before nothing", Bad(422, "invalid_field", method="GET", path="/api/v1/ledger/seals?cursor=x")
    for path in (statement, report, "/api/v1/ledger/checks", "/api/v1/ledger/seals", "/api/v1/ledger/accounts"):
        yield f"{path[8:]} by nobody", Bad(401, "unauthenticated", method="GET", path=path, headers={"key": ""})


ALL = dict([*access(), *bodies(), *amounts(), *values(), *cards(), *webhooks(), *places(), *customers(), *lists()])
