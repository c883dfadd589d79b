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


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Hold where something sealed is kept: which table, by what its rows are known, and in which column."""

    table: str
    key: str
    column: str
    type: str = "uuid"


PLACES = (
    Place(table="webhook_endpoint", key="id", column="secret"),
    Place(table="webhook_endpoint", key="id", column="previous_secret"),
    Place(table="staff_member", key="id", column="totp"),
    Place(table="staff_member", key="id", column="totp_offered"),
    Place(table="dispute_response", key="id", column="body"),
    Place(table="inbox_body", key="message_id", column="sealed"),
    Place(table="settlement_line", key="id", column="raw", type="bigint"),
    Place(table="unread_line", key="id", column="raw", type="bigint"),
)
"""Everything that is sealed with TILL_SECRET_KEY; what is needed soonest stands first."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Hold something sealed, and by what its row is known."""

    key: object
    content: bytes
