"""Test sources of payment by Square's own names, and what an issuer says about each."""

from dataclasses import dataclass
from http import HTTPStatus

from tillkeeper.gateways.square.sandbox.act import Act
from tillkeeper.gateways.square.sandbox.refusals import INVALID_REQUEST, PAYMENT_METHOD, SquareError
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import token

nonce_length = 22


@dataclass(frozen=True, slots=True)
class Source:
    """Hold what pays; `code` is set when its issuer declines, `bank` when it is an account and takes days."""

    last_4: str = "1111"
    brand: str = "VISA"
    code: str | None = None
    detail: str = ""
    bank: bool = False
    asks: bool = False


GOOD = Source()
BANK = Source(last_4="6789", bank=True)
ASKS = Source(
    last_4="0019",
    code="CARD_DECLINED_VERIFICATION_REQUIRED",
    detail="Authorization error: 'CARD_DECLINED_VERIFICATION_REQUIRED'",
    asks=True,
)
DECLINES = {
    code: Source(last_4=last_4, code=code, detail=f"Authorization error: '{code}'")
    for code, last_4 in {
        "GENERIC_DECLINE": "0002",
        "CARD_DECLINED": "0010",
        "INSUFFICIENT_FUNDS": "9995",
        "CVV_FAILURE": "0127",
        "ADDRESS_VERIFICATION_FAILURE": "0036",
        "INVALID_EXPIRATION": "0069",
        "CARD_EXPIRED": "0077",
        "TRANSACTION_LIMIT": "0044",
    }.items()
}
NONCES = {
    "cnon:card-nonce-ok": GOOD,
    "cnon:card-nonce-declined": DECLINES["GENERIC_DECLINE"],
    "cnon:card-nonce-rejected-cvv": DECLINES["CVV_FAILURE"],
    "cnon:card-nonce-rejected-postalcode": DECLINES["ADDRESS_VERIFICATION_FAILURE"],
    "cnon:card-nonce-rejected-expiration": DECLINES["INVALID_EXPIRATION"],
    "cnon:card-nonce-insufficient-funds": DECLINES["INSUFFICIENT_FUNDS"],
    "cnon:card-nonce-requires-verification": ASKS,
    "bnon:bank-nonce-ok": BANK,
}
OUTCOMES = ("ok", *DECLINES, "verify", "bank")


def issue(act: Act, outcome: str) -> str:
    """Make a nonce that can be used once, as the form in a shop's page does."""
    prefix = "bnon" if outcome == "bank" else "cnon"
    nonce = f"{prefix}:{token(nonce_length)}"
    act.change.put({"id": nonce, "object": "nonce", "created": act.now, "outcome": outcome, "used": False})
    return nonce


def chosen(act: Act, source_id: str, *, verified: bool) -> Source:
    """Find what a source id stands for, and use it up."""
    source = NONCES.get(source_id) or _issued(act, source_id)
    return GOOD if source.asks and verified else source


def refused(source: Source, payment: Json) -> SquareError:
    """Build the answer to a declined payment, which shows what became of it."""
    return SquareError(
        source.detail,
        code=source.code or "GENERIC_DECLINE",
        category=PAYMENT_METHOD,
        status=HTTPStatus.BAD_REQUEST,
        lasting=True,
        more={"payment": payment},
    )


def details(source: Source, amount: int, times: dict[str, str | None]) -> Json:
    """Tell how a payment was made, as far as Square tells."""
    if source.bank:
        account = {"account_number_suffix": source.last_4, "account_type": "CHECKING", "routing_number": "110000000"}
        return {
            "source_type": "BANK_ACCOUNT",
            "bank_account_details": {
                "ach_details": account,
                "bank_name": "SANDBOX BANK",
                "country": "US",
                "fingerprint": "SandboxAccount01",
                "ownership_type": "INDIVIDUAL",
                "transfer_type": "ACH",
            },
        }
    del amount
    return {"source_type": "CARD", "card_details": _card(source, times)}


def _issued(act: Act, source_id: str) -> Source:
    nonce = act.change.find("nonce", source_id)
    if nonce is None:
        detail = "Card nonce not found"
        raise SquareError(detail, code="NOT_FOUND", status=HTTPStatus.NOT_FOUND, field="source_id")
    if nonce["used"]:
        detail = "Card nonce already used; please request new nonce."
        raise SquareError(detail, code="CARD_TOKEN_USED", category=INVALID_REQUEST, field="source_id")
    act.change.put({**nonce, "used": True})
    return {"ok": GOOD, "verify": ASKS, "bank": BANK}.get(nonce["outcome"]) or DECLINES[nonce["outcome"]]


def _card(source: Source, times: dict[str, str | None]) -> Json:
    cvv = "CVV_REJECTED" if source.code == "CVV_FAILURE" else "CVV_ACCEPTED"
    avs = "AVS_REJECTED" if source.code == "ADDRESS_VERIFICATION_FAILURE" else "AVS_ACCEPTED"
    status = "FAILED" if source.code else "CAPTURED" if times.get("captured_at") else "AUTHORIZED"
    shown = {
        "auth_result_code": None if source.code else "68aLBM",
        "avs_status": avs,
        "card": {
            "bin": "411111",
            "card_brand": source.brand,
            "card_type": "CREDIT",
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": f"sq-1-Sandbox{source.last_4}",
            "last_4": source.last_4,
            "prepaid_type": "NOT_PREPAID",
        },
        "card_payment_timeline": {name: at for name, at in times.items() if at},
        "cvv_status": cvv,
        "entry_method": "KEYED",
        "statement_description": "SQ *TILL SANDBOX",
        "status": status,
        **({"errors": [error_of(source)]} if source.code else {}),
    }
    return {name: value for name, value in shown.items() if value is not None}


def error_of(source: Source) -> Json:
    """Write the error that a declined payment keeps."""
    return {"category": PAYMENT_METHOD, "code": source.code, "detail": source.detail}
