"""Whether the rules that wake somebody can be read by Prometheus, as far as its own tool is here."""

import shutil
import subprocess
from pathlib import Path

from tillkeeper.ops.doctor import Finding, State

PROGRAM = "promtool"
PATTERNS = ("*alert*.y*ml", "*rules*.y*ml")
check_seconds = 30


def check(folder: Path) -> Finding:
    """Let promtool read every file of rules below a folder."""
    files = sorted({file for pattern in PATTERNS for file in folder.rglob(pattern) if _holds_rules(file)})
    if not files:
        return Finding(
            "alert rules", State.NOTE, f"none are below {folder.name}/", "Keep rules there, or watch otherwise."
        )
    program = shutil.which(PROGRAM)
    if program is None:
        fix = "Install Prometheus's promtool here, or check the rules where it is."
        return Finding("alert rules", State.NOTE, f"{len(files)} files, not checked: {PROGRAM} is absent", fix)
    command = [program, "check", "rules", *map(str, files)]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=check_seconds)
    except subprocess.TimeoutExpired:
        return Finding("alert rules", State.PROBLEM, f"{PROGRAM} did not end in {check_seconds} s", "Run it by hand.")
    if said.returncode:
        return Finding("alert rules", State.PROBLEM, (said.stderr or said.stdout).strip()[-500:], "Mend the rules.")
    return Finding("alert rules", State.OK, f"{len(files)} files, read by {PROGRAM}")


def _holds_rules(file: Path) -> bool:
    """Tell files of rules from others that have a similar name, such as tests of rules."""
    text = file.read_text(encoding="utf-8", errors="replace")
    return text.startswith("groups:") or ("\ngroups:" in text and "rule_files:" not in text)
