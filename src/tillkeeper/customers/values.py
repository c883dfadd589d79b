"""Customers as plain values."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Hold what somebody says of a customer; None where nothing was said."""

    external_id: str | None = None
    email: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Hold a customer; `email_key` is the address by which alone this customer is found."""

    id: UUID
    external_id: str | None
    email: str | None
    email_key: str | None
    name: str | None
