"""`till wheelhouse` and TILL_WHEELHOUSE: an installation that asks nobody but a folder."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NO_NETWORK = ("unshare", "--net", "--map-root-user")
CUT = (
    shutil.which("unshare") and subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False).returncode == 0
)
ONE = """\
idna==0.0.1 \\
    --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000
"""


def till(words: Sequence[str | Path], cwd: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(words, cwd=cwd, env={**kept, **environment}, capture_output=True, text=True, check=False)


def test_what_cannot_be_fetched_is_said_with_a_way_out(tmp_path: Path) -> None:
    lock = tmp_path / "one.lock"
    lock.write_text(ONE)
    command: list[str | Path] = [sys.executable, "-m", "tillkeeper", "wheelhouse", tmp_path / "wheels"]
    command += ["--lock", lock, "--json"]
    nowhere = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "",
        "PIP_CONFIG_FILE": os.devnull,
        "PYTHONPATH": str(ROOT / "src"),
    }
    said = till(command, ROOT, nowhere)
    assert said.returncode == 1
    assert "No matching distribution found for idna==0.0.1" in said.stderr
    assert "Check the connection" in said.stderr


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    shutil.copy(ROOT / "till", tmp_path)
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    said = till([tmp_path / "till", "doctor"], tmp_path, {"TILL_WHEELHOUSE": "nowhere", "HOME": str(tmp_path)})
    assert said.returncode == 1
    assert "TILL_WHEELHOUSE names nowhere, and there is no such folder" in said.stderr
    assert "next: make it with ./till wheelhouse" in said.stderr


def test_a_folder_that_lacks_packages_is_said_with_what_fills_it(tmp_path: Path) -> None:
    shutil.copy(ROOT / "till", tmp_path)
    (tmp_path / "requirements.lock").write_text(ONE)
    (tmp_path / "empty").mkdir()
    said = till([tmp_path / "till", "doctor"], tmp_path, {"TILL_WHEELHOUSE": "empty", "HOME": str(tmp_path)})
    assert said.returncode == 1
    assert "next: fill empty again with ./till wheelhouse" in said.stderr


@pytest.mark.timeout(900)
@pytest.mark.skipif(not CUT, reason="this machine does not let us cut the network: unshare --net")
@pytest.mark.skipif(not os.environ.get("TILL_TEST_FULL"), reason="the full run installs everything: TILL_TEST_FULL=1")
def test_everything_is_installed_with_the_network_cut(tmp_path: Path, tell: Callable[[str], None]) -> None:
    command: list[str | Path] = [sys.executable, "-m", "tillkeeper", "wheelhouse", tmp_path / "wheels", "--json"]
    fetched = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if fetched.returncode != 0 and "could not be fetched" in fetched.stderr:
        pytest.skip("no package index answers here")
    assert fetched.returncode == 0, fetched.stderr
    found = json.loads(fetched.stdout)
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("till", "requirements.lock"):
        shutil.copy(ROOT / name, checkout)
    for name in ("src", "docs"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    said = till(
        [*NO_NETWORK, checkout / "till", "doctor"],
        checkout,
        {"TILL_WHEELHOUSE": str(tmp_path / "wheels"), "HOME": str(checkout), "PIP_CONFIG_FILE": os.devnull},
    )
    assert said.returncode == 0, said.stderr + said.stdout
    assert "Nothing stands in the way." in said.stdout
    tell(f"{found['packages']} packages, {found['size_bytes'] // 1_000_000} MB, installed with the network cut")
