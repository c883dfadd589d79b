"""What happens on which day of the history: the same for the same size, for ever."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

PAYMENTS = 791
DAYS = 90
DICE = 1954
"""Where the dice start: another number is another history."""
weekend_percent = 140
growth_percent = 130
"""How much more is bought on the last day than on the first."""
busy_days = 14
"""How many of the last days are told in two slots; on the others all is bought at about the same hour."""
hour_first, hour_last = 7, 21
users_per_hundred_payments = 15
FIRST_NAMES = (
    "ada", "aki", "amir", "anya", "arjun", "bea", "carlos", "chloe", "dario", "divya", "elif", "emeka", "esra", "finn",
    "freya", "giulia", "hana", "ibrahim", "ines", "jonas", "kavya", "kenji", "lara", "leon", "lucia", "maren", "mateo",
    "mina", "nadia", "noah", "olga", "omar", "paula", "priya", "ravi", "rosa", "sam", "sofia", "tomas", "yuki",
)  # fmt: skip


class Fate(StrEnum):
    """Name what becomes of a checkout."""

    PAID = "paid"
    PAID_AT_SECOND_TRY = "paid_at_second_try"
    DECLINED = "declined"
    AUTHENTICATED = "authenticated"
    ABANDONED = "abandoned"
    CANCELED = "canceled"
    CAPTURED_BY_HAND = "captured_by_hand"
    BLOCKED = "blocked"
    REVIEWED = "reviewed"


class Aftermath(StrEnum):
    """Name what becomes of a payment days later."""

    NONE = "none"
    REFUND = "refund"
    PART_REFUND = "part_refund"
    REFUND_IN_DASHBOARD = "refund_in_dashboard"
    FAILED_REFUND = "failed_refund"
    REFUND_REQUEST = "refund_request"
    REJECTED_REQUEST = "rejected_request"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """Hold one checkout: who buys what and where, how many seconds before its slot, and what becomes of it."""

    number: int
    user: str
    gateway: str
    currency: str
    package: str
    quantity: int
    before_seconds: int
    fate: Fate
    aftermath: Aftermath
    after_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Hold what is bought within a few minutes, and how long after the first midnight of the history."""

    at: timedelta
    sales: tuple[Sale, ...]


PLACES = (("stripe", "EUR"), ("stripe", "USD"), ("stripe", "JPY"), ("razorpay", "INR"), ("paypal", "USD"),
          ("paypal", "EUR"), ("square", "USD"), ("square", "EUR"))  # fmt: skip
PLACE_WEIGHTS = (30, 12, 6, 24, 12, 6, 6, 4)
PACKAGES = ("credits_50", "credits_120", "credits_300", "credits_600", "pack_black", "pack_gold")
PACKAGE_WEIGHTS = (22, 34, 18, 8, 13, 5)
FATES = (Fate.PAID, Fate.PAID_AT_SECOND_TRY, Fate.DECLINED, Fate.AUTHENTICATED, Fate.ABANDONED, Fate.CANCELED)
FATE_WEIGHTS = (770, 40, 50, 50, 60, 20)
AFTERMATHS = tuple(Aftermath)
AFTERMATH_WEIGHTS = (910, 24, 22, 8, 5, 12, 8, 3, 3)
SURE = {5: Aftermath.REFUND, 9: Aftermath.PART_REFUND, 13: Aftermath.DISPUTE_WON, 17: Aftermath.DISPUTE_LOST,
        21: Aftermath.FAILED_REFUND, 25: Aftermath.REFUND_IN_DASHBOARD, 29: Aftermath.REJECTED_REQUEST}  # fmt: skip
"""What a short history has too, by the number of the sale."""
RARE = {11: Fate.CAPTURED_BY_HAND, 19: Fate.REVIEWED, 23: Fate.BLOCKED}
rare_every = 190


def slots(payments: int) -> Iterator[Slot]:
    """Spread so many payments over the days of the history."""
    dice = random.Random(DICE)  # noqa: S311 (a history that can be written again, not a secret)
    number, done, weights = 0, 0, [_weight(day) for day in range(DAYS)]
    for day, weight in enumerate(weights):
        done += weight
        wanted = payments * done // sum(weights) - number
        count = min(2 if day >= DAYS - busy_days else 1, wanted)
        hours = sorted(dice.sample(range(hour_first, hour_last + 1), 2))
        for place in range(count):
            size = wanted * (place + 1) // count - wanted * place // count
            at = timedelta(days=day, hours=hours[place], minutes=dice.randrange(60), seconds=dice.randrange(60))
            yield Slot(at=at, sales=tuple(_sale(dice, number + each, payments) for each in range(size)))
            number += size


def _weight(day: int) -> int:
    """Say how much is bought on a day: more on two of seven, and slowly more in all."""
    grown = 100 * DAYS + (growth_percent - 100) * day
    return grown * (weekend_percent if day % 7 in (5, 6) else 100)


def _sale(dice: random.Random, number: int, payments: int) -> Sale:
    [(gateway, currency)] = dice.choices(PLACES, PLACE_WEIGHTS)
    [package] = dice.choices(PACKAGES, PACKAGE_WEIGHTS)
    [fate] = dice.choices(FATES, FATE_WEIGHTS)
    [aftermath] = dice.choices(AFTERMATHS, AFTERMATH_WEIGHTS)
    quantity = dice.choice((1, 1, 1, 1, 1, 1, 2, 3))
    user = _user(dice, payments)
    before_seconds, after_days = dice.randrange(20, 200), dice.randrange(1, 6)
    if number % rare_every in SURE:
        fate, aftermath = Fate.PAID, SURE[number % rare_every]
    if number % rare_every in RARE:
        fate, aftermath = RARE[number % rare_every], Aftermath.NONE
        gateway, currency = "stripe", "EUR"
    return Sale(
        number=number,
        user=user,
        gateway=gateway,
        currency=currency,
        package=package,
        quantity=quantity,
        before_seconds=before_seconds,
        fate=fate,
        aftermath=aftermath if fate in (Fate.PAID, Fate.PAID_AT_SECOND_TRY) else Aftermath.NONE,
        after_days=after_days,
    )


def _user(dice: random.Random, payments: int) -> str:
    """Choose who buys; some come far more often than others."""
    crowd = max(payments * users_per_hundred_payments // 100, 1)
    place = min(dice.randrange(crowd), dice.randrange(crowd))
    name = FIRST_NAMES[place % len(FIRST_NAMES)]
    return f"{name}-{place // len(FIRST_NAMES) + 1}" if place >= len(FIRST_NAMES) else name
