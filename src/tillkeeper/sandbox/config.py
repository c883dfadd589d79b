"""What the sandbox is started with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tillkeeper.sandbox_kit.stand import Stand

LIVE_PREFIXES = ("sk_live", "rk_live", "rzp_live")


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Say where the books lie, under which address people reach the sandbox, and who hears its webhooks.

    `secrets` holds the gateways' test credentials under the names of their variables; `webhook_urls` is by gateway
    name, and a gateway without one sends no webhooks.
    """

    books: Path
    public_url: str
    secrets: Mapping[str, str]
    webhook_urls: Mapping[str, str] = field(default_factory=dict)
    merchant: str = "Tillkeeper Demo Shop"

    def opened(self, stands: Sequence[Stand]) -> list[Stand]:
        """List the gateways with credentials; raises ValueError for live or missing ones, and when there are none."""
        for stand in stands:
            self._check(stand)
        found = [stand for stand in stands if self.secrets.get(stand.variables[0])]
        if not found:
            message = "The sandbox needs test credentials of at least one gateway; none are set."
            raise ValueError(message)
        return found

    def _check(self, stand: Stand) -> None:
        """Refuse what would mix the sandbox with real money or send unsigned webhooks."""
        live = [name for name in stand.variables if self.secrets.get(name, "").startswith(LIVE_PREFIXES)]
        if live:
            message = f"The sandbox takes test credentials only, and {live[0]} holds a live one."
            raise ValueError(message)
        missing = [name for name in stand.variables if not self.secrets.get(name)]
        if missing and len(missing) < len(stand.variables):
            message = f"{stand.name} has only part of its test credentials: {', '.join(missing)} is missing or empty."
            raise ValueError(message)
