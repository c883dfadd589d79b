"""The pages as one shell runs them: every block in its order, as it stands."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cli.demo import await_true, environment

BLOCK = re.compile(
    r"^(?:<!-- not executed: (?P<reason>[^\n]+) -->\n)?(?P<indent> *)```(?P<info>[^\n]*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
SHELLS = frozenset({"sh", "console"})
IMPORT = re.compile(r"^(?:import|from) .+$", re.MULTILINE)
STARTS = "### block "
FORKING = Path(__file__).with_name("forked.py")
CALL = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    said = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [said], [0, 1, 2])
    sys.exit(int(server.recv(16) or b"1"))
"""


@dataclass(frozen=True)
class Block:
    """Hold a block of code: `info` is what stands behind its first mark, as in "python app.py"."""

    line: int
    language: str
    name: str
    text: str
    reason: str | None

    @property
    def runs(self) -> bool:
        """Tell whether it is executed; plain text is a picture of something."""
        return self.reason is None and (self.language != "text" or bool(self.name))


def blocks(page: Path) -> Iterator[Block]:
    """List the blocks of a page."""
    text = page.read_text()
    for found in BLOCK.finditer(text):
        language, _, name = found["info"].partition(" ")
        line = text.count("\n", 0, found.start("info")) + 1
        yield Block(line, language, name.strip(), found["text"], found["reason"])


def script(found: list[Block], python: str) -> str:
    """Write one shell script that runs blocks one after the other; imports of earlier ones hold in later ones."""
    lines, imports = [], ""
    for block in found:
        lines.append(f"echo {shlex.quote(f'{STARTS}{block.line}')}")
        if block.language in SHELLS:
            lines.append(commands(block.text) if block.language == "console" else block.text)
        elif "." in block.name and " " not in block.name:
            lines.append(f"cat > {block.name} <<'END'\n{block.text}END")
        elif block.language == "python":
            lines.append(f"{python} - <<'END'\n{imports}{block.text}END")
            imports += "".join(f"{line}\n" for line in IMPORT.findall(block.text))
        elif block.language == "json" and block.name:
            method, path = block.name.split()
            lines.append(f'call -X {method} "$TILL_URL{path}" -H "Idempotency-Key: block-{block.line}" -d @- <<\'END\'')
            lines.append(f"{block.text}END")
    return "\n".join(lines) + "\n"


def commands(text: str) -> str:
    """Take out of a session what was typed."""
    typed, on = [], False
    for line in text.splitlines():
        if line.startswith("$ ") or on:
            typed.append(line.removeprefix("$ "))
            on = line.endswith("\\")
    return "\n".join(typed) + "\n"


def run(text: str, folder: Path, environment: dict[str, str], seconds: int) -> subprocess.CompletedProcess[str]:
    """Run a script in a shell that stops at the first failure."""
    return subprocess.run(
        ["sh", "-euc", text],  # noqa: S607 (the newcomer's own shell)
        stdin=subprocess.DEVNULL, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds,
        check=False,
    )  # fmt: skip


def printed(said: str, line: int) -> str:
    """Take what the block of a line printed out of what all of them did."""
    return said.partition(f"{STARTS}{line}\n")[2].partition(STARTS)[0]


def shape(text: str) -> list[str]:
    """Leave out of lines what differs from run to run."""
    lines = [
        re.sub(r"(?<=@local / )\S+|\d+|till_sk_\S+|\S*demo\.json", "…", line).strip() for line in text.splitlines()
    ]
    return [line for line in lines if line]


def as_json(text: str) -> list[object]:
    """Read a block of JSON: one value, or one a line."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]


@contextmanager
def standing_in(folder: Path) -> Iterator[None]:
    """Put a `till` into a folder that holds `src`, for as long as the block lasts."""
    address, call = folder / "till.socket", folder / "till.py"
    call.write_text(CALL.format(address=str(address)))
    command = folder / "till"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {call} "$@"\n')
    command.chmod(0o755)
    variables = environment() | {"PYTHONPATH": str(folder / "src")}
    server = subprocess.Popen([sys.executable, str(FORKING), str(address)], env=variables, cwd=folder)
    try:
        await_true(address.exists, 30, "the start of what forks")
        yield
    finally:
        server.terminate()
        server.wait(20)
