"""A ledger by django-hordak: `Account.transfer_to` writes a transaction and two legs, and triggers check their sum."""

import os
import random
import time
from functools import cache
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg.conninfo import conninfo_to_dict

accounts = 1_000
currency = "EUR"


NAMES = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}


def _database() -> dict[str, Any]:
    told: dict[str, Any] = dict(conninfo_to_dict(os.environ["PEER_DATABASE_URL"]))
    named = {name: told.pop(key, "") for name, key in NAMES.items()}
    options = told | {"options": "-c search_path=hordak"}
    return {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": None, "OPTIONS": options} | named


settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "djmoney", "hordak"],
    DATABASES={"default": _database()},
    DEFAULT_CURRENCY=currency,
    CURRENCIES=[currency],
    HORDAK_CURRENCIES=[currency],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()

from hordak.models import Account, AccountType  # noqa: E402 (Django wants its settings first)
from moneyed import Money  # noqa: E402


def prepare() -> None:
    """Make the tables and the accounts, in a schema of their own."""
    with connections["default"].cursor() as cursor:
        cursor.execute("CREATE SCHEMA hordak")
    call_command("migrate", verbosity=0)
    for number in range(accounts):
        Account.objects.create(name=f"account {number}", type=AccountType.asset, currencies=[currency])
    connections.close_all()  # each process opens its own


@cache
def _accounts() -> list[Any]:
    return list(Account.objects.all())


def post(seconds: int) -> int:
    """Transfer between any two accounts until the time is over; return how often."""
    dice, done, amount = random.Random(), 0, Money(1, currency)  # noqa: S311 (accounts, not a secret)
    everybody, until_ns = _accounts(), time.monotonic_ns() + seconds * 1_000_000_000
    while time.monotonic_ns() < until_ns:
        debit, credit = dice.sample(everybody, 2)
        debit.transfer_to(credit, amount)
        done += 1
    return done
