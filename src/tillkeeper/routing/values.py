"""What is known and decided about gateways, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

doubtful_failures = 3
"""So many calls in a row without an answer are no accident any more."""


class Switch(StrEnum):
    """Name what a gateway is used for.

    A draining one takes no new payments, and finishes those it has. One that is off is told nothing at all; what it
    tells us is heard all the same.
    """

    ON = "on"
    DRAINING = "draining"
    OFF = "off"


class Breaker(StrEnum):
    """Name the states of a circuit breaker: half open lets one call through to see whether the gateway is back."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayState:
    """Hold how a gateway is used and how it does; a fee of None means that its own tariff is expected.

    The lower the priority, the earlier it is chosen. The percentage is in basis points, the fixed part in minor units.
    """

    gateway: str
    switch: Switch = Switch.ON
    priority: int = 100
    fee_percentage_bps: int | None = None
    fee_fixed: int | None = None
    breaker: Breaker = Breaker.CLOSED
    failures: int = 0
    retry_at: datetime | None = None

    @property
    def degraded(self) -> bool:
        """Tell whether it is in trouble: nobody counts on it for now, or several calls in a row got no answer."""
        return self.breaker is not Breaker.CLOSED or self.failures >= doubtful_failures


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """Hold whether new payments are kept waiting, why, and who decided so; None where nobody ever did."""

    active: bool = False
    reason: str | None = None
    changed_by: str | None = None
    at: datetime | None = None
