"""What an installation is made of, as a bill of materials in the form of CycloneDX 1.6."""

import importlib.metadata
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import msgspec

PIN = re.compile(r"^([a-z0-9.-]+)==(\S+).*? \\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
LICENCE = "License :: "
licence_length_max = 120
DPKG = Path("var/lib/dpkg/status")
OS_RELEASE = Path("etc/os-release")
OURSELVES = "tillkeeper"

Json = dict[str, Any]


def bill(lock: Path, *, root: Path | None = None) -> Json:
    """List every Python package that is installed, and with `root` also what its Debian is made of.

    The hashes are those of the lock file: each of a file that may have been installed, and none where something is
    installed that the lock file does not name. The same installation always has the same bill.
    """
    pins = _pins(lock.read_text()) if lock.is_file() else {}
    installed = {_key(each.name): each for each in importlib.metadata.distributions()}
    installed.pop(OURSELVES, None)
    parts = [_component(name, installed[name], pins) for name in sorted(installed)]
    needs = [{"ref": part["bom-ref"], "dependsOn": _needs(installed, part["name"])} for part in parts]
    debian = sorted(_debian(root), key=lambda part: str(part["bom-ref"])) if root else []
    ours = {
        "type": "application",
        "bom-ref": OURSELVES,
        "name": OURSELVES,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    components = [*parts, *debian]
    content = msgspec.json.encode(components).decode()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, content)}",
        "version": 1,
        "metadata": {"component": ours},
        "components": components,
        "dependencies": [{"ref": OURSELVES, "dependsOn": [part["bom-ref"] for part in parts]}, *needs],
    }


def _pins(lock: str) -> Mapping[tuple[str, str], list[str]]:
    """Read the hashes of each version that a lock file names."""
    return {(_key(name), version): HASH.findall(hashes) for name, version, hashes in PIN.findall(lock)}


def _component(name: str, found: Distribution, pins: Mapping[tuple[str, str], list[str]]) -> Json:
    reference = f"pkg:pypi/{name}@{quote(found.version)}"
    part: Json = {"type": "library", "bom-ref": reference, "name": name, "version": found.version, "purl": reference}
    licence = _licence(found)
    if licence:
        part["licenses"] = licence
    hashes = pins.get((name, found.version))
    if hashes:
        part["hashes"] = [{"alg": "SHA-256", "content": each} for each in hashes]
    return part


def _licence(found: Distribution) -> list[Json]:
    """Read the licence as its author wrote it: an expression of SPDX, a name, or what the package is filed under."""
    said = found.metadata
    if said["License-Expression"]:
        return [{"expression": said["License-Expression"]}]
    filed = [each.rpartition(" :: ")[2] for each in said.get_all("Classifier") or () if each.startswith(LICENCE)]
    named = [said["License"]] if said["License"] else []
    short = [each for each in named if len(each) <= licence_length_max and "\n" not in each]
    return [{"license": {"name": each}} for each in short or filed]


def _needs(installed: Mapping[str, Distribution], name: str) -> list[str]:
    """List what a package asks for without being asked for more, as far as it is installed."""
    found = set()
    for each in installed[name].requires or ():
        asked = NAME.match(each)
        key = _key(asked[0]) if asked and "extra ==" not in each else ""
        if key in installed and key != name:
            found.add(f"pkg:pypi/{key}@{quote(installed[key].version)}")
    return sorted(found)


def _debian(root: Path) -> Iterator[Json]:
    """List the packages of the system beneath, where it is a Debian or one of its children."""
    status, release = root / DPKG, root / OS_RELEASE
    if not status.is_file():
        return
    told = dict(line.split("=", 1) for line in release.read_text().splitlines() if "=" in line)
    system = told.get("ID", "debian").strip('"')
    for block in status.read_text(errors="replace").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(" "))
        if not fields.get("Status", "").endswith(" installed"):
            continue
        name, version = fields["Package"], fields["Version"]
        reference = f"pkg:deb/{system}/{quote(name)}@{quote(version)}?arch={fields.get('Architecture', 'all')}"
        yield {"type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference}


def _key(name: str) -> str:
    """Write the name of a package as indexes compare them."""
    return re.sub(r"[-_.]+", "-", name).lower()
