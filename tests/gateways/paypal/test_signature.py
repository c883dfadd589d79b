"""Who signed a webhook: recorded signatures, an authority of our own, and everything an attacker may try."""

import asyncio
import base64
import json
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tillkeeper.gateway import PayloadUnreadableError, SignatureInvalidError
from tillkeeper.gateways.paypal import certificates as kept
from tillkeeper.gateways.paypal import signatures
from tillkeeper.gateways.paypal.calls import Wire
from tillkeeper.gateways.paypal.certificates import (
    Certificates,
    CertificateUnavailableError,
    Trust,
    UntrustedCertificateError,
)
from tillkeeper.gateways.paypal.judge import Judge
from tillkeeper.kernel.secrets import Secrets

SUBJECT = "messageverificationcerts.sandbox.paypal.com"
CERTS = "/v1/notifications/certs/"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WEBHOOK, OLD_WEBHOOK = "4JH86294D6297924G", "1JE4291016473214C"
BODY = b'{"id": "WH-1", "event_type": "PAYMENT.CAPTURE.COMPLETED", "resource_version": "2.0", "resource": {"id": "C1"}}'
nesting_deep = 100_000

Json = dict[str, Any]


@dataclass
class Library:
    """Serve certificates and answers by path, and remember who asked for what."""

    pages: dict[str, bytes] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    held: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set, nobody gets an answer."""

    def __post_init__(self) -> None:
        self.held.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0)
        self.bodies.append(await reader.readexactly(length))
        path = head.split(b" ")[1].decode()
        self.asked.append(path)
        await self.held.wait()
        content = self.pages.get(path, b"")
        status = self.statuses.get(path, 200 if path in self.pages else 404)
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(content)))
        writer.write(content)
        writer.close()
        await writer.wait_closed()

    def keep(self, name: str, pem: bytes) -> str:
        self.pages[f"{CERTS}{name}"] = pem
        return f"{self.url}{CERTS}{name}"


async def opened() -> tuple[Library, asyncio.Server]:
    library = Library()
    server = await asyncio.start_server(library.serve, "127.0.0.1", 0)
    library.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    token = {"access_token": "A21AA_test", "expires_in": 32_400}
    library.pages["/v1/oauth2/token"] = json.dumps(token).encode()
    return library, server


@pytest.fixture
async def library() -> AsyncIterator[Library]:
    found, server = await opened()
    yield found
    server.close()
    await server.wait_closed()


@pytest.fixture
async def trap() -> AsyncIterator[Library]:
    """Listen where nobody must ever come."""
    found, server = await opened()
    yield found
    server.close()
    await server.wait_closed()
    assert found.connections == 0, "somebody fetched what an attacker named"


@dataclass(frozen=True)
class Authority:
    """Hold keys and certificates of our own making."""

    root_key: Any
    root: x509.Certificate
    leaf_key: Any
    leaf: x509.Certificate


PEM = serialization.Encoding.PEM


def certificate(name: str, key: Any, issuer: str, issuer_key: Any, *, ca: bool, **other: Any) -> x509.Certificate:
    start, end = other.get("valid", (NOW - timedelta(days=30), NOW + timedelta(days=30)))
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer)]
    builder = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = builder.add_extension(issued_by, critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    if ca:
        usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment"), False)
        usage |= dict.fromkeys(("data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False)
        builder = builder.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
    else:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(other.get("san", name))]), critical=False
        )
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def authority(*, leaf_key: Any = None, **other: Any) -> Authority:
    root_key = rsa.generate_private_key(65_537, 2048)
    leaf_key = leaf_key or rsa.generate_private_key(65_537, 2048)
    root = certificate("Test Root", root_key, "Test Root", root_key, ca=True)
    leaf = certificate(SUBJECT, leaf_key, "Test Root", root_key, ca=False, **other)
    return Authority(root_key, root, leaf_key, leaf)


@pytest.fixture(scope="module")
def ours() -> Authority:
    return authority()


def judge(library: Library, bundle: bytes | None, **settings: str) -> Judge:
    secrets = Secrets({"PAYPAL_WEBHOOK_ID": WEBHOOK, "PAYPAL_CLIENT_ID": "c", "PAYPAL_CLIENT_SECRET": "s"} | settings)
    wire = Wire(library.url, secrets)
    trust = Trust(place=f"{library.url}{CERTS}", subject=SUBJECT, bundle=bundle)
    return Judge(secrets, wire, Certificates(trust, wire.http))


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def signed(
    key: Any, url: str, body: bytes = BODY, *, at: datetime = NOW, webhook_id: str = WEBHOOK, **change: str
) -> dict[str, str]:
    message = f"69cd13f0|{written(at)}|{webhook_id}|{zlib.crc32(body)}".encode()
    return {
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": url,
        "paypal-transmission-id": "69cd13f0",
        "paypal-transmission-sig": base64.b64encode(key.sign(message, PKCS1v15(), hashes.SHA256())).decode(),
        "paypal-transmission-time": written(at),
    } | change


@pytest.fixture
async def trusting(library: Library, ours: Authority) -> AsyncIterator[Judge]:
    """Judge with our own root."""
    library.keep("CERT-1", ours.leaf.public_bytes(PEM))
    found = judge(library, ours.root.public_bytes(PEM))
    yield found
    await found.wire.close()


@pytest.fixture
def letter(library: Library, ours: Authority) -> Callable[..., dict[str, str]]:
    """Sign with our own leaf."""
    return lambda body=BODY, **more: signed(ours.leaf_key, f"{library.url}{CERTS}CERT-1", body, **more)


Letter = Callable[..., dict[str, str]]


async def test_every_recorded_signature_verifies_at_its_time(oracles: Path, library: Library) -> None:
    vectors = json.loads((oracles / "vectors" / "paypal.json").read_text())
    pems = {name: entry["pem"].encode() for name, entry in vectors["certificates"].items()}
    for case in vectors["cases"]:
        url = library.keep(f"CERT-{case['cert']}", pems[case["cert"]])
        found = judge(library, pems["root"] + pems["intermediate"], PAYPAL_WEBHOOK_ID=case["webhook_id"])
        headers = {
            "paypal-auth-algo": case["auth_algo"],
            "paypal-cert-url": url,
            "paypal-transmission-id": case["transmission_id"],
            "paypal-transmission-sig": case["transmission_sig"],
            "paypal-transmission-time": case["transmission_time"],
        }
        body, at = case["body"].encode(), datetime.fromisoformat(case["transmission_time"])
        assert zlib.crc32(body) == case["crc32_decimal"]
        assert (await found.verify(headers, body, at)).event_id == json.loads(body)["id"]
        with pytest.raises(SignatureInvalidError):
            await found.verify(headers, body + b" ", at)
        await found.wire.close()


async def test_a_recorded_signature_is_refused_when_its_root_or_intermediate_is_not_trusted(
    oracles: Path, library: Library
) -> None:
    vectors = json.loads((oracles / "vectors" / "paypal.json").read_text())
    pems = {name: entry["pem"].encode() for name, entry in vectors["certificates"].items()}
    case = vectors["cases"][0]
    url = library.keep("CERT-A", pems["A"])
    for bundle in (pems["root"], pems["intermediate"], pems["A"]):
        found = judge(library, bundle)
        with pytest.raises(UntrustedCertificateError):
            await found.certificates.key(url, datetime.fromisoformat(case["transmission_time"]))
        await found.wire.close()


async def test_without_a_bundle_what_this_machine_trusts_counts(
    oracles: Path, library: Library, ours: Authority
) -> None:
    pems = json.loads((oracles / "vectors" / "paypal.json").read_text())["certificates"]
    served = f"{pems['A']['pem']}\n{pems['intermediate']['pem']}".encode()
    recorded, own = library.keep("CERT-A", served), library.keep("CERT-1", ours.leaf.public_bytes(PEM))
    found = judge(library, None)
    roots = {each.subject for each in kept._known_here(x509.load_pem_x509_certificates(served))}
    known = x509.load_pem_x509_certificate(pems["root"]["pem"].encode()).subject in roots
    if known:
        await found.certificates.key(recorded, datetime(2016, 1, 1, tzinfo=UTC))
    with pytest.raises(UntrustedCertificateError):
        await found.certificates.key(own, NOW)
    await found.wire.close()


async def test_a_good_signature_tells_the_id_and_the_type_of_the_event(trusting: Judge, letter: Letter) -> None:
    envelope = await trusting.verify(letter(), BODY, NOW)
    assert (envelope.event_id, envelope.type, envelope.version) == ("WH-1", "PAYMENT.CAPTURE.COMPLETED", "2.0")


async def test_a_certificate_is_fetched_once_however_many_webhooks_need_it(
    library: Library, trusting: Judge, letter: Letter
) -> None:
    await asyncio.gather(*(trusting.verify(letter(), BODY, NOW) for _ in range(20)))
    assert library.asked == [f"{CERTS}CERT-1"]


async def test_names_that_somebody_made_up_hold_up_no_webhook_whose_certificate_is_known(
    library: Library, trusting: Judge, letter: Letter
) -> None:
    await trusting.verify(letter(), BODY, NOW)
    library.held.clear()
    made_up = [
        asyncio.create_task(trusting.certificates.key(f"{library.url}{CERTS}JUNK-{number}", NOW)) for number in range(3)
    ]
    while len(library.asked) < 1 + len(made_up):  # noqa: ASYNC110 (what a server received is looked at)
        await asyncio.sleep(0)  # now all of them wait for PayPal, which takes its time

    assert (await trusting.verify(letter(), BODY, NOW)).event_id == "WH-1"

    library.held.set()
    assert {type(end) for end in await asyncio.gather(*made_up, return_exceptions=True)} == {SignatureInvalidError}


async def test_an_id_that_paypal_does_not_know_is_asked_for_once_in_a_while(library: Library, trusting: Judge) -> None:
    url = f"{library.url}{CERTS}JUNK"
    for _ in range(3):
        ends = await asyncio.gather(*(trusting.certificates.key(url, NOW) for _ in range(3)), return_exceptions=True)
        assert {type(end) for end in ends} == {SignatureInvalidError}
    assert library.asked == [f"{CERTS}JUNK"]
    trusting.certificates.absent["JUNK"] = 0
    with pytest.raises(SignatureInvalidError):
        await trusting.certificates.key(url, NOW)
    assert len(library.asked) == 2


async def test_of_the_names_that_somebody_made_up_only_so_many_wait(library: Library, trusting: Judge) -> None:
    library.held.clear()
    waiting = [
        asyncio.create_task(trusting.certificates.key(f"{library.url}{CERTS}JUNK-{number}", NOW))
        for number in range(kept.waiting_max)
    ]
    while len(trusting.certificates.fetching) < kept.waiting_max:  # noqa: ASYNC110 (nobody offers an event)
        await asyncio.sleep(0)
    with pytest.raises(CertificateUnavailableError):
        await trusting.certificates.key(f"{library.url}{CERTS}ONE-MORE", NOW)
    library.held.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert f"{CERTS}ONE-MORE" not in library.asked
    assert trusting.certificates.fetching == {}


async def test_offline_only_what_was_fetched_before_is_believed(
    library: Library, trusting: Judge, letter: Letter
) -> None:
    with pytest.raises(CertificateUnavailableError):
        await trusting.verify(letter(), BODY, NOW, offline=True)
    assert library.asked == []
    await trusting.verify(letter(), BODY, NOW)
    assert (await trusting.verify(letter(), BODY, NOW, offline=True)).event_id == "WH-1"


@pytest.mark.parametrize(
    "foreign",
    [
        "{trap}/v1/notifications/certs/CERT-1",
        "{trap}",
        "http://127.0.0.1@{host}/v1/notifications/certs/CERT-1",
        "{own}/../../../../{trap}/CERT-1",
        "{own}@{host}/CERT-1",
        "{own}CERT-1?then={trap}",
        "{own}CERT-1#{trap}",
        "{own}CERT-1/../../x",
        "{own}CERT%2D1",
        "{own}%2e%2e/CERT-1",
        "{own}",
        "{own}CERT-1\n",
        " {own}CERT-1",
        "file:///etc/hostname",
        "ftp://127.0.0.1/v1/notifications/certs/CERT-1",
    ],
)
async def test_a_certificate_that_an_attacker_names_is_never_fetched(
    library: Library, trap: Library, trusting: Judge, letter: Letter, foreign: str
) -> None:
    url = foreign.format(trap=trap.url, host=trap.url.removeprefix("http://"), own=f"{library.url}{CERTS}")
    with pytest.raises(SignatureInvalidError):
        await trusting.verify(letter(**{"paypal-cert-url": url}), BODY, NOW)
    assert library.connections == 0


async def test_a_redirect_from_paypals_place_is_no_certificate(
    library: Library, trusting: Judge, letter: Letter
) -> None:
    library.statuses[f"{CERTS}CERT-1"] = 302
    with pytest.raises(SignatureInvalidError):
        await trusting.verify(letter(), BODY, NOW)


async def test_another_authority_in_paypals_place_is_not_believed(library: Library, trusting: Judge) -> None:
    others = authority()
    url = library.keep("CERT-2", others.leaf.public_bytes(PEM) + others.root.public_bytes(PEM))
    with pytest.raises(UntrustedCertificateError):
        await trusting.verify(signed(others.leaf_key, url), BODY, NOW)


async def test_a_certificate_for_another_name_is_not_believed(
    library: Library, ours: Authority, trusting: Judge
) -> None:
    other = certificate("api.paypal.com", ours.leaf_key, "Test Root", ours.root_key, ca=False)
    with pytest.raises(UntrustedCertificateError):
        await trusting.verify(signed(ours.leaf_key, library.keep("CERT-3", other.public_bytes(PEM))), BODY, NOW)


@pytest.mark.parametrize("days", [(-20, -10), (10, 20)])
async def test_a_certificate_that_was_not_valid_when_it_signed_is_not_believed(
    library: Library, ours: Authority, trusting: Judge, days: tuple[int, int]
) -> None:
    valid = tuple(NOW + timedelta(days=each) for each in days)
    old = certificate(SUBJECT, ours.leaf_key, "Test Root", ours.root_key, ca=False, valid=valid)
    with pytest.raises(UntrustedCertificateError):
        await trusting.verify(signed(ours.leaf_key, library.keep("CERT-4", old.public_bytes(PEM))), BODY, NOW)


async def test_a_certificate_with_another_kind_of_key_is_not_believed(
    library: Library, ours: Authority, trusting: Judge
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    other = certificate(SUBJECT, key, "Test Root", ours.root_key, ca=False)
    with pytest.raises(UntrustedCertificateError, match="RSA"):
        await trusting.verify(signed(ours.leaf_key, library.keep("CERT-5", other.public_bytes(PEM))), BODY, NOW)


@pytest.mark.parametrize("served", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
async def test_what_is_no_certificate_is_not_believed(
    library: Library, trusting: Judge, letter: Letter, served: bytes
) -> None:
    library.keep("CERT-1", served)
    with pytest.raises(SignatureInvalidError):
        await trusting.verify(letter(), BODY, NOW)


async def test_a_certificate_that_is_not_there_or_far_too_long_is_a_bad_signature(
    library: Library, trusting: Judge, letter: Letter
) -> None:
    for pem in (None, b"x" * 100_000):
        library.pages.pop(f"{CERTS}CERT-1", None)
        if pem:
            library.keep("CERT-1", pem)
        with pytest.raises(SignatureInvalidError):
            await trusting.verify(letter(), BODY, NOW)


async def test_when_the_certificate_cannot_be_fetched_paypal_must_send_the_webhook_again(
    library: Library, trusting: Judge, letter: Letter
) -> None:
    library.statuses[f"{CERTS}CERT-1"] = 503
    with pytest.raises(CertificateUnavailableError) as told:
        await trusting.verify(letter(), BODY, NOW)
    assert told.value.status == 503
    library.statuses.clear()
    assert (await trusting.verify(letter(), BODY, NOW)).event_id == "WH-1"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("paypal-auth-algo", ""),
        ("paypal-auth-algo", "SHA1withRSA"),
        ("paypal-auth-algo", "sha256withrsa"),
        ("paypal-auth-algo", "none"),
        ("paypal-cert-url", ""),
        ("paypal-transmission-id", ""),
        ("paypal-transmission-id", "a|b"),
        ("paypal-transmission-id", "x" * 300),
        ("paypal-transmission-id", "69cd13f1"),
        ("paypal-transmission-id", "é"),
        ("paypal-transmission-time", ""),
        ("paypal-transmission-time", "yesterday"),
        ("paypal-transmission-time", "2026-13-20T12:00:00Z"),
        ("paypal-transmission-time", "2026-11-20T12:00:00"),
        ("paypal-transmission-time", "2026-11-20T12:00:01Z"),
        ("paypal-transmission-time", "٢٠٢٦-11-20T12:00:00Z"),
        ("paypal-transmission-sig", ""),
        ("paypal-transmission-sig", "???"),
        ("paypal-transmission-sig", "é"),
        ("paypal-transmission-sig", "AAAA"),
        ("paypal-transmission-sig", "A" * 3000),
    ],
)
async def test_a_malformed_or_changed_header_is_a_bad_signature_and_no_accident(
    trusting: Judge, letter: Letter, header: str, value: str
) -> None:
    with pytest.raises(SignatureInvalidError):
        await trusting.verify(letter(**{header: value}), BODY, NOW)


@pytest.mark.parametrize("absent", signatures.HEADERS)
async def test_a_request_without_one_of_the_headers_is_a_bad_signature(
    trusting: Judge, letter: Letter, absent: str
) -> None:
    headers = {name: value for name, value in letter().items() if name != absent}
    with pytest.raises(SignatureInvalidError, match=absent):
        await trusting.verify(headers, BODY, NOW)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.dictionaries(st.sampled_from(signatures.HEADERS), st.text(max_size=100)))
def test_no_headers_at_all_can_do_more_than_be_refused(headers: dict[str, str]) -> None:
    try:
        signatures.read({"paypal-auth-algo": "SHA256withRSA"} | headers)
    except SignatureInvalidError:
        return


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"5",
        b"{}",
        b"{",
        b'{"id": "WH-1"}',
        b'{"event_type": "x"}',
        b'{"id": 1, "event_type": "x"}',
        b'{"id": "", "event_type": "x"}',
        b'{"id": "WH-\\u0000", "event_type": "x"}',
        b'{"id": "WH-1", "event_type": "x\\ud800"}',
        b'{"id": "WH-1", "event_type": "x", "note": NaN}',
        b'{"id": "WH-1", "event_type": "x", "note": "\xff\xfe"}',
        b'{"id": "WH-1", "event_type": "x"} trailing',
        b"[" * nesting_deep,
        b'{"id": "WH-1", "event_type": "x", "deep": ' + b"[" * nesting_deep + b"]" * nesting_deep + b"}",
    ],
    ids=range(17),
)
async def test_a_signed_body_that_is_no_event_is_unreadable_and_nothing_worse(
    trusting: Judge, letter: Letter, body: bytes
) -> None:
    with pytest.raises(PayloadUnreadableError):
        await trusting.verify(letter(body), body, NOW)


async def test_the_previous_webhook_id_verifies_until_its_time_is_over(
    library: Library, ours: Authority, trusting: Judge, letter: Letter
) -> None:
    rotated = judge(
        library,
        ours.root.public_bytes(PEM),
        PAYPAL_WEBHOOK_ID_PREVIOUS=OLD_WEBHOOK,
        PAYPAL_WEBHOOK_ID_PREVIOUS_UNTIL="2026-11-20T13:00:00Z",
    )
    over = NOW + timedelta(hours=1)
    for webhook_id in (WEBHOOK, OLD_WEBHOOK):
        assert (await rotated.verify(letter(webhook_id=webhook_id), BODY, NOW)).event_id == "WH-1"
    assert (await rotated.verify(letter(at=over), BODY, over)).event_id == "WH-1"
    with pytest.raises(SignatureInvalidError):
        await rotated.verify(letter(at=over, webhook_id=OLD_WEBHOOK), BODY, over)
    with pytest.raises(SignatureInvalidError):
        await trusting.verify(letter(webhook_id="WEBHOOK_ID"), BODY, NOW)
    await rotated.wire.close()


@pytest.mark.parametrize("seconds", [-300, 0, 300])
async def test_a_webhook_signed_within_five_minutes_both_ways_is_taken_offline(
    library: Library, trusting: Judge, letter: Letter, seconds: int
) -> None:
    await trusting.verify(letter(at=NOW + timedelta(seconds=seconds)), BODY, NOW)
    assert library.asked == [f"{CERTS}CERT-1"]


@pytest.mark.parametrize("seconds", [301, 86_400, -259_501, -400 * 86_400])
async def test_a_webhook_from_the_future_or_from_before_paypals_last_try_is_refused_without_a_call(
    library: Library, trusting: Judge, letter: Letter, seconds: int
) -> None:
    with pytest.raises(SignatureInvalidError):
        await trusting.verify(letter(at=NOW + timedelta(seconds=seconds)), BODY, NOW)
    assert library.connections == 0


LATE = NOW - timedelta(hours=1)
EVENT = "/v1/notifications/webhooks-events/WH-1"


async def test_a_webhook_that_comes_late_is_taken_when_paypal_confirms_the_event(
    library: Library, trusting: Judge, letter: Letter
) -> None:
    library.pages[EVENT] = json.dumps(json.loads(BODY) | {"summary": "Payment completed", "links": []}).encode()
    assert (await trusting.verify(letter(at=LATE), BODY, NOW)).event_id == "WH-1"
    assert library.asked[-1] == EVENT


@pytest.mark.parametrize(
    "kept_event", [None, {"resource": {"id": "C2"}}, {"event_type": "PAYMENT.CAPTURE.DENIED"}, {"id": "WH-2"}]
)
async def test_a_webhook_that_comes_late_is_refused_when_paypal_knows_it_otherwise(
    library: Library, trusting: Judge, letter: Letter, kept_event: Json | None
) -> None:
    if kept_event is not None:
        library.pages[EVENT] = json.dumps(json.loads(BODY) | kept_event).encode()
    with pytest.raises(SignatureInvalidError, match="does not confirm"):
        await trusting.verify(letter(at=LATE), BODY, NOW)


@pytest.mark.parametrize("status", [500, 503])
async def test_a_webhook_that_comes_late_must_come_again_when_paypal_cannot_be_asked(
    library: Library, trusting: Judge, letter: Letter, status: int
) -> None:
    library.statuses[EVENT] = status
    with pytest.raises(CertificateUnavailableError):
        await trusting.verify(letter(at=LATE), BODY, NOW)


async def test_a_late_webhook_that_nobody_signed_makes_no_call(
    library: Library, trusting: Judge, letter: Letter
) -> None:
    with pytest.raises(SignatureInvalidError):
        await trusting.verify(letter(at=LATE), BODY + b" ", NOW)
    assert library.asked == [f"{CERTS}CERT-1"]


def test_a_checksum_can_be_forged_which_is_why_late_webhooks_are_confirmed() -> None:
    other = b'{"id": "WH-666", "event_type": "PAYMENT.CAPTURE.COMPLETED", "resource": {"id": "C2"}}'
    assert zlib.crc32(forged(other, zlib.crc32(BODY))) == zlib.crc32(BODY)


def forged(body: bytes, checksum: int) -> bytes:
    """Append four bytes that give a body any checksum that is wanted."""
    table = [0] * 256
    for index in range(256):
        value = index
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        table[index] = value
    backwards = {value >> 24: index for index, value in enumerate(table)}
    wanted, register = checksum ^ 0xFFFFFFFF, zlib.crc32(body) ^ 0xFFFFFFFF
    indexes: list[int] = []
    for _ in range(4):
        indexes.insert(0, backwards[wanted >> 24])
        wanted = (wanted ^ table[indexes[0]]) << 8 & 0xFFFFFFFF
    added = b""
    for index in indexes:
        added += bytes([register & 0xFF ^ index])
        register = register >> 8 ^ table[index]
    return body + added


VERIFY = "/v1/notifications/verify-webhook-signature"


@pytest.mark.parametrize("verdict", ["SUCCESS", "FAILURE", ""])
async def test_the_verify_api_judges_what_cannot_be_judged_here_only_when_it_is_switched_on(
    library: Library, letter: Letter, ours: Authority, verdict: str
) -> None:
    library.keep("CERT-1", ours.leaf.public_bytes(PEM))
    library.pages[VERIFY] = json.dumps({"verification_status": verdict}).encode()
    stranger = authority().root.public_bytes(PEM)
    offline = judge(library, stranger)
    with pytest.raises(UntrustedCertificateError):
        await offline.verify(letter(), BODY, NOW)
    assert VERIFY not in library.asked

    asking = judge(library, stranger, PAYPAL_VERIFY_BY_API="1")
    if verdict == "SUCCESS":
        assert (await asking.verify(letter(), BODY, NOW)).event_id == "WH-1"
    else:
        with pytest.raises(SignatureInvalidError):
            await asking.verify(letter(), BODY, NOW)
    assert library.asked[-1] == VERIFY
    for each in (offline, asking):
        await each.wire.close()


async def test_trap_7_the_verify_api_gets_the_raw_body_spliced_in_byte_for_byte(
    library: Library, letter: Letter
) -> None:
    body = b'{ "id" :"WH-1","event_type": "X",\t"amount": 1.00, "\\u00e9": "\xc3\xa9" }'
    library.pages[VERIFY] = b'{"verification_status": "SUCCESS"}'
    library.statuses[f"{CERTS}CERT-1"] = 503
    asking = judge(library, b"", PAYPAL_VERIFY_BY_API="1")
    headers = letter(body)
    await asking.verify(headers, body, NOW)
    sent = library.bodies[-1]
    assert sent.endswith(b'"webhook_event":' + body + b"}")
    told = json.loads(sent)
    assert (told["webhook_id"], told["transmission_sig"]) == (WEBHOOK, headers["paypal-transmission-sig"])
    await asking.wire.close()


async def test_the_verify_api_is_never_told_of_a_certificate_that_an_attacker_names(
    library: Library, trap: Library, letter: Letter
) -> None:
    library.pages[VERIFY] = b'{"verification_status": "SUCCESS"}'
    asking = judge(library, b"", PAYPAL_VERIFY_BY_API="1")
    with pytest.raises(SignatureInvalidError):
        await asking.verify(letter(**{"paypal-cert-url": f"{trap.url}{CERTS}CERT-1"}), BODY, NOW)
    assert library.connections == 0
    await asking.wire.close()
