"""Nothing that could run what somebody sent is called anywhere: no shell, no `eval`, no markup out of words."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "tillkeeper"
RUFF = str(Path(sys.executable).with_name("ruff"))
RULES = {
    "S102": "exec(given)",
    "S301": "import pickle\npickle.loads(given)",
    "S302": "import marshal\nmarshal.loads(given)",
    "S304": "from cryptography.hazmat.primitives.ciphers import algorithms\nalgorithms.ARC4(given)",
    "S305": "from cryptography.hazmat.primitives.ciphers import modes\nmodes.ECB()",
    "S307": "eval(given)",
    "S314": "import xml.etree.ElementTree as ET\nET.fromstring(given)",
    "S323": "import ssl\nssl._create_unverified_context()",
    "S324": "import hashlib\nhashlib.md5(given)",
    "S501": "import httpx\nhttpx.get(given, verify=False)",
    "S502": "import ssl\nssl.wrap_socket(ssl_version=ssl.PROTOCOL_TLSv1)",
    "S506": "import yaml\nyaml.load(given)",
    "S602": "import subprocess\nsubprocess.run(given, shell=True)",
    "S604": "run(given, shell=True)",
    "S605": "import os\nos.system(given)",
}
"""What ruff knows of such calls, with one of each; here nothing is excused by a comment."""
CRYPTOGRAPHY = {"AESGCM", "HKDF", "hashes", "rsa", "serialization"}
PAYPALS = {"PKCS1v15", "RSAPublicKey"}
"""How PayPal signs its webhooks; nothing is encrypted with that padding, which would be dangerous."""
HASHES = {"SHA256"}
DIGESTS = {"sha256", "scrypt"}
READS_PATTERNS = {"compile", "match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
CHANCE_IN = (
    *("kernel/backoff.py", "kernel/db.py"),  # how long to wait
    *("cli/chaos.py", "ops/bench", "ops/chaos", "ops/seed"),  # loads and histories that are made up
)
"""Where `random` is thrown: nothing there is to stay secret."""
OWN_SCRIPTS = [SOURCE / "web" / "static" / "desk.js", SOURCE / "web" / "shop" / "static" / "live.js"]
MARKUP = re.compile(
    r"(?:inner|outer)HTML\s*[+|&?]*=(?!=)|insertAdjacentHTML|createContextualFragment|document\.write"
    r"|\beval\(|new Function|setTimeout\(\s*[\"'`]|postMessage|onpaste|[\"']paste[\"']"
)
FOREIGN_NAME = re.compile(r"""\w\[[^\]'"]+\]\s*=[^=>]|__proto__|setPrototypeOf""")
"""Something is set under a name that somebody else may have chosen."""
KEPT = re.compile(r"(?:local|session)Storage\.setItem\((\w+), (.+?)\)|indexedDB|document\.cookie|localStorage")


def found_by_ruff(*where: str, given: str = "") -> str:
    """Ask ruff for what is dangerous, whatever comments say."""
    command = [
        RUFF,
        "check",
        "--isolated",
        "--ignore-noqa",
        "--output-format=concise",
        "--select",
        ",".join(RULES),
        *where,
    ]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False).stdout


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Read everything that is ours."""
    for file in sorted(SOURCE.rglob("*.py")):
        yield file.relative_to(SOURCE).as_posix(), ast.parse(file.read_text())


def foreign_patterns(tree: ast.Module) -> Iterator[str]:
    """List patterns that are not made of constants alone, and templates that are not files."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        of = node.func.value
        if (
            isinstance(of, ast.Name)
            and of.id == "re"
            and node.func.attr in READS_PATTERNS
            and not constant(node.args[0])
        ):
            yield ast.unparse(node)
        if node.func.attr == "from_string":
            yield ast.unparse(node)


def constant(node: ast.expr) -> bool:
    """Tell whether a text is written in the source, or made of names in capitals, which are."""
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name.isupper()
        case ast.JoinedStr(values=values):
            return all(constant(each.value if isinstance(each, ast.FormattedValue) else each) for each in values)
        case ast.BinOp(left=left, right=right):
            return constant(left) and constant(right)
        case ast.Call(func=ast.Attribute(value=value, attr="encode")):
            return constant(value)
        case _:
            return False


def weak(tree: ast.Module, name: str) -> Iterator[str]:
    """List what of cryptography is used and is not on the list of what is good."""
    known = CRYPTOGRAPHY | (PAYPALS if name.startswith("gateways/paypal/") else set())
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("cryptography.hazmat"):
                yield from (each.name for each in names if each.name not in known)
            case ast.Attribute(value=ast.Name(id="hashes"), attr=digest) if digest not in HASHES:
                yield f"hashes.{digest}"
            case ast.Attribute(value=ast.Name(id="hashlib"), attr=digest) if digest not in DIGESTS:
                yield f"hashlib.{digest}"
            case ast.ImportFrom(module="hashlib", names=names):
                yield from (f"hashlib.{each.name}" for each in names if each.name not in DIGESTS)
            case _:
                pass


def throws_dice(tree: ast.Module) -> bool:
    """Tell whether something is left to a chance that can be foretold."""
    return any(
        isinstance(node, ast.Import) and any(each.name == "random" for each in node.names) for node in ast.walk(tree)
    )


def test_nothing_that_could_run_what_somebody_sent_is_called_anywhere() -> None:
    assert found_by_ruff(str(SOURCE)).splitlines() == ["All checks passed!"]


@pytest.mark.parametrize("rule", RULES)
def test_each_call_that_could_would_be_found_also_where_a_comment_excuses_it(rule: str) -> None:
    assert f" {rule} " in found_by_ruff("-", given=f"{RULES[rule]}  # noqa\n")


def test_no_pattern_and_no_template_is_made_of_what_somebody_sent() -> None:
    assert {name: found for name, tree in sources() if (found := [*foreign_patterns(tree)])} == {}
    assert [*foreign_patterns(ast.parse("re.search(given, text)\nre.compile(rf'x{given}')\nre.match(WORD, text)"))] == [
        "re.search(given, text)",
        "re.compile(f'x{given}')",
    ]
    assert [*foreign_patterns(ast.parse("PAPER.from_string(given)"))]


def test_only_ciphers_and_digests_that_are_good_today_are_used() -> None:
    assert {name: found for name, tree in sources() if (found := [*weak(tree, name)])} == {}
    assert [*weak(ast.parse("from cryptography.hazmat.primitives.ciphers import modes"), "x.py")] == ["modes"]
    assert [*weak(ast.parse("hashes.SHA1(); hashlib.md5()"), "x.py")] == ["hashes.SHA1", "hashlib.md5"]
    assert [*weak(ast.parse("from hashlib import sha1"), "x.py")] == ["hashlib.sha1"]


def test_nothing_secret_is_left_to_a_chance_that_can_be_foretold() -> None:
    assert [name for name, tree in sources() if throws_dice(tree) and not name.startswith(CHANCE_IN)] == []
    assert throws_dice(ast.parse("import random"))


def test_our_scripts_write_words_and_no_markup_and_leave_the_clipboard_alone() -> None:
    assert {file.name: MARKUP.findall(file.read_text()) for file in OWN_SCRIPTS} == {
        file.name: [] for file in OWN_SCRIPTS
    }
    for bad in ("a.innerHTML = x", "b.outerHTML += x", "eval(x)", 'addEventListener("paste", no)', "setTimeout('x')"):
        assert MARKUP.search(bad), bad


def test_our_scripts_set_nothing_under_a_name_that_somebody_else_chose() -> None:
    assert [file.name for file in OWN_SCRIPTS if FOREIGN_NAME.search(file.read_text())] == []
    assert FOREIGN_NAME.search("kept[name] = value")


def test_browsers_keep_nothing_of_ours_but_that_the_drawer_is_open() -> None:
    kept = [each for file in OWN_SCRIPTS for each in KEPT.findall(file.read_text())]
    assert kept == [("OPEN", '"yes"')]
