"""What the ratios are ratios to: PostgreSQL's own rates, measured by pgbench in the same round."""

import re
import shutil
import subprocess

from tillkeeper.ops.bench.ground import BenchError, Ground

insert_clients = 32
transfer_clients = 8
accounts = 1_000
row_bytes = 1_900
"""With its key and header a row is 2 KB and still fits into the page, as a stored webhook does."""

TABLES = f"""
CREATE TABLE bench_insert (key uuid NOT NULL UNIQUE, body text NOT NULL);
CREATE TABLE bench_account (id integer PRIMARY KEY, balance bigint NOT NULL DEFAULT 0) WITH (fillfactor = 70);
CREATE TABLE bench_transaction (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE bench_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id bigint NOT NULL REFERENCES bench_transaction,
    account_id integer NOT NULL REFERENCES bench_account,
    amount bigint NOT NULL);
CREATE INDEX ON bench_entry (transaction_id);
CREATE INDEX ON bench_entry (account_id);
INSERT INTO bench_account (id) SELECT generate_series(1, {accounts});
"""

# A variable of pgbench travels as a parameter each time: whoever stores a row has to send it.
INSERT = "INSERT INTO bench_insert (key, body) VALUES (gen_random_uuid(), :body);\n"

# The lower number first, as anybody does who has once met a deadlock.
TRANSFER = """
BEGIN;
INSERT INTO bench_transaction DEFAULT VALUES RETURNING id AS transaction_id \\gset
INSERT INTO bench_entry (transaction_id, account_id, amount) VALUES (:transaction_id, :low, 100);
INSERT INTO bench_entry (transaction_id, account_id, amount) VALUES (:transaction_id, :high, -100);
UPDATE bench_account SET balance = balance + 100 WHERE id = :low;
UPDATE bench_account SET balance = balance - 100 WHERE id = :high;
COMMIT;
"""
SPREAD = f"\\set low random(1, {accounts - 1})\n\\set high random(:low + 1, {accounts})\n" + TRANSFER
HOT = f"\\set low 1\n\\set high random(2, {accounts})\n" + TRANSFER


def prepare(ground: Ground) -> None:
    """Make the tables of the references, in the same database and on the same disk."""
    ground.sql(TABLES)


def measure_insert_limit(ground: Ground, seconds: int) -> int:
    """Measure durable inserts of a 2 KB row with a unique key, 32 clients: "the insert limit"."""
    ground.sql("TRUNCATE bench_insert")
    done, rate = _pgbench(ground, INSERT, insert_clients, seconds)
    _verify("bench_insert", done, ground.count("SELECT count(*) FROM bench_insert"))
    ground.sql("TRUNCATE bench_insert")
    return rate


def measure_transfer(ground: Ground, seconds: int, *, hot: bool) -> int:
    """Measure one transaction row, two entries and two balance updates, 8 clients: "the naive transfer"."""
    ground.sql("TRUNCATE bench_entry, bench_transaction; UPDATE bench_account SET balance = 0; VACUUM bench_account")
    done, rate = _pgbench(ground, HOT if hot else SPREAD, transfer_clients, seconds)
    _verify("bench_transaction", done, ground.count("SELECT count(*) FROM bench_transaction"))
    _verify("bench_entry", 2 * done, ground.count("SELECT count(*) FROM bench_entry"))
    return rate


def _pgbench(ground: Ground, script: str, clients: int, seconds: int) -> tuple[int, int]:
    """Run pgbench; return how many transactions it counted and how many that was a second."""
    file = ground.folder / "pgbench.sql"
    file.write_text(script)
    own = ground.binaries / "pgbench"
    program = str(own) if own.exists() else str(shutil.which("pgbench"))
    load = [f"--client={clients}", f"--time={seconds}", "--protocol=prepared", "--no-vacuum"]
    row = [f"--define=body={'x' * row_bytes}", f"--file={file}"]
    command = [program, *load, *row, ground.owner_url]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    done = re.search(r"transactions actually processed: (\d+)", answer.stdout)
    rate = re.search(r"tps = (\d+)\.\d+ \(without", answer.stdout)
    if answer.returncode != 0 or done is None or rate is None:
        message = f"pgbench failed: {answer.stderr.strip()}"
        raise BenchError(message)
    return int(done[1]), int(rate[1])


def _verify(table: str, counted: int, found: int) -> None:
    """Refuse a figure that the rows do not prove: a benchmark of aborted transactions looks fast."""
    if counted != found:
        message = f"pgbench counted {counted} rows of {table}, and {found} are there."
        raise BenchError(message)
