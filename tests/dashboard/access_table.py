"""Who may see and do what at the pages: one row for every address of the dashboard."""

from dataclasses import dataclass

ROLES = ("viewer", "support", "finance", "developer", "admin")
ALL = frozenset(ROLES)
CARE = frozenset({"support", "finance", "admin"})
MONEY = frozenset({"finance", "admin"})
WATCH = frozenset({"finance", "developer", "admin"})
PLUMBING = frozenset({"developer", "admin"})
RULE = frozenset({"admin"})


@dataclass(frozen=True)
class Row:
    """Hold who may look at an address, who may send its form, and whether that takes a password given just now."""

    see: frozenset[str]
    act: frozenset[str] | None = None
    fresh: bool = False


def page(roles: frozenset[str]) -> Row:
    """Write down who sees a page that changes nothing."""
    return Row(roles)


def deed(roles: frozenset[str], *, fresh: bool = False) -> Row:
    """Write down who is asked by a dialog, and may answer it."""
    return Row(roles, roles, fresh)


OPEN = {"/admin/sign-in"}
"""Where anybody may knock."""
TABLE = {
    "/admin/sign-out": deed(ALL),
    "/admin/look": deed(ALL),
    "/admin/prove": deed(ALL),
    "/admin/you": page(ALL),
    "/admin/you/password": deed(ALL),
    "/admin/you/factor": deed(ALL),
    "/admin/live": page(ALL),
    "/admin/search": page(ALL),
    "/admin/drawer": page(ALL),
    "/admin": page(ALL),
    "/admin/payments": page(ALL),
    "/admin/payments/export.csv": page(ALL),
    "/admin/payments/export.jsonl": page(ALL),
    "/admin/payments/refund-many": deed(CARE),
    "/admin/payments/sync-many": deed(CARE),
    "/admin/payments/{payment}": page(ALL),
    "/admin/payments/{payment}/refund": deed(CARE),
    "/admin/payments/{payment}/capture": deed(CARE),
    "/admin/payments/{payment}/cancel": deed(CARE),
    "/admin/payments/{payment}/sync": deed(CARE),
    "/admin/payments/{payment}/note": deed(CARE),
    "/admin/payments/{payment}/fulfil": deed(CARE),
    "/admin/payments/{payment}/approve": deed(CARE),
    "/admin/payments/{payment}/reject": deed(CARE),
    "/admin/refunds": page(ALL),
    "/admin/refunds/choose": page(CARE),
    "/admin/refunds/requests": page(ALL),
    "/admin/refunds/policies": page(MONEY),
    "/admin/refunds/ask": deed(CARE),
    "/admin/refunds/requests/{request}": page(ALL),
    "/admin/refunds/requests/{request}/approve": deed(MONEY, fresh=True),
    "/admin/refunds/requests/{request}/reject": deed(MONEY),
    "/admin/refunds/requests/{request}/override": deed(MONEY),
    "/admin/refunds/{refund}": page(ALL),
    "/admin/refunds/{refund}/end": deed(MONEY),
    "/admin/disputes": page(ALL),
    "/admin/disputes/{dispute}": page(ALL),
    "/admin/disputes/{dispute}/evidence": deed(CARE),
    "/admin/disputes/{dispute}/accept": deed(MONEY, fresh=True),
    "/admin/customers": page(ALL),
    "/admin/customers/guests": page(ALL),
    "/admin/customers/user": page(ALL),
    "/admin/customers/{customer}": page(ALL),
    "/admin/customers/user/adjust": deed(MONEY, fresh=True),
    "/admin/customers/user/write-off": deed(MONEY, fresh=True),
    "/admin/customers/user/block": deed(CARE),
    "/admin/customers/user/allow": deed(CARE),
    "/admin/customers/user/unlist": deed(CARE),
    "/admin/customers/user/erase": deed(RULE, fresh=True),
    "/admin/ledger": page(ALL),
    "/admin/ledger/accounts": page(ALL),
    "/admin/ledger/statement": page(ALL),
    "/admin/ledger/journals": page(ALL),
    "/admin/ledger/journals/{journal}": page(ALL),
    "/admin/ledger/seals": page(ALL),
    "/admin/ledger/verify": deed(MONEY),
    "/admin/reconciliation": page(ALL),
    "/admin/reconciliation/runs": page(ALL),
    "/admin/reconciliation/compare": deed(MONEY),
    "/admin/reconciliation/fetch": deed(MONEY),
    "/admin/reconciliation/import": deed(MONEY),
    "/admin/reconciliation/{discrepancy}": page(ALL),
    "/admin/reconciliation/{discrepancy}/accept": deed(MONEY),
    "/admin/reconciliation/{discrepancy}/ignore": deed(MONEY),
    "/admin/proof": page(ALL),
    "/admin/proof/fire": deed(PLUMBING),
    "/admin/inbox": page(ALL),
    "/admin/inbox/{message}": page(ALL),
    "/admin/inbox/replay": deed(PLUMBING),
    "/admin/inbox/{message}/replay": deed(PLUMBING),
    "/admin/inbox/{message}/ignore": deed(PLUMBING),
    "/admin/deliveries": page(ALL),
    "/admin/deliveries/{delivery}": page(ALL),
    "/admin/deliveries/{delivery}/resend": deed(PLUMBING),
    "/admin/deliveries/endpoints/new": deed(PLUMBING, fresh=True),
    "/admin/deliveries/endpoints/{endpoint}": page(PLUMBING),
    "/admin/deliveries/endpoints/{endpoint}/change": deed(PLUMBING),
    "/admin/deliveries/endpoints/{endpoint}/enable": deed(PLUMBING),
    "/admin/deliveries/endpoints/{endpoint}/disable": deed(PLUMBING),
    "/admin/deliveries/endpoints/{endpoint}/rotate": deed(PLUMBING, fresh=True),
    "/admin/deliveries/endpoints/{endpoint}/test": deed(PLUMBING),
    "/admin/deliveries/endpoints/{endpoint}/recover": deed(PLUMBING),
    "/admin/deliveries/endpoints/{endpoint}/delete": deed(PLUMBING),
    "/admin/gateways": page(WATCH),
    "/admin/gateways/maintenance": deed(PLUMBING),
    "/admin/gateways/{gateway}/config": deed(PLUMBING),
    "/admin/gateways/{gateway}/{verb}": deed(PLUMBING),
    "/admin/jobs": page(ALL),
    "/admin/risk": page(ALL),
    "/admin/risk/lists": page(ALL),
    "/admin/risk/lists/add": deed(CARE),
    "/admin/risk/lists/{entry}/remove": deed(CARE),
    "/admin/risk/rules": page(ALL),
    "/admin/risk/try": page(RULE),
    "/admin/risk/rules/add": deed(RULE, fresh=True),
    "/admin/risk/rules/{rule}/change": deed(RULE, fresh=True),
    "/admin/risk/rules/{rule}/remove": deed(RULE, fresh=True),
    "/admin/audit": page(MONEY),
    "/admin/audit/check": page(MONEY),
    "/admin/audit/export.csv": page(MONEY),
    "/admin/audit/{entry}": page(MONEY),
    "/admin/health": page(ALL),
    "/admin/health/drill": deed(PLUMBING),
    "/admin/settings": page(ALL),
    "/admin/settings/packages/add": deed(RULE),
    "/admin/settings/packages/{package}": page(RULE),
    "/admin/settings/packages/{package}/change": deed(RULE),
    "/admin/settings/packages/{package}/retire": deed(RULE),
    "/admin/settings/people": page(RULE),
    "/admin/settings/people/add": deed(RULE, fresh=True),
    "/admin/settings/people/{member}/role": deed(RULE, fresh=True),
    "/admin/settings/people/{member}/reset": deed(RULE, fresh=True),
    "/admin/settings/people/{member}/disable": deed(RULE, fresh=True),
    "/admin/settings/keys": page(RULE),
    "/admin/settings/keys/add": deed(RULE, fresh=True),
    "/admin/settings/keys/{api_key}/revoke": deed(RULE, fresh=True),
    "/admin/settings/policy": page(MONEY),
    "/admin/settings/policy/change": deed(RULE, fresh=True),
    "/admin/settings/kept": page(ALL),
}
