"""What the sandbox is started with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LIVE_PREFIXES = ("sk_live", "rk_live", "rzp_live")


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Say where the books lie, under which address people reach the sandbox, and who hears its webhooks.

    `keys`, `webhook_urls` and `webhook_secrets` are by gateway name; a gateway without a URL sends no webhooks.
    """

    books: Path
    public_url: str
    keys: Mapping[str, str]
    webhook_urls: Mapping[str, str] = field(default_factory=dict)
    webhook_secrets: Mapping[str, str] = field(default_factory=dict)
    merchant: str = "Tillkeeper Demo Shop"

    def __post_init__(self) -> None:
        """Refuse what would mix the sandbox with real money or send unsigned webhooks."""
        for gateway, key in self.keys.items():
            if not key or key.startswith(LIVE_PREFIXES):
                message = f"The sandbox needs a test key for {gateway}; an empty or live key is refused."
                raise ValueError(message)
        unsigned = sorted(name for name in self.webhook_urls if not self.webhook_secrets.get(name))
        if unsigned:
            message = f"A webhook URL without a webhook secret: {', '.join(unsigned)}. Set both or neither."
            raise ValueError(message)
