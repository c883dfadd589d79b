"""What a webhook brought, as far as people may see it."""

import json
from typing import Any

from cryptography.exceptions import InvalidTag

from tillkeeper.kernel import logs
from tillkeeper.kernel.crypto import Box

MASK = "***"
PERSONAL = frozenset(
    {
        *("name", "full_name", "given_name", "first_name", "last_name", "surname", "family_name", "middle_name"),
        *("email", "phone", "contact", "ip", "ip_address", "customer_purchase_ip", "birth_date", "dob"),
        *("line1", "line2", "address_line_1", "address_line_2", "address_line_3", "postal_code", "zip"),
        *("admin_area_1", "admin_area_2", "locality", "city"),
    }
)
"""Fields in which gateways write who somebody is and where they live."""
GONE = "What it said is not kept any more: it was erased with the user of whom it spoke, or it is too old."
UNREADABLE = "It was sealed with another TILL_SECRET_KEY than today's, so it cannot be read."


def shown(sealed: bytes, box: Box) -> str:
    """Open a body, and mask in it secrets, card numbers, and who somebody is."""
    if not sealed:
        return GONE
    try:
        text = box.open(sealed).decode(errors="replace")
    except InvalidTag:
        return UNREADABLE
    try:
        return json.dumps(logs.clean(_masked(json.loads(text))), indent=2, ensure_ascii=False)
    except ValueError:
        return logs.mask(text)


def _masked(value: Any) -> Any:
    match value:
        case dict():
            return {name: _of_person(name, item) for name, item in value.items()}
        case list():
            return [_masked(item) for item in value]
        case _:
            return value


def _of_person(name: str, value: Any) -> Any:
    """Mask a text of a person; what is more than a text is gone through."""
    return MASK if name.lower() in PERSONAL and isinstance(value, str) else _masked(value)
