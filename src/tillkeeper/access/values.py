"""Who may call, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import TillError

SCOPES = ("read", "write", "admin")


class UnauthenticatedError(TillError):
    """Report a call without a key or token that is valid here."""

    code = "unauthenticated"
    status = 401
    title = "There is no valid key or token with this request"
    category = "authentication_error"
    next_step = "Send `Authorization: Bearer till_sk_…` with a key of this installation; `till keys create` makes one."


class TokenRefusedError(UnauthenticatedError):
    """Report a token that is not good here and now."""

    next_step = "Log the user in again; when that does not help, `detail` says what is wrong with the tokens issued."

    def __init__(self, detail: str = "This is no token that can be read.") -> None:
        super().__init__(detail)


class ForbiddenError(TillError):
    """Report a caller who may not do this."""

    code = "forbidden"
    status = 403
    title = "This caller may not do that"
    category = "authentication_error"
    next_step = "Use a key with the scope named above, or the token of the user whom it is about."


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
class Verifier:
    """Hold a key that signatures are checked with, and the only algorithms that go with it."""

    key: Any
    algorithms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Hold who calls: the bearer of a key with its scopes, or an end user, who sees and pays only their own things.

    A publishable key has no scopes.
    """

    name: str
    key: UUID | None = None
    scopes: frozenset[str] = frozenset()
    user: str | None = None

    def __post_init__(self) -> None:
        """Be one of the two."""
        assert (self.key is None) != (self.user is None), "whoever calls has a key, or is a user"

    @property
    def id(self) -> str:
        """Name the caller as it is written down beside what it did."""
        return ids.text("key", self.key) if self.key else f"user:{self.user}"

    @property
    def spoken_of(self) -> str:
        """Name the caller in a sentence that it is told."""
        return f"The key “{self.name}”" if self.key else "This user"

    def require(self, scope: str) -> None:
        """Raise ForbiddenError unless it is a key with the scope; admin includes write, write includes read."""
        if self.user is not None:
            message = f"An end user may not do that; it takes a secret key with the scope “{scope}”."
            raise ForbiddenError(message)
        if not self.scopes & set(SCOPES[SCOPES.index(scope) :]):
            message = f"The key “{self.name}” lacks the scope “{scope}”."
            raise ForbiddenError(message)

    def speak_for(self, user: str) -> None:
        """Raise ForbiddenError when an end user names somebody else."""
        if self.user is not None and self.user != user:
            message = "The token of one user cannot speak for another."
            raise ForbiddenError(message, param="user")
