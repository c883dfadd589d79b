"""Accounts as a tree: the parts of a code lead from what is general to what is single."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tillkeeper.ledger.values import DEBIT_NORMAL, AccountClass

SEPARATOR = ":"
EVERYBODY = "*"
"""What stands in a code for all users."""
NAMES = {
    "wallet": "wallets",
    "wallet_frozen": "wallets, frozen",
    "wallet_debt": "wallets, debt",
    "holder": "cards held",
}
"""How the accounts of all users together are called."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Hold one line of the tree: an account has a `code`, a branch sums up what hangs on it.

    A branch has a balance where all of its accounts grow on the same side.
    """

    depth: int
    name: str
    code: str | None
    kind: str | None
    debits: int
    credits: int
    balance: int | None


@dataclass(slots=True)
class _Node:
    name: str
    account: Json | None = None
    children: dict[str, "_Node"] = field(default_factory=dict)

    def leaves(self) -> list[Json]:
        """List the accounts that hang on this."""
        mine = [self.account] if self.account else []
        return mine + [leaf for child in self.children.values() for leaf in child.leaves()]


def rows(accounts: Iterable[Json]) -> list[Row]:
    """Lay out the accounts of one currency as they hang together."""
    root = _Node("")
    for account in accounts:
        node = root
        for part in _path(account):
            node = node.children.setdefault(part, _Node(part))
        node.account = account
    return [row for child in root.children.values() for row in _rows(child, 0)]


def _path(account: Json) -> list[str]:
    """Split a code; what the whole tree has in common, its currency, is left out, and all users have one name."""
    parts = str(account["code"]).removesuffix(f"{SEPARATOR}{account['currency']}").split(SEPARATOR)
    if EVERYBODY in parts:
        parts = [NAMES.get(parts[0], parts[0]), *(part for part in parts[1:] if part != EVERYBODY)]
    return parts


def _rows(node: _Node, depth: int) -> list[Row]:
    name = node.name
    while node.account is None and len(node.children) == 1:
        node = next(iter(node.children.values()))
        name = f"{name} · {node.name}"
    below = [row for child in node.children.values() for row in _rows(child, depth + 1)]
    return [_row(node, name, depth), *below]


def _row(node: _Node, name: str, depth: int) -> Row:
    leaves = node.leaves()
    kinds = {leaf["class"] for leaf in leaves}
    sides = {AccountClass(kind) in DEBIT_NORMAL for kind in kinds}
    alone = node.account is not None and not node.children
    return Row(
        depth=depth,
        name=name.replace("_", " "),
        code=node.account["code"] if node.account and alone else None,
        kind=next(iter(kinds)) if len(kinds) == 1 else None,
        debits=sum(leaf["debits"] for leaf in leaves),
        credits=sum(leaf["credits"] for leaf in leaves),
        balance=sum(leaf["balance"] for leaf in leaves) if len(sides) == 1 else None,
    )
