"""A migration runs while people buy, and the version before it goes on: what would stop either is refused here."""

import ast
import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tillkeeper.kernel.db import Database
from tillkeeper.kernel.errors import DatabaseUnavailableError
from tillkeeper.ops import migrations
from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.reports import readiness

VERSIONS = sorted((migrations.FOLDER / "versions").glob("[0-9]*.py"))
CAREFUL_SINCE = "0037"
"""What came before ran in no installation that had to go on meanwhile."""
LOSES_NOTHING = {"INDEX", "TRIGGER", "FUNCTION"}
NO_MONEY = {
    "0025_owed": "since when an endpoint is owed something follows from its deliveries",
    "0027_guessing": "wrong codes of a few minutes ago are counted anew",
    "0040_compared_once_over": "a day that was compared is compared once more",
}
"""What drops a column on its way back, and why nobody misses it."""
REASON = re.compile(r"#\s*allowed: .{20,}")
HOT = (
    *("payment", "payment_change", "payment_reference", "attempt", "refund", "operation", "idempotency_key"),
    *("inbox_message", "inbox_body", "inbox_batch", "outbox_event", "webhook_delivery", "webhook_try"),
    *("journal", "posting", "balance", "balance_delta", "balance_daily", "wallet", "wallet_entry", "audit_entry"),
)
ANY_HOT = rf"(?:ONLY )?(?:{'|'.join(HOT)})\b"
RULES = {
    "drops a table that the version before may use": r"DROP TABLE",
    "drops a column that the version before may use": r"DROP COLUMN",
    "renames what the version before calls by its old name": r"\bRENAME\b",
    "rewrites a table under an exclusive lock": r"ALTER COLUMN \w+ (?:SET DATA )?TYPE\b",
    "adds a column that the version before does not fill": (
        r"ADD COLUMN (?:(?!DEFAULT|,|GENERATED).)*NOT NULL(?:(?!DEFAULT|,).)*$"
    ),
    "demands what the version before may leave out": r"SET NOT NULL",
    "builds an index on a busy table while everybody waits": (
        rf"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)[^;]*? ON {ANY_HOT}"
    ),
    "checks every row of a busy table while everybody waits": (
        rf"ALTER TABLE {ANY_HOT}(?:(?!NOT VALID).)*ADD CONSTRAINT(?:(?!NOT VALID).)*$"
    ),
    "changes every row of a busy table at once": rf"UPDATE {ANY_HOT}(?:(?!WHERE).)*$",
    "empties a table": r"\bTRUNCATE\b",
}
BAD = (
    "DROP TABLE payment_note",
    "ALTER TABLE payment DROP COLUMN metadata",
    "ALTER TABLE payment RENAME COLUMN fee TO cost",
    "ALTER TABLE payment ALTER COLUMN fee TYPE TEXT",
    "ALTER TABLE payment ADD COLUMN tone TEXT NOT NULL",
    "ALTER TABLE payment ALTER COLUMN user_id SET NOT NULL",
    "CREATE INDEX payment_fee_index ON payment (fee)",
    "ALTER TABLE payment ADD CONSTRAINT a CHECK (fee > 0)",
    "UPDATE payment SET fee = 0",
    "TRUNCATE payment_note",
)
"""Something for each rule, in their order."""
GOOD = (
    "ALTER TABLE payment ADD COLUMN tone TEXT",
    "ALTER TABLE payment ADD COLUMN tone TEXT DEFAULT 'kind' NOT NULL",
    "CREATE INDEX CONCURRENTLY payment_fee_index ON payment (fee)",
    "ALTER TABLE payment ADD CONSTRAINT a CHECK (fee >= 0) NOT VALID",
    "CREATE INDEX retention_index ON retention_mark (at)",
    "CREATE TABLE new_one (id UUID NOT NULL, CONSTRAINT new_one_pkey PRIMARY KEY (id))",
    "UPDATE payment SET fee = 0 WHERE id = '00000000-0000-0000-0000-000000000000'",
)


def statements(source: str) -> Iterator[tuple[int, str]]:
    """List what looks like SQL in a migration, but for what stands in the body of a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = re.sub(r"AS \$\$.*\$\$", "", node.value, flags=re.DOTALL)
            yield node.lineno, re.sub(r"\s+", " ", text).strip()


def careless(source: str) -> list[str]:
    """Say what would stop somebody, unless the line above says why it does not."""
    lines, found = source.splitlines(), []
    for number, text in statements(source):
        for what, pattern in RULES.items():
            excused = any(REASON.search(line) for line in lines[max(number - 3, 0) : number])
            if re.search(pattern, text) and not excused:
                found.append(f"line {number}: {what}: {text[:80]}")
    return found


@pytest.mark.parametrize("file", [file for file in VERSIONS if file.name >= CAREFUL_SINCE], ids=lambda file: file.stem)
def test_a_migration_stops_neither_those_who_buy_nor_the_version_before(file: Path) -> None:
    assert careless(file.read_text()) == []


@pytest.mark.parametrize("file", [file for file in VERSIONS if file.name >= CAREFUL_SINCE], ids=lambda file: file.stem)
def test_an_index_that_was_left_unfinished_is_dropped_before_it_is_built_again(file: Path) -> None:
    """Whoever builds beside the work and is cut off leaves an index that everybody writes and nobody reads."""
    built, dropped = "CREATE (?:UNIQUE )?INDEX CONCURRENTLY", "DROP INDEX CONCURRENTLY IF EXISTS"
    text = file.read_text()
    assert len(re.findall(built, text)) == text.count(dropped)


@pytest.mark.parametrize(("what", "sql"), [*zip(RULES, BAD, strict=True)])
def test_each_rule_bites(what: str, sql: str) -> None:
    assert what in " ".join(careless(f'SQL = "{sql}"'))


@pytest.mark.parametrize("sql", GOOD)
def test_what_stops_nobody_is_let_through(sql: str) -> None:
    assert careless(f'SQL = "{sql}"') == []


def test_a_reason_in_the_line_above_excuses_a_statement() -> None:
    assert careless('# allowed: no version that is still in use knows this table\nSQL = "DROP TABLE old_one"') == []
    assert careless('# allowed: because\nSQL = "DROP TABLE old_one"') != []


@pytest.mark.parametrize("file", [file for file in VERSIONS if file.stem not in NO_MONEY], ids=lambda file: file.stem)
def test_no_way_back_loses_anything(file: Path) -> None:
    """A downgrade is refused with a reason, or drops nothing but indexes."""
    [down] = [node for node in ast.parse(file.read_text()).body if getattr(node, "name", "") == "downgrade"]
    body = ast.unparse(down)
    assert "raise NotImplementedError(message)" in body or set(re.findall(r"DROP (\w+)", body)) <= LOSES_NOTHING


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have one migration more than there is, in a copy."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrations, "FOLDER", folder)
    return folder / "versions" / "9999_newer.py"


NEWER = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "9999", "{before}", None, None
def upgrade():
    {does}
"""


def write(file: Path, does: str) -> None:
    file.write_text(NEWER.format(before=readiness.REVISION, does=does))


async def test_a_migration_waits_for_no_lock_longer_than_a_moment(
    newer: Path, owner_url: str, databases: Databases, database: str
) -> None:
    write(newer, 'op.execute("ALTER TABLE payment ADD COLUMN tone TEXT")')
    holder = await asyncpg.connect(owner_url)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE payment IN ACCESS SHARE MODE")
            with pytest.raises(DatabaseUnavailableError, match="Nothing was changed"):
                await asyncio.wait_for(asyncio.to_thread(migrations.upgrade, owner_url), timeout=30)
    finally:
        await holder.close()
    assert databases.run("SELECT version_num FROM alembic_version", database=database) == readiness.REVISION


async def test_an_index_is_built_beside_the_work(
    newer: Path, owner_url: str, databases: Databases, database: str
) -> None:
    does = (
        'with op.get_context().autocommit_block(): op.execute("CREATE INDEX CONCURRENTLY tone_index ON payment (fee)")'
    )
    write(newer, does)
    try:
        assert await asyncio.to_thread(migrations.upgrade, owner_url) == ["9999"]
        assert (
            databases.run(
                "SELECT indisvalid FROM pg_index WHERE indexrelid = 'tone_index'::regclass", database=database
            )
            == "t"
        )
    finally:
        databases.run("DROP INDEX IF EXISTS tone_index", database=database)
        databases.run(f"UPDATE alembic_version SET version_num = '{readiness.REVISION}'", database=database)


async def test_the_version_before_stays_ready_on_a_newer_schema(
    db: Database, databases: Databases, database: str
) -> None:
    databases.run("UPDATE alembic_version SET version_num = '9999'", database=database)
    try:
        async with db.transaction(read_only=True) as tx:
            await readiness.check(tx)
    finally:
        databases.run(f"UPDATE alembic_version SET version_num = '{readiness.REVISION}'", database=database)


async def test_an_older_schema_is_not_ready(db: Database, databases: Databases, database: str) -> None:
    databases.run("UPDATE alembic_version SET version_num = '0001'", database=database)
    try:
        async with db.transaction(read_only=True) as tx:
            with pytest.raises(DatabaseUnavailableError):
                await readiness.check(tx)
    finally:
        databases.run(f"UPDATE alembic_version SET version_num = '{readiness.REVISION}'", database=database)
