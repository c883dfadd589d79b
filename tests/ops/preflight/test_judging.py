"""Each check of preflight fails for its reason, says a way out, and passes where all is well."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.ops.preflight.ground import (
    NOW,
    POSTGRES,
    database,
    postgres,
    ready,
    redis,
    workers,
)

from tillkeeper.kernel import logs
from tillkeeper.ops import doctor
from tillkeeper.ops.preflight import CHECKS, Finding, Ground, State, judge
from tillkeeper.ops.preflight.broker import Broker

NO_SETTINGS = replace(ready(), settings=None, trouble="TILL_SECRET_KEY: Field required.")
PROBLEMS = {
    "settings": NO_SETTINGS,
    "mode": ready(environment={"TILL_MODE": "sandbox"}),
    "gateways": ready(gateways=()),
    "PostgreSQL": ready(database=None, database_trouble="PostgreSQL does not answer (ConnectionRefusedError)."),
    "version": postgres(server_version="13.4", server_version_num="130004"),
    "kind": postgres(cluster_name="tillkeeper_embedded"),
    "TLS": database(encrypted=False),
    "isolation": postgres(default_transaction_isolation="serializable"),
    "fsync": postgres(fsync="off"),
    "full_page_writes": postgres(full_page_writes="off"),
    "synchronous_commit": postgres(synchronous_commit="off"),
    "replication": postgres(wal_level="minimal"),
    "role": database(owner=True),
    "migrations": database(pending=("0041",)),
    "clocks here and there": database(at=NOW + timedelta(seconds=7)),
    "broker": ready(broker=None, broker_trouble="The broker does not answer (ConnectionError)."),
    "Redis memory policy": redis(maxmemory_policy="allkeys-lru"),
    "Redis memory": redis(used_memory=260_000_000),
    "Redis persistence": redis(rdb_last_bgsave_status="err"),
    "Redis replication": redis(role="slave"),
    "workers": workers(),
    "beat": workers("celery on one", "celery on two"),
    "secrets": ready(environment={"STRIPE_WEBHOOK_SECRET": "whsec_changeme"}),
    "TILL_SECRET_KEY": ready(environment={"TILL_SECRET_KEY": "Qm3vZ8rT1yLk5WpXc9"}),
    "previous secrets": ready(environment={"STRIPE_WEBHOOK_SECRET_PREVIOUS": "whsec_" + "old8fKq2Lw9ZtXb"}),
    "webhook secrets": ready(environment={"SQUARE_WEBHOOK_SIGNATURE_KEY": "whsec_" + "8fKq2Lw9ZtXb4Vn6"}),
    "addresses of gateways": ready(environment={"STRIPE_API_BASE": "https://elsewhere.net"}),
    "public address": ready(environment={"TILL_PUBLIC_URL": "http://pay.artbazaar.shop"}),
    "CORS": ready(environment={"TILL_CORS_ORIGINS": "https://artbazaar.shop,http://localhost:3000"}),
    "proxies": ready(environment={"TILL_TRUSTED_PROXIES": "0.0.0.0/0"}),
    "disk": ready(environment={"BACKUP_PATH": "/nowhere"}),
    "clock": replace(ready(), synchronized=False),
    "user": replace(ready(), uid=0),
}
"""For each check that can say NO-GO, an installation in which it does."""
NOTES = {
    "TLS": ready(
        environment={"DATABASE_URL": "postgresql://till:Zx81kqPw93LmT0@db.artbazaar.net/till?sslmode=require"}
    ),
    "data checksums": postgres(data_checksums="off"),
    "replication": database(standbys=0, settings=POSTGRES | {"archive_mode": "off"}),
    "clocks here and there": database(at=NOW + timedelta(seconds=1)),
    "left by drills": replace(ready(), left_by_drills=("tillkeeper_drill_4e14c3b7d95a",)),
    "Redis memory": redis(maxmemory=0),
    "workers": workers("loop on one"),
    "ages of secrets": database(ages={"STRIPE_SECRET_KEY": 91}),
    "address of Square's webhooks": ready(environment={"SQUARE_WEBHOOK_URL": "https://other.shop/webhooks/square"}),
    "previous secrets": ready(environment={"TILL_SECRET_KEY_PREVIOUS": "Wp7hJ2nVq5Xs8Kc1Zt4"}),
    "proxies": ready(environment={"TILL_TRUSTED_PROXIES": ""}),
    "second factor": ready(environment={"TILL_SECOND_FACTOR_ROLES": ""}),
    "letters to operators": ready(environment={"TILL_MAIL_ALERTS_TO": ""}),
}
BY_OTHER_TESTS = {"Python", "packages", "logging", "files of secrets"}


def found(ground: Ground, what: str) -> Finding:
    [finding] = [each.finding for each in judge(ground) if each.finding.what == what]
    return finding


def bad(ground: Ground) -> set[str]:
    return {each.finding.what for each in judge(ground) if each.finding.state is State.PROBLEM}


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge a disk that has room, whatever this machine's has."""
    usage = shutil.disk_usage("/")
    roomy = type(usage)(total=100_000_000_000, used=0, free=90_000_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: roomy)


def test_an_installation_that_is_ready_is_go_and_nothing_is_noted() -> None:
    assert [each.finding for each in judge(ready()) if each.finding.state is not State.OK] == []


@pytest.mark.parametrize("what", sorted(set(PROBLEMS) - BY_OTHER_TESTS))
def test_what_is_wrong_is_the_only_problem_and_has_a_way_out(what: str) -> None:
    assert bad(PROBLEMS[what]) == {what}
    assert found(PROBLEMS[what], what).fix


@pytest.mark.parametrize("what", sorted(NOTES))
def test_what_is_worth_a_thought_is_noted_with_what_to_do(what: str) -> None:
    finding = found(NOTES[what], what)
    assert (finding.state, bool(finding.fix)) == (State.NOTE, True)


def test_every_check_is_seen_to_fail() -> None:
    looked = {each.finding.what for each in judge(ready())}
    assert looked - set(PROBLEMS) - set(NOTES) <= BY_OTHER_TESTS
    assert len(looked) == sum(len(checks) for checks in CHECKS.values())


def test_packages_of_other_versions_than_the_locked_ones_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("pytest==0.0.1 \\\n    --hash=sha256:00\n")
    assert bad(replace(ready(), checkout=tmp_path)) == {"packages"}


def test_an_old_python_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PYTHON_OLDEST", (9, 9))
    assert bad(ready()) == {"Python"}


def test_logs_that_do_not_mask_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "clean", lambda value: value)
    assert bad(ready()) == {"logging"}


def test_a_full_disk_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    full = type(usage)(total=100_000_000_000, used=99_000_000_000, free=1_000_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    assert bad(ready()) == {"disk"}


def test_a_clock_that_is_years_off_is_a_problem() -> None:
    assert bad(replace(ready(), now=datetime(1970, 1, 1, tzinfo=UTC))) == {"clock"}


@pytest.mark.parametrize("changed", [{"almighty": True}, {"rewrites": True}, {"owner": True}])
def test_a_role_that_could_rewrite_the_books_is_a_problem(changed: dict[str, bool]) -> None:
    assert bad(database(**changed)) == {"role"}


def test_a_standby_is_a_problem_as_the_main_database() -> None:
    assert bad(database(standby=True)) == {"replication"}


def test_a_database_on_this_machine_needs_no_tls() -> None:
    assert found(database(near=True, encrypted=False), "TLS").state is State.OK


def test_the_refusal_of_allkeys_lru_says_why() -> None:
    assert "queues" in found(PROBLEMS["Redis memory policy"], "Redis memory policy").fix


def test_no_broker_is_fine_because_none_is_needed() -> None:
    assert bad(replace(ready(), broker=None)) == set()


def test_a_broker_that_is_no_redis_is_not_asked_about_memory() -> None:
    rabbit = ready(broker=Broker(kind="amqp", info={}))
    assert {each.finding.what for each in judge(rabbit) if "Redis" in each.finding.what} == set()


def test_a_file_that_others_can_read_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk_live_" + "51HqLyjWDarjtT1zdp7dc")
    file.chmod(0o644)
    ground = ready(environment={"STRIPE_SECRET_KEY_FILE": str(file)})
    assert bad(ground) == {"files of secrets"}
    file.chmod(0o640)
    assert bad(ground) == set()


def test_a_file_that_is_not_there_is_a_problem() -> None:
    assert bad(ready(environment={"STRIPE_SECRET_KEY_FILE": "/run/secrets/absent"})) == {"secrets"}


@pytest.mark.parametrize(
    "word", ["changeme", "your-secret-key-goes-here-please-1234", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
)
def test_a_secret_out_of_an_example_is_a_problem(word: str) -> None:
    assert "secrets" in bad(ready(environment={"TILL_SECRET_KEY": word + "x" * 20}))


def test_no_finding_shows_a_secret() -> None:
    secrets = [value for name, value in ready().environment.items() if "SECRET" in name or name.endswith("_KEY")]
    secrets.append("Zx81kqPw93LmT0")
    for ground in (*PROBLEMS.values(), *NOTES.values()):
        said = repr(judge(ground))
        assert not [each for each in secrets if each in said]


def test_before_real_money_the_network_may_be_as_it_is() -> None:
    staging = replace(PROBLEMS["public address"], production=False)
    assert found(staging, "public address").state is State.NOTE
    assert bad(replace(PROBLEMS["mode"], production=False)) == set()


def test_a_dangerous_database_is_a_problem_also_before_real_money() -> None:
    assert bad(replace(PROBLEMS["fsync"], production=False)) == {"fsync"}


def test_settings_that_cannot_be_used_are_named_and_the_machine_is_looked_at_all_the_same() -> None:
    parts = {each.part for each in judge(NO_SETTINGS)}
    assert parts == {"configuration", "machine"}
    assert "TILL_SECRET_KEY" in found(NO_SETTINGS, "settings").found
