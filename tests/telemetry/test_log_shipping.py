"""The examples for log shippers read the files and fields that there are, for as long as was promised."""

import json
from pathlib import Path

import yaml

LOGS = Path(__file__).parents[2] / "deploy" / "logs"
FILE = "/var/log/tillkeeper/till.log"
FIELDS = {"timestamp", "level", "logger"}
DAYS = 90


def test_filebeat_reads_our_files_and_finds_our_time() -> None:
    read = yaml.safe_load((LOGS / "filebeat.yml").read_text())
    [source] = read["filebeat.inputs"]

    assert source["paths"][0] == FILE
    assert source["parsers"][0]["ndjson"]["target"] == "tillkeeper"
    assert read["processors"][0]["timestamp"]["field"] == "tillkeeper.timestamp"
    assert f"{DAYS}-days" in read["setup.ilm.policy_name"]


def test_promtail_reads_our_file_and_makes_no_label_of_an_id() -> None:
    [job] = yaml.safe_load((LOGS / "promtail.yml").read_text())["scrape_configs"]
    stages = {name: stage for each in job["pipeline_stages"] for name, stage in each.items()}

    assert job["static_configs"][0]["labels"]["__path__"] == FILE
    assert set(stages["json"]["expressions"]) == FIELDS
    assert set(stages["labels"]) == {"level", "logger"}


def test_cloudwatch_reads_our_file_and_keeps_it() -> None:
    read = json.loads((LOGS / "cloudwatch-agent.json").read_text())
    [source] = read["logs"]["logs_collected"]["files"]["collect_list"]

    assert (source["file_path"], source["retention_in_days"]) == (FILE, DAYS)
