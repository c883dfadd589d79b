"""The table of sightings: fingerprints of secrets, and never a secret."""

from sqlalchemy import Column, DateTime, Table, Text

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)
CODE = Text(collation="C")

secret_sighting = Table(
    "secret_sighting",
    metadata,
    Column("name", CODE, primary_key=True),
    Column("fingerprint", CODE, primary_key=True),
    Column("first_seen_at", AT, nullable=False),
    Column("last_seen_at", AT, nullable=False),
)
