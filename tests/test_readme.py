"""The README is executed to the letter: a newcomer copies its blocks, and every one of them works."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.demo import Demo, environment

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")
quickstart_seconds_max = 60


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run `./till demo` in a folder of its own, where ./till and .till stand as they do in a checkout."""
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "till").symlink_to(ROOT / "till")
    demo = Demo(folder / ".till", (str(folder / "till"),))
    try:
        demo.start()
        yield demo
    finally:
        demo.remove()


def shape(line: str) -> str:
    """Leave out of a line what differs from run to run."""
    return re.sub(r"\d+|till_sk_\S+|\S*demo\.json", "…", line).strip()


def test_every_quickstart_block_of_the_readme_works_as_it_stands(demo: Demo) -> None:
    blocks = BLOCK.findall(README)
    assert len(blocks) >= 3, "the quickstart has blocks to execute"
    said = subprocess.run(
        ["sh", "-eu"],  # noqa: S607 (the newcomer's own shell)
        input="\n".join(blocks),
        cwd=demo.data_dir.parent,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=quickstart_seconds_max,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert re.findall(r'"balance":\s*(\d+)', said.stdout) == ["120", "60"], said.stdout
    assert '"status": "delivered"' in said.stdout


def test_the_shell_that_runs_the_blocks_stops_at_the_first_failure() -> None:
    said = subprocess.run(["sh", "-eu"], input="false\n\ntrue", text=True, check=False)  # noqa: S607
    assert said.returncode != 0


def test_what_the_readme_says_you_will_see_is_what_the_demo_prints(demo: Demo) -> None:
    promised = README.partition("What you will see")[2].split("```")[1].removeprefix("text\n")
    printed = " ".join(map(shape, demo.output.read_text().splitlines()))
    assert [line for line in map(shape, promised.splitlines()) if line not in printed] == []


def test_every_link_of_the_readme_leads_to_a_file_that_is_there() -> None:
    links = [link for link in LINK.findall(README) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
