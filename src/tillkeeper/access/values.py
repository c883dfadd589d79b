"""Who may call, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from tillkeeper.access import rights
from tillkeeper.access.rights import HOLDERS, Right
from tillkeeper.access.staff.values import Role
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import TillError


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


class StepUpNeededError(TillError):
    """Report something dangerous that somebody asks for who gave the password too long ago."""

    code = "step_up_needed"
    status = 403
    title = "Prove once more that it is you"
    category = "authentication_error"
    next_step = "Give the password again with POST /api/v1/session/proof, then send the same request again."


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
    """Hold who calls: the bearer of a key, an end user, who sees and pays only their own things, or one of our people.

    A publishable key has no scopes. `fresh` tells whether whoever calls has proved it a moment ago; keys always have.
    """

    name: str
    key: UUID | None = None
    scopes: frozenset[str] = frozenset()
    user: str | None = None
    member: UUID | None = None
    role: Role | None = None
    fresh: bool = True

    def __post_init__(self) -> None:
        """Be one of the three."""
        known = [each for each in (self.key, self.user, self.member) if each is not None]
        assert len(known) == 1, "whoever calls has a key, is a user, or is one of our people"
        assert (self.member is None) == (self.role is None), "our people, and nobody else, have roles"

    @property
    def id(self) -> str:
        """Name the caller as it is written down beside what it did."""
        if self.member:
            return ids.text("member", self.member)
        return ids.text("key", self.key) if self.key else f"user:{self.user}"

    @property
    def spoken_of(self) -> str:
        """Name the caller in a sentence that it is told."""
        if self.member:
            return self.name
        return f"The key “{self.name}”" if self.key else "This user"

    def may(self, right: Right) -> bool:
        """Tell whether this is a key with the scope for it, or somebody with the role."""
        return self.role in HOLDERS[right].roles if self.role else rights.of_key(self.scopes, right)

    def require(self, right: Right) -> None:
        """Raise ForbiddenError without the right."""
        if self.may(right):
            return
        holders = HOLDERS[right]
        if self.role:
            roles = ", ".join(sorted(holders.roles))
            message = f"The role “{self.role}” may not do that; it takes one of {roles}."
        elif self.user is not None:
            message = f"An end user may not do that; it takes a secret key with the scope “{holders.scope}”."
        else:
            message = f"The key “{self.name}” lacks the scope “{holders.scope}”."
        raise ForbiddenError(message)

    def require_fresh(self) -> None:
        """Raise StepUpNeededError for somebody whose password was given too long ago for what is dangerous."""
        if not self.fresh:
            raise StepUpNeededError

    def speak_for(self, user: str) -> None:
        """Raise ForbiddenError when an end user names somebody else."""
        if self.user is not None and self.user != user:
            message = "The token of one user cannot speak for another."
            raise ForbiddenError(message, param="user")
