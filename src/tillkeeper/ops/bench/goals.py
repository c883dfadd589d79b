"""The goals of the design: each a ratio of two rates of one round, or a rate, with a floor that is mandatory."""

from dataclasses import dataclass
from fractions import Fraction

from tillkeeper.ops.bench.subject import INSERT_LIMIT


@dataclass(frozen=True, slots=True)
class Goal:
    """Hold one line of the goals: the rate `of`, or what it is to the rate `to`; without a floor it is only told."""

    number: str
    what: str
    of: str
    to: str | None
    floor: Fraction | None = None
    goal: Fraction | None = None
    at_most: bool = False
    """What counts is to be little, such as a time: floor and goal are what it may be at most."""


GOALS = (
    Goal("P1", "verified durable accepts ÷ insert limit", "ingest", INSERT_LIMIT, Fraction(7, 10), Fraction(1)),
    Goal("P2", "the same with 1,000 connections", "ingest_1000", INSERT_LIMIT, Fraction(1, 2), Fraction(9, 10)),
    Goal(
        *("flood", "1,000 connections, p99 in ms", "ingest_1000_p99_ms", None, Fraction(2_000), Fraction(150)),
        at_most=True,
    ),
    Goal("P3", "accept to delivered ÷ insert limit", "end_to_end", INSERT_LIMIT, Fraction(3, 10), Fraction(6, 10)),
    Goal(
        *("P4", "accept to delivered at 200 a second, p99 in ms", "lag_p99_ms", None, Fraction(25), Fraction(10)),
        at_most=True,
    ),
    Goal("P5", "ledger ÷ naive transfer, spread", "ledger_spread_100", "transfer_spread", Fraction(4), Fraction(10)),
    Goal("P5_hot", "ledger ÷ naive transfer, hot", "ledger_hot_100", "transfer_hot", Fraction(10), Fraction(30)),
    Goal("P6_intake", "intake, grown ÷ empty", "ingest_grown", "ingest_empty", Fraction(8, 10), Fraction(95, 100)),
    Goal("P6_settle", "settle, grown ÷ empty", "settle_grown", "settle_empty", Fraction(8, 10), Fraction(95, 100)),
    Goal("P6_ledger", "ledger, grown ÷ empty", "ledger_grown", "ledger_empty", Fraction(8, 10), Fraction(95, 100)),
    Goal("P7", "settle ÷ one Celery task for each event", "settle", "celery", Fraction(8), Fraction(25)),
    Goal("P8_djstripe", "accepts ÷ intake of dj-stripe", "ingest", "djstripe", Fraction(15), Fraction(35)),
    Goal("P8_hordak", "ledger ÷ django-hordak", "ledger_spread_100", "hordak", Fraction(10), Fraction(25)),
    Goal("P8_pgledger", "ledger ÷ pgledger, 100 a call", "ledger_spread_100", "pgledger", Fraction(2), Fraction(5)),
    Goal(
        *("P9", "1,000 created at once, mean in ms", "create_mean_ms", None, Fraction(700), Fraction(400)),
        at_most=True,
    ),
    Goal("ingest", "accepts ÷ the least that intake can be", "ingest", "ingest_least"),
    Goal("ingest_least", "that least ÷ insert limit", "ingest_least", INSERT_LIMIT),
    Goal("create", "the same ÷ the least that it can be", "create_mean_ms", "create_least_mean_ms"),
    Goal("P11", "lines compared a second, slowest of all sizes", "reconcile", None, Fraction(2_000), Fraction(20_000)),
    Goal("reconcile_linear", "1,000,000 lines ÷ 10,000", "reconcile_1000000", "reconcile_10000"),
    Goal("unit_of_work", "ledger ÷ unit of work of an ORM", "ledger_spread_100", "unit_of_work"),
    Goal("settle", "settle alone ÷ insert limit", "settle", INSERT_LIMIT),
    Goal("ledger_spread_one_writer", "the same as P5, one writer", "ledger_spread_100_one_writer", "transfer_spread"),
    Goal("ledger_hot_one_writer", "the same as P5_hot, one writer", "ledger_hot_100_one_writer", "transfer_hot"),
    Goal("ledger_spread_1000", "the same as P5, 1,000 a batch", "ledger_spread_1000", "transfer_spread"),
    Goal("ledger_hot_1000", "the same as P5_hot, 1,000 a batch", "ledger_hot_1000", "transfer_hot"),
)
