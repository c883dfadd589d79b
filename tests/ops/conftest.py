"""What the tests of `till bench` stand on."""

from pathlib import Path

import pytest
from tests.ops.ground import SECRET

from tillkeeper.ops.bench.ground import Ground
from tillkeeper.ops.embedded_postgres import Databases


@pytest.fixture
def bed(databases: Databases, database: str, owner_url: str, database_url: str, tmp_path: Path) -> Ground:
    """Stand on the test's own database."""
    del database
    return Ground(
        folder=tmp_path,
        binaries=databases.binaries,
        owner_url=owner_url,
        app_url=database_url,
        postgres=None,
        secret=SECRET,
        port=1,
    )
