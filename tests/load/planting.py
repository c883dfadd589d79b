"""Plant a day's trade at Stripe with known disagreements in it: our side as rows, Stripe's side as its own report.

This script imports nothing of the project. It knows its tables and Stripe's report, and tells what it planted by the
names that only it gave: the id of a balance transaction, of a payment, or of a payout.
"""

import asyncio
import csv
import io
import random
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

EACH = 20
KINDS = (
    *("missing_internal", "missing_at_gateway", "amount_over", "amount_under", "currency_mismatch"),
    *("direction_mismatch", "fee_mismatch", "status_mismatch", "duplicate_internal", "duplicate_at_gateway"),
    *("payout_sum_mismatch", "orphan_adjustment", "clearing_not_zero"),
)
TOLERATED = 20
HEADER = (
    *("balance_transaction_id", "created_utc", "available_on_utc", "reporting_category", "currency", "gross", "fee"),
    *("net", "source_id", "payment_intent_id", "automatic_payout_id", "payment_metadata[payment]"),
)
DECIMALS = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
days = 3
smallest_payout = 1_000
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

PAYMENT = (
    *("id", "mode", "status", "amount", "currency", "amount_captured", "amount_refunded", "gateway"),
    *("gateway_reference", "checkout", "capture_method", "metadata", "created_at", "expires_at", "captured_at", "fee"),
    "fee_final",
)
REFERENCE = ("gateway", "reference", "payment_id")
REFUND = (
    *("id", "payment_id", "amount", "currency", "status", "origin", "gateway", "gateway_reference", "created_at"),
    "settled_at",
)


@dataclass
class Plot:
    """Gather both sides; `planted` lists by kind the names of what must be found."""

    dice: random.Random
    payments: list[tuple[Any, ...]] = field(default_factory=list)
    references: list[tuple[Any, ...]] = field(default_factory=list)
    refunds: list[tuple[Any, ...]] = field(default_factory=list)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    planted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    waiting: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    """What is not paid out yet, by pot and currency; of each day there are several pots."""
    unbooked: list[UUID] = field(default_factory=list)
    """Payments whose fee never came into the books."""
    number: int = 0

    def uuid(self) -> UUID:
        """Make an id of version 7 that this seed gives again."""
        milliseconds = int(BEGIN.timestamp() * 1000) + self.number
        self.number += 1
        rest = self.dice.getrandbits(74)
        return UUID(int=milliseconds << 80 | 7 << 76 | (rest >> 62) << 64 | 2 << 62 | (rest & (1 << 62) - 1))

    def moment(self, pot: int) -> datetime:
        """Choose a moment of the day to which a pot belongs."""
        return BEGIN + timedelta(days=pot % days, seconds=self.dice.randrange(86_400))

    def pay(self, pot: int, *, status: str = "succeeded", **other: Any) -> dict[str, Any]:
        """Enter a payment that was captured; what is named differs from that."""
        currency = other.get("currency") or self.dice.choices(tuple(DECIMALS), (70, 20, 5, 5))[0]
        amount = other.get("amount") or self.dice.randrange(100, 50_000) * (10 if currency == "KWD" else 1)
        at = self.moment(pot)
        made: dict[str, Any] = {
            "id": self.uuid(),
            "mode": "sandbox",
            "status": status,
            "amount": amount,
            "currency": currency,
            "amount_captured": amount if status == "succeeded" else 0,
            "amount_refunded": 0,
            "gateway": "stripe",
            "gateway_reference": f"pi_{self.number:09d}",
            "checkout": "hosted",
            "capture_method": "automatic",
            "metadata": "{}",
            "created_at": at - timedelta(seconds=90),
            "expires_at": at + timedelta(hours=1),
            "captured_at": at if status == "succeeded" else None,
            "fee": (amount * 29 + 500) // 1000 + 30,
            "fee_final": True,
        } | other
        self.payments.append(tuple(made[name] for name in PAYMENT))
        if not other.get("gateway_reference"):
            for name in (made["gateway_reference"], f"ch_{made['gateway_reference'][3:]}"):
                self.references.append(("stripe", name, made["id"]))
        return made | {"at": at, "pot": pot}

    def charge(self, paid: dict[str, Any], **other: Any) -> str:
        """Enter the line of a capture; what is named differs from what we say."""
        gross = other.get("gross", paid["amount"])
        fee = other.get("fee", paid["fee"])
        return self.line(
            paid["pot"],
            "charge",
            currency=other.get("currency", paid["currency"]),
            gross=gross,
            fee=fee,
            at=paid["at"] + timedelta(seconds=other.get("late", 0)),
            source=f"ch_{paid['gateway_reference'][3:]}",
            intent=other.get("intent", paid["gateway_reference"]),
            ours=text_of(paid["id"]) if other.get("named", True) else "",
        )

    def line(  # noqa: PLR0913 (a row of the report)
        self,
        pot: int,
        category: str,
        *,
        currency: str,
        gross: int,
        fee: int = 0,
        at: datetime,
        source: str = "",
        intent: str = "",
        ours: str = "",
        payout: str | None = None,
    ) -> str:
        """Enter a line; it is taken along by the payout of its pot."""
        self.number += 1
        name = f"txn_{self.number:09d}"
        if payout is None:
            self.waiting[pot, currency] += gross - fee
            payout = payout_of(pot, currency)
        shown = (written(amount, currency) for amount in (gross, fee, gross - fee))
        when = (clock(at), clock(at + timedelta(days=2)))
        self.lines.append((name, *when, category, currency.lower(), *shown, source, intent, payout, ours))
        return name

    def refund(self, paid: dict[str, Any]) -> None:
        """Enter a refund that was made, and its line."""
        amount = self.dice.randrange(1, paid["amount"])
        at = paid["at"] + timedelta(seconds=1)
        id_, name = self.uuid(), f"re_{self.number:09d}"
        row = (id_, paid["id"], amount, paid["currency"], "succeeded", "us", "stripe", name, at, at)
        self.refunds.append(row)
        self.line(
            paid["pot"],
            "refund",
            currency=paid["currency"],
            gross=-amount,
            at=at,
            source=name,
            intent=paid["gateway_reference"],
        )

    def pay_out(self, *, wrong: int) -> None:
        """Pay out what waits, which only the lines tell; of some payouts the sum is not that of their lines."""
        pots = sorted(each for each, total in self.waiting.items() if total > smallest_payout)
        off = set(self.dice.sample(pots, wrong))
        for pot, currency in sorted(self.waiting):
            total = self.waiting[pot, currency]
            name = payout_of(pot, currency)
            if (pot, currency) not in pots:
                self.lines = [without_payout(line, name) for line in self.lines]
                continue
            amount = total + (self.dice.choice((-1, 1, 250)) if (pot, currency) in off else 0)
            at = BEGIN + timedelta(days=pot % days, hours=12)
            self.line(pot, "payout", currency=currency, gross=-amount, at=at, source=name, payout=name)
            if (pot, currency) in off:
                self.planted["payout_sum_mismatch"].add(name)


def text_of(id_: UUID) -> str:
    """Write the id of a payment as the outside knows it."""
    return "payment_" + "".join(ALPHABET[id_.int >> place & 31] for place in range(125, -1, -5))


def written(amount: int, currency: str) -> str:
    """Write minor units as Stripe's report does."""
    return format(Decimal(amount).scaleb(-DECIMALS[currency]), "f")


def clock(at: datetime) -> str:
    """Write a moment as Stripe's report does."""
    return at.strftime("%Y-%m-%d %H:%M:%S")


def payout_of(pot: int, currency: str) -> str:
    """Name a payout."""
    return f"po_{pot:04d}{currency}"


def without_payout(line: tuple[Any, ...], name: str) -> tuple[Any, ...]:
    """Let a line stay on the balance."""
    return tuple("" if cell == name else cell for cell in line)


def draw(count: int, seed: int) -> Plot:
    """Draw about so many lines."""
    plot = Plot(random.Random(seed))
    pots = max(count // 250, 24)
    plain = count - EACH * (len(KINDS) + 1) - TOLERATED
    while len(plot.lines) < plain:
        paid = plot.pay(plot.dice.randrange(pots))
        plot.charge(paid, named=plot.dice.random() < 0.5)
        if plot.dice.random() < 0.1:
            plot.refund(paid)
    for number in range(EACH):
        plant(plot, number % pots)
    for number in range(TOLERATED):
        expected = plot.pay(number % pots, fee_final=False)
        plot.charge(expected, fee=expected["fee"] + plot.dice.choice((-1, 1)))
    plot.pay_out(wrong=EACH)
    plot.dice.shuffle(plot.lines)
    return plot


def plant(plot: Plot, pot: int) -> None:
    """Plant one of each kind."""
    found, dice = plot.planted, plot.dice
    stranger = plot.pay(pot)
    plot.payments.pop()
    del plot.references[-2:]
    found["missing_internal"].add(plot.charge(stranger, named=False))
    lost = plot.pay(pot)
    found["missing_at_gateway"].add(str(lost["id"]))
    more = plot.pay(pot)
    found["amount_over"].add(plot.charge(more, gross=more["amount"] + dice.randrange(1, 99)))
    less = plot.pay(pot)
    found["amount_under"].add(plot.charge(less, gross=less["amount"] - dice.randrange(1, 99)))
    abroad = plot.pay(pot)
    found["currency_mismatch"].add(plot.charge(abroad, currency="USD" if abroad["currency"] != "USD" else "EUR"))
    turned = plot.pay(pot)
    found["direction_mismatch"].add(plot.charge(turned, gross=-turned["amount"]))
    dear = plot.pay(pot)
    found["fee_mismatch"].add(plot.charge(dear, fee=dear["fee"] + dice.choice((-1, 1, 25))))
    unpaid = plot.pay(pot, status=dice.choice(("expired", "failed", "canceled", "requires_action")))
    found["status_mismatch"].add(plot.charge(unpaid))
    once = plot.pay(pot)
    plot.charge(once)
    again = plot.pay(pot, gateway_reference=once["gateway_reference"], amount=once["amount"], currency=once["currency"])
    found["duplicate_internal"].add(str(again["id"]))
    charged = plot.pay(pot)
    pair = (plot.charge(charged), plot.charge(charged, late=dice.choice((5, 3_600))))
    found["duplicate_at_gateway"].add("|".join(pair))
    odd = plot.line(pot, "other_adjustment", currency="EUR", gross=dice.choice((-700, 300)), at=plot.moment(pot))
    found["orphan_adjustment"].add(odd)
    unbooked = plot.pay(pot)
    plot.charge(unbooked)
    plot.unbooked.append(unbooked["id"])
    found["clearing_not_zero"].add(str(unbooked["id"]))


def report(plot: Plot) -> bytes:
    """Write Stripe's side as the report of its dashboard."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    writer.writerows(plot.lines)
    return text.getvalue().encode()


async def sow(plot: Plot, owner_url: str) -> None:
    """Write our side into the tables."""
    connection = await asyncpg.connect(owner_url)
    for table, columns, rows in (
        ("payment", PAYMENT, plot.payments),
        ("payment_reference", REFERENCE, plot.references),
        ("refund", REFUND, plot.refunds),
    ):
        await connection.copy_records_to_table(table, columns=columns, records=rows)
    await connection.execute(ACCOUNTS)
    await connection.execute(BOOKS)
    await connection.execute(
        "ALTER TABLE posting DISABLE TRIGGER USER; ALTER TABLE journal DISABLE TRIGGER USER;"
        "CREATE TEMPORARY TABLE unbooked (id text)"
    )
    await connection.copy_records_to_table("unbooked", records=[(str(id_),) for id_ in plot.unbooked])
    await connection.execute(FORGET)
    await connection.close()


# Our books of the gateway's balance: captures, fees and refunds, each a journal with one posting.
ACCOUNTS = """
INSERT INTO account (code, currency, class, guarded, mode)
SELECT replace(name, '*', currency), currency, class, false, 'deferred'
FROM (VALUES ('gateway:stripe:clearing:*', 'asset'), ('revenue:other:*', 'income'),
             ('fees:stripe:processing:*', 'expense'), ('refund_payable:*', 'liability')) AS chart (name, class),
     (SELECT DISTINCT currency FROM payment) AS used;
INSERT INTO balance (account_id, guarded) SELECT id, guarded FROM account;
"""
BOOKS = """
CREATE TEMPORARY TABLE fact AS
SELECT gen_random_uuid() AS journal, *
FROM (SELECT 'payment' AS source, id, 'capture' AS kind, currency, amount_captured AS amount, captured_at AS at,
             'gateway:stripe:clearing:' || currency AS debit, 'revenue:other:' || currency AS credit
      FROM payment WHERE amount_captured > 0
      UNION ALL
      SELECT 'payment', id, 'fee', currency, fee, captured_at, 'fees:stripe:processing:' || currency,
             'gateway:stripe:clearing:' || currency
      FROM payment WHERE amount_captured > 0
      UNION ALL
      SELECT 'refund', id, 'succeeded', currency, amount, settled_at, 'refund_payable:' || currency,
             'gateway:stripe:clearing:' || currency
      FROM refund) AS facts;
INSERT INTO journal (id, source, source_id, kind, payload_sha, effective_at)
SELECT journal, source, id::text, kind, '', at FROM fact;
INSERT INTO posting (journal_id, debit_id, credit_id, currency, amount, effective_at)
SELECT journal, debit.id, credit.id, fact.currency, amount, at
FROM fact JOIN account AS debit ON debit.code = fact.debit JOIN account AS credit ON credit.code = fact.credit;
"""
FORGET = """
DELETE FROM posting USING journal, unbooked
WHERE journal_id = journal.id AND source = 'payment' AND source_id = unbooked.id AND kind = 'fee';
ALTER TABLE posting ENABLE TRIGGER USER; ALTER TABLE journal ENABLE TRIGGER USER;
"""


def main() -> None:
    """Plant from the command line: how many lines, which seed, which database, and where the report goes."""
    count, seed, owner_url, path = sys.argv[1:]
    plot = draw(int(count), int(seed))
    asyncio.run(sow(plot, owner_url))
    Path(path).write_bytes(report(plot))


if __name__ == "__main__":
    main()
