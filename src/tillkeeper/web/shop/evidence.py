"""The proof of a headline: each number with where it stands, and the question to the database that it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tillkeeper.kernel import ids
from tillkeeper.web.shop import diary
from tillkeeper.web.shop.scene import Scene, cards_sold

Json = dict[str, Any]

# The statements are shown to people, who may run them themselves; here they are only text.


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Hold one number of the headline; `sql` asks the database for it."""

    words: str
    number: int
    where: str
    sql: str


def claims(scene: Scene) -> list[Claim]:
    """Prove what the headline says of a payment that was captured."""
    payment = str(ids.parse("payment", scene.payment["id"]))
    if not scene.counts.captures:
        return []
    told = diary.telling(scene.events)
    return [
        Claim(
            words="captured",
            number=scene.counts.captures,
            where="changes of this payment that say so",
            sql=f"SELECT count(*) FROM payment_change\n WHERE payment_id = '{payment}' AND reason ~ '(^|; )captured'",
        ),
        *([_arrivals(told, scene.counts.arrivals)] if told else ()),
        _delivered(scene, payment),
    ]


def _arrivals(told: Sequence[Json], arrivals: int) -> Claim:
    named = ", ".join("'" + each["event_id"].replace("'", "''") + "'" for each in told)
    kept = len(told)
    return Claim(
        words="webhook arrivals",
        number=arrivals,
        where=f"{kept} kept and acted upon, {arrivals - kept} recognised as copies",
        sql="SELECT count(DISTINCT message.id) + count(copy.message_id)\n"
        "  FROM inbox_message AS message LEFT JOIN inbox_duplicate AS copy ON copy.message_id = message.id\n"
        f" WHERE event_id IN ({named})",
    )


def _delivered(scene: Scene, payment: str) -> Claim:
    sold = cards_sold(scene.payment)
    if sold:
        return Claim(
            words="deliveries",
            number=scene.counts.deliveries,
            where=f"{sold} cards with serials that exist once",
            sql=f"SELECT count(*) / {sold} FROM card WHERE payment_id = '{payment}'",
        )
    return Claim(
        words="deliveries",
        number=scene.counts.deliveries,
        where="movements of the wallet that name this payment",
        sql=f"SELECT count(*) FROM wallet_entry\n WHERE source = '{payment}' AND kind = 'grant'",
    )
