"""A tour of the whole API: every call is checked against its description, and written down as an example of it."""

import asyncio
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg
import httpx2
import jsonschema
from tests.web.conftest import Json
from tests.web.running import Shop, patience_seconds

from tillkeeper.web import description

COOKIE = "cookie"
"""The key of those who have none, and are signed in."""
numbers = itertools.count(1)
ID = re.compile(r"\b([a-z]+(?:_[a-z]+)?)_(0[0-9a-z]{25})\b")
UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
STEADY: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)"), "2026-11-21T10:00:00.000Z"),
    (re.compile(r"\b20\d\d-\d\d-\d\d(?!T)\b"), "2026-11-21"),
    (re.compile(r"\b\d\d:\d\d UTC\b"), "10:00 UTC"),
    (re.compile(r"whsec_[A-Za-z0-9+/=]+"), "whsec_…"),
    (re.compile(r"till_sk_sandbox_[A-Za-z0-9_-]+"), "till_sk_sandbox_…"),
    (re.compile(r"\b(cs|pi)(_test)?_\w+_secret_\w+"), "cs_test_a1B2c3D4e5F6g7H8_secret_i9J0k1L2m3N4o5P6"),
    (re.compile(r"\b(cs_test|[a-z]{2,5})_(?!01h455vb)(?=\w*\d)(?!\w*_)[A-Za-z0-9]{14,}\b"), r"\1_a1B2c3D4e5F6g7H8"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    (re.compile(r"\bZ[A-Za-z0-9_-]{30,}=*|\bMj[A-Za-z0-9_-]{30,}=*"), "MjAyNi0xMS0yMVQxMDowMDowMHwwMTkz"),
    (re.compile(r"\b[A-F0-9]{8}\b"), "1A2B3C4D"),
)
VOLATILE = {
    "latency_ms": 41,
    "sequence": 17,
    "seq": 17,
    "latency_ms_p50": 38,
    "latency_ms_p95": 61,
    "ends_with": "k3v9qd",
}


@dataclass
class Tour:
    """Call a running installation, and keep what was asked and answered under the name of each operation."""

    shop: Shop
    spec: Json
    keys: dict[str, str]
    owner: asyncpg.Connection
    browser: httpx2.AsyncClient
    operations: dict[str, Json] = field(default_factory=dict)
    errors: dict[str, Json] = field(default_factory=dict)
    events: dict[str, Json] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    """What stands in examples for the addresses of this machine."""

    async def call(
        self, name: str, body: Json | str | None = None, *, key: str = "admin", code: int = 200, **given: Any
    ) -> Any:
        """Call an operation by its name; what it answers must be as its description says, and no more than that.

        A parameter that is called as one of ours ends in an underscore.
        """
        given = {parameter.removesuffix("_"): value for parameter, value in given.items()}
        method, path, operation = self._find(name)
        sent = await self._send(method, path, operation, body, key, given)
        assert sent.status_code == code, f"{name}: {sent.status_code} {sent.text}"
        kept = self.operations.setdefault(name, {"answers": {}})
        if given:
            kept.setdefault("parameters", given)
        if body is not None:
            kept.setdefault("body", body)
        if not sent.content:
            assert "content" not in operation["responses"][str(code)], f"{name} promises to answer something"
            kept["answers"].setdefault(str(code), {})
            return None
        media_type = sent.headers["content-type"].partition(";")[0]
        shown = sent.json() if media_type == "application/json" else sent.text
        self.judge(operation["responses"][str(code)]["content"][media_type]["schema"]).validate(shown)
        kept["answers"].setdefault(str(code), {}).setdefault(media_type, shown)
        return shown

    async def fail(
        self, code: str, name: str, body: Json | str | None = None, *, key: str = "admin", **given: Any
    ) -> Json:
        """Call an operation so that it ends in an error."""
        method, path, operation = self._find(name)
        return self.failed(code, await self._send(method, path, operation, body, key, given))

    def failed(self, code: str, answer: Any) -> Json:
        """Keep an error that was answered."""
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        problem: Json = answer.json()
        assert problem["code"] == code, problem
        self.judge({"$ref": "#/components/schemas/Problem"}).validate(problem)
        self.errors.setdefault(code, problem)
        return problem

    async def until_counted(self, rows: str) -> None:
        """Wait until there are rows."""
        async with asyncio.timeout(patience_seconds):
            while not await self.owner.fetchval(f"SELECT count(*) FROM {rows}"):  # noqa: ASYNC110 (the worker does it)
                await asyncio.sleep(0.02)

    @cached_property
    def closed(self) -> Json:
        """Hold the schemas as they judge."""
        return closed(self.spec)

    def judge(self, schema: Json) -> jsonschema.Draft202012Validator:
        """Find what judges an answer; it lets nothing pass that is not described."""
        return jsonschema.Draft202012Validator({**schema, **self.closed})

    def _find(self, name: str) -> tuple[str, str, Json]:
        return next(found for found in description.operations(self.spec) if found[2]["operationId"] == name)

    async def _send(
        self, method: str, path: str, operation: Json, body: Json | str | None, key: str, given: Json
    ) -> Any:
        places = {parameter["name"]: parameter["in"] for parameter in operation.get("parameters", [])}
        assert given.keys() <= places.keys(), given
        for parameter, value in given.items():
            path = path.replace(f"{{{parameter}}}", quote(str(value), safe=":"))
        query = urlencode({name: value for name, value in given.items() if places[name] == "query"})
        headers = {} if key == COOKIE else {"Authorization": f"Bearer {self.keys[key]}"}
        if "Idempotency-Key" in places:
            headers["Idempotency-Key"] = f"tour-{next(numbers)}"
        sent: Json = {"content": body, "headers": {"Content-Type": "text/csv"}} if isinstance(body, str) else {}
        sent = sent or ({"json": body} if body is not None else {})
        sent["headers"] = headers | sent.get("headers", {})
        http = self.browser if key == COOKIE else self.shop.http
        return await http.request(method.upper(), f"{self.shop.url}{path}?{query}", **sent)


def closed(spec: Json) -> Json:
    """Take the schemas of a description so that every object has the described fields and no others."""
    schemas: Json = json.loads(json.dumps(spec["components"]["schemas"]))
    for each in schemas.values():
        if "properties" in each:
            each.setdefault("additionalProperties", False)
    return {"components": {"schemas": schemas}}


def steady(recorded: Any, replaced: dict[str, str]) -> Any:
    """Leave out of what was recorded all that differs from run to run: ids, moments, secrets and addresses."""
    seen: dict[tuple[str, str], int] = {}
    return _steady(recorded, replaced, seen)


def _steady(value: Any, replaced: dict[str, str], seen: dict[tuple[str, str], int]) -> Any:
    match value:
        case dict():
            return {
                _text(name, replaced, seen): VOLATILE[name] if name in VOLATILE else _steady(each, replaced, seen)
                for name, each in value.items()
            }
        case list():
            return [_steady(each, replaced, seen) for each in value]
        case str():
            return _text(value, replaced, seen)
        case _:
            return value


def _text(text: str, replaced: dict[str, str], seen: dict[tuple[str, str], int]) -> str:
    for found, better in replaced.items():
        text = text.replace(found, better)

    def numbered(match: re.Match[str]) -> str:
        kind = match[1]
        number = seen.setdefault((kind, match[2]), sum(known == kind for known, _ in seen))
        return f"{kind}_01h455vb4pex5vsknk084sn{number + 2:03d}"

    def uuid(match: re.Match[str]) -> str:
        number = seen.setdefault(("uuid", match[0]), sum(known == "uuid" for known, _ in seen))
        return f"01890a5d-ac96-774b-bcce-b302099a{number + 8057:04d}"

    text = UUID.sub(uuid, ID.sub(numbered, text))
    for pattern, better in STEADY:
        text = pattern.sub(better, text)
    return text


def shape(value: Any, depth: int) -> Any:
    """Tell which fields something has; of a list, which fields its things have."""
    if depth == 0:
        return None
    match value:
        case dict():
            return {name: shape(each, depth - 1) for name, each in value.items()}
        case list():
            return list(_merged(shape(each, depth - 1) for each in value))
        case _:
            return None


def _merged(shapes: Iterator[Any]) -> Iterator[Any]:
    fields: Json = {}
    for each in shapes:
        fields |= each if isinstance(each, dict) else {}
    yield sorted(fields)
