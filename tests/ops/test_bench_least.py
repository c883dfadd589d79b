"""The least of a job counts as a reference only while it does what it claims to do."""

import json

import pytest

from tillkeeper.ops.bench import ground, ingest, references, volleys
from tillkeeper.ops.bench.beside import beside
from tillkeeper.ops.bench.ground import Ground

few = 300


@pytest.fixture
def taken(bed: Ground) -> volleys.Tally:
    """Let the least of intake take a few webhooks, and count its answers."""
    bed.sql(ingest.LEAST)
    told = {"database_url": bed.owner_url, "secret": bed.secret}
    tally = volleys.Tally()
    with beside("least.intake", told=json.dumps(told)) as port:
        tally.add(volleys.fire(bed, first=0, count=few, seconds=30, port=port))
    return tally


def test_the_least_of_intake_stores_each_event_once_tells_copies_and_refuses_what_is_forged(
    bed: Ground, taken: volleys.Tally
) -> None:
    assert taken.accepted == few == bed.count(ingest.LEAST_ROWS)
    assert taken.duplicates > 0
    assert taken.forged > 0
    assert taken.others == 0
    assert ingest.compare(taken, bed.count(ingest.LEAST_ROWS)) == []


def test_a_row_that_is_missing_is_found(bed: Ground, taken: volleys.Tally) -> None:
    bed.sql("DELETE FROM bench_arrival WHERE event = (SELECT min(event) FROM bench_arrival)")
    assert ingest.compare(taken, bed.count(ingest.LEAST_ROWS)) == [
        f"{few} webhooks were acknowledged as new, and {few - 1} are stored"
    ]


def test_intake_and_its_least_are_measured_in_the_same_round(bed: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    bed.port = ground.free_port()
    monkeypatch.setattr(ingest, "many_connections", 70)
    monkeypatch.setattr(volleys, "per_second_max", 500)
    monkeypatch.setattr(ingest, "per_second_max", 500)
    references.prepare(bed)
    with ingest.opened(bed) as subject:
        rates = subject.measure(1)
        assert subject.prove() == []
    assert rates["ingest_least"] > 0 < rates["ingest"]
