"""What the API answers about who may call and who changed what, described for its readers."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class Key(BaseModel):
    """A key of this installation; its text is shown once, in the answer that makes it."""

    id: str = Field(examples=["key_01h455vb4pex5vsknk084sn02q"])
    object: Literal["key"]
    name: str
    kind: Literal["secret", "publishable"]
    mode: Literal["sandbox", "test", "live"]
    ends_with: str
    scopes: list[Literal["read", "write", "admin"]]
    created_at: str
    last_used_at: str | None
    expires_at: str | None
    revoked_at: str | None


class NewKey(Key):
    """A key with its text: keep it, because it is never shown again."""

    key: str = Field(examples=["till_sk_sandbox_…"])


class AuditEntry(BaseModel):
    """A change: who made it, when and why, and what was there before and after.

    `actor` is a key, `cli:` and a user of a machine, `user` for an end user, or `till` itself. `digest` vouches for the
    entry and for all before it.
    """

    id: str = Field(examples=["audit_01h455vb4pex5vsknk084sn02q"])
    object: Literal["audit_entry"]
    number: int
    at: str
    actor: str = Field(examples=["key_01h455vb4pex5vsknk084sn02q"])
    actor_name: str
    action: Action
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str | None
    request: str | None
    digest: str


class AuditPage(BaseModel):
    """A page of the audit log."""

    data: list[AuditEntry]
    has_more: bool
    next_cursor: str | None
