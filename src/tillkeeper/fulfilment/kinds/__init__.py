"""The kinds of goods: one file each, found by being here."""

import importlib
import pkgutil
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from tillkeeper.facts import Goods
from tillkeeper.fulfilment.values import Gross, Order
from tillkeeper.kernel.db import Transaction


class Kind(Protocol):
    """Hand over and take back one kind of goods, inside the transaction it is given and without any network."""

    name: str
    drawn: bool
    """Whether chance chose what was handed over, so that who may give it back may try again."""

    async def carry_out(self, tx: Transaction, orders: Sequence[Order]) -> list[Goods]:
        """Do what is asked, in order, and say what it came to."""

    async def refundable(
        self, tx: Transaction, payment: UUID, *, captured: int, refunded: int, gross: Gross
    ) -> int | None:
        """Tell how much money can go back for goods that were not used; None means all of it."""


def _discover() -> dict[str, Kind]:
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    return {module.KIND.name: module.KIND for module in modules}


KINDS: dict[str, Kind] = _discover()
