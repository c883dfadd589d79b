"""Who else does one of our jobs: what each needs to be measured, and the command that brings it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tillkeeper.ops.bench import broker, peer

DEFAULT_VENV = Path("till-peers")
MAKE_VENV = "python3 -m venv {venv} && {venv}/bin/pip install"
INSTALL = f"{MAKE_VENV} dj-stripe==2.11.0 django-hordak==2.0.0 'psycopg[binary]==3.3.9' gunicorn==27.0.1"
CLONE = f"{INSTALL} && git clone https://github.com/pgr0ss/pgledger {{venv}}/pgledger"
EXTRA = "apt-get install redis-server && pip install 'tillkeeper[celery]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """Hold who does one of our jobs; a ledger also has entries to be counted, and sums that must be nothing."""

    rate: str
    program: str
    modules: Sequence[str]
    goal: str
    install: str
    own: bool = False
    """It runs in our own Python; the others in the one that was named."""
    processes: int = 0
    entries: str = ""
    uneven: str = ""

    def python(self, venv: Path) -> Path:
        """Name the Python that runs it."""
        return peer.OWN_PYTHON if self.own else venv / "bin" / "python"


CELERY = Rival(
    rate="celery",
    program="one_task_each",
    modules=("celery", "redis", "greenlet"),
    goal="P7",
    install=EXTRA,
    own=True,
)
DJ_STRIPE = Rival(
    rate="djstripe",
    program="dj_stripe",
    modules=("djstripe", "gunicorn", "psycopg"),
    goal="P8_djstripe",
    install=INSTALL,
)
UNIT_OF_WORK = Rival(
    rate="unit_of_work",
    program="unit_of_work",
    modules=("sqlalchemy", "greenlet"),
    goal="unit_of_work",
    install="pip install greenlet",
    own=True,
    processes=2,
    entries="bench_entry",
    uneven="""
        SELECT count(*) FROM bench_transaction AS transfer WHERE 0 IS DISTINCT FROM (
            SELECT sum(amount) FROM bench_entry WHERE transaction_id = transfer.id)""",
)
HORDAK = Rival(
    rate="hordak",
    program="hordak_legs",
    modules=("hordak", "psycopg"),
    goal="P8_hordak",
    install=INSTALL,
    processes=4,
    entries="hordak.hordak_leg",
    uneven="""
        SELECT count(*) FROM hordak.hordak_transaction AS transfer WHERE 0 IS DISTINCT FROM (
            SELECT sum(coalesce(credit, 0) - coalesce(debit, 0)) FROM hordak.hordak_leg
            WHERE transaction_id = transfer.id)""",
)
PGLEDGER = Rival(
    rate="pgledger",
    program="pgledger_batch",
    modules=("psycopg",),
    goal="P8_pgledger",
    install=CLONE,
    processes=2,
    entries="pgledger.pgledger_entries",
    uneven="""
        SELECT count(*) FROM pgledger.pgledger_transfers AS transfer WHERE 0 IS DISTINCT FROM (
            SELECT sum(amount) FROM pgledger.pgledger_entries WHERE transfer_id = transfer.id)""",
)


def is_here(rival: Rival, venv: Path) -> bool:
    """Tell whether all of what somebody needs is installed."""
    if rival is CELERY and broker.redis_program() is None:
        return False
    if rival is PGLEDGER and not pgledger_files(venv):
        return False
    return peer.has(rival.python(venv), rival.modules)


def pgledger_files(venv: Path) -> list[str]:
    """Find its SQL as its repository has it: first the functions that it takes from others."""
    own = venv / "pgledger" / "pgledger.sql"
    return [str(each) for each in (*sorted(venv.glob("pgledger/vendor/*/uuid*.sql")), own)] if own.exists() else []
