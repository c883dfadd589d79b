"""Who may do what: the one table of it, which routes ask and pages will show."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tillkeeper.access.staff.values import Role

SCOPES = ("read", "write", "admin")
"""What a secret key can be good for; each includes those before it."""


class Right(StrEnum):
    """Name what can be allowed."""

    SEE = "see"
    """Payments, refunds, requests, customers, disputes, goods, events, webhooks, books, reports and risk rules."""
    SELL = "sell"
    """Open payments, register customers, spend credits and use cards for a user."""
    HANDLE_PAYMENTS = "handle_payments"
    """Capture, cancel, confirm and sync, have goods delivered that were put off, and note."""
    REFUND = "refund"
    """Give money back, or ask for it, as far as the policy goes."""
    ANSWER_DISPUTES = "answer_disputes"
    ACCEPT_DISPUTES = "accept_disputes"
    REVIEW = "review"
    """Approve or reject payments that are held, and keep the lists of who is trusted or blocked."""
    DECIDE_REFUNDS = "decide_refunds"
    """Agree to requests or turn them down, and go beyond the policy."""
    ADJUST_CREDITS = "adjust_credits"
    RECONCILE = "reconcile"
    """Run and import, resolve what does not match, and end refunds that were given up."""
    SEE_AUDIT = "see_audit"
    SEE_GATEWAYS = "see_gateways"
    STEER = "steer"
    """Switch gateways, set their fees and order, and keep new payments waiting."""
    REPLAY = "replay"
    """Replay or ignore webhooks that came in."""
    KEEP_ENDPOINTS = "keep_endpoints"
    """Change, test and remove endpoints, and send to them again."""
    REVEAL_SECRETS = "reveal_secrets"
    """Make endpoints and their next secrets, which are shown once."""
    SET_PRICES = "set_prices"
    SET_RULES = "set_rules"
    """Set risk rules and refund policies."""
    KEEP_KEYS = "keep_keys"
    """Decide who gets in: make and end keys, and in pages take people in, give them roles, and let them go."""
    ERASE = "erase"
    """Erase what is known of a user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Hold who has a right: keys from a scope on, and people by their roles.

    What is `fresh` a person does only with a password that was given a moment ago.
    """

    scope: str
    roles: frozenset[Role]
    fresh: bool = False


def _held(scope: str, *roles: Role, fresh: bool = False) -> Holders:
    """Write one line of the table; an admin may do everything."""
    return Holders(scope=scope, roles=frozenset({*roles, Role.ADMIN}), fresh=fresh)


HOLDERS: Mapping[Right, Holders] = {
    Right.SEE: _held("read", *Role),
    Right.SELL: _held("write", Role.SUPPORT),
    Right.HANDLE_PAYMENTS: _held("write", Role.SUPPORT, Role.FINANCE),
    Right.REFUND: _held("write", Role.SUPPORT, Role.FINANCE),
    Right.ANSWER_DISPUTES: _held("write", Role.SUPPORT, Role.FINANCE),
    Right.ACCEPT_DISPUTES: _held("write", Role.FINANCE, fresh=True),
    Right.REVIEW: _held("admin", Role.SUPPORT, Role.FINANCE),
    Right.DECIDE_REFUNDS: _held("admin", Role.FINANCE),
    Right.ADJUST_CREDITS: _held("admin", Role.FINANCE, fresh=True),
    Right.RECONCILE: _held("admin", Role.FINANCE),
    Right.SEE_AUDIT: _held("admin", Role.FINANCE),
    Right.SEE_GATEWAYS: _held("admin", Role.FINANCE, Role.DEVELOPER),
    Right.STEER: _held("admin", Role.DEVELOPER),
    Right.REPLAY: _held("admin", Role.DEVELOPER),
    Right.KEEP_ENDPOINTS: _held("admin", Role.DEVELOPER),
    Right.REVEAL_SECRETS: _held("admin", Role.DEVELOPER, fresh=True),
    Right.SET_PRICES: _held("admin"),
    Right.SET_RULES: _held("admin", fresh=True),
    Right.KEEP_KEYS: _held("admin", fresh=True),
    Right.ERASE: _held("admin", fresh=True),
}


def of_key(scopes: frozenset[str], right: Right) -> bool:
    """Tell whether a key has a right: admin includes write, and write includes read."""
    return bool(scopes & set(SCOPES[SCOPES.index(HOLDERS[right].scope) :]))


def of_role(role: Role) -> list[Right]:
    """List what a role may do."""
    return [right for right, holders in HOLDERS.items() if role in holders.roles]
