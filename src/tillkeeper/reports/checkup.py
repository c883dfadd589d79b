"""What an installation needs to do its work, looked at one by one, with a way out of each problem."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tillkeeper.reports import safekeeping
from tillkeeper.reports.findings import Finding, State, long
from tillkeeper.reports.health import Queue, Signs, counted_max
from tillkeeper.reports.jobs import quiet_seconds
from tillkeeper.reports.readiness import REVISION
from tillkeeper.reports.safekeeping import Safe
from tillkeeper.reports.secrets import age_days_max
from tillkeeper.reports.versions import Level
from tillkeeper.routing import Breaker, GatewayState, Maintenance, Switch
from tillkeeper.settings import Settings

postgres_oldest = 15
clocks_apart_max = timedelta(seconds=5)
worker_silent_max = timedelta(seconds=quiet_seconds)
proof_age_max = timedelta(hours=30)
"""Everything is proved once a night."""
waiting_max = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Hold everything that is looked at."""

    settings: Settings
    now: datetime
    signs: Signs
    gateways: Sequence[GatewayState]
    versions: Sequence[dict[str, Any]]
    maintenance: Maintenance
    mails: bool
    secrets: Mapping[str, int]
    """For how many days each secret has been the same."""
    titles: Mapping[str, str]
    """What gateways are called."""
    safe: Safe = field(default_factory=Safe)
    replica: str | None = None
    """What is wrong with the replica; None where there is none, and nothing where it is used."""


def examine(patient: Patient) -> list[Finding]:
    """Look at everything, what does not work first."""
    found = [*_program(patient), *_database(patient), *_work(patient), *_gateways(patient), *_settings(patient)]
    found += safekeeping.examine(patient.safe, patient.settings, patient.now)
    return sorted(found, key=lambda each: (State.BROKEN, State.WARNING, State.OK).index(each.state))


def _program(patient: Patient) -> Iterator[Finding]:
    yield Finding("Program", State.OK, f"Python {platform.python_version()}, in the mode {patient.settings.mode}")
    if os.geteuid() == 0 and patient.settings.live:
        yield Finding("User", State.WARNING, "This process runs as root.", "Run it as an ordinary user of its own.")


def _database(patient: Patient) -> Iterator[Finding]:
    version = patient.signs.version
    if int(version.partition(".")[0]) < postgres_oldest:
        fix = f"Move to PostgreSQL {postgres_oldest} or newer."
        yield Finding("Database", State.BROKEN, f"PostgreSQL {version}", fix)
    else:
        yield Finding("Database", State.OK, f"PostgreSQL {version} answers")
    yield Finding("Migrations", State.OK, f"All are in, up to {REVISION}")
    apart = abs(patient.signs.at - patient.now)
    if apart > clocks_apart_max:
        fix = "Set both clocks with NTP: signatures, sessions and leases go by them."
        found = f"This machine and the database are {long(apart)} apart."
        yield Finding("Clocks", State.BROKEN, found, fix)
    else:
        yield Finding("Clocks", State.OK, "This machine and the database agree")
    if patient.replica:
        fix = "Lists and reports come from the database meanwhile. Look at the replica, and at DATABASE_REPLICA_URL."
        yield Finding("Read replica", State.WARNING, f"It is not used: {patient.replica}.", fix)
    elif patient.replica is not None:
        yield Finding("Read replica", State.OK, "Lists and reports are read from it")


def _work(patient: Patient) -> Iterator[Finding]:
    yield _worker(patient.signs, patient.now)
    yield _proof(patient.signs, patient.now)
    for queue in patient.signs.queues:
        yield _waiting(queue, patient.now)


def _worker(signs: Signs, now: datetime) -> Finding:
    fix = (
        "Start `till worker`, and look into its log if it runs. Workers of Celery are woken by `till celery beat`,"
        " through the broker: both must run."
    )
    if signs.worked_at is None:
        return Finding("Worker", State.BROKEN, "It has never been heard of.", fix)
    silent = now - signs.worked_at
    if silent > worker_silent_max:
        return Finding("Worker", State.BROKEN, f"Nothing was heard of it for {long(silent)}.", fix)
    return Finding("Worker", State.OK, "; ".join(signs.workers) or f"Seen {long(silent)} ago")


def _proof(signs: Signs, now: datetime) -> Finding:
    fix = "It is made at 3:00 UTC by `till worker`; `till ledger check` makes one now."
    if signs.proved_at is None:
        return Finding("Nightly proof", State.WARNING, "Nobody has proved everything yet.", fix)
    age = now - signs.proved_at
    if age > proof_age_max:
        return Finding("Nightly proof", State.WARNING, f"The last one is {long(age)} old.", fix)
    return Finding("Nightly proof", State.OK, f"Everything was proved {long(age)} ago")


def _waiting(queue: Queue, now: datetime) -> Finding:
    what = queue.name.capitalize()
    if not queue.due or queue.since is None:
        return Finding(what, State.OK, "Nothing is overdue")
    count = f"{queue.due:,}{' or more' if queue.due >= counted_max else ''}"
    late = now - queue.since
    found = f"{count} due, the oldest for {long(late)}"
    if late > waiting_max:
        return Finding(what, State.BROKEN, found, "Look whether the worker runs, and what stands in its log.")
    return Finding(what, State.OK, found)


def _gateways(patient: Patient) -> Iterator[Finding]:
    if not patient.gateways:
        yield Finding(
            "Gateways", State.BROKEN, "None is configured.", "Set the variables of one; the documents list them."
        )
    ages = {each["gateway"]: each for each in patient.versions}
    for state in patient.gateways:
        title = patient.titles[state.gateway]
        yield _gateway(state, title)
        told = ages.get(state.gateway)
        if told and told["level"] != Level.OK:
            graded = State.BROKEN if told["level"] == Level.CRITICAL else State.WARNING
            fix = "Move your account's webhooks to the version that this release is built for."
            yield Finding(f"API version of {title}", graded, "; ".join(told["reasons"]) + ".", fix)


def _gateway(state: GatewayState, what: str) -> Finding:
    if state.switch is not Switch.ON:
        fix = f"Take it back into use with `till gateways enable {state.gateway}` when it should be."
        return Finding(what, State.WARNING, f"It is {state.switch}: it takes no new payments.", fix)
    match state.breaker:
        case Breaker.CLOSED if state.degraded:
            fix = "Try it with `till gateways test`, and look at its own status page; the next answer ends this."
            return Finding(what, State.WARNING, f"Its last {state.failures} calls got no answer.", fix)
        case Breaker.CLOSED:
            return Finding(what, State.OK, "Takes payments")
        case Breaker.OPEN | Breaker.HALF_OPEN:
            fix = "Others take its payments meanwhile; look at the gateway's own status page if it lasts."
            found = f"It fails ({state.failures} times in a row), and is tried again from time to time."
            return Finding(what, State.BROKEN, found, fix)


def _settings(patient: Patient) -> Iterator[Finding]:
    settings, closed = patient.settings, patient.maintenance
    if closed.active and not patient.safe.copy:
        fix = "End it with `till maintenance off`, or in the environment where it was set."
        found = f"New payments are kept waiting: {closed.reason or 'no reason was given'}."
        yield Finding("Maintenance", State.WARNING, found, fix)
    yield _address(settings)
    yield from _secrets(patient.secrets)
    if settings.live and not settings.roles_with_second_factor:
        fix = "Set TILL_SECOND_FACTOR_ROLES=admin,finance."
        yield Finding("Second factor", State.WARNING, "No role must have one.", fix)
    if not patient.mails or not settings.mail_alerts_to:
        fix = "Set TILL_SMTP_URL, TILL_MAIL_FROM and TILL_MAIL_ALERTS_TO."
        yield Finding("Alerts", State.WARNING, "Nobody gets a letter when something needs a person.", fix)
    else:
        yield Finding("Alerts", State.OK, "Letters go out when something needs a person")


def _address(settings: Settings) -> Finding:
    shown = settings.public_url
    if settings.live and not shown.startswith("https://"):
        fix = "Put TLS before it, and set TILL_PUBLIC_URL to an address that begins with https://."
        return Finding("Public address", State.BROKEN, f"{shown} is not encrypted.", fix)
    return Finding("Public address", State.OK, shown)


def _secrets(ages: Mapping[str, int]) -> Iterator[Finding]:
    old = {name: days for name, days in sorted(ages.items()) if days > age_days_max}
    for name, days in old.items():
        fix = f"`till secrets status` says where a new one is made; `till secrets rotate {name}` puts it in its place."
        yield Finding("Secret", State.WARNING, f"{name} has been the same for {days} days.", fix)
    if ages and not old:
        yield Finding("Secrets", State.OK, f"Changed within the last {age_days_max} days")
