"""Which keys can be made, and whose a token is, as pure functions."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import SupportsInt

from tillkeeper.access.rights import SCOPES
from tillkeeper.access.values import KeyKind, NewKey, TokenRefusedError
from tillkeeper.facts import ERASED_NAME
from tillkeeper.kernel.errors import InvalidFieldError

name_length_max = 100
user_length_max = 200
leeway_seconds = 30
KEY = re.compile(r"till_[sp]k_(?P<mode>[a-z]+)_[A-Za-z0-9_-]{32}")
PREFIXES = {KeyKind.SECRET: "till_sk", KeyKind.PUBLISHABLE: "till_pk"}


def check(wanted: NewKey, now: datetime) -> None:
    """Raise InvalidFieldError for a key that nobody could tell apart, use, or that is over before it begins."""
    if not 1 <= len(wanted.name) <= name_length_max or not wanted.name.isprintable():
        message = f"A name is 1 to {name_length_max} printable characters."
        raise InvalidFieldError(message, param="name")
    _check_scopes(wanted)
    if wanted.expires_at is not None and wanted.expires_at <= now:
        message = "A key ends in the future, or never."
        raise InvalidFieldError(message, param="expires_at")


def prefix(kind: KeyKind, mode: str) -> str:
    """Tell how the text of a key begins."""
    return f"{PREFIXES[kind]}_{mode}_"


def is_key(text: str, mode: str) -> bool:
    """Tell whether a text has the form of a key of this mode; one that has not need not be looked up."""
    form = KEY.fullmatch(text)
    return form is not None and form["mode"] == mode


def _check_scopes(wanted: NewKey) -> None:
    if wanted.kind is KeyKind.PUBLISHABLE and wanted.scopes:
        message = "A publishable key lists packages and has no scopes."
        raise InvalidFieldError(message, param="scopes")
    if wanted.kind is KeyKind.SECRET and (not wanted.scopes or set(wanted.scopes) - set(SCOPES)):
        message = f"Scopes are one or more of {', '.join(SCOPES)}."
        raise InvalidFieldError(message, param="scopes")


def user_of(claims: Mapping[str, object], *, issuer: str, audience: str, now: datetime) -> str:
    """Tell whose a token is, by claims that are proved; raises TokenRefusedError for one that is not good now and here.

    `exp` and `sub` must be there; `iss` and `aud` must fit when they are configured.
    """
    moment = now.timestamp()
    if _seconds(claims, "exp") <= moment - leeway_seconds:
        message = "The token has ended."
        raise TokenRefusedError(message)
    for name in ("nbf", "iat"):
        if name in claims and _seconds(claims, name) > moment + leeway_seconds:
            message = f"The token is not good yet: its `{name}` is still to come."
            raise TokenRefusedError(message)
    if issuer and claims.get("iss") != issuer:
        message = "The token is by another issuer."
        raise TokenRefusedError(message)
    if audience and audience not in _audiences(claims):
        message = "The token is for another audience."
        raise TokenRefusedError(message)
    return _user(claims)


def _user(claims: Mapping[str, object]) -> str:
    user = claims.get("sub")
    if not isinstance(user, str) or not 1 <= len(user) <= user_length_max:
        message = f"The token names no user: `sub` is 1 to {user_length_max} characters."
        raise TokenRefusedError(message)
    if not user.isprintable() or user != user.strip():
        message = "The token names a user with spaces around the name, or with letters that cannot be shown."
        raise TokenRefusedError(message)
    if ERASED_NAME.fullmatch(user):
        message = "The token names somebody who was erased; nobody is called so."
        raise TokenRefusedError(message)
    return user


def _audiences(claims: Mapping[str, object]) -> list[object]:
    told = claims.get("aud")
    return told if isinstance(told, list) else [told]


def _seconds(claims: Mapping[str, object], name: str) -> int:
    """Read a NumericDate of RFC 7519, which may have a fraction."""
    told = claims.get(name)
    try:
        if isinstance(told, SupportsInt) and not isinstance(told, bool):
            return int(told)
    except (ValueError, OverflowError):
        pass  # not a number, or infinite
    message = f"The token has no `{name}` that is a moment."
    raise TokenRefusedError(message)
