"""Every block of the documents is executed as it stands, and the examples sell credits, beside one demo."""

import itertools
import os
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests import pages
from tests.cli.demo import Demo, await_true, environment
from tests.crash.stage import free_ports
from tests.pages import Block

pytestmark = pytest.mark.timeout(300)  # one page after the other, each with processes of its own
ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")
page_seconds_max = 120
not_executed_max = 12
PRELUDE = """
value() {
  python3 -c 'import json, sys
found = json.load(sys.stdin)
for name in sys.argv[1:]: found = found[int(name) if isinstance(found, list) else name]
print(found)' "$@"
}
till() { ./till "$@"; }
export TILL_URL=$(value api < .till/demo.json) TILL_KEY=$(value key < .till/demo.json)
export TILL_SANDBOX=$(value sandbox < .till/demo.json)
api=$TILL_URL key=$TILL_KEY admin_key=$TILL_KEY
call() { curl -fsS -H "Authorization: Bearer $TILL_KEY" -H 'Content-Type: application/json' "$@"; }
paid() { # a payment of somebody, as the pages take for granted where they speak of what can be done with one
  opened=$(printf '{"package": "credits_120", "user": "%s", "currency": "EUR", "gateway": "stripe"}' "$1" |
    call "$api/api/v1/payments" -H "Idempotency-Key: paid-$1" -d @-)
  curl -fsS "$TILL_SANDBOX/_control/stripe/sessions/$(printf %s "$opened" | value gateway_reference)/pay" -d '{}' >&2
  id=$(printf %s "$opened" | value id)
  until [ "$(call "$api/api/v1/payments/$id" | value status)" = succeeded ]; do sleep 0.2; done
  printf %s "$id"
}
"""
"""What a reader has who comes to any page: the demo's addresses, its key, and the words of the quickstart."""


BEFORE = {"refunds.md": "payment=$(paid refunds)\n", "erasure.md": "paid ana\n"}
"""What else pages take for granted."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run `./till demo` beside a folder where ./till and .till stand as they do in a checkout."""
    folder = tmp_path_factory.mktemp("newcomer")
    for name in ("src", "examples", "docs"):
        (folder / name).symlink_to(ROOT / name)
    demo = Demo(folder / ".till", (str(ROOT / "till"),))
    try:
        demo.start()
        with pages.standing_in(folder):
            yield demo
    finally:
        demo.remove()


def newcomer(**more: str) -> dict[str, str]:
    """Name what the shell of a newcomer holds who has installed the client."""
    clients = os.pathsep.join(str(ROOT / part) for part in ("src", "clients/python/src"))
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return environment() | {"PYTHONPATH": clients, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"} | more


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_a_page_works_as_it_stands(page: Path, demo: Demo) -> None:
    found = [block for block in pages.blocks(page) if block.runs]
    if not any(block.language in {"sh", "console", "python"} or block.name for block in found):
        return
    text = PRELUDE + BEFORE.get(page.name, "") + pages.script(found, sys.executable)
    said = pages.run(text, demo.data_dir.parent, newcomer(), page_seconds_max)
    assert said.returncode == 0, said.stdout[-3000:] + said.stderr[-3000:]
    for before, block in itertools.pairwise(found):
        if block.name == "output":
            assert pages.shape(pages.printed(said.stdout, before.line)) == pages.shape(block.text), block.line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_executed_or_says_why_it_cannot_be(page: Path, tell: Callable[[str], None]) -> None:
    known = {"sh", "console", "python", "json", "text"}
    for block in pages.blocks(page):
        assert block.language in known or block.reason, f"line {block.line}: nobody executes {block.language!r}"
        if block.reason:
            tell(f"{page.name} line {block.line} is not executed: {block.reason}")
        elif block.language == "json":
            assert pages.as_json(block.text)


def test_few_blocks_are_not_executed() -> None:
    skipped = [block for page in PAGES for block in pages.blocks(page) if block.reason]
    assert len(skipped) <= not_executed_max


def test_a_script_runs_what_was_typed_hands_imports_on_and_stops_at_the_first_failure(tmp_path: Path) -> None:
    found = [
        Block(1, "console", "", "$ echo a \\\n  b\na b\n", None),
        Block(2, "python", "", "import os\n", None),
        Block(3, "python", "", "print(os.sep)\n", None),
        Block(4, "python", "x.py", "print('from x')\n", None),
        Block(5, "sh", "", "python3 x.py\nfalse\necho never\n", None),
    ]
    said = pages.run(pages.script(found, sys.executable), tmp_path, newcomer(), 20)
    assert said.returncode != 0
    assert [pages.printed(said.stdout, line).strip() for line in range(1, 6)] == ["a b", "", "/", "", "from x"]


def test_the_readme_buys_and_gives_half_of_it_back(demo: Demo) -> None:
    """Look at what the README's blocks print, beside that they work."""
    found = [block for block in pages.blocks(README) if block.language == "sh"]
    text = pages.script(found, sys.executable).replace("ada", "grace").replace("order-$(", "again-$(")
    said = pages.run(text, demo.data_dir.parent, newcomer(), page_seconds_max)
    assert re.findall(r'"balance":\s*(\d+)', said.stdout) == ["120", "60"], said.stdout
    assert '"status": "delivered"' in said.stdout


def test_what_the_readme_says_you_will_see_is_what_the_demo_prints(demo: Demo) -> None:
    promised = README.read_text().partition("What you will see")[2].split("```")[1].removeprefix("text\n")
    printed = " ".join(pages.shape(demo.output.read_text()))
    unsaid = [line for line in pages.shape(promised) if line not in printed]
    assert unsaid == ["✔ seeded … days, … payments"], "this demo was started without a history"


def test_every_link_of_the_readme_leads_to_a_file_that_is_there() -> None:
    links = [link for link in LINK.findall(README.read_text()) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


EXAMPLES = {
    "fastapi_credits": ("-m", "uvicorn", "--app-dir", "{folder}", "app:app", "--log-level", "warning", "--port"),
    "django_credits": ("{folder}/app.py", "runserver", "--noreload"),
}


@contextmanager
def shop(demo: Demo, name: str) -> Iterator[httpx2.Client]:
    """Run an example as its readme says, with an endpoint of its own, and visit it as a browser does."""
    [port] = free_ports(1)
    url, folder = f"http://127.0.0.1:{port}", ROOT / "examples" / name
    wish = {"url": f"{url}/webhooks", "types": ["fulfilment.delivered", "fulfilment.revoked"]}
    endpoint = call(demo, "webhook_endpoints", wish)
    told = {"TILL_URL": demo.told["api"], "TILL_KEY": demo.told["key"], "SHOP_URL": url}
    command = [sys.executable, *(part.format(folder=folder) for part in EXAMPLES[name]), str(port)]
    output = demo.data_dir.parent / f"{name}.log"
    with output.open("wb") as out:
        running = subprocess.Popen(
            command, env=newcomer(**told, TILL_WEBHOOK_SECRET=endpoint["secret"]), stdout=out, stderr=out
        )
    try:
        await_true(lambda: answers(port), 30, f"the start of {name}")
        with httpx2.Client(base_url=url, trust_env=False, timeout=20, cookies={"user": name}) as browser:
            yield browser
    finally:
        running.terminate()
        running.wait(20)
    assert b"Traceback" not in output.read_bytes(), output.read_text()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def call(demo: Demo, path: str, body: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {demo.told['key']}", "Idempotency-Key": secrets.token_hex(8)}
    answer = httpx2.post(f"{demo.told['api']}/api/v1/{path}", json=body, headers=headers, trust_env=False, timeout=20)
    assert answer.is_success, answer.text
    return answer.json()


def form(page: str, button: str) -> dict[str, str]:
    """Fill in the form of a page whose button has a text in it."""
    [found] = [each for each in re.findall(r"<form.*?</form>", page, re.DOTALL) if button in each][:1]
    fields = re.findall(r'name="?([\w]+)"? value="?([^">\s]+)', found)
    return dict(fields)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_sells_credits_hears_of_it_and_gives_them_back(name: str, demo: Demo) -> None:
    with shop(demo, name) as browser:
        page = browser.get("/").text
        assert "has 0 credits" in page
        order = form(page, "120 credits")
        twice = [browser.post("/buy", data=order).headers["location"] for _ in range(2)]
        assert twice[0] == twice[1], "a second click is the same order"
        [opened] = demo.get(f"/api/v1/payments?user={name}").json()["data"]
        session = f"stripe/sessions/{opened['gateway_reference']}/pay"
        httpx2.post(f"{demo.told['sandbox']}/_control/{session}", json={"copies": 2}, trust_env=False)
        await_true(lambda: "fulfilment.delivered: 120 credits" in browser.get("/").text, 20, "the webhook")
        page = browser.get("/").text
        assert "has 120 credits" in page
        assert page.count("fulfilment.delivered") == 1
        assert browser.post("/refund", data=form(page, "Give it back")).status_code in {302, 303}
        await_true(lambda: "fulfilment.revoked: 120 credits" in browser.get("/").text, 20, "the webhook of the refund")
        assert "has 0 credits" in browser.get("/").text


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_refuses_webhooks_of_strangers_and_refunds_of_others(name: str, demo: Demo) -> None:
    with shop(demo, name) as browser:
        assert browser.post("/webhooks", content=b"{}").status_code == 400
        others = call(demo, "payments", {"amount": 500, "currency": "EUR"})
        page = browser.get("/").text
        token = {key: value for key, value in form(page, "120 credits").items() if key.startswith("csrf")}
        assert browser.post("/refund", data=token | {"payment": others["id"]}).status_code == 404
