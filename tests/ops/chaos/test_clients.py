"""Clients wait for what they paid for, whatever they see on the way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from tillkeeper.ops.chaos.clients import Clients
from tillkeeper.ops.chaos.journal import Journal
from tillkeeper.ops.chaos.wishes import Purchase

Json = dict[str, Any]
PAYMENT: Json = {
    "id": "payment_1",
    "gateway": "stripe",
    "gateway_reference": "cs_1",
    "capture_method": "automatic",
    "last_error": None,
    "next_action": {"type": "redirect"},
    "status": "requires_action",
}


def till_that_shows(statuses: list[str]) -> Callable[[httpx2.Request], httpx2.Response]:
    """Answer as a till whose payment has these statuses, one after the other, and as a gateway that takes money."""
    coming = iter(statuses)

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST" and request.url.path == "/_control/stripe/sessions/cs_1/pay":
            return httpx2.Response(200, json={})
        shown = PAYMENT | {"status": PAYMENT["status"] if request.method == "POST" else next(coming)}
        return httpx2.Response(201 if request.method == "POST" else 200, json=shown)

    return answer


async def test_a_client_whose_payment_is_held_waits_until_the_till_has_taken_it(tmp_path: Path) -> None:
    seen = ["requires_action", "requires_capture", "requires_capture", "succeeded"]
    wanted = Purchase(number=1, key="purchase-1", body={"gateway": "stripe"}, refund_percent=0)
    transport = httpx2.MockTransport(till_that_shows(seen))
    with Journal(tmp_path / "clients.jsonl") as journal:
        async with httpx2.AsyncClient(transport=transport) as http:
            await Clients("http://till", "http://sandbox", "key", http, journal).serve(wanted)
    ends = [line for line in (tmp_path / "clients.jsonl").read_text().splitlines() if '"end"' in line]
    assert len(ends) == 1
    assert '"end":"succeeded"' in ends[0]
