"""A run of pytest inside a test: a suite of a few lines under our own conftest.py."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(folder: Path, suite: str, text: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Write a suite at its place in a folder, and run it there with nothing of our own environment."""
    (folder / suite).parent.mkdir(parents=True)
    for name in ("conftest.py", "laundry.py", "slices.py"):
        shutil.copy(ROOT / "tests" / name, folder / "tests")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / suite).write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
