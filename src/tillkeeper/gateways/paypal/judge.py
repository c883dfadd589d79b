"""Who sent a webhook: told offline by PayPal's certificate, and by PayPal itself where that cannot be enough."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from tillkeeper.gateway import Envelope, SignatureInvalidError
from tillkeeper.gateways.paypal import calls, signatures, webhook
from tillkeeper.gateways.paypal.certificates import (
    Certificates,
    CertificateUnavailableError,
    UntrustedCertificateError,
)
from tillkeeper.gateways.paypal.signatures import Transmission
from tillkeeper.kernel.secrets import Secrets


@dataclass(frozen=True, slots=True)
class Judge:
    """Check webhooks."""

    secrets: Secrets
    wire: calls.Wire
    certificates: Certificates

    async def verify(
        self, headers: Mapping[str, str], body: bytes, now: datetime, *, offline: bool = False
    ) -> Envelope:
        """Check a signature over the raw body; a webhook that comes late is confirmed at PayPal besides.

        Raises SignatureInvalidError, PayloadUnreadableError, or CertificateUnavailableError when PayPal must send it
        again; `offline`, that is when PayPal would have to be asked who signed. PayPal signs a checksum of the body
        only, for which another body can be made: so what was signed long ago, and could be such a one, counts no more
        than what PayPal says of the event.
        """
        transmission = signatures.read(headers)
        late = signatures.is_late(transmission, now)
        self.certificates.check_place(transmission.certificate)
        webhook_ids = self.secrets.accepted("PAYPAL_WEBHOOK_ID", now)
        try:
            key = await self.certificates.key(transmission.certificate, transmission.moment, offline=offline)
        except (CertificateUnavailableError, UntrustedCertificateError):
            if offline or self.secrets.get("PAYPAL_VERIFY_BY_API") != "1":
                raise
            await self._ask(transmission, body, webhook_ids[0])
        else:
            signatures.check(transmission, body, webhook_ids, key)
        envelope = webhook.head(body)
        if late:
            await self._confirm(envelope, body)
        return envelope

    async def _ask(self, transmission: Transmission, body: bytes, webhook_id: str) -> None:
        """Have PayPal check a signature; the event goes along byte for byte, because its checksum was signed."""
        told = {
            "auth_algo": signatures.ALGORITHM,
            "cert_url": transmission.certificate,
            "transmission_id": transmission.id,
            "transmission_sig": transmission.signature,
            "transmission_time": transmission.time,
            "webhook_id": webhook_id,
        }
        webhook.head(body)
        asked = msgspec.json.encode(told)[:-1] + b',"webhook_event":' + body + b"}"
        answer = await self._call("POST", calls.VERIFY, asked)
        if answer.get("verification_status") != "SUCCESS":
            message = "PayPal says that it did not sign this webhook."
            raise SignatureInvalidError(message)

    async def _confirm(self, envelope: Envelope, body: bytes) -> None:
        """Compare a late webhook with the event as PayPal keeps it."""
        kept = await self._call("GET", f"{calls.EVENTS}/{envelope.event_id}", None)
        said = webhook.BODY.decode(body)
        if any(kept.get(name) != said.get(name) for name in ("id", "event_type", "resource")):
            message = (
                f"The webhook was signed more than {signatures.tolerance_seconds} seconds ago, and PayPal does not "
                "confirm what it says."
            )
            raise SignatureInvalidError(message)

    async def _call(self, method: str, path: str, body: bytes | None) -> calls.Object:
        """Ask PayPal; raises CertificateUnavailableError when it does not answer, so that the webhook comes again."""
        try:
            answer = await self.wire.send(method, path, body=body)
        except calls.NoAnswerError as error:
            message = f"PayPal cannot be asked about a webhook: {error}."
            raise CertificateUnavailableError(message) from error
        if answer.status_code >= calls.HTTP_SERVER_ERROR:
            message = f"PayPal answered {answer.status_code} when asked about a webhook."
            raise CertificateUnavailableError(message)
        try:
            return calls.OBJECT.decode(answer.content) if answer.status_code == calls.HTTP_OK else {}
        except calls.UNREADABLE as error:
            message = "PayPal's answer about a webhook cannot be read."
            raise CertificateUnavailableError(message) from error
