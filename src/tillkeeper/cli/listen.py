"""`till listen`: every event as a line, forwarded to a program on this machine."""

import asyncio
import json
from dataclasses import replace
from typing import Annotated

import typer

from tillkeeper import settings
from tillkeeper.cli import context
from tillkeeper.flows.listen import listen as forward
from tillkeeper.flows.listen import secret_of, tune_in
from tillkeeper.kernel import ids
from tillkeeper.kernel.egress import Egress, Reply
from tillkeeper.kernel.errors import DatabaseUnavailableError
from tillkeeper.outbox import Numbered
from tillkeeper.till import Till

poll_seconds = 1
retry_seconds = (1, 2, 5, 10, 30)


def listen(
    *,
    forward_to: Annotated[str, typer.Option(help="Where to send events, such as http://127.0.0.1:3000/webhooks.")],
    since: Annotated[str, typer.Option(help="Start with what happened since this moment, not where it ended.")] = "",
    name: Annotated[
        str, typer.Option(help="Whose place to remember: listeners of other names have their own.")
    ] = "cli",
    once: Annotated[bool, typer.Option("--once", help="End when everything was taken.")] = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Forward events in their order, each until it is taken; where it ended is remembered for the next time."""
    context.adopt(data_dir)
    listener = Listener(forward_to, name, once=once, as_json=as_json)
    try:
        asyncio.run(listener.run(since))
    except KeyboardInterrupt:
        typer.echo("\nStopped. The next `till listen` goes on from here.", err=True)


class Listener:
    """Say what is heard, and what comes of it."""

    def __init__(self, url: str, name: str, *, once: bool, as_json: bool) -> None:
        self.url = url
        self.name = name
        self.once = once
        self.as_json = as_json
        self.failures = 0

    async def run(self, since: str) -> None:
        """Forward until stopped; a program that is not there is waited for."""
        opened = await Till.open(settings.load())
        # Whoever types the address is at home here: it is theirs to call.
        till = replace(opened, egress=Egress(private=True, secure=False))
        try:
            till.egress.check(self.url)
            place, waiting = await tune_in(till, self.name, since=context.moment(since))
            typer.echo(f"Forwarding to {self.url} after event number {place}; {waiting} wait.", err=True)
            typer.echo(f"Verify with {secret_of(till, self.name)}", err=True)
            while True:
                taken = await self._forward(till)
                if taken and self.once:
                    return
                await asyncio.sleep(self._pause())
        finally:
            await till.egress.close()
            await opened.close()

    async def _forward(self, till: Till) -> bool:
        try:
            return await forward(till, self.name, url=self.url, heard=self._heard)
        except DatabaseUnavailableError as error:
            typer.echo(f"{error.detail} Trying again.", err=True)
            return False

    def _heard(self, event: Numbered, reply: Reply) -> None:
        self.failures = 0 if reply.delivered else self.failures + 1
        shown = ids.text("event", event.id)
        if self.as_json:
            line = {
                "event": shown,
                "sequence": event.seq,
                **event.payload,
                "status": reply.status,
                "error": reply.error,
            }
            typer.echo(json.dumps(line))
            return
        came = "taken" if reply.delivered else f"not taken, again in {self._pause()} s"
        typer.echo(
            f"{event.seq:>7} {event.type:<28} {shown} {reply.status or reply.error} {came} {reply.latency_ms} ms"
        )

    def _pause(self) -> int:
        return retry_seconds[min(self.failures, len(retry_seconds)) - 1] if self.failures else poll_seconds
