"""The imitation's own certificate authority, its signatures, and the judge who checks them for others.

Root and leaf are made once and kept in the books; they stand where PayPal keeps its certificates.
"""

import base64
import json
import os
import re
import zlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from uuid import UUID

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tillkeeper.gateways.paypal.sandbox.act import Act
from tillkeeper.gateways.paypal.sandbox.answers import Answered
from tillkeeper.gateways.paypal.sandbox.fields import Fields
from tillkeeper.gateways.paypal.sandbox.refusals import ID, missing
from tillkeeper.sandbox_kit.books import Json

SUBJECT = "messageverificationcerts.sandbox.paypal.com"
ALGORITHM = "SHA256withRSA"
WEBHOOK_ID = "PAYPAL_WEBHOOK_ID"
PLACE = "v1/notifications/certs"
ROOT = "CERT-ROOT"
AUTHORITY = "authority"
key_bits = 2048
keys_max = 8
public_exponent = 65_537
valid_days = 3_650
valid_before_days = 2
fingerprint_length = 8
EVENT_FIELD = re.compile(rb'"webhook_event"\s*:\s*')


def retrieve(act: Act, certificate_id: str) -> bytes:
    """Read a certificate: the leaf with its chain, or the root; raises PayPalError when there is none."""
    held = authority(act)
    found = {held["leaf_id"]: held["leaf"] + held["root"], ROOT: held["root"]}.get(certificate_id)
    if found is None:
        raise missing(ID, certificate_id)
    pem: str = found
    return pem.encode()


def sign(act: Act, transmission: str, body: bytes, at: str) -> dict[str, str]:
    """Sign a transmission of a webhook, and name all that is needed to check it."""
    held = authority(act)
    signature = _key(held["key"]).sign(_message(act, transmission, at, body), PKCS1v15(), hashes.SHA256())
    return {
        "PAYPAL-AUTH-ALGO": ALGORITHM,
        "PAYPAL-CERT-URL": f"{act.api}/{PLACE}/{held['leaf_id']}",
        "PAYPAL-TRANSMISSION-ID": transmission,
        "PAYPAL-TRANSMISSION-SIG": base64.b64encode(signature).decode(),
        "PAYPAL-TRANSMISSION-TIME": at,
    }


def new_transmission() -> str:
    """Make the id of one transmission, in the form of a uuid."""
    return str(UUID(bytes=os.urandom(16), version=4))


def judge(act: Act, fields: Fields) -> Answered:
    """Check a signature for a receiver, over the very bytes that stand in the request."""
    given = {name: fields.needed(name) for name in ("auth_algo", "cert_url", "transmission_id", "webhook_id")}
    signature, at = fields.needed("transmission_sig"), fields.needed("transmission_time")
    event = raw_event(act.raw)
    held = authority(act)
    right = (
        given["auth_algo"] == ALGORITHM
        and given["cert_url"] == f"{act.api}/{PLACE}/{held['leaf_id']}"
        and given["webhook_id"] == act.desk.secrets[WEBHOOK_ID]
        and _is_signed(held, _message(act, given["transmission_id"], at, event), signature)
    )
    return Answered(HTTPStatus.OK, body={"verification_status": "SUCCESS" if right else "FAILURE"})


def raw_event(raw: bytes) -> bytes:
    """Cut the event out of a request as it was written: reading and writing it again would change its checksum."""
    start = EVENT_FIELD.search(raw)
    if start is None:
        return b""
    text = raw[start.end() :].decode()
    _, length = json.JSONDecoder().raw_decode(text)
    return text[:length].encode()


def authority(act: Act) -> Json:
    """Load the authority, or make it."""
    held = act.change.find(AUTHORITY, AUTHORITY)
    return held or act.put({"id": AUTHORITY, "object": AUTHORITY, "created": act.now, **_made(act.now)})


@lru_cache(maxsize=keys_max)
def _key(pem: str) -> rsa.RSAPrivateKey:
    """Read the key once: proving that it is a good one takes far longer than signing."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey), "the key is made here"
    return key


def _message(act: Act, transmission: str, at: str, body: bytes) -> bytes:
    return f"{transmission}|{at}|{act.desk.secrets[WEBHOOK_ID]}|{zlib.crc32(body)}".encode()


def _is_signed(held: Json, message: bytes, signature: str) -> bool:
    key = x509.load_pem_x509_certificate(held["leaf"].encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey), "the key is made here"
    try:
        key.verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _made(now: int) -> Json:
    root_key, leaf_key = (rsa.generate_private_key(public_exponent, key_bits) for _ in range(2))
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tillkeeper sandbox of PayPal, root")])
    leaf_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SUBJECT)])
    root = (
        _certificate(root_name, root_name, root_key.public_key(), root_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _certificate(leaf_name, root_name, leaf_key.public_key(), root_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(SUBJECT)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    unsealed = serialization.NoEncryption()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    fingerprint = leaf.fingerprint(hashes.SHA256()).hex()
    parts = (fingerprint[start : start + fingerprint_length] for start in range(0, 3 * fingerprint_length, 8))
    return {
        "root": root.public_bytes(encoding).decode(),
        "leaf": leaf.public_bytes(encoding).decode(),
        "leaf_id": f"CERT-{'-'.join(parts)}",
        "key": leaf_key.private_bytes(encoding, form, unsealed).decode(),
    }


def _certificate(
    name: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey, issuer_key: rsa.RSAPublicKey, now: int
) -> x509.CertificateBuilder:
    moment = datetime.fromtimestamp(now, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=valid_before_days))
        .not_valid_after(moment + timedelta(days=valid_days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
