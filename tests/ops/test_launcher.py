"""`./till`, the launcher: it works from anywhere, and never takes half an installation for a whole one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TILL = Path(__file__).parents[2] / "till"
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull, "UV_OFFLINE": "1"}


def run(till: Path, *words: str, cwd: Path, more: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | (more or {})
    return subprocess.run([till, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout whose packages cannot be had."""
    shutil.copy(TILL, tmp_path / "till")
    (tmp_path / "requirements.lock").write_text("uv==0.0.1 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    return tmp_path


@pytest.mark.skipif(
    not (TILL.parent / ".venv" / "till.stamp").exists(), reason="this checkout was not set up by ./till"
)
def test_it_works_through_a_relative_symlink_and_from_another_folder(tmp_path: Path) -> None:
    (tmp_path / "real").symlink_to(TILL)
    (tmp_path / "till").symlink_to("real")
    answer = run(tmp_path / "till", "doctor", "--help", cwd=Path("/"))
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_failed_installation_says_what_to_do_and_is_tried_again_from_the_start(checkout: Path) -> None:
    first = run(checkout / "till", "doctor", cwd=checkout, more=OFFLINE)
    second = run(checkout / "till", "doctor", cwd=checkout, more=OFFLINE)
    assert (first.returncode, second.returncode) == (1, 1)
    assert "next: check the connection" in first.stderr
    assert "making .venv" in second.stderr


def test_the_lock_of_a_dead_call_is_taken_over(checkout: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (checkout / ".venv" / "setup.lock").mkdir(parents=True)
    (checkout / ".venv" / "setup.lock" / "pid").write_text(f"{dead.pid}\n")
    assert "making .venv" in run(checkout / "till", "doctor", cwd=checkout, more=OFFLINE).stderr


def test_a_python_that_exists_and_fails_is_passed_over(checkout: Path, tmp_path: Path) -> None:
    broken = tmp_path / "shims"
    broken.mkdir()
    for name in ("python3.14", "python3.13", "python3.12"):
        (broken / name).write_text("#!/bin/sh\nexit 127\n")
        (broken / name).chmod(0o755)
    path = f"{broken}{os.pathsep}{os.environ['PATH']}"
    assert "making .venv" in run(checkout / "till", "doctor", cwd=checkout, more=OFFLINE | {"PATH": path}).stderr
