"""The dashboard for Grafana shows metrics that exist, in queries that Prometheus can read."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.telemetry.names import PROMISED
from tests.telemetry.test_alerts import exposed, need, spoken_of

BOARD = json.loads((Path(__file__).parents[2] / "deploy" / "grafana" / "tillkeeper.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]


@pytest.mark.parametrize(("title", "query"), QUERIES)
def test_every_query_speaks_of_metrics_that_exist(title: str, query: str) -> None:
    named = spoken_of(query)

    assert named, title
    assert named <= exposed()


def test_every_promised_metric_is_shown_somewhere() -> None:
    shown = {name for _, query in QUERIES for name in spoken_of(query)}
    ends = ("_bucket", "_count", "_sum")

    assert {name for name in PROMISED if not {name, *(f"{name}{end}" for end in ends)} & shown} == set()


def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    promtool = need("promtool", "prometheus")
    rules = [{"record": f"query_{place}", "expr": query} for place, (_, query) in enumerate(QUERIES)]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    told = subprocess.run(
        [promtool, "check", "rules", tmp_path / "queries.yml"], capture_output=True, text=True, check=False
    )

    assert told.returncode == 0, told.stdout + told.stderr


def test_panels_do_not_overlap_and_have_ids_of_their_own() -> None:
    places = [
        {(panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
         for x in range(panel["gridPos"]["w"]) for y in range(panel["gridPos"]["h"])}
        for panel in BOARD["panels"]
    ]  # fmt: skip

    assert len(set().union(*places)) == sum(map(len, places))
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
