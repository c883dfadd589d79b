"""Which keys can be made, as pure functions."""

from datetime import datetime

from tillkeeper.access.values import SCOPES, KeyKind, NewKey
from tillkeeper.kernel.errors import InvalidFieldError

name_length_max = 100
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


def _check_scopes(wanted: NewKey) -> None:
    if wanted.kind is KeyKind.PUBLISHABLE and wanted.scopes:
        message = "A publishable key lists packages and has no scopes."
        raise InvalidFieldError(message, param="scopes")
    if wanted.kind is KeyKind.SECRET and (not wanted.scopes or set(wanted.scopes) - set(SCOPES)):
        message = f"Scopes are one or more of {', '.join(SCOPES)}."
        raise InvalidFieldError(message, param="scopes")
