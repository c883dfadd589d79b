"""The description of the API: what the routes say of themselves, with examples that were really sent and answered."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI

Json = dict[str, Any]
EXAMPLES = Path(__file__).parent / "examples.json"
"""What tests/web/test_examples.py recorded: it calls every operation, provokes every error and hears every event."""
LICENSE = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
PROBLEM = {"$ref": "#/components/schemas/Problem"}
METHODS = frozenset({"get", "post", "put", "patch", "delete"})
FAMILIES = {
    "4XX": ("RequestError", 400, "What is wrong with the request, and what to do."),
    "5XX": ("ServerError", 500, "What is wrong here, and whether to try again."),
}
"""What stands for many errors: the name that they have together, their first status, and what they say."""
NAMES = {
    "tillkeeper__audit__values__Action": "AuditAction",
    "tillkeeper__outbox__deliveries__values__Status": "DeliveryStatus",
    "tillkeeper__payments__values__Status": "PaymentStatus",
    "tillkeeper__settlement__runs__values__Action": "DiscrepancyAction",
    "tillkeeper__settlement__runs__values__Status": "DiscrepancyStatus",
}
"""Names of schemas for readers, where FastAPI takes those of modules to tell two of the same name apart."""
TAGS = {
    "payments": "Open a checkout, and see what became of it.",
    "refunds": "Give money back, and take the goods back with it.",
    "refund requests": "Ask for money back, and decide about it by a policy and by people.",
    "customers": "Who pays.",
    "disputes": "Money that a customer's bank takes back.",
    "goods": "What is for sale, and what users have: credits and cards.",
    "admin": "What is offered, and whether new payments are taken.",
    "inbox": "The webhooks of the gateways that came.",
    "ledger": "The books: double entry, sealed, and proved.",
    "gateways": "How the gateways do, and how they are used.",
    "reconciliation": "Gateways' accounts against ours.",
    "events": "What you are told, and how that went.",
    "webhook endpoints": "Where you are told.",
    "keys": "Who may call.",
    "audit": "Who changed what.",
    "risk": "Which payments are held or turned away, and why.",
    "session": "Who of your people is signed in, in a browser.",
    "users": "Forget who somebody was.",
}


class DescribedApp(FastAPI):
    """Describe itself with examples."""

    def openapi(self) -> Json:
        """Describe the API, once."""
        if not self.openapi_schema:
            self.openapi_schema = complete(_renamed(super().openapi()), examples())
        return self.openapi_schema


@cache
def examples() -> Json:
    """Read the examples that were recorded."""
    found: Json = json.loads(EXAMPLES.read_text())
    return found


def written(spec: Json) -> str:
    """Write a description as docs/openapi.json holds it."""
    return json.dumps(spec, ensure_ascii=False, indent=1) + "\n"


def operations(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, Json]]:
    """List method, path and description of every operation."""
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield method, path, operation


def _renamed(spec: Json) -> Json:
    text = json.dumps(spec)
    for found, better in NAMES.items():
        text = text.replace(found, better)
    renamed: Json = json.loads(text)
    return renamed


def complete(spec: Json, recorded: Mapping[str, Any]) -> Json:
    """Add to what the routes say: the licence, the chapters, the errors and the examples."""
    spec["info"]["license"] = LICENSE
    used = {tag for _, _, operation in operations(spec) for tag in operation["tags"]}
    spec["tags"] = [{"name": tag, "description": TAGS[tag]} for tag in TAGS if tag in used]
    spec["components"]["responses"] = {
        name: _family(status, says, recorded["errors"]) for name, status, says in FAMILIES.values()
    }
    for _, _, operation in operations(spec):
        if operation.get("description", "").strip() == f"{operation['summary']}.":
            del operation["description"]  # FastAPI says the first sentence twice
        for family, (name, *_) in FAMILIES.items():
            operation["responses"][family] = {"$ref": f"#/components/responses/{name}"}
        _illustrate(operation, recorded["operations"].get(operation["operationId"], {}))
    for type_, item in spec["webhooks"].items():
        if type_ in recorded["events"]:
            item["post"]["requestBody"]["content"]["application/json"]["example"] = recorded["events"][type_]
    return spec


def _family(first: int, says: str, errors: Mapping[str, Json]) -> Json:
    shown = {
        code: {"summary": error["title"], "value": error}
        for code, error in sorted(errors.items())
        if first <= error["status"] < first + 100
    }
    return {"description": says, "content": {"application/problem+json": {"schema": PROBLEM, "examples": shown}}}


def _illustrate(operation: Json, recorded: Mapping[str, Any]) -> None:
    """Show an operation's parameters, its body and its answers as they were once."""
    for parameter in operation.get("parameters", []):
        if parameter["name"] in recorded.get("parameters", {}):
            parameter["example"] = recorded["parameters"][parameter["name"]]
    if "body" in recorded:
        (content,) = operation["requestBody"]["content"].values()
        content["example"] = recorded["body"]
    for status, answer in recorded.get("answers", {}).items():
        for media_type, shown in answer.items():
            operation["responses"][status]["content"][media_type]["example"] = shown
