"""PayPal's certificates: fetched from where PayPal keeps them and from nowhere else, trusted by their chain only."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from tillkeeper.gateway import GatewayUnavailableError, SignatureInvalidError

certificate_bytes_max = 65_536
fetch_timeout_seconds = 10
fetches_at_once_max = 16
waiting_max = 64
"""How many ids are fetched or wait for that; whoever names one more is asked to come again."""
absent_seconds = 60
absent_max = 1024
kept_max = 32
PATH = "/v1/notifications/certs/"
ID = re.compile(r"[A-Za-z0-9-]{1,128}")
HTTP_OK = 200
HTTP_SERVER_ERROR = 500
SANDBOX_ROOT = "CERT-ROOT"


class CertificateUnavailableError(GatewayUnavailableError):
    """Report that PayPal's certificate cannot be fetched now, so that nobody can tell who sent the webhook."""

    title = "A certificate of PayPal cannot be fetched right now"
    next_step = "Nothing was stored; PayPal sends the webhook again. Check that this machine reaches PayPal."


class UntrustedCertificateError(SignatureInvalidError):
    """Report a certificate from PayPal's place that no root which we trust vouches for."""

    next_step = "Check PAYPAL_CA_BUNDLE: it must hold the root that PayPal's webhook certificates lead to."


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Say where certificates are kept, for whom they must be issued, and whom we believe.

    `bundle` is PEM; without one, what this machine trusts counts. `own_root` believes the root that is kept beside
    the certificates: for the bundled sandbox, whose authority nobody else knows, and which may be reached under
    another name than its own. Whatever name stands in an address, certificates are fetched from `place`.
    """

    place: str
    subject: str
    bundle: bytes | None = None
    own_root: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Hold a certificate, what it was served with, and the roots that may vouch for it."""

    leaf: x509.Certificate
    between: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]


@dataclass(slots=True)
class Certificates:
    """Fetch certificates once, and check their chains at the time of each webhook."""

    trust: Trust
    http: httpx2.AsyncClient
    kept: dict[str, Chain] = field(default_factory=dict)
    absent: dict[str, int] = field(default_factory=dict)
    """Until when an id that PayPal did not know is not asked for again, by the loop's clock."""
    fetching: dict[str, asyncio.Lock] = field(default_factory=dict)
    door: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(fetches_at_once_max))

    def check_place(self, url: str) -> str:
        """Tell the id in an address that PayPal may name; raises SignatureInvalidError for any other address."""
        head, path, certificate = url.rpartition(PATH)
        place = f"{head}{path}"
        if not ID.fullmatch(certificate) or not (place == self.trust.place or (self.trust.own_root and path)):
            message = f"PAYPAL-CERT-URL does not lead to {self.trust.place}; it was not fetched."
            raise SignatureInvalidError(message)
        return certificate

    async def key(self, url: str, at: datetime, *, offline: bool = False) -> RSAPublicKey:
        """Tell the key that may have signed at a moment; raises what `check_place` does, and the errors above.

        `offline` counts what was fetched before.
        """
        certificate = self.check_place(url)
        chain = self.kept.get(certificate)
        if chain is None:
            self._check_absent(certificate)
            if offline or (certificate not in self.fetching and len(self.fetching) >= waiting_max):
                message = (
                    "Too many webhooks name certificates that are not known here, so this one is not looked up now."
                )
                raise CertificateUnavailableError(message)
            chain = await self._fetch_once(certificate)
        return _key(chain, self.trust.subject, at)

    def _check_absent(self, certificate: str) -> None:
        """Raise SignatureInvalidError for an id that PayPal did not know a moment ago."""
        if self.absent.get(certificate, 0) > asyncio.get_running_loop().time():
            raise _no_certificate()

    async def _fetch_once(self, certificate: str) -> Chain:
        """Fetch a certificate for all who wait for it; of names that somebody made up only a few wait beside it."""
        lock = self.fetching.setdefault(certificate, asyncio.Lock())
        try:
            async with lock:
                if certificate in self.kept:
                    return self.kept[certificate]
                self._check_absent(certificate)
                async with self.door:
                    return await self._fetch(certificate)
        finally:
            if not lock.locked():
                self.fetching.pop(certificate, None)

    async def _fetch(self, certificate: str) -> Chain:
        served = _read(await self._download(certificate))
        if self.trust.own_root:
            known: Sequence[x509.Certificate] = _read(await self._download(SANDBOX_ROOT))
        elif self.trust.bundle is not None:
            known = _read(self.trust.bundle)
        else:
            known = _known_here(served)
        between = tuple(each for each in (*served[1:], *known) if not _is_root(each))
        chain = Chain(leaf=served[0], between=between, roots=tuple(each for each in known if _is_root(each)))
        if len(self.kept) >= kept_max:
            self.kept.pop(next(iter(self.kept)))
        self.kept[certificate] = chain
        return chain

    async def _download(self, certificate: str) -> bytes:
        try:
            async with asyncio.timeout(fetch_timeout_seconds):
                answer = await self.http.get(f"{self.trust.place}{certificate}")
        except (httpx2.HTTPError, TimeoutError) as error:
            message = f"The certificate cannot be fetched: {type(error).__name__}."
            raise CertificateUnavailableError(message) from error
        if answer.status_code >= HTTP_SERVER_ERROR:
            message = f"PayPal answered {answer.status_code} instead of its certificate."
            raise CertificateUnavailableError(message)
        if answer.status_code != HTTP_OK or len(answer.content) > certificate_bytes_max:
            if len(self.absent) >= absent_max:
                self.absent.pop(next(iter(self.absent)))
            self.absent[certificate] = int(asyncio.get_running_loop().time()) + absent_seconds
            raise _no_certificate()
        return answer.content


def _no_certificate() -> SignatureInvalidError:
    return SignatureInvalidError("There is no certificate where PAYPAL-CERT-URL leads.")


def _key(chain: Chain, subject: str, at: datetime) -> RSAPublicKey:
    """Check name, validity and chain at a moment, and tell the key."""
    try:
        policy = PolicyBuilder().store(Store(list(chain.roots))).time(at)
        policy.build_server_verifier(x509.DNSName(subject)).verify(chain.leaf, list(chain.between))
    except (VerificationError, ValueError) as error:
        message = f"The certificate is not one of {subject} that a trusted root vouches for: {error}"
        raise UntrustedCertificateError(message) from error
    key = chain.leaf.public_key()
    if not isinstance(key, RSAPublicKey):
        message = "The certificate holds no RSA key."
        raise UntrustedCertificateError(message)
    return key


def _read(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        message = "What stands where PayPal keeps its certificates is none."
        raise UntrustedCertificateError(message) from error


def _is_root(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer


def _known_here(served: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Pick, of all that this machine trusts, what is named as an issuer; the rest need not even be read."""
    issuers = {each.issuer.public_bytes() for each in served}
    trusted = httpx2.create_ssl_context().get_ca_certs(binary_form=True)
    named = [der for der in trusted if any(issuer in der for issuer in issuers)]
    return [x509.load_der_x509_certificate(der) for der in named]
