"""Write models.py and operations.py from docs/openapi.json: `python clients/python/generate.py`."""

import json
import keyword
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

HERE = Path(__file__).parent
DESCRIPTION = HERE.parents[1] / "docs" / "openapi.json"
PACKAGE = HERE / "src" / "tillkeeper_client"
METHODS = ("get", "post", "put", "patch", "delete")
FOR_BROWSERS = {"session"}
"""Chapters for pages alone: a session lives in a cookie, and a program has a key."""
PAGE = {"data", "has_more", "next_cursor"}
SIMPLE = {"string": "str", "integer": "int", "boolean": "bool", "null": "None"}
FORMATS = {"date-time": "datetime", "date": "date"}
BY_HAND = "# Written by clients/python/generate.py; change the API's description, and write it anew.\n"

Json = dict[str, Any]


def files(spec: Json) -> dict[str, str]:
    """Write every file of the client that follows from the description, by name."""
    written = {"models.py": Models(spec).text(), "operations.py": Operations(spec).text()}
    return {name: _formatted(text) for name, text in written.items()}


def _formatted(text: str) -> str:
    ruff = [str(Path(sys.executable).with_name("ruff")), "--config", str(HERE.parents[1] / "pyproject.toml")]
    command = [ruff[0], "format", *ruff[1:], "--stdin-filename", "operations.py", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout


def named(text: str) -> str:
    """Name something in Python: a word that Python keeps for itself gets an underscore after it."""
    return f"{text}_" if keyword.iskeyword(text) else text


def either(*kinds: str) -> str:
    """Join types, with None at the end."""
    return " | ".join(sorted(dict.fromkeys(kinds), key=lambda kind: kind == "None"))


def omissible(kind: str) -> str:
    """Let a value be left out, which is not the same as null."""
    return f"{either(*kind.split(' | '), 'Omitted')} = OMITTED"


def documented(text: str) -> str:
    """Write a docstring."""
    return f'"""{text}\n"""' if "\n" in text else f'"""{text}"""'


def last(reference: str) -> str:
    """Take the name out of a reference."""
    return reference.rpartition("/")[2]


@dataclass(frozen=True)
class Types:
    """Say in Python which values a schema takes; `prefix` stands before names of models."""

    schemas: Json
    prefix: str = ""

    def of(self, schema: Json) -> str:
        """Write the type of a schema."""
        if "$ref" in schema:
            return self.prefix + last(schema["$ref"])
        if "anyOf" in schema:
            return either(*(self.of(each) for each in schema["anyOf"]))
        if "const" in schema or "enum" in schema:
            values = schema.get("enum", [schema.get("const")])
            return f"Literal[{', '.join(json.dumps(each) for each in values)}]"
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        return self._of_kind(schema)

    def _of_kind(self, schema: Json) -> str:
        match schema.get("type"):
            case "array":
                return f"list[{self.of(schema['items'])}]"
            case "object":
                inner = schema.get("additionalProperties")
                return f"dict[str, {self.of(inner) if isinstance(inner, dict) else 'Any'}]"
            case None:
                return "Any"
            case kind:
                return SIMPLE[kind]

    def names_in(self, thing: Any) -> Iterator[str]:
        """List the names of the schemas that something is made of, those inside of others too."""
        if isinstance(thing, dict):
            if isinstance(thing.get("$ref"), str) and "/schemas/" in thing["$ref"]:
                name = last(thing["$ref"])
                yield from self.names_in(self.schemas[name])
                yield name
            for each in thing.values():
                yield from self.names_in(each)
        elif isinstance(thing, list):
            for each in thing:
                yield from self.names_in(each)


class Models:
    """Write what is answered as frozen classes, and what stands inside of requests as typed dictionaries."""

    def __init__(self, spec: Json) -> None:
        self.spec = spec
        self.schemas = spec["components"]["schemas"]
        self.types = Types(self.schemas)

    def text(self) -> str:
        """Write models.py."""
        every = [each for path in self.spec["paths"].values() for each in path.values()]
        operations = [each for each in every if each["tags"][0] not in FOR_BROWSERS]
        answers = list(dict.fromkeys(self._answered(operations)))
        inside = [name for name in dict.fromkeys(self._asked(operations)) if name not in answers]
        told = list(dict.fromkeys(self._told()))
        parts = [self._one(name) for name in [*answers, *(name for name in told if name not in answers)]]
        parts += [self._input(name) for name in inside]
        return (
            '"""What the API answers and tells, and what is nested in what it is asked."""\n\n'
            f"{BY_HAND}\nfrom dataclasses import dataclass\n"
            "from datetime import datetime\nfrom typing import Any, Literal, NotRequired, TypedDict\n\n"
            + "\n\n".join(parts)
            + "\n\n"
            + self._events()
        )

    def _answered(self, operations: list[Json]) -> Iterator[str]:
        for operation in operations:
            for answer in operation["responses"].values():
                for name in self.types.names_in(answer.get("content", {})):
                    if set(self.schemas[name].get("properties", ())) != PAGE:
                        yield name

    def _asked(self, operations: list[Json]) -> Iterator[str]:
        for operation in operations:
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield from self.types.names_in(self.schemas.get(last(content["schema"].get("$ref", "")), {}))
            yield from self.types.names_in(operation.get("parameters", []))

    def _told(self) -> Iterator[str]:
        for item in self.spec["webhooks"].values():
            schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]
            yield from self.types.names_in(self.schemas[last(schema["$ref"])]["properties"]["data"])

    def _one(self, name: str) -> str:
        schema = self.schemas[name]
        if "enum" in schema:
            return f"{name} = {self.types.of(schema)}\n"
        lines = [documented(schema["description"]), ""]
        for field, each in schema["properties"].items():
            optional = "" if field in schema.get("required", ()) or "None" in self.types.of(each) else " | None"
            lines.append(f"{named(field)}: {self.types.of(each)}{optional}")
        body = indent("\n".join(lines), "    ")
        return f"@dataclass(frozen=True, slots=True, kw_only=True)\nclass {name}:\n{body}\n"

    def _input(self, name: str) -> str:
        schema = self.schemas[name]
        if "enum" in schema:
            return f"{name} = {self.types.of(schema)}\n"
        lines = [documented(schema["description"]), ""]
        for field, each in schema["properties"].items():
            kind = self.types.of(each)
            lines.append(f"{field}: {kind if field in schema.get('required', ()) else f'NotRequired[{kind}]'}")
        return f"class {name}(TypedDict):\n" + indent("\n".join(lines), "    ") + "\n"

    def _events(self) -> str:
        lines = []
        for type_, item in self.spec["webhooks"].items():
            schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]
            lines.append(f"    {type_!r}: {self.types.of(self.schemas[last(schema['$ref'])]['properties']['data'])},")
        kinds = " | ".join(f"type[{name}]" for name in dict.fromkeys(line.split(": ")[1].rstrip(",") for line in lines))
        return f"EVENTS: dict[str, {kinds}] = {{\n" + "\n".join(lines) + '\n}\n"""What each type of event tells."""\n'


class Operations:
    """Write the operations of each chapter as a class with a method each, sync and async."""

    def __init__(self, spec: Json) -> None:
        self.spec = spec
        self.schemas = spec["components"]["schemas"]
        self.types = Types(self.schemas, "models.")
        self.chapters: dict[str, list[tuple[str, str, Json]]] = {}
        for path, item in spec["paths"].items():
            for method in METHODS:
                if method in item and item[method]["tags"][0] not in FOR_BROWSERS:
                    self.chapters.setdefault(item[method]["tags"][0], []).append((method, path, item[method]))

    def text(self) -> str:
        """Write operations.py."""
        head = (
            '"""Every operation of the API as a method."""\n\n'
            f"{BY_HAND}\n"
            "from collections.abc import Mapping\nfrom datetime import date, datetime\n"
            "from typing import Any, Literal\n\n"
            "from tillkeeper_client import models\n"
            "from tillkeeper_client.calls import OMITTED, Call, Omitted, given, in_path, new_key\n"
            "from tillkeeper_client.pages import AsyncPage, Page\n"
            "from tillkeeper_client.transport import AsyncTransport, Transport\n\n\n"
        )
        classes = [self._chapter(tag, aio) for aio in ("", "Async") for tag in self.chapters]
        return head + "\n\n".join([*classes, self._all(""), self._all("Async")])

    def _says(self, tag: str) -> str:
        return str(next(each["description"] for each in self.spec["tags"] if each["name"] == tag))

    def _chapter(self, tag: str, aio: str) -> str:
        lines = [f'"""{self._says(tag)}"""', "", f"def __init__(self, transport: {aio}Transport) -> None:"]
        lines += ["    self._transport = transport", ""]
        for operation in self.chapters[tag]:
            lines += [self._method(*operation, aio), ""]
        return f"class {aio}{_class(tag)}:\n" + indent("\n".join(lines), "    ")

    def _all(self, aio: str) -> str:
        lines = ['"""Hold every chapter of the API."""', "", f"def __init__(self, transport: {aio}Transport) -> None:"]
        lines += [f"    self.{tag.replace(' ', '_')} = {aio}{_class(tag)}(transport)" for tag in self.chapters]
        return f"class {aio}Operations:\n" + indent("\n".join(lines), "    ") + "\n"

    def _method(self, method: str, path: str, operation: Json, aio: str) -> str:
        name = operation["operationId"].removeprefix(operation["tags"][0].replace(" ", "_") + "_")
        places, options, query = self._parameters(operation)
        fields, body = self._body(operation)
        keyed = any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", []))
        named_ones = [*fields, *options, *(["idempotency_key: str | None = None"] if keyed else [])]
        taken = ["self", *places, *(["*", *named_ones] if named_ones else [])]
        if body.startswith("body=data"):
            taken.insert(1 + len(places), "data: Mapping[str, str]")
        sent = [f'"{method.upper()}"', _address(path), *query, *([body] if body else [])]
        key = ["key=idempotency_key or new_key()"] if keyed else []
        words = [f"method={sent[0]}", f"path={sent[1]}", *sent[2:], *key]
        answer, way = self._answer(operation, aio)
        call = f"Call({', '.join(words)})"
        text = f"{operation['summary']}.\n\n{operation.get('description', '')}".strip()
        lines = [documented(text), f"call = {call}", way]
        signature = f"{'async ' if aio else ''}def {name}({', '.join(taken)}) -> {answer}:\n"
        return signature + indent("\n".join(lines), "    ")

    def _parameters(self, operation: Json) -> tuple[list[str], list[str], list[str]]:
        """List what stands in the path, what may stand in the query, and how that is handed on."""
        places, options, told = [], [], []
        for each in operation.get("parameters", []):
            kind, name = self.types.of(each["schema"]), named(each["name"])
            if each["in"] == "path":
                places.append(f"{name}: {kind}")
            elif each["in"] == "query" and each["name"] != "format":
                must = each.get("required")
                options.append(f"{name}: {kind if must else omissible(kind.removesuffix(' | None'))}")
                told.append(f"{name}={name}")
        query = [f"query=given({', '.join(told)})"] if told else []
        return places, sorted(options, key=lambda each: "OMITTED" in each), query

    def _body(self, operation: Json) -> tuple[list[str], str]:
        """List the fields of a body as what a method takes, and how they are handed on."""
        content = operation.get("requestBody", {}).get("content", {})
        if "text/csv" in content:
            return ["file: bytes"], "file=file"
        if not content:
            return [], "body={}" if operation.get("requestBody") else ""
        schema = self.schemas[last(content["application/json"]["schema"]["$ref"])]
        if "properties" not in schema:
            return ([], "body={}") if schema.get("additionalProperties") is False else ([], "body=data")
        required = schema.get("required", ())
        kinds = {name: self.types.of(each) for name, each in schema["properties"].items()}
        must = [f"{named(name)}: {kind}" for name, kind in kinds.items() if name in required]
        may = [f"{named(name)}: {omissible(kind)}" for name, kind in kinds.items() if name not in required]
        told = ", ".join(f"{named(name)}={named(name)}" for name in schema["properties"])
        return [*must, *may], f"body=given({told})"

    def _answer(self, operation: Json, aio: str) -> tuple[str, str]:
        """Say what a method returns, and how."""
        wait = "await " if aio else ""
        found = next(each for status, each in sorted(operation["responses"].items()) if status.startswith("2"))
        if "content" not in found:
            return "None", f"{wait}self._transport.send(call)"
        name = last(found["content"]["application/json"]["schema"]["$ref"])
        properties = self.schemas[name]["properties"]
        if set(properties) == PAGE:
            item = self.types.of(properties["data"]["items"])
            return f"{aio}Page[{item}]", f"return {wait}self._transport.page(call, {item})"
        return f"models.{name}", f"return {wait}self._transport.model(call, models.{name})"


def _class(tag: str) -> str:
    return "".join(part.capitalize() for part in tag.split())


def _address(path: str) -> str:
    if "{" not in path:
        return json.dumps(path)
    return 'f"' + re.sub(r"{(\w+)}", r"{in_path(\1)}", path) + '"'


if __name__ == "__main__":
    for name, text in files(json.loads(DESCRIPTION.read_text())).items():
        (PACKAGE / name).write_text(text)
