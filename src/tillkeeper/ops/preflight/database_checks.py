"""What PostgreSQL must be to hold the books."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from tillkeeper.ops.doctor import POSTGRES_OLDEST, Finding, State
from tillkeeper.ops.embedded_postgres import CLUSTER_NAME
from tillkeeper.ops.preflight.ground import Database, Ground

VERIFIED = frozenset({"verify-ca", "verify-full"})
skew_noted = timedelta(milliseconds=500)
skew_max = timedelta(seconds=2)
RESTART = "and restart PostgreSQL."


def answers(ground: Ground) -> Finding:
    """Check that it can be asked at all; without that nothing else of it is known."""
    if ground.database_trouble:
        fix = "Start PostgreSQL, and check host, port, role and password in DATABASE_URL."
        return Finding("PostgreSQL", State.PROBLEM, ground.database_trouble, fix)
    return Finding("PostgreSQL", State.OK, "answers")


def version(_: Ground, database: Database) -> Finding:
    """Check that it is new enough."""
    shown = database.settings["server_version"]
    if int(database.settings["server_version_num"]) < POSTGRES_OLDEST * 10_000:
        return Finding("version", State.PROBLEM, shown, f"Move to PostgreSQL {POSTGRES_OLDEST} or newer.")
    return Finding("version", State.OK, shown)


def embedded(ground: Ground, database: Database) -> Finding:
    """Refuse the PostgreSQL of the demo and the tests: it has no TLS, and nobody backs it up."""
    if database.settings["cluster_name"] != CLUSTER_NAME:
        return Finding("kind", State.OK, "a server of its own")
    fix = "Set DATABASE_URL to a PostgreSQL server of your own; docs/go-live.md begins with it."
    live = ground.production or (ground.settings is not None and ground.settings.live)
    return Finding("kind", State.PROBLEM if live else State.NOTE, "the embedded PostgreSQL of the demo", fix)


def encryption(ground: Ground, database: Database) -> Finding:
    """Check that nobody can read or change what goes between here and there."""
    if database.near:
        return Finding("TLS", State.OK, "not needed: the database is on this machine")
    if not database.encrypted:
        fix = "Switch `ssl` on in PostgreSQL, and add ?sslmode=verify-full to DATABASE_URL."
        return Finding("TLS", State.PROBLEM, "the connection is not encrypted", fix)
    assert ground.settings, "it was connected with them"
    mode = parse_qs(urlsplit(ground.settings.database_url).query).get("sslmode", ["prefer"])[0]
    if mode not in VERIFIED:
        fix = "Add ?sslmode=verify-full to DATABASE_URL, or somebody in between can pose as the database."
        return Finding("TLS", State.NOTE, f"encrypted, and its certificate is not verified (sslmode={mode})", fix)
    return Finding("TLS", State.OK, f"encrypted (sslmode={mode})")


def isolation(_: Ground, database: Database) -> Finding:
    """Check that transactions see what others committed meanwhile, on which locks here rest."""
    found = database.settings["default_transaction_isolation"]
    if found != "read committed":
        fix = "ALTER DATABASE … SET default_transaction_isolation = 'read committed';"
        return Finding("isolation", State.PROBLEM, found, fix)
    return Finding("isolation", State.OK, found)


def fsync(_: Ground, database: Database) -> Finding:
    """Check that what was committed is on the disk."""
    if database.settings["fsync"] != "on":
        fix = f"Set fsync = on {RESTART[:-1]}: without it a power cut takes payments away, or all of the database."
        return Finding("fsync", State.PROBLEM, "off", fix)
    return Finding("fsync", State.OK, "on")


def full_page_writes(_: Ground, database: Database) -> Finding:
    """Check that a page that was written in half can be mended."""
    if database.settings["full_page_writes"] != "on":
        fix = "Set full_page_writes = on and reload PostgreSQL: without it a power cut can leave torn pages."
        return Finding("full_page_writes", State.PROBLEM, "off", fix)
    return Finding("full_page_writes", State.OK, "on")


def synchronous_commit(_: Ground, database: Database) -> Finding:
    """Check that a commit is on the disk before a gateway is told so."""
    found = database.settings["synchronous_commit"]
    if found == "off":
        fix = "Set synchronous_commit = on: a webhook that was answered with 200 and then lost is never sent again."
        return Finding("synchronous_commit", State.PROBLEM, "off", fix)
    return Finding("synchronous_commit", State.OK, found)


def checksums(_: Ground, database: Database) -> Finding:
    """Look whether a disk that forgets would be noticed."""
    if database.settings["data_checksums"] != "on":
        fix = "Stop PostgreSQL, run `pg_checksums --enable`, and start it again."
        return Finding("data checksums", State.NOTE, "off: a disk that changes bits would not be noticed", fix)
    return Finding("data checksums", State.OK, "on")


def replication(_: Ground, database: Database) -> Finding:
    """Check that what is committed also gets to another disk."""
    if database.standby:
        fix = "Set DATABASE_URL to the primary; DATABASE_REPLICA_URL is for the one that follows."
        return Finding("replication", State.PROBLEM, "this is a standby, in which nothing can be written", fix)
    if database.settings["wal_level"] == "minimal":
        fix = f"Set wal_level = replica {RESTART}"
        return Finding(
            "replication", State.PROBLEM, "wal_level = minimal: it can neither be followed nor archived", fix
        )
    if not database.standbys and database.settings["archive_mode"] == "off":
        fix = "Set up a standby or WAL archiving: until then a lost disk costs everything since the last backup."
        return Finding("replication", State.NOTE, "nobody follows, and nothing is archived", fix)
    follow = f"{database.standbys} follow{'s' if database.standbys == 1 else ''}"
    archived = "is" if database.settings["archive_mode"] != "off" else "is not"
    return Finding("replication", State.OK, f"{follow}; WAL {archived} archived")


def role(_: Ground, database: Database) -> Finding:
    """Check that the application cannot rewrite the books, whatever happens to it."""
    fix = (
        "Set DATABASE_URL to a role of its own, and run `till migrate` with DATABASE_OWNER_URL, which grants it enough."
    )
    why = (
        "a superuser"
        if database.almighty
        else "the owner of the tables"
        if database.owner
        else "allowed to change postings"
        if database.rewrites
        else ""
    )
    if why:
        return Finding("role", State.PROBLEM, f"{database.role} is {why}, so it could rewrite the books", fix)
    return Finding("role", State.OK, f"{database.role} can add to the books and change nothing in them")


def migrations(_: Ground, database: Database) -> Finding:
    """Check that the database has the shape that this version needs."""
    if database.pending:
        return Finding("migrations", State.PROBLEM, f"missing: {', '.join(database.pending)}", "Run `till migrate`.")
    return Finding("migrations", State.OK, "all are in")


def skew(_: Ground, database: Database) -> Finding:
    """Check that the clocks here and there agree: leases go by theirs, tokens and signatures by ours."""
    apart = abs(database.at - database.asked_at)
    found = f"{apart.total_seconds():.1f} s apart"
    fix = "Set the clocks of both machines by NTP."
    if apart > skew_max:
        return Finding("clocks here and there", State.PROBLEM, found, fix)
    if apart > skew_noted:
        return Finding("clocks here and there", State.NOTE, found, fix)
    return Finding("clocks here and there", State.OK, found)


def left_by_drills(ground: Ground) -> Finding:
    """Look for copies of everything that drills left when they were killed."""
    if ground.left_by_drills:
        fix = "Run `till restore-drill`, which drops what drills of this installation left; drop others with `dropdb`."
        found = f"whole copies that nobody works in: {', '.join(ground.left_by_drills)}"
        return Finding("left by drills", State.NOTE, found, fix)
    return Finding("left by drills", State.OK, "nothing is seen")


FACTS = (
    version,
    embedded,
    encryption,
    isolation,
    fsync,
    full_page_writes,
    synchronous_commit,
    checksums,
    replication,
    role,
    migrations,
    skew,
)


def _of_database(check: Callable[[Ground, Database], Finding]) -> Callable[[Ground], Finding | None]:
    """Look only at a database that answered."""
    return lambda ground: check(ground, ground.database) if ground.database else None


CHECKS: tuple[Callable[[Ground], Finding | None], ...] = (answers, *map(_of_database, FACTS), left_by_drills)
