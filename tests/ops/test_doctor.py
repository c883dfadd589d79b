"""The doctor: every problem is found, graded and given a way out."""

import json
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tillkeeper.ops import doctor
from tillkeeper.ops.doctor import Finding, State
from tillkeeper.ops.embedded_postgres import Databases


def is_a_problem_with_a_fix(finding: Finding) -> bool:
    return finding.state is State.PROBLEM and bool(finding.fix)


def till(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tillkeeper", *words], capture_output=True, text=True, check=False)


def test_an_old_python_is_a_problem() -> None:
    assert is_a_problem_with_a_fix(doctor.check_python((3, 10, 4)))


def test_the_packages_of_the_lock_are_installed() -> None:
    assert doctor.check_packages(Path(__file__).parents[2] / "requirements.lock").state is State.OK


def test_a_package_of_another_version_is_a_problem_that_names_both_versions(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("pytest==0.0.1 \\\n    --hash=sha256:00\n")
    finding = doctor.check_packages(lock)
    assert is_a_problem_with_a_fix(finding)
    assert "0.0.1" in finding.found


def test_a_missing_package_is_a_problem(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("no-such-package==1.0\n")
    assert is_a_problem_with_a_fix(doctor.check_packages(lock))


def test_a_missing_package_for_another_system_is_none(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("no-such-package==1.0 ; sys_platform == 'win32'\n")
    assert doctor.check_packages(lock).state is State.OK


def test_a_package_that_other_versions_of_python_have_newer_is_as_locked(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    mine = f"pytest=={pytest.__version__} ; python_full_version < '3.12'\n"
    lock.write_text(f"{mine}pytest==99.0 ; python_full_version >= '3.12'\n")
    assert doctor.check_packages(lock).state is State.OK


def test_missing_postgresql_programs_are_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_POSTGRES_BIN", str(tmp_path))
    assert is_a_problem_with_a_fix(doctor.check_postgres())


def test_an_old_postgresql_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("initdb", "postgres", "psql"):
        (tmp_path / program).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 13.4'\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("TILL_POSTGRES_BIN", str(tmp_path))
    finding = doctor.check_postgres()
    assert is_a_problem_with_a_fix(finding)
    assert "13.4" in finding.found


def test_a_data_folder_that_does_not_exist_yet_is_judged_by_the_one_above_it(tmp_path: Path) -> None:
    assert doctor.check_data_folder(tmp_path / "not" / "yet").state is State.OK


def test_a_data_folder_that_takes_no_files_is_a_problem() -> None:
    assert is_a_problem_with_a_fix(doctor.check_data_folder(Path("/proc/self")))


def test_a_full_disk_is_a_problem() -> None:
    assert is_a_problem_with_a_fix(doctor.check_disk(Path("/proc")))  # this file system has no room at all


def test_a_taken_port_is_a_note_because_the_demo_takes_the_next() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert doctor.check_port(server.getsockname()[1]).state is State.NOTE


@pytest.mark.parametrize("year", [1970, 2099])
def test_a_clock_that_is_years_off_is_a_problem(year: int) -> None:
    assert is_a_problem_with_a_fix(doctor.check_clock(datetime(year, 1, 1, tzinfo=UTC)))


def test_running_as_root_is_a_note() -> None:
    assert doctor.check_user(0).state is State.NOTE


def test_a_migrated_database_is_fine(database_url: str) -> None:
    assert doctor.check_database(database_url).state is State.OK


def test_a_database_without_migrations_is_a_problem_that_names_the_command(databases: Databases) -> None:
    databases.create("empty_for_the_doctor")
    finding = doctor.check_database(databases.owner_url("empty_for_the_doctor"))
    databases.drop("empty_for_the_doctor")
    assert is_a_problem_with_a_fix(finding)
    assert "till migrate" in finding.fix


def test_an_unreachable_database_is_a_problem_that_shows_no_password() -> None:
    finding = doctor.check_database("postgresql://till:hunter2@127.0.0.1:1/till")
    assert is_a_problem_with_a_fix(finding)
    assert "hunter2" not in finding.found + finding.fix


def test_the_command_prints_its_findings_as_json_and_nothing_else(tmp_path: Path) -> None:
    answer = till("doctor", "--json", "--data-dir", str(tmp_path))
    assert answer.returncode == 0
    assert {finding["what"] for finding in json.loads(answer.stdout)["findings"]} >= {"Python", "disk", "database"}


def test_the_command_ends_with_4_when_something_is_to_mend() -> None:
    assert till("doctor", "--data-dir", "/proc/self").returncode == 4


def test_every_fix_is_printed_below_its_finding() -> None:
    assert "fix:" in till("doctor", "--data-dir", "/proc/self").stdout
