"""The client's models and methods are those of the description, and it can be installed."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import generate


def test_the_models_and_methods_are_what_the_description_says() -> None:
    how = "`python clients/python/generate.py` writes them anew."
    for name, text in generate.files(json.loads(generate.DESCRIPTION.read_text())).items():
        assert (generate.PACKAGE / name).read_text() == text, f"{name}: {how}"


def wheel(project: Path, folder: Path) -> list[str]:
    """Build what is installed, and list what is in it."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return zipfile.ZipFile(built).namelist()


def test_the_client_is_installed_with_its_types_and_nothing_beside(tmp_path: Path) -> None:
    held = wheel(generate.HERE, tmp_path)
    assert {"tillkeeper_client/operations.py", "tillkeeper_client/models.py", "tillkeeper_client/py.typed"} <= set(held)
    assert not [name for name in held if not name.startswith(("tillkeeper_client/", "tillkeeper_client-"))]


def test_an_installation_has_the_guides_that_its_server_shows(tmp_path: Path) -> None:
    held = wheel(generate.HERE.parents[1], tmp_path)
    assert {"tillkeeper/web/docs/quickstart.md", "tillkeeper/web/docs/images/way.svg"} <= set(held)
    assert "tillkeeper/web/examples.json" in held


def test_an_installation_has_the_list_of_passwords_that_nobody_takes(tmp_path: Path) -> None:
    assert "tillkeeper/access/staff/well_known.txt" in wheel(generate.HERE.parents[1], tmp_path)
