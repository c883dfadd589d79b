"""Webhooks of every gateway: what the sandbox really sent, spoilt inside and then signed, or signed by nobody."""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.fuzz.spoiling import BYTES, anything, bitten, changed, written
from tests.fuzz.wire import Input, marked

PREFIXES = ("/webhooks/", "/api/v1/webhooks/", "/api/payments/webhook/", "/api/v1/payments/webhook/")
NOBODY = ("payments", "nobody", "", "stripe/", "stripe/x", "%00", "STRIPE", "..", "\u00fc")
signed_percent = 75

Sign = Callable[[str, bytes], Mapping[str, str]]
"""Make the headers under which a gateway sends the webhook of an event."""


@dataclass(frozen=True)
class Post:
    """Make webhooks from letters that were really sent, the same for the same seed and letters."""

    letters: Sequence[tuple[str, bytes]]
    signs: Mapping[str, Sign]
    seed: int

    def inputs(self) -> Iterator[Input]:
        """Make webhooks without end."""
        for number in count():
            yield self._letter(random.Random(f"{self.seed} letter {number}"), number)

    def _letter(self, dice: random.Random, number: int) -> Input:
        gateway, true = dice.choice(self.letters)
        mark = marked("w", self.seed, number)
        body = self._body(dice, true, mark)
        headers = dict(self.signs[gateway](f"evt_{mark}", body))
        if dice.random() * 100 >= signed_percent:
            headers = self._forged(dice, headers)
        given = [(name, value.encode("latin-1", errors="replace")) for name, value in headers.items()]
        if dice.random() < 0.05:
            given += given[-1:]
        place = gateway if dice.random() < 0.9 else dice.choice((*NOBODY, *self.signs))
        return Input(
            name=f"webhook {number} of seed {self.seed}, {gateway}",
            method="POST" if dice.random() < 0.99 else dice.choice(("GET", "PUT", "DELETE")),
            target=(dice.choice(PREFIXES) + place).encode(),
            headers=tuple(given),
            body=body,
            mark=mark,
        )

    def _body(self, dice: random.Random, true: bytes, mark: str) -> bytes:
        match dice.randrange(20):
            case 0:
                return dice.choice((*BYTES, b"x" * 1_048_577, b"x" * 1_048_576))
            case 1:
                return bitten(dice, true)
            case 2:
                return written(dice, anything(dice, mark))
            case 3:
                return true
            case _:
                pass
        thing: Any = json.loads(true)
        for _ in range(dice.randint(1, 4)):
            thing = changed(dice, thing, mark)
        if isinstance(thing, dict) and dice.random() < 0.8:
            thing |= {name: mark for name in ("id", "event_id") if name in thing}
        return written(dice, thing)

    def _forged(self, dice: random.Random, headers: Mapping[str, str]) -> dict[str, str]:
        """Leave out or spoil a header, or take another's."""
        forged, name = dict(headers), dice.choice([*headers])
        match dice.randrange(4):
            case 0:
                del forged[name]
            case 1:
                forged[name] = dice.choice(("", "t=,v1=", "t=1,v1=00", "=" * 500, "\xff\xfe", forged[name][::-1]))
            case 2:
                forged[name] = bitten(dice, forged[name].encode()).decode("latin-1").translate({10: None, 13: None})
            case _:
                forged = dict(self.signs[dice.choice([*self.signs])]("evt_other", b"{}"))
        return forged
