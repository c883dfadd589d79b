"""The merchant's own people, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import TillError


class Role(StrEnum):
    """Name what somebody does here."""

    VIEWER = "viewer"
    SUPPORT = "support"
    FINANCE = "finance"
    DEVELOPER = "developer"
    ADMIN = "admin"


class SignInFailedError(TillError):
    """Report a sign-in that is wrong in any way: which one it is tells nobody."""

    code = "sign_in_failed"
    status = 401
    title = "This did not work"
    category = "authentication_error"
    next_step = "Check the address, the password and the code. `till users reset-password` makes a new password."


class WrongCodeError(SignInFailedError):
    """Report that the password was right and the code was not, which nobody outside is told."""


class SecondFactorNeededError(TillError):
    """Report that the password was right, and that a code is needed too."""

    code = "second_factor_needed"
    status = 401
    title = "A code is needed too"
    category = "authentication_error"
    next_step = "Sign in again with the code that your app shows, or with a recovery code."


class SecondFactorRequiredError(TillError):
    """Report somebody whose role is not used without a second factor, and who has none yet."""

    code = "second_factor_required"
    status = 403
    title = "This role is not used without a second factor"
    category = "authentication_error"
    next_step = "Set one up: POST /api/v1/session/second_factor, then confirm it with a code of your app."


class SessionOverError(TillError):
    """Report a session that is over, was ended, or never was."""

    code = "session_over"
    status = 401
    title = "You are not signed in any more"
    category = "authentication_error"
    next_step = "Sign in again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Hold one of the merchant's people; `totp` is the sealed secret of a second factor that is in use."""

    id: UUID
    email: str
    role: Role
    password: str
    totp: bytes | None
    disabled_at: datetime | None

    @property
    def shown(self) -> str:
        """Write the id as it is shown."""
        return ids.text("member", self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """Hold one of the merchant's people whom nobody else changes meanwhile, and which codes were used and wrong."""

    member: Member
    totp_step: int
    totp_offered: bytes | None
    codes_wrong: int
    codes_wrong_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Hold who is signed in; `proved_at` is when the password was last given, `second_factor` whether there is one."""

    digest: bytes
    member: UUID
    email: str
    role: Role
    second_factor: bool
    created_at: datetime
    proved_at: datetime

    @property
    def shown(self) -> str:
        """Write the id of whoever it is as it is shown."""
        return ids.text("member", self.member)
