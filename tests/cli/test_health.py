"""`till health` says whether what runs does its work, and ends with 4 where it does not."""

import json
from collections.abc import Iterator

import pytest
from tests.cli.demo import Demo, running


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("health")) as demo:
        yield demo


def test_a_demo_that_runs_is_well(demo: Demo) -> None:
    answer = demo.till("health")
    assert (answer.returncode, "Everything works." in answer.stdout) == (0, True), answer.stdout + answer.stderr
    for looked_at in ("Worker", "Database", "Stripe", "Webhooks that came in"):
        assert looked_at in answer.stdout


def test_programs_get_every_finding_and_every_promise(demo: Demo) -> None:
    told = json.loads(demo.till("health", "--json").stdout)
    assert told["broken"] == 0
    assert {"what", "state", "found", "fix"} == told["findings"][0].keys()
    assert isinstance(told["promises"], list)
