"""Events: what happened, in the very bytes that the webhook signs."""

import msgspec

from tillkeeper.gateways.razorpay.sandbox.act import Act, id_length
from tillkeeper.sandbox_kit import post
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import token

ACCOUNT = "acc_SandboxAccount"


def emit(act: Act, kind: str, payload: Json) -> None:
    """Record that something happened; `payload` holds the things it happened to, the main one first."""
    body = {
        "entity": "event",
        "account_id": ACCOUNT,
        "event": kind,
        "contains": list(payload),
        "payload": {name: {"entity": thing} for name, thing in payload.items()},
        "created_at": act.now,
    }
    event_id = token(id_length)
    act.put({"id": event_id, "object": "event", "created": act.now, "type": kind})
    # Razorpay writes JSON as PHP does, every slash escaped: reading and writing it again breaks the signature.
    raw = msgspec.json.encode(body).replace(b"/", b"\\/")
    main = next(iter(payload.values()))["id"]
    act.change.emit(post.Event(event_id, kind, main, act.now, raw), copies=act.copies, hooked=act.desk.hooked)
