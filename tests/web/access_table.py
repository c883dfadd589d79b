"""Who may call what: one row for every route of the application, and one line for each kind of row."""

from enum import Enum

IN, WHO, NO = "let in", "401", "403"
UNKNOWN = ("anonymous", "revoked", "expired", "expired token", "forged token", "over session")
KEYS = ("read", "write", "admin")
ROLES = ("viewer", "support", "finance", "developer", "administrator")
CALLERS = (*UNKNOWN, "publishable", "own user", "other user", *KEYS, *ROLES)
ALL = " ".join(ROLES)


def row(scope: str, roles: str, *, users: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Write down who is let in: keys from a scope on, people with a role, and end users."""
    welcome = {*KEYS[KEYS.index(scope) :], *roles.split(), *users}
    return tuple(WHO if caller in UNKNOWN else IN if caller in welcome else NO for caller in CALLERS)


ANY_USER = ("own user", "other user")
"""Whose things these are is decided by what is found: tests/web/test_end_users.py."""
NAMED = ("own user",)


class May(Enum):
    """Name who may call a route."""

    ANYBODY = (IN,) * len(CALLERS)
    KNOWN = row("read", ALL, users=("publishable", *ANY_USER))
    SIGNED_IN = tuple(WHO if caller in UNKNOWN else IN if caller in ROLES else NO for caller in CALLERS)
    SEE = row("read", ALL)
    SEE_OR_ANY_USER = row("read", ALL, users=ANY_USER)
    SEE_OR_NAMED_USER = row("read", ALL, users=NAMED)
    SELL = row("write", "support administrator")
    SELL_OR_ANY_USER = row("write", "support administrator", users=ANY_USER)
    SELL_OR_NAMED_USER = row("write", "support administrator", users=NAMED)
    CARE = row("write", "support finance administrator")
    CARE_OR_ANY_USER = row("write", "support finance administrator", users=ANY_USER)
    YIELD = row("write", "finance administrator")
    JUDGE = row("admin", "support finance administrator")
    MONEY = row("admin", "finance administrator")
    WATCH = row("admin", "finance developer administrator")
    PLUMBING = row("admin", "developer administrator")
    RULE = row("admin", "administrator")


TABLE = {
    "GET /": May.ANYBODY,
    "GET /docs": May.ANYBODY,
    "GET /docs/errors": May.ANYBODY,
    "GET /docs/errors/{code}": May.ANYBODY,
    "GET /docs/{page:path}": May.ANYBODY,
    "MOUNT /docs/images": May.ANYBODY,
    "GET /openapi.json": May.ANYBODY,
    "MOUNT /static": May.ANYBODY,
    "GET /health": May.ANYBODY,
    "GET /ready": May.ANYBODY,
    "GET /status": May.ANYBODY,
    "GET /api/v1/payments/health": May.ANYBODY,
    "GET /api/v1/packages": May.KNOWN,
    "POST /api/v1/payments": May.SELL_OR_ANY_USER,
    "GET /api/v1/payments": May.SEE_OR_ANY_USER,
    "GET /api/v1/payments/{payment}": May.SEE_OR_ANY_USER,
    "GET /api/v1/payments/{payment}/timeline": May.SEE,
    "POST /api/v1/payments/{payment}/capture": May.CARE,
    "POST /api/v1/payments/{payment}/cancel": May.CARE_OR_ANY_USER,
    "POST /api/v1/payments/{payment}/confirm": May.CARE_OR_ANY_USER,
    "POST /api/v1/payments/{payment}/sync": May.CARE,
    "POST /api/v1/payments/{payment}/fulfil": May.CARE,
    "POST /api/v1/payments/{payment}/notes": May.CARE,
    "POST /api/v1/refunds": May.CARE,
    "GET /api/v1/refunds": May.SEE_OR_ANY_USER,
    "GET /api/v1/refunds/{refund}": May.SEE_OR_ANY_USER,
    "POST /api/v1/refunds/{refund}/fail": May.MONEY,
    "POST /api/v1/refund_requests": May.CARE_OR_ANY_USER,
    "POST /api/v1/refund_requests/bulk": May.CARE,
    "GET /api/v1/refund_requests": May.SEE_OR_ANY_USER,
    "GET /api/v1/refund_requests/{refund_request}": May.SEE_OR_ANY_USER,
    "POST /api/v1/refund_requests/{refund_request}/approve": May.MONEY,
    "POST /api/v1/refund_requests/{refund_request}/reject": May.MONEY,
    "GET /api/v1/refund_policies": May.MONEY,
    "PUT /api/v1/refund_policies": May.RULE,
    "POST /api/v1/customers": May.SELL,
    "GET /api/v1/customers": May.SEE,
    "GET /api/v1/customers/{customer}": May.SEE,
    "GET /api/v1/disputes": May.SEE,
    "GET /api/v1/disputes/{dispute}": May.SEE,
    "GET /api/v1/disputes/{dispute}/evidence": May.SEE,
    "POST /api/v1/disputes/{dispute}/evidence": May.CARE,
    "POST /api/v1/disputes/{dispute}/accept": May.YIELD,
    "GET /api/v1/users/{user}/wallet": May.SEE_OR_NAMED_USER,
    "GET /api/v1/users/{user}/wallet/entries": May.SEE_OR_NAMED_USER,
    "POST /api/v1/users/{user}/wallet/spend": May.SELL_OR_NAMED_USER,
    "POST /api/v1/users/{user}/wallet/grant": May.MONEY,
    "POST /api/v1/users/{user}/wallet/take": May.MONEY,
    "POST /api/v1/users/{user}/wallet/write_off": May.MONEY,
    "POST /api/v1/users/{user}/erase": May.RULE,
    "GET /api/v1/users/{user}/cards": May.SEE_OR_NAMED_USER,
    "POST /api/v1/users/{user}/cards/{card}/use": May.SELL_OR_NAMED_USER,
    "GET /api/v1/inbox": May.SEE,
    "GET /api/v1/inbox/{message}": May.SEE,
    "POST /api/v1/inbox/replay": May.PLUMBING,
    "POST /api/v1/inbox/{message}/replay": May.PLUMBING,
    "POST /api/v1/inbox/{message}/ignore": May.PLUMBING,
    "GET /api/v1/ledger/trial_balance": May.SEE,
    "GET /api/v1/ledger/accounts": May.SEE,
    "GET /api/v1/ledger/journals": May.SEE,
    "GET /api/v1/ledger/statements/{account:path}": May.SEE,
    "GET /api/v1/ledger/seals": May.SEE,
    "GET /api/v1/ledger/checks": May.SEE,
    "GET /api/v1/reports/{step}": May.SEE,
    "POST /api/v1/reconciliation/runs": May.MONEY,
    "GET /api/v1/reconciliation/runs": May.SEE,
    "GET /api/v1/reconciliation/discrepancies": May.SEE,
    "GET /api/v1/reconciliation/discrepancies/{discrepancy}": May.SEE,
    "POST /api/v1/reconciliation/discrepancies/{discrepancy}/resolve": May.MONEY,
    "GET /api/v1/reconciliation/ages": May.SEE,
    "POST /api/v1/settlements/import": May.MONEY,
    "GET /api/v1/admin/gateways/status": May.WATCH,
    "PUT /api/v1/admin/gateways/{gateway}/config": May.PLUMBING,
    "POST /api/v1/admin/gateways/{gateway}/enable": May.PLUMBING,
    "POST /api/v1/admin/gateways/{gateway}/disable": May.PLUMBING,
    "POST /api/v1/admin/gateways/{gateway}/drain": May.PLUMBING,
    "GET /api/v1/admin/audit": May.MONEY,
    "GET /api/v1/admin/keys": May.RULE,
    "POST /api/v1/admin/keys": May.RULE,
    "POST /api/v1/admin/keys/{key}/revoke": May.RULE,
    "POST /api/v1/packages": May.RULE,
    "PUT /api/v1/packages/{package}": May.RULE,
    "GET /api/v1/packages/{package}/history": May.RULE,
    "GET /api/v1/admin/maintenance": May.PLUMBING,
    "PUT /api/v1/admin/maintenance": May.PLUMBING,
    "POST /api/v1/payments/{payment}/approve": May.JUDGE,
    "POST /api/v1/payments/{payment}/reject": May.JUDGE,
    "GET /api/v1/admin/risk/rules": May.SEE,
    "PUT /api/v1/admin/risk/rules": May.RULE,
    "POST /api/v1/admin/risk/try": May.RULE,
    "GET /api/v1/admin/risk/lists": May.SEE,
    "POST /api/v1/admin/risk/lists": May.JUDGE,
    "DELETE /api/v1/admin/risk/lists/{entry}": May.JUDGE,
    "GET /api/v1/events": May.SEE,
    "GET /api/v1/events/{event}": May.SEE,
    "GET /api/v1/deliveries": May.SEE,
    "GET /api/v1/deliveries/{delivery}": May.SEE,
    "POST /api/v1/deliveries/{delivery}/resend": May.PLUMBING,
    "GET /api/v1/webhook_endpoints": May.PLUMBING,
    "POST /api/v1/webhook_endpoints": May.PLUMBING,
    "GET /api/v1/webhook_endpoints/{endpoint}": May.PLUMBING,
    "PATCH /api/v1/webhook_endpoints/{endpoint}": May.PLUMBING,
    "DELETE /api/v1/webhook_endpoints/{endpoint}": May.PLUMBING,
    "POST /api/v1/webhook_endpoints/{endpoint}/rotate": May.PLUMBING,
    "POST /api/v1/webhook_endpoints/{endpoint}/test": May.PLUMBING,
    "POST /api/v1/webhook_endpoints/{endpoint}/recover": May.PLUMBING,
    "POST /api/v1/session": May.ANYBODY,
    "GET /api/v1/session": May.SIGNED_IN,
    "DELETE /api/v1/session": May.SIGNED_IN,
    "POST /api/v1/session/proof": May.SIGNED_IN,
    "PUT /api/v1/session/password": May.SIGNED_IN,
    "POST /api/v1/session/second_factor": May.SIGNED_IN,
    "POST /api/v1/session/second_factor/confirm": May.SIGNED_IN,
    "GET /checkout/assets/{name}": May.ANYBODY,
    "GET /checkout/{payment}": May.ANYBODY,
    "GET /checkout/{payment}/state": May.ANYBODY,
}
