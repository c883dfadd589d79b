"""Requests for every call of the API, made from its own description: some as they should be, most of them spoilt."""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import quote, quote_from_bytes

from tests.fuzz.spoiling import ABSENT, BYTES, LEAVES, anything, changed, word, written
from tests.fuzz.wire import Answer, Input, marked

Json = dict[str, Any]

spoilt_percent = 70
remembered_max = 40
READY = {
    "user": ("ana", "ben", "eve"),
    "package": ("credits_50", "credits_120", "credits_300"),
    "currency": ("EUR", "INR", "USD", "JPY", "eur"),
    "gateway": ("stripe", "razorpay", "paypal", "square", "auto"),
    "account": ("deferred:EUR", "gateway:stripe:clearing:EUR", "wallet:ana"),
    "url": ("http://127.0.0.1:1024/hook", "http://127.0.0.1:1024/other", "http://[::1]:1024/", "ftp://127.0.0.1/"),
    "return_url": ("https://shop.test/thanks", "http://127.0.0.1/", "javascript:alert(1)"),
    "scopes": (["read"], ["write"], ["admin"], []),
}
"""What fits where a field has such a name; an address leads nowhere beyond this machine."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
KINDS = (
    b"text/plain",
    b"application/xml",
    b"multipart/form-data; boundary=x",
    b"",
    b"application/json; charset=utf-16",
)
ODD_HEADERS = (
    *(("X-Correlation-Id", b"\xff" * 20), ("Content-Encoding", b"gzip"), ("X-Forwarded-For", b"1.2.3.4, nonsense")),
    *(("Origin", b"null"), ("Cookie", b"a" * 4000), ("Accept", b"\x00"), ("Expect", b"100-continue")),
    *(("Range", b"bytes=0-"), ("If-None-Match", b"*"), ("Forwarded", b'for="[::'), ("TE", b"trailers")),
)


@dataclass(frozen=True, slots=True)
class Call:
    """Hold one call as the description has it."""

    method: str
    path: str
    params: tuple[Json, ...]
    body: Json | None
    kind: bytes


@dataclass
class Menu:
    """Make inputs, the same for the same seed but for the ids that answers have told meanwhile."""

    spec: Json
    keys: Mapping[str, str]
    seed: int
    spared: frozenset[str] = frozenset()
    """Ids that no input may name: who revoked our own keys would hear only that nobody is known."""
    told: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def inputs(self) -> Iterator[Input]:
        """Make requests without end."""
        calls = self._calls()
        for number in count():
            dice = random.Random(f"{self.seed} {number}")
            yield self._order(dice, dice.choice(calls), number)

    def remember(self, answer: Answer) -> None:
        """Keep ids that an answer told, so that later requests are about things that exist."""
        if answer.status >= 300 or not answer.body.startswith(b"{"):
            return
        shown = json.loads(answer.body)
        things = shown["data"] if isinstance(shown.get("data"), list) else [shown]
        for thing in things:
            id_ = thing.get("id") if isinstance(thing, dict) else None
            if isinstance(id_, str) and "_" in id_ and id_ not in self.spared:
                known = self.told[id_.rpartition("_")[0]]
                if len(known) < remembered_max:
                    known.append(id_)
                else:
                    known[hash(id_) % remembered_max] = id_

    def _calls(self) -> list[Call]:
        found = []
        for path, methods in self.spec["paths"].items():
            for method, told in methods.items():
                (kind, body), *_ = told.get("requestBody", {}).get("content", {"": None}).items()
                params = tuple(told.get("parameters", ()))
                found.append(Call(method.upper(), path, params, body and body["schema"], kind.encode()))
        return found

    def _order(self, dice: random.Random, call: Call, number: int) -> Input:
        mark = marked("q", self.seed, number)
        spoils = [dice.random() * 100 < spoilt_percent and dice.random() < 0.5 for _ in range(4)]
        method = dice.choice(METHODS) if spoils[0] and dice.random() < 0.1 else call.method
        body = self._body(dice, call, mark, spoil=spoils[1])
        return Input(
            name=f"request {number} of seed {self.seed}, {call.method} {call.path}",
            method=method,
            target=self._target(dice, call, mark, spoil=spoils[2]),
            headers=tuple(self._headers(dice, call, mark, spoil=spoils[3])),
            body=body,
            mark=mark,
        )

    def _headers(self, dice: random.Random, call: Call, mark: str, *, spoil: bool) -> Iterator[tuple[str, bytes]]:
        held = dice.choices([*self.keys], weights=[12 if name == "admin" else 1 for name in self.keys])[0]
        yield "Authorization", f"Bearer {self.keys[held]}".encode()
        if call.body is not None:
            yield "Content-Type", dice.choice(KINDS) if spoil and dice.random() < 0.2 else call.kind
        if any(param["name"] == "idempotency-key" for param in call.params):
            odd = (b"", b"\xff", b"k" * 300, b"again", b"again", b"a\tb", mark.encode() * 2)
            if not spoil or dice.random() < 0.9:
                yield "Idempotency-Key", dice.choice(odd) if spoil else mark.encode()
        if spoil and dice.random() < 0.3:
            yield dice.choice(ODD_HEADERS)

    def _target(self, dice: random.Random, call: Call, mark: str, *, spoil: bool) -> bytes:
        path = call.path
        for param in call.params:
            if param["in"] == "path":
                bad = spoil and dice.random() < 0.7
                path = path.replace(f"{{{param['name']}}}", self._place(dice, param, mark, spoil=bad))
        query = [
            f"{param['name']}={self._place(dice, param, mark, spoil=spoil and dice.random() < 0.6)}"
            for param in call.params
            if param["in"] == "query" and dice.random() < 0.3
        ]
        if spoil and dice.random() < 0.3:
            query.append(f"{quote(word(dice))}={quote_from_bytes(dice.randbytes(4))}")
        target = path.encode() + (b"?" + "&".join(query).encode() if query else b"")
        return target + dice.randbytes(2).translate(None, b" \r\n\x00#") if spoil and dice.random() < 0.05 else target

    def _place(self, dice: random.Random, param: Json, mark: str, *, spoil: bool) -> str:
        if not spoil:
            return quote(str(self._fit(dice, param["schema"], param["name"], mark)), safe="")
        leaf = dice.choice((*LEAVES, mark, ABSENT, *("." * 3, "%", "a/b", "9" * 90)))
        return quote(str(leaf).encode(errors="replace"), safe="")[:4000] or "%00"

    def _body(self, dice: random.Random, call: Call, mark: str, *, spoil: bool) -> bytes:
        if call.body is None:
            return b"" if not spoil else dice.choice(BYTES)
        if not call.kind.endswith(b"json"):
            return dice.choice(BYTES) if spoil else b"id,amount\n1,2\n"
        if spoil and dice.random() < 0.05:
            return dice.choice((*BYTES, b"x" * 70_000))
        wish = self._fit(dice, call.body, "", mark)
        return written(dice, changed(dice, wish, mark)) if spoil else json.dumps(wish).encode()

    def _fit(self, dice: random.Random, schema: Json, name: str, mark: str) -> Any:
        """Make what a schema takes, as far as it says so."""
        schema = self._resolved(schema)
        ready = (*READY.get(name, ()), *self.told.get(name, ()), *schema.get("examples", ()))
        if ready and dice.random() < 0.9:
            return dice.choice(ready)
        if options := schema.get("anyOf") or schema.get("oneOf"):
            fit: Json = options[0] if dice.random() < 0.85 else dice.choice(options)
            return self._fit(dice, fit, name, mark)
        if "enum" in schema or "const" in schema:
            return dice.choice(schema.get("enum") or [schema["const"]])
        return self._of_type(dice, schema, mark)

    def _of_type(self, dice: random.Random, schema: Json, mark: str) -> Any:
        match schema.get("type"):
            case "object":
                return self._object(dice, schema, mark)
            case "array":
                size = dice.randint(schema.get("minItems", 0), 3)
                return [self._fit(dice, schema.get("items", {}), "", mark) for _ in range(size)]
            case "integer":
                low, high = int(schema.get("minimum", -5)), int(schema.get("maximum", 1000))
                return dice.choice((low, high, dice.randint(low, high), dice.randint(low, min(low + 100, high))))
            case "string":
                return _text(dice, schema, mark)
            case _:
                return anything(dice, mark) if schema.get("type") is None else dice.choice((True, False))

    def _object(self, dice: random.Random, schema: Json, mark: str) -> Json:
        told, needed = schema.get("properties", {}), schema.get("required", [])
        names = [name for name in told if name in needed or dice.random() < 0.4]
        more = schema.get("additionalProperties")
        extra = {f"k{place}": self._fit(dice, more, "", mark) for place in range(2)} if isinstance(more, dict) else {}
        return extra | {name: self._fit(dice, told[name], name, mark) for name in names}

    def _resolved(self, schema: Json) -> Json:
        if "$ref" in schema:
            found: Json = self.spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            return self._resolved(found)
        return schema


def _text(dice: random.Random, schema: Json, mark: str) -> str:
    match schema.get("format"):
        case "date-time":
            return f"20{dice.randint(10, 40)}-0{dice.randint(1, 9)}-11T10:00:00Z"
        case "date":
            return f"2026-{dice.randint(10, 12)}-{dice.randint(10, 30)}"
        case _:
            pass
    if dice.random() < 0.5:
        return mark
    return (word(dice) * 80)[: min(schema.get("maxLength", 20), dice.choice((1, 3, 20, 400)))]
