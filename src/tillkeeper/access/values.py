"""Who may call, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import TillError

SCOPES = ("read", "write", "admin")


class UnauthenticatedError(TillError):
    """Report a call without a key or token that is valid here."""

    code = "unauthenticated"
    status = 401
    title = "There is no valid key with this request"
    category = "authentication_error"
    next_step = "Send `Authorization: Bearer till_sk_…` with a key of this installation; `till keys create` makes one."


class ForbiddenError(TillError):
    """Report a caller who may not do this."""

    code = "forbidden"
    status = 403
    title = "This key may not do that"
    category = "authentication_error"
    next_step = "Use a key with the scope named above."


class KeyKind(StrEnum):
    """Name the two kinds of keys: one for servers, and one that anybody may see."""

    SECRET = "secret"  # noqa: S105 (the name of a kind, and no secret)
    PUBLISHABLE = "publishable"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """Hold a key that is to be made; without an end it is good until it is revoked."""

    name: str
    scopes: tuple[str, ...] = ()
    kind: KeyKind = KeyKind.SECRET
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Hold who calls: the bearer of a key with its scopes; a publishable key has none."""

    key: UUID
    name: str
    scopes: frozenset[str]

    @property
    def id(self) -> str:
        """Name the caller as it is written down beside what it did."""
        return ids.text("key", self.key)

    def require(self, scope: str) -> None:
        """Raise ForbiddenError unless the caller has the scope; admin includes write, write includes read."""
        if not self.scopes & set(SCOPES[SCOPES.index(scope) :]):
            message = f"The key “{self.name}” lacks the scope “{scope}”."
            raise ForbiddenError(message)
