"""Fetch what the pages are made of from the npm registry, at fixed versions, and write down what came.

`make ui` runs it; `--check` says whether what is committed is what the registry has. No Node program runs: packages are
only unpacked, and pages need nothing but what is committed.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
STATIC = "src/tillkeeper/web/static"
TEMPLATES = "src/tillkeeper/web/dashboard/templates"
UNREACHABLE = 77
"""How this ends where the registry does not answer: nothing was compared, which is no difference."""
VERSIONS = "versions.json"
SPRITE = "icons.svg"
SHAPES = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
SVG = "http://www.w3.org/2000/svg"

Json = dict[str, Any]


def packages() -> dict[str, Json]:
    """Read what is wanted."""
    found: dict[str, Json] = json.loads((HERE / "packages.json").read_text())
    return found


def unpack(name: str, version: str, into: Path) -> Path:
    """Fetch one package and return the folder of its files."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{name}@{version}"],  # noqa: S607 (npm is wherever its user has put it)
        cwd=into,
        check=True,
        capture_output=True,
        text=True,
    )
    folder = into / name.replace("/", "-")
    with tarfile.open(into / packed.stdout.strip().splitlines()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def sprite(folder: Path, icons: list[str]) -> bytes:
    """Put single icons into one file of symbols."""
    symbols = []
    for icon in icons:
        found = SHAPES.search((folder / "icons" / f"{icon}.svg").read_text())
        assert found, f"{icon} is no picture"
        shapes = " ".join(found[1].split())
        symbols.append(f'<symbol id="{icon}" viewBox="0 0 24 24">{shapes}</symbol>')
    return "\n".join([f'<svg xmlns="{SVG}">', *symbols, "</svg>", ""]).encode()


def fetch(work: Path) -> dict[str, dict[str, bytes]]:
    """Fetch every file that is wanted, by package and by where it belongs here."""
    fetched = {}
    for name, wanted in packages().items():
        folder, into = unpack(name, wanted["version"], work), wanted.get("into", STATIC)
        fetched[name] = {f"{into}/{ours}": (folder / theirs).read_bytes() for theirs, ours in wanted["files"].items()}
        if "icons" in wanted:
            fetched[name][f"{into}/{SPRITE}"] = sprite(folder, wanted["icons"])
    return fetched


def described(fetched: dict[str, dict[str, bytes]]) -> Json:
    """Write down versions, licences and checksums of what is served, beside those of what is kept by hand."""
    known: Json = json.loads((ROOT / STATIC / VERSIONS).read_text())
    for name, files in fetched.items():
        served = {file: content for file, content in sorted(files.items()) if file.startswith(STATIC)}
        if served:
            known[name] = {
                "version": packages()[name]["version"],
                "licence": packages()[name]["licence"],
                "sha256": {
                    file.removeprefix(f"{STATIC}/"): hashlib.sha256(content).hexdigest()
                    for file, content in served.items()
                },
            }
    return dict(sorted(known.items()))


def understood(work: Path) -> bool:
    """Let htmx's own guard look for attributes in our templates that it would not understand."""
    guard = work / "htmx.org" / "package" / "dist" / "scripts" / "upgrade-check.py"
    found = subprocess.run([sys.executable, guard, ROOT / TEMPLATES], check=False, capture_output=True, text=True)
    _say(found.stdout.strip())
    return found.returncode == 0


def main() -> int:
    """Build, or compare with what is committed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 when something differs")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as work:
        try:
            fetched = fetch(Path(work))
        except subprocess.CalledProcessError as error:
            _say(f"npm could not fetch {error.cmd[-1]}: {error.stderr.strip()[-300:]}")
            return UNREACHABLE
        outdated = check and not understood(Path(work))
    wanted = {file: content for files in fetched.values() for file, content in files.items()}
    wanted[f"{STATIC}/{VERSIONS}"] = (json.dumps(described(fetched), indent=2) + "\n").encode()
    differing = [file for file, content in wanted.items() if _read(ROOT / file) != content]
    for file in differing:
        _say(f"{'differs' if check else 'written'}: {file}")
        if not check:
            (ROOT / file).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / file).write_bytes(wanted[file])
    _say(f"{len(wanted)} files of {len(fetched)} packages, {len(differing)} {'differ' if check else 'were new'}")
    return 1 if outdated or (check and differing) else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _read(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None


if __name__ == "__main__":
    sys.exit(main())
