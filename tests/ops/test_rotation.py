"""A new secret takes its place in a file, and the one before it counts beside it for a while."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tillkeeper.gateway import Credential
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops.rotation import FileNotWrittenError, NotInFileError, plan

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(hours=24)
NAME = "STRIPE_WEBHOOK_SECRET"
WEBHOOK = Credential(name=NAME, where="there", overlaps=True)
KEY = Credential(name="STRIPE_SECRET_KEY", where="there")
OLD, NEW = "whsec_old", "whsec_new"


def files(folder: Path) -> dict[str, str]:
    (folder / "secret").write_text(f"{OLD}\n")
    (folder / "secret").chmod(0o640)
    return {
        f"{NAME}_FILE": str(folder / "secret"),
        f"{NAME}_PREVIOUS_FILE": str(folder / "previous"),
        f"{NAME}_PREVIOUS_UNTIL_FILE": str(folder / "until"),
    }


def test_both_count_until_the_grace_is_over_and_then_only_the_new_one(tmp_path: Path) -> None:
    environment = files(tmp_path)
    plan(WEBHOOK, NEW, until=UNTIL, environment=environment).carry_out()
    secrets = Secrets(environment)
    assert secrets.accepted(NAME, NOW) == [NEW, OLD]
    assert secrets.accepted(NAME, UNTIL) == [NEW]


def test_at_no_moment_in_between_is_the_present_one_refused(tmp_path: Path) -> None:
    environment = files(tmp_path)
    made = plan(WEBHOOK, NEW, until=UNTIL, environment=environment)
    for path, content in made.files:
        assert OLD in Secrets(environment).accepted(NAME, NOW)
        path.write_text(content)
    assert OLD in Secrets(environment).accepted(NAME, NOW)


def test_the_file_keeps_its_rights_and_new_ones_are_for_their_owner_alone(tmp_path: Path) -> None:
    plan(WEBHOOK, NEW, until=UNTIL, environment=files(tmp_path)).carry_out()
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"secret": 0o640, "previous": 0o600, "until": 0o600}


def test_a_secret_that_is_only_shown_to_others_has_no_previous_one(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk_test_old")
    made = plan(KEY, "sk_test_new", until=UNTIL, environment={"STRIPE_SECRET_KEY_FILE": str(file)})
    assert [path.name for path, _ in made.files] == ["key"]


def test_what_is_in_the_environment_is_changed_there_and_it_is_said_how() -> None:
    with pytest.raises(NotInFileError) as caught:
        plan(WEBHOOK, NEW, until=UNTIL, environment={NAME: OLD})
    assert f"{NAME}_PREVIOUS_UNTIL=2026-11-23T12:00:00.000Z" in caught.value.detail
    assert not [
        each for each in (OLD, NEW) if each in repr(caught.value) + caught.value.detail + caught.value.next_step
    ]


def test_without_a_file_for_the_previous_one_nothing_is_written(tmp_path: Path) -> None:
    environment = files(tmp_path)
    del environment[f"{NAME}_PREVIOUS_FILE"]
    with pytest.raises(NotInFileError):
        plan(WEBHOOK, NEW, until=UNTIL, environment=environment)
    assert (tmp_path / "secret").read_text().strip() == OLD


def test_a_folder_that_takes_no_files_is_said_and_the_secret_is_as_it_was() -> None:
    environment = {"STRIPE_SECRET_KEY_FILE": "/proc/self/status"}
    with pytest.raises(FileNotWrittenError):
        plan(KEY, NEW, until=UNTIL, environment=environment).carry_out()
