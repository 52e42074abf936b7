"""Libraries to test: a SQLite file, and a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from goldenseed.seeds.opening import opened
from kept_seeds import Open
from postgresql import postgresql


@pytest.fixture(scope="package")
def server() -> Iterator[str]:
    with postgresql() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """A new library of each kind, opened for writing by each call."""
    if request.param == "sqlite":
        return partial(opened, str(tmp_path / "seeds.sqlite"), writing=True)
    import psycopg

    address = request.getfixturevalue("server")
    name = f"library_{uuid4().hex}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return partial(opened, address.rpartition("/")[0] + f"/{name}", writing=True)
