"""Access tokens: what client credentials are exchanged for, good for nine hours on the gateway's clock."""

import base64
import binascii
import secrets
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

from tillkeeper.gateways.paypal.sandbox.act import Act
from tillkeeper.gateways.paypal.sandbox.refusals import PayPalError
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import Desk, token

CLIENT_ID, CLIENT_SECRET = "PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET"
lifetime_seconds = 9 * 3600
token_length = 91
UNAUTHORIZED, BAD_REQUEST = 401, 400


def grant(act: Act, authorization: str, raw: bytes) -> Response:
    """Answer a request for a token, in OAuth's words."""
    if not _is_client(act.desk, authorization):
        return _refusal(UNAUTHORIZED, "invalid_client", "Client Authentication failed")
    form = parse_qs(raw.decode("latin-1"))
    if form.get("grant_type") != ["client_credentials"]:
        return _refusal(BAD_REQUEST, "unsupported_grant_type", "unsupported grant_type")
    made = act.put(
        {
            "id": f"A21AA{token(token_length)}",
            "object": "token",
            "created": act.now,
            "expires": act.now + lifetime_seconds,
        }
    )
    return JSONResponse(
        {
            "scope": "https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/disputes/read-seller",
            "access_token": made["id"],
            "token_type": "Bearer",
            "app_id": "APP-80W284485P519543T",
            "expires_in": lifetime_seconds,
            "nonce": f"{act.now}{token(16)}",
        }
    )


def check(act: Act, authorization: str) -> None:
    """Refuse a call whose token is absent, unknown, revoked or too old."""
    scheme, _, given = authorization.partition(" ")
    known = act.change.find("token", given.strip()) if scheme.lower() == "bearer" else None
    if known is None or known["expires"] <= act.now:
        raise PayPalError(UNAUTHORIZED)


def revoke(act: Act) -> Json:
    """End all tokens before their time, as PayPal may."""
    found = [each for each in act.change.select("token") if each["expires"] > act.now]
    for each in found:
        act.put({**each, "expires": act.now})
    return {"revoked": len(found)}


def _is_client(desk: Desk, authorization: str) -> bool:
    scheme, _, rest = authorization.partition(" ")
    try:
        given = base64.b64decode(rest, validate=True) if scheme.lower() == "basic" else b""
    except binascii.Error:
        return False
    right = f"{desk.secrets[CLIENT_ID]}:{desk.secrets[CLIENT_SECRET]}".encode()
    return secrets.compare_digest(given, right)


def _refusal(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)
