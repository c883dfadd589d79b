"""Who may call what: one row for every route of the application, and one line for each kind of row."""

from enum import Enum

IN, WHO, NO = "let in", "401", "403"
CALLERS = (
    "anonymous", "revoked", "expired", "expired token", "forged token",
    "publishable", "own user", "other user", "read", "write", "admin",
)  # fmt: skip


class May(Enum):
    """Name who may call a route: the callers above, in their order."""

    ANYBODY = (IN, IN, IN, IN, IN, IN, IN, IN, IN, IN, IN)
    KNOWN = (WHO, WHO, WHO, WHO, WHO, IN, IN, IN, IN, IN, IN)
    READ = (WHO, WHO, WHO, WHO, WHO, NO, NO, NO, IN, IN, IN)
    WRITE = (WHO, WHO, WHO, WHO, WHO, NO, NO, NO, NO, IN, IN)
    ADMIN = (WHO, WHO, WHO, WHO, WHO, NO, NO, NO, NO, NO, IN)
    READ_OR_ANY_USER = (WHO, WHO, WHO, WHO, WHO, NO, IN, IN, IN, IN, IN)
    """Whose things these are is decided by what is found: tests/web/test_end_users.py."""
    WRITE_OR_ANY_USER = (WHO, WHO, WHO, WHO, WHO, NO, IN, IN, NO, IN, IN)
    READ_OR_NAMED_USER = (WHO, WHO, WHO, WHO, WHO, NO, IN, NO, IN, IN, IN)
    WRITE_OR_NAMED_USER = (WHO, WHO, WHO, WHO, WHO, NO, IN, NO, NO, IN, IN)


TABLE = {
    "GET /": May.ANYBODY,
    "GET /docs": May.ANYBODY,
    "GET /docs/errors": May.ANYBODY,
    "GET /docs/errors/{code}": May.ANYBODY,
    "GET /openapi.json": May.ANYBODY,
    "MOUNT /static": May.ANYBODY,
    "GET /health": May.ANYBODY,
    "GET /ready": May.ANYBODY,
    "GET /api/v1/payments/health": May.ANYBODY,
    "GET /api/v1/packages": May.KNOWN,
    "POST /api/v1/payments": May.WRITE_OR_ANY_USER,
    "GET /api/v1/payments": May.READ_OR_ANY_USER,
    "GET /api/v1/payments/{payment}": May.READ_OR_ANY_USER,
    "GET /api/v1/payments/{payment}/timeline": May.READ,
    "POST /api/v1/payments/{payment}/capture": May.WRITE,
    "POST /api/v1/payments/{payment}/cancel": May.WRITE_OR_ANY_USER,
    "POST /api/v1/payments/{payment}/confirm": May.WRITE_OR_ANY_USER,
    "POST /api/v1/payments/{payment}/sync": May.WRITE,
    "POST /api/v1/refunds": May.WRITE,
    "GET /api/v1/refunds": May.READ_OR_ANY_USER,
    "GET /api/v1/refunds/{refund}": May.READ_OR_ANY_USER,
    "POST /api/v1/refunds/{refund}/fail": May.ADMIN,
    "POST /api/v1/refund_requests": May.WRITE_OR_ANY_USER,
    "POST /api/v1/refund_requests/bulk": May.WRITE,
    "GET /api/v1/refund_requests": May.READ_OR_ANY_USER,
    "GET /api/v1/refund_requests/{refund_request}": May.READ_OR_ANY_USER,
    "POST /api/v1/refund_requests/{refund_request}/approve": May.ADMIN,
    "POST /api/v1/refund_requests/{refund_request}/reject": May.ADMIN,
    "GET /api/v1/refund_policies": May.ADMIN,
    "PUT /api/v1/refund_policies": May.ADMIN,
    "POST /api/v1/customers": May.WRITE,
    "GET /api/v1/customers": May.READ,
    "GET /api/v1/customers/{customer}": May.READ,
    "GET /api/v1/disputes": May.READ,
    "GET /api/v1/disputes/{dispute}": May.READ,
    "GET /api/v1/disputes/{dispute}/evidence": May.READ,
    "POST /api/v1/disputes/{dispute}/evidence": May.WRITE,
    "POST /api/v1/disputes/{dispute}/accept": May.WRITE,
    "GET /api/v1/users/{user}/wallet": May.READ_OR_NAMED_USER,
    "GET /api/v1/users/{user}/wallet/entries": May.READ_OR_NAMED_USER,
    "POST /api/v1/users/{user}/wallet/spend": May.WRITE_OR_NAMED_USER,
    "POST /api/v1/users/{user}/wallet/grant": May.ADMIN,
    "POST /api/v1/users/{user}/wallet/take": May.ADMIN,
    "POST /api/v1/users/{user}/wallet/write_off": May.ADMIN,
    "GET /api/v1/users/{user}/cards": May.READ_OR_NAMED_USER,
    "POST /api/v1/users/{user}/cards/{card}/use": May.WRITE_OR_NAMED_USER,
    "GET /api/v1/inbox": May.READ,
    "POST /api/v1/inbox/replay": May.ADMIN,
    "POST /api/v1/inbox/{message}/replay": May.ADMIN,
    "POST /api/v1/inbox/{message}/ignore": May.ADMIN,
    "GET /api/v1/ledger/trial_balance": May.READ,
    "GET /api/v1/ledger/accounts": May.READ,
    "GET /api/v1/ledger/journals": May.READ,
    "GET /api/v1/ledger/statements/{account:path}": May.READ,
    "GET /api/v1/ledger/seals": May.READ,
    "GET /api/v1/ledger/checks": May.READ,
    "GET /api/v1/reports/{step}": May.READ,
    "POST /api/v1/reconciliation/runs": May.ADMIN,
    "GET /api/v1/reconciliation/runs": May.READ,
    "GET /api/v1/reconciliation/discrepancies": May.READ,
    "GET /api/v1/reconciliation/discrepancies/{discrepancy}": May.READ,
    "POST /api/v1/reconciliation/discrepancies/{discrepancy}/resolve": May.ADMIN,
    "GET /api/v1/reconciliation/ages": May.READ,
    "POST /api/v1/settlements/import": May.ADMIN,
    "GET /api/v1/admin/gateways/status": May.ADMIN,
    "PUT /api/v1/admin/gateways/{gateway}/config": May.ADMIN,
    "POST /api/v1/admin/gateways/{gateway}/enable": May.ADMIN,
    "POST /api/v1/admin/gateways/{gateway}/disable": May.ADMIN,
    "POST /api/v1/admin/gateways/{gateway}/drain": May.ADMIN,
    "GET /api/v1/admin/audit": May.ADMIN,
    "GET /api/v1/admin/keys": May.ADMIN,
    "POST /api/v1/admin/keys": May.ADMIN,
    "POST /api/v1/admin/keys/{key}/revoke": May.ADMIN,
    "POST /api/v1/packages": May.ADMIN,
    "PUT /api/v1/packages/{package}": May.ADMIN,
    "GET /api/v1/packages/{package}/history": May.ADMIN,
    "GET /api/v1/admin/maintenance": May.ADMIN,
    "PUT /api/v1/admin/maintenance": May.ADMIN,
    "POST /api/v1/payments/{payment}/approve": May.ADMIN,
    "POST /api/v1/payments/{payment}/reject": May.ADMIN,
    "GET /api/v1/admin/risk/rules": May.READ,
    "PUT /api/v1/admin/risk/rules": May.ADMIN,
    "POST /api/v1/admin/risk/try": May.ADMIN,
    "GET /api/v1/admin/risk/lists": May.READ,
    "POST /api/v1/admin/risk/lists": May.ADMIN,
    "DELETE /api/v1/admin/risk/lists/{entry}": May.ADMIN,
    "GET /api/v1/events": May.READ,
    "GET /api/v1/events/{event}": May.READ,
    "GET /api/v1/deliveries": May.READ,
    "GET /api/v1/deliveries/{delivery}": May.READ,
    "POST /api/v1/deliveries/{delivery}/resend": May.ADMIN,
    "GET /api/v1/webhook_endpoints": May.ADMIN,
    "POST /api/v1/webhook_endpoints": May.ADMIN,
    "GET /api/v1/webhook_endpoints/{endpoint}": May.ADMIN,
    "PATCH /api/v1/webhook_endpoints/{endpoint}": May.ADMIN,
    "DELETE /api/v1/webhook_endpoints/{endpoint}": May.ADMIN,
    "POST /api/v1/webhook_endpoints/{endpoint}/rotate": May.ADMIN,
    "POST /api/v1/webhook_endpoints/{endpoint}/test": May.ADMIN,
    "POST /api/v1/webhook_endpoints/{endpoint}/recover": May.ADMIN,
    "GET /checkout/assets/{name}": May.ANYBODY,
    "GET /checkout/{payment}": May.ANYBODY,
    "GET /checkout/{payment}/state": May.ANYBODY,
}
