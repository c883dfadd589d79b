"""Units for systemd, a configuration for supervisor, and workflows: read by the programs that they are written for."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml
from tests.crash.stage import free_ports
from tests.hosts import programs
from tests.ops.manifests import DEPLOY, ROOT

from tillkeeper.kernel import clock

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
TIMERS = sorted((DEPLOY / "systemd").glob("*.timer"))
WORKFLOWS = sorted((DEPLOY / "ci").glob("*.yml"))
exposure_max = 2.0
"""Of ten, as `systemd-analyze security` counts; a unit that says nothing has 9.6."""
patience_seconds = 120


def test_every_unit_is_understood_by_systemd(tmp_path: Path) -> None:
    program = programs.need("systemd-analyze", "systemd")
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/tillkeeper/till", str(ROOT / "till")))
    command = [program, "verify", "--recursive-errors=no", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in said.stderr.splitlines() if "tillkeeper" in line and "Failed to create" not in line]
    assert (said.returncode, ours) == (0, []), said.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_may_do_little_more_than_it_needs(unit: Path) -> None:
    program = programs.need("systemd-analyze", "systemd")
    command = [program, "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said.stdout)
    assert found, said.stdout + said.stderr
    assert float(found[1]) <= exposure_max


def test_a_unit_waits_longer_for_its_end_than_the_program_takes() -> None:
    for unit in UNITS:
        if "Type=oneshot" not in unit.read_text():
            assert "TimeoutStopSec=60" in unit.read_text()
            assert "KillMode=mixed" in unit.read_text()


def test_a_timer_starts_a_unit_that_there_is_at_a_time_that_systemd_understands(tmp_path: Path) -> None:
    program = programs.need("systemd-analyze", "systemd")
    assert {timer.with_suffix(".service") for timer in TIMERS} < set(UNITS)
    for file in (*UNITS, *TIMERS):
        (tmp_path / file.name).write_text(file.read_text().replace("/opt/tillkeeper/till", str(ROOT / "till")))
    command = [program, "verify", "--recursive-errors=no", "--man=no", *(str(tmp_path / each.name) for each in TIMERS)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, [line for line in said.stderr.splitlines() if ".timer" in line]) == (0, []), said.stderr


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 (an address of this machine)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.mark.timeout(400)
def test_supervisor_starts_both_and_starts_anew_what_was_killed(
    tmp_path: Path, database_url: str, owner_url: str
) -> None:
    del owner_url
    supervisord = programs.need("supervisord", "supervisor")
    [port] = free_ports(1)
    file = tmp_path / "tillkeeper.env"
    file.write_text(f"DATABASE_URL='{database_url}'\nTILL_SECRET_KEY='only for supervisor'\n")
    text = (DEPLOY / "supervisor" / "tillkeeper.conf").read_text()
    for before, after in {
        "/opt/tillkeeper/till": f"{sys.executable} -m tillkeeper",
        "/etc/tillkeeper/tillkeeper.env": str(file),
        "/var/log/tillkeeper": str(tmp_path),
        "--port 8000": f"--port {port}",
        "user=tillkeeper": f"user={pwd.getpwuid(os.geteuid()).pw_name}",
        "command=/bin/sh -c 'set -a;": f"command=/bin/sh -c 'set -a; PYTHONPATH={ROOT / 'src'};",
    }.items():
        assert before in text, before
        text = text.replace(before, after)
    main = f"[supervisord]\nnodaemon=true\npidfile={tmp_path}/pid\nlogfile={tmp_path}/log\nchildlogdir={tmp_path}\n"
    (tmp_path / "main.conf").write_text(main + text)
    with programs.running([supervisord, "-c", tmp_path / "main.conf"], tmp_path / "said"):
        waited_ms = clock.timer_ms()
        while not (
            answers(f"http://127.0.0.1:{port}/ready") and "success: tillkeeper-worker entered RUNNING" in log(tmp_path)
        ):
            assert waited_ms() < patience_seconds * 1000, log(tmp_path) + (tmp_path / "api.log").read_text()
            time.sleep(0.2)
        os.kill(started(tmp_path, "tillkeeper-api")[-1], signal.SIGKILL)
        while len(started(tmp_path, "tillkeeper-api")) < 2 or not answers(f"http://127.0.0.1:{port}/ready"):
            assert waited_ms() < 2 * patience_seconds * 1000, log(tmp_path)
            time.sleep(0.2)
    assert "stopped: tillkeeper-api (exit status 0)" in log(tmp_path), "SIGTERM lets it end in good order"


def log(folder: Path) -> str:
    file = folder / "log"
    return file.read_text() if file.exists() else ""


def started(folder: Path, program: str) -> list[int]:
    """List the processes that were started for a program, in their order."""
    return [int(pid) for pid in re.findall(rf"spawned: '{program}' with pid (\d+)", log(folder))]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_runs_legs_that_there_are(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    assert set(workflow) == {"name", True, "concurrency", "permissions", "jobs"} - (
        {"concurrency"} if file.stem == "weekly" else set()
    )
    legs = set(re.findall(r"^leg_(\w+)\(\)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
    for job in workflow["jobs"].values():
        runs = " ".join(step.get("run", "") for step in job["steps"])
        [script] = re.findall(r"\.ci/\w+", runs)
        assert (ROOT / script).stat().st_mode & 0o111
        assert {leg for legs_ in job["strategy"]["matrix"]["leg"] for leg in legs_.split()} <= legs


def test_the_shell_that_supervisor_starts_reads_the_environment_file_as_systemd_does(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "systemd" / "tillkeeper.env", tmp_path / "env")
    script = (
        f"set -a; . {tmp_path / 'env'}; exec {sys.executable} -c 'import os; print(os.environ[\"TILL_PUBLIC_URL\"])'"
    )
    said = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "https://pay.example.com"
