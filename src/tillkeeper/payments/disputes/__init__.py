"""Disputes of payments, as rows."""

from tillkeeper.payments.disputes.store import lock, save

__all__ = ["lock", "save"]
