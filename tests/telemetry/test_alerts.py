"""Every alert can fire, is silent below its limit, speaks of metrics that exist, and leads to a page that helps."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.telemetry.names import PROMISED
from typer.exceptions import TyperException

from tillkeeper.cli.main import app
from tillkeeper.kernel.meters import METERS, Meter
from tillkeeper.reports.metrics import SUBJECTS, Subject
from tillkeeper.telemetry.facts import OWN

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
THEIRS = {"up"}
METRIC = re.compile(r"\b(till_\w+|up)\b(?=[{\[) ]|$)")
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
BLOCK = re.compile(r"^( *)```(?:text|sh)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
KNOWN_BEFORE = ("PaymentGatewayUnavailable", "HighPaymentFailureRate", "WebhookProcessingBacklog", "HighGatewayLatency",
                "WebhookSignatureFailures")  # fmt: skip


def rules() -> list[dict[str, Any]]:
    """Read every alert."""
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


RULES = rules()
PAGES = sorted([*RUNBOOKS.glob("*.md"), ROOT / "docs" / "alerts.md", ROOT / "docs" / "metrics.md"])


def exposed() -> set[str]:
    """Name every sample that can stand at the metrics port."""
    found = {f"till_{each.name}" for each in (*METERS, *SUBJECTS, *OWN)}
    durations = {f"till_{meter.name}" for meter in METERS if meter.bounds_ms} | {"till_webhook_to_fulfilled_seconds"}
    return found | {f"{name}_{end}" for name in durations for end in ("bucket", "count", "sum")}


def spoken_of(query: str) -> set[str]:
    """Name the metrics in a query, without what its labels hold."""
    return set(METRIC.findall(re.sub(r'"[^"]*"|\{\{.*?\}\}', "", query)))


def need(program: str, package: str) -> str:
    """Find a program of Debian, or skip the test and say why."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is absent: `apt-get install {package}` brings it")
    return found


def test_every_promised_metric_is_declared() -> None:
    assert exposed() >= PROMISED


@pytest.mark.parametrize("each", [*METERS, *SUBJECTS, *OWN], ids=lambda each: each.name)
def test_every_metric_is_told_in_the_documents_with_its_labels_and_in_the_same_words(each: Meter | Subject) -> None:
    labels = " ".join(f"`{label}`" for label in each.labels) or "–"

    assert f"| `till_{each.name}` | {labels} | {each.says} |" in (ROOT / "docs" / "metrics.md").read_text()


def test_the_names_that_operators_know_are_kept() -> None:
    assert set(KNOWN_BEFORE) <= {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_speaks_of_metrics_that_exist(rule: dict[str, Any]) -> None:
    named = spoken_of(rule["expr"])

    assert named
    assert named - THEIRS <= exposed()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_how_bad_it_is_and_leads_to_its_page(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert {"summary", "description", "respond_within", "runbook_url"} == rule["annotations"].keys()
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{HUMP.sub('-', rule['alert']).lower()}.md"
    page = (ROOT / rule["annotations"]["runbook_url"]).read_text()
    assert page.startswith(f"# {rule['alert']}\n\n*{rule['labels']['severity'].title()}")
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## First look",
        "## What to do",
        "## How you know that it is over",
    ]
    assert f"[{rule['alert']}](runbooks/" in (ROOT / "docs" / "alerts.md").read_text()


def test_every_runbook_belongs_to_an_alert() -> None:
    named = {Path(rule["annotations"]["runbook_url"]).name for rule in RULES}

    assert {page.name for page in RUNBOOKS.glob("*.md")} == named | {"README.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_runbook_exists(page: Path) -> None:
    for _, block in BLOCK.findall(page.read_text()):
        for line in block.splitlines():
            words = shlex.split(line.split("    ")[0] if not line.startswith(" ") else line)
            if words[:1] == ["till"]:
                parse(words[1:])


def parse(words: list[str]) -> None:
    """Read a command line as the program would, without doing it; fails with what is wrong."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("till", words, resilient_parsing=True)
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, words)
        assert command, f"there is no command {name}"
    command.make_context(command.name, words)


@pytest.mark.parametrize("line", ["nothing", "events erase", "events ls --colour red", "payments show"])
def test_a_command_that_does_not_exist_is_noticed(line: str) -> None:
    with pytest.raises((AssertionError, TyperException)):
        parse(line.split())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_is_tried_firing_and_silent(rule: dict[str, Any]) -> None:
    tried = yaml.safe_load((DEPLOY / "alerts_test.yml").read_text())["tests"]
    counted = {
        bool(test["promql_expr_test"][0]["exp_samples"])
        for test in tried
        if test["promql_expr_test"][0]["expr"] == f'count(ALERTS{{alertname="{rule["alert"]}", alertstate="firing"}})'
    }

    assert counted == {True, False}


def test_promtool_finds_each_alert_firing_and_silent_as_it_should() -> None:
    promtool = need("promtool", "prometheus")
    command = [promtool, "test", "rules", "alerts_test.yml"]
    told = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize(
    ("program", "package", "words"),
    [
        ("promtool", "prometheus", ("check", "config", "prometheus.yml")),
        ("amtool", "prometheus-alertmanager", ("check-config", "alertmanager.yml")),
    ],
)
def test_the_configurations_are_accepted_by_those_who_read_them(
    program: str, package: str, words: tuple[str, ...]
) -> None:
    told = subprocess.run([need(program, package), *words], cwd=DEPLOY, capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stdout + told.stderr


def test_no_secret_stands_in_the_configuration() -> None:
    text = (DEPLOY / "alertmanager.yml").read_text()

    assert "routing_key_file:" in text
    assert "api_url_file:" in text
    assert not re.search(r"routing_key:|api_url:|hooks\.slack", text)
