"""`till risk`: rules and lists are shown, changed and tried out, and bad input says what is wrong with it."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.demo import Said, till

SECRET = "a secret of the tests"
RULE = {"id": "large", "fact": "amount", "operator": "more_than", "value": 100, "score": 40, "reason": "large"}


def risk(database_url: str, *words: str) -> Said:
    return till("risk", *words, DATABASE_URL=database_url, TILL_SECRET_KEY=SECRET)


def said(database_url: str, *words: str) -> Any:
    answer = risk(database_url, *words, "--json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_rules_are_written_to_a_file_changed_and_put_in_force(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    known = said(database_url, "rules")
    file.write_text(json.dumps({"rules": [*known["rules"], RULE]}))
    assert "9 rules are in force." in risk(database_url, "set-rules", str(file), "--yes").stdout
    assert "amount more than 100" in risk(database_url, "rules").stdout


@pytest.mark.parametrize("text", ["{", '{"rules": [{"id": "x"}]}', '{"rules": 7}', "[]"])
def test_a_file_that_holds_no_rules_changes_nothing(database_url: str, tmp_path: Path, text: str) -> None:
    file = tmp_path / "rules.json"
    file.write_text(text)
    before = said(database_url, "rules")
    answer = risk(database_url, "set-rules", str(file), "--yes")
    assert (answer.returncode, "Traceback" in answer.stderr) == (1, False)
    assert said(database_url, "rules") == before


def test_a_rule_is_tried_on_the_past(database_url: str) -> None:
    answer = risk(database_url, "try", json.dumps(RULE), "--days", "7")
    assert answer.stdout.startswith("Of 0 payments in 7 days the rule applies to 0.")


def test_somebody_is_listed_shown_and_taken_off(database_url: str) -> None:
    listed = risk(database_url, "list", "block", "user", "ana", "--note", "a thief", "--until", "2099-01-31")
    entry = listed.stdout.split()[-1]
    (shown,) = said(database_url, "lists")["data"]
    assert (shown["id"], shown["value"], shown["expires_at"]) == (entry, "ana", "2099-01-31T00:00:00.000Z")
    assert risk(database_url, "unlist", entry).returncode == 0
    assert said(database_url, "lists")["data"] == []


def test_nothing_to_review_says_so(database_url: str) -> None:
    assert risk(database_url, "reviews").stdout.strip() == "Nothing waits for a person."


def test_a_payment_that_is_not_there_is_not_ruled_on(database_url: str) -> None:
    answer = risk(database_url, "approve", "payment_01h455vb4pex5vsknk084sn02q", "--yes")
    assert (answer.returncode, "No payment has this id." in answer.stderr) == (1, True)
