"""Moments: in requests they say their offset, and are in UTC from then on; in answers they are in UTC."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError


def _moment(text: object) -> datetime:
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment and moment.tzinfo:
            return moment.astimezone(UTC)
    kind = "moment"
    raise PydanticCustomError(kind, "is not a moment of RFC 3339 such as 2027-01-31T00:00:00Z")


WRITTEN = {"type": "string", "format": "date-time", "examples": ["2026-11-21T10:00:00Z"]}
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema(WRITTEN)]

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""Describe a moment of an answer, which a report has written."""
