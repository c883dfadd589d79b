"""What is done with webhooks that could not be applied."""

from typing import Any

from tests.browser.hands import Hands
from tests.browser.walking import walk

from tillkeeper.kernel import ids


def _dead(hands: Hands) -> str:
    """Let the newest webhook of a payment be a dead letter, and name where it is shown."""
    house = hands.house
    house.do(house.shop.paid(user=house.buyer()))
    die = """
        UPDATE inbox_message SET status = 'dead', reason = 'made so by a test', finished_at = now()
        WHERE id = (SELECT id FROM inbox_message ORDER BY received_at DESC, id DESC LIMIT 1) RETURNING id
    """
    found: Any = house.do(house.shop.owner.fetchval(die))
    return f"/inbox/{ids.text('message', found)}"


@walk("/inbox/{message}/replay")
def replay(hands: Hands) -> None:
    hands.visit(_dead(hands))
    hands.ask("Replay")
    hands.press("Replay")
    hands.told("It is worked on again")


@walk("/inbox/{message}/ignore")
def ignore(hands: Hands) -> None:
    hands.visit(_dead(hands))
    hands.ask("Ignore")
    hands.fill("Reason", "a test of theirs")
    hands.press("Ignore")
    hands.told("set aside")


@walk("/inbox/replay")
def replay_many(hands: Hands) -> None:
    for _ in range(2):
        _dead(hands)
    hands.visit("/inbox?gateway=stripe")
    hands.ask("Replay many")
    hands.press("Replay them")
    hands.told("webhooks are worked on again")
