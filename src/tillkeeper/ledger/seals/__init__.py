"""Seals: blocks of journals in a chain of hashes, so that what is changed afterwards is found and named."""

from tillkeeper.ledger.seals.store import count, last, newest, recount, seal, verify

__all__ = ["count", "last", "newest", "recount", "seal", "verify"]
