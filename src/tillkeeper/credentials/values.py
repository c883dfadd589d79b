"""Secrets that are changed now and then, and their changes, as plain values."""

from dataclasses import dataclass

from tillkeeper.gateway import Credential

OURS = (
    Credential(name="TILL_SECRET_KEY", where="`till secrets rotate TILL_SECRET_KEY`", overlaps=True),
    Credential(name="TILL_JWT_SECRET", where="whoever issues the tokens of your users", overlaps=True),
    Credential(name="TILL_SMTP_URL", where="your mail provider"),
    Credential(name="DATABASE_URL", where="ALTER ROLE … PASSWORD in PostgreSQL"),
)
"""What is no gateway's; of an address it is the password that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Hold that a secret took the place of another, by the fingerprints of both."""

    name: str
    before: str
    after: str
