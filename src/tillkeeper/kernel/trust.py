"""Whom we trust on the wire: the certificate authorities, read once."""

import ssl
from functools import cache

import httpx2


@cache
def authorities() -> ssl.SSLContext:
    """Read the authorities, which takes a tenth of a second, for everybody in this process who calls out."""
    return httpx2.create_ssl_context(trust_env=False)
