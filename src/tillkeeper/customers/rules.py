"""Which customer is meant, and what becomes known of one, as pure functions."""

import re
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from tillkeeper.customers.values import Customer, Profile
from tillkeeper.facts import ERASED, ERASED_NAME
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError, NotFoundError

text_length_max = 200
CUSTOMER = "customer"
email_length_max = 254
EMAIL = re.compile(r"[^\s@<>()\[\]\\,;:\"]{1,64}@[^\s@<>()\[\]\\,;:\"]+\.[^\s@<>()\[\]\\,;:\".]+")
"""Something before and something with a dot after one @: whether it can be reached, only a letter can tell."""


def check(profile: Profile) -> None:
    """Raise InvalidFieldError for what cannot be a customer, or could never be found again."""
    if profile.external_id is None and profile.email is None:
        message = "A customer is found again by `external_id` or by `email`; send one of them."
        raise InvalidFieldError(message, param="external_id")
    for field, text in (("external_id", profile.external_id), ("name", profile.name)):
        if text is not None and not (1 <= len(text) <= text_length_max and text.isprintable() and text == text.strip()):
            message = f"{field}: 1 to {text_length_max} printable characters without spaces around them."
            raise InvalidFieldError(message, param=field)
    email = profile.email
    if email is not None and not (len(email) <= email_length_max and email.isprintable() and EMAIL.fullmatch(email)):
        message = f"email: an address such as ana@example.com, of at most {email_length_max} characters."
        raise InvalidFieldError(message, param="email")


def email_key(email: str | None) -> str | None:
    """Write an address so that the same mailbox is found however its letters are written."""
    return email.casefold() if email else None


def meant(known: Iterable[Customer], profile: Profile) -> Customer | None:
    """Find who is meant: by the merchant's own id first, else by an address that no other such id is tied to."""
    candidates = list(known)
    if profile.external_id:
        for customer in candidates:
            if customer.external_id == profile.external_id:
                return customer
    key = email_key(profile.email)
    by_email = next((customer for customer in candidates if key and customer.email_key == key), None)
    if by_email and profile.external_id and by_email.external_id:
        return None
    return by_email


def filled(customer: Customer, profile: Profile, *, email_taken: bool) -> Customer:
    """Fill in what was not known; what is known and differs stays as it was."""
    key = None if customer.email or email_taken else email_key(profile.email)
    return replace(
        customer,
        external_id=customer.external_id or profile.external_id,
        email=customer.email or profile.email,
        email_key=customer.email_key or key,
        name=customer.name or profile.name,
    )


def customer_in(name: str) -> UUID | None:
    """Read the id of a customer, as it is shown or as it is left of an erased name."""
    for prefix in (CUSTOMER, ERASED):
        try:
            return ids.parse(prefix, name)
        except NotFoundError:
            continue
    return None


def is_erased(name: str) -> bool:
    """Tell whether a name is what is left of somebody's."""
    return ERASED_NAME.fullmatch(name) is not None
