"""`till maintenance` keeps new payments waiting, and says so."""

from tests.cli.demo import Said, till


def maintenance(database_url: str, *words: str, **more: str) -> Said:
    return till("maintenance", *words, DATABASE_URL=database_url, TILL_SECRET_KEY="a secret of the tests", **more)


def test_maintenance_is_begun_shown_and_ended(database_url: str) -> None:
    assert maintenance(database_url, "status").stdout.strip() == "New payments are taken."
    begun = maintenance(database_url, "on", "--reason", "moving").stdout
    assert ("kept waiting" in begun, "(moving)" in begun) == (True, True)
    assert '"active": true' in maintenance(database_url, "status", "--json").stdout
    assert maintenance(database_url, "off").stdout.strip() == "New payments are taken."


def test_what_the_environment_keeps_is_said_to_be_kept_by_it(database_url: str) -> None:
    assert "MAINTENANCE_MODE is set" in maintenance(database_url, "off", MAINTENANCE_MODE="1").stdout
    assert "PAYMENTS_ENABLED is false" in maintenance(database_url, "status", PAYMENTS_ENABLED="false").stdout
    assert "New payments are taken" in maintenance(database_url, "status", PAYMENTS_ENABLED="true").stdout
