"""Once a week, look how long the certificate of our public address is still good, and tell operators in time."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from tillkeeper.flows.notify import alert
from tillkeeper.kernel import ids, logs, outside, trust
from tillkeeper.till import Till

left_min = timedelta(days=21)
"""Those that are renewed by themselves are at thirty days; below this, that did not happen."""
answer_seconds = 10
HTTPS_PORT = 443
CHECKED = UUID(int=0)
"""What the ids of alerts are derived from, together with an address and a week."""


async def check_certificate(till: Till, authorities: ssl.SSLContext | None = None) -> int:
    """Write to operators about a certificate that ends soon or that nobody trusts; return how many there are."""
    parts = urlsplit(till.settings.public_url)
    if parts.scheme != "https" or not parts.hostname:
        return 0
    outside.leave()
    context = authorities or trust.authorities()
    why = await asyncio.to_thread(_look, parts.hostname, parts.port or HTTPS_PORT, context, till.now())
    if not why:
        return 0
    logs.worker.warning("certificate", host=parts.hostname, reason=why)
    year, week, _ = till.now().isocalendar()
    source = ids.derive(CHECKED, parts.hostname, f"{year}-W{week:02}")
    async with till.db.transaction() as tx:
        await alert(tx, till, "certificate.ending", source, host=parts.hostname, reason=why)
    return 1


def _look(host: str, port: int, context: ssl.SSLContext, now: datetime) -> str:
    """Say what is wrong; nothing when all is well, or when nobody answers, which others watch."""
    try:
        with (
            socket.create_connection((host, port), timeout=answer_seconds) as line,
            context.wrap_socket(line, server_hostname=host) as secure,
        ):
            ends = str((secure.getpeercert() or {}).get("notAfter", ""))
    except ssl.SSLCertVerificationError as error:
        return f"browsers do not trust it: {error.verify_message}"
    except OSError as error:
        logs.worker.warning("certificate_unseen", host=host, reason=type(error).__name__)
        return ""
    left = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) - now
    return f"it ends in {left.days} days, on {now + left:%Y-%m-%d}" if left < left_min else ""
