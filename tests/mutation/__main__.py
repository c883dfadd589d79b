"""Make mistakes in rules and recipes, and tell which of them no test notices: `.venv/bin/python tests/mutation`."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "rules"
LEFT_OUT = {"test_logs.py"}
"""What is masked in logs is no rule of money, and its tests take longest."""


def main() -> int:
    """Collect the tests of rules, which are pure as rules are, with what tries mistakes out on them."""
    tests = ModuleType("tests")  # a dependency installs a package of this name, which would be found first
    tests.__path__ = [str(ROOT / "tests")]
    sys.modules["tests"] = tests
    files = [str(path) for path in sorted(FOLDER.glob("test_*.py")) if path.name not in LEFT_OUT]
    plugins = ["-p", "tests.mutation.session", "-p", "no:cacheprovider", "-p", "no:xdist"]
    return int(pytest.main(["-q", f"--rootdir={ROOT}", *plugins, *files, *sys.argv[1:]]))


if __name__ == "__main__":
    sys.exit(main())
