"""What is secret is compared in a time that tells nothing of how much of a guess was right."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "tillkeeper"
SECRET = re.compile(
    r"(?:^|_)(?:secret|signature|token|digest|password|csrf|otp|hmac|mac|credential|api_key|hash|sha|nonce)s?(?:_|$)"
)
"""Words of which a name is made when what it holds may be compared with what a stranger sent."""
ALLOWED = {
    "access/staff/__init__.py: current.member.password != member.password": (
        "two hashes out of the same row, to see whether it changed meanwhile; nobody sent either"
    ),
    "flows/back_up.py: reader.digest != digest": "a checksum against damage, printed beside the backup",
    "gateways/paypal/calls.py: self._token.granted_to != credentials": "our own, before and after a rotation",
    "gateways/paypal/__init__.py: secrets.get('PAYPAL_WEBHOOK_ID').strip().upper() == PLACEHOLDER": (
        "a word that stands in examples; the id of a webhook is no secret"
    ),
    "gateways/paypal/sandbox/certificates.py: given['webhook_id'] == act.desk.secrets[WEBHOOK_ID]": (
        "the id of a webhook is no secret, and this is an imitation of the gateway"
    ),
    "sandbox_kit/sender.py: parcel.spoil == BAD_SIGNATURE": "the name of a mishap that a test asked for",
    "gateways/square/sandbox/payments.py: given != payment['shown']['version_token']": (
        "the number of a version, in an imitation of the gateway"
    ),
    **dict.fromkeys(
        (
            "ops/chaos/oracle/chains.py: before != seal['hash']",
            "ops/chaos/oracle/chains.py: digests.get(journal) != digest",
        ),
        "seals and digests of the books, which whoever judges them works out again",
    ),
    "ops/importer.py: foreseen.said[key] == digest": "a checksum of a line of a file that its owner takes over",
    "reports/verdict.py: found[0].hash.hex() == kept": "a seal of the audit log, which its owner reads out",
}
"""Comparisons of things with such names that nobody outside can try out, and why not."""


def compared(source: str) -> Iterator[str]:
    """List comparisons by `==`, `!=`, `in` and `match` whose parts have a name that speaks of a secret."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            found = zip([node.left, *node.comparators], node.ops, node.comparators, strict=False)
            for left, op, right in found:
                if isinstance(op, ast.Eq | ast.NotEq) and not _harmless(left, right):
                    yield ast.unparse(ast.Compare(left, [op], [right]))
        elif isinstance(node, ast.Match) and speaks_of_a_secret(node.subject):
            yield f"match {ast.unparse(node.subject)}"
        elif is_startswith(node) and any(speaks_of_a_secret(each) for each in node.args):
            yield ast.unparse(node)


def is_startswith(node: ast.AST) -> TypeGuard[ast.Call]:
    """Tell whether something compares a beginning."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith"


def _harmless(left: ast.expr, right: ast.expr) -> bool:
    """Tell whether neither is secret, or one of them stands in the source, where everybody can read it."""
    if any(isinstance(each, ast.Constant) for each in (left, right)):
        return True  # a word that stands in the source is no secret
    return not (speaks_of_a_secret(left) or speaks_of_a_secret(right))


def speaks_of_a_secret(node: ast.expr) -> bool:
    """Tell whether the last name in an expression is one of those that secrets go by."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return bool(SECRET.search(name.lower()))
        case ast.Subscript(value=value, slice=ast.Constant(value=str(name))):
            return bool(SECRET.search(name.lower())) or speaks_of_a_secret(value)
        case ast.Subscript(value=value):
            return speaks_of_a_secret(value)
        case ast.Call(func=func):
            return speaks_of_a_secret(func) or (isinstance(func, ast.Attribute) and speaks_of_a_secret(func.value))
        case ast.Await(value=value):
            return speaks_of_a_secret(value)
        case _:
            return False


def test_nothing_that_a_stranger_may_guess_is_compared_letter_by_letter() -> None:
    found = {
        f"{file.relative_to(SOURCE)}: {each}" for file in SOURCE.rglob("*.py") for each in compared(file.read_text())
    }
    assert found - {*ALLOWED} == set(), "compare with kernel.crypto.same, or say in ALLOWED why nobody can guess it"
    assert {*ALLOWED} - found == set(), "this comparison is gone: take it out of ALLOWED"


@pytest.mark.parametrize(
    "source",
    [
        "given == right_signature",
        "if request.headers['x-csrf-token'] != token: pass",
        "form_token(session) == given",
        "digest(password).hex() != kept",
        "any(each.secret == given for each in keys)",
        "a < b == api_key",
        "match secret:\n    case 'x': pass",
        "given.startswith(api_key)",
    ],
)
def test_a_comparison_letter_by_letter_is_found(source: str) -> None:
    assert [*compared(source)]


@pytest.mark.parametrize(
    "source", ["same(token, given)", "token == ''", "token is None", "status == 'open'", "count == 5"]
)
def test_what_tells_nothing_is_left_alone(source: str) -> None:
    assert [*compared(source)] == []
