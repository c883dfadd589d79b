"""Real money is not taken on a database that may lose what it has committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tillkeeper.gateway import ConfigurationError
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops import embedded_postgres
from tillkeeper.ops.embedded_postgres import EmbeddedPostgres
from tillkeeper.settings import Settings
from tillkeeper.till import Till

LIVE = {
    "TILL_MODE": "live",
    "TILL_SECRET_KEY": "a secret that only this test knows",
    "TILL_PUBLIC_URL": "https://till.example",
    "STRIPE_SECRET_KEY": "sk_live_x",
    "STRIPE_WEBHOOK_SECRET": "whsec_x",
}


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run a server of one's own; yield its address."""
    postgres = EmbeddedPostgres(folder)
    with postgres:
        yield postgres.databases.owner_url("postgres")
    postgres.destroy()


async def start(address: str, **more: str) -> None:
    """Start as every process does, and end at once."""
    variables = LIVE | {"DATABASE_URL": address} | more
    till = await Till.open(Settings.model_validate(variables), secrets=Secrets(variables))
    await till.close()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_real_money_is_not_taken_where_a_commit_may_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setitem(embedded_postgres.SETTINGS, setting, "off")
    with server(tmp_path / "server") as address:
        with pytest.raises(ConfigurationError, match=f"{setting} off"):
            await start(address)
        await start(address, TILL_MODE="sandbox", STRIPE_SECRET_KEY="", STRIPE_WEBHOOK_SECRET="")


async def test_where_nothing_is_lost_it_is(tmp_path: Path) -> None:
    with server(tmp_path / "server") as address:
        await start(address)
