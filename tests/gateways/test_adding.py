"""A gateway is one folder: a copy of one under a new name is found by everything, with no edit elsewhere."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.gateways.subject import SUBJECTS

ROOT = Path(__file__).parents[2]
LISTING = """
from tillkeeper import gateways
print(*(connector.name for connector in gateways.connectors()))
print(*(stand.name for stand in gateways.stands()))
print(*gateways.connect(__import__("tillkeeper.kernel.secrets", fromlist=["Secrets"]).Secrets(
    next(stand for stand in gateways.stands() if stand.name == "acme").invent("http://127.0.0.1:9")), mode="sandbox"))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the program and its conformance suite, and in them what is Stripe's under the name of Acme."""
    tree = tmp_path_factory.mktemp("adding")
    shutil.copytree(ROOT / "src", tree / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    suite = tree / "tests/gateways"
    (suite / "stripe").mkdir(parents=True)
    for name in ("conftest.py", "laundry.py", "slices.py"):
        shutil.copy(ROOT / "tests" / name, tree / "tests")
    for file in [*(ROOT / "tests/gateways").glob("*.py"), *(ROOT / "tests/gateways").glob("*/subject.py")]:
        copy = suite / file.relative_to(ROOT / "tests/gateways")
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(file, copy)
    for folder in (tree / "src/tillkeeper/gateways", suite):
        shutil.copytree(folder / "stripe", folder / "acme")
        for file in (folder / "acme").rglob("*.py"):
            rename(file)
    return tree


def rename(file: Path) -> None:
    """Change what a new gateway must change: its name, and that of its variables."""
    text = file.read_text()
    for old, new in (("gateways.stripe", "gateways.acme"), ('"stripe"', '"acme"'), ("STRIPE_", "ACME_")):
        text = text.replace(old, new)
    file.write_text(text)


def run(tree: Path, *command: str) -> str:
    """Run a program on the copy."""
    done = subprocess.run(
        command, cwd=tree, env={"PYTHONPATH": str(tree / "src")}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_registry_sandbox_and_connection_find_a_new_folder(tree: Path) -> None:
    listed, imitated, opened = run(tree, sys.executable, "-P", "-c", LISTING).splitlines()
    names = {folder.parent.name for folder in (ROOT / "src/tillkeeper/gateways").glob("*/__init__.py")}
    assert set(listed.split()) == set(imitated.split()) == names | {"acme"}
    assert opened == "acme"


def test_the_import_contracts_hold_for_a_new_folder(tree: Path) -> None:
    assert "0 broken" in run(tree, str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache")


def test_the_conformance_suite_takes_a_new_folder_in(tree: Path) -> None:
    suite = ("tests/gateways/test_conformance.py", "tests/gateways/test_conformance_webhooks.py")
    told = run(tree, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "acme", *suite)
    summary = told.splitlines()[-1]
    assert "failed" not in summary, told
    assert int(summary.split()[0]) > len(SUBJECTS) * 10, told
