"""Payments that ended before they came here: history that can still be refunded or disputed."""

from collections.abc import Sequence
from datetime import datetime

from tillkeeper.kernel.db import Transaction
from tillkeeper.payments.past import store
from tillkeeper.payments.past.values import Past

__all__ = ["Past", "known", "remember"]


async def known(tx: Transaction, names: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Tell which of these gateways' names belong to payments or refunds that are here already."""
    return await store.known(tx, sorted(set(names)))


async def remember(tx: Transaction, past: Sequence[Past], at: datetime) -> None:
    """Write payments with their refunds, so that their gateways' webhooks find them."""
    if not past:
        return
    await store.insert(tx, past)
    await store.insert_references(tx, [each for each in past if each.reference])
    await store.insert_refunds(tx, [refund for each in past for refund in each.refunds])
    await store.insert_changes(tx, past, at)
