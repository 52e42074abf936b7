"""A library is opened: its file or server found, its tables made, its version looked at."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from goldenseed.core.errors import GoldenseedError

try:
    import sqlalchemy as sa
except ImportError as error:
    raise GoldenseedError(
        f"a library of seeds needs what is not installed here: {error}",
        fix="pip install 'pytest-goldenseed[seeds]'",
    ) from error

from goldenseed.seeds.library import Library
from goldenseed.seeds.tables import INDEXES, LIBRARY, METADATA, VERSION

_BUSY_SECONDS: Final = 30
_LOCK: Final = 0x676F6C64
"""The number of the lock under which a server's tables are made."""


@contextmanager
def opened(place: str, *, writing: bool = False) -> Iterator[Library]:
    """Open the library in a SQLite file, or at a PostgreSQL server's address.

    All that is done until the end is done, or nothing. A file is made where there is none and
    ``writing``; a server's tables likewise.

    Raises:
        GoldenseedError: there is none, it is another program's, a newer release's, cannot be
            reached, read or written.

    """
    engine, shown = _engine(place, writing=writing)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite" and writing:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield Library(connection, shown, _prepare(connection, shown, writing=writing))
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise GoldenseedError(
            f"the library cannot be read or written: {reason}",
            path=shown,
            fix="see that the file or server is there and can be written; "
            "a server's password comes from PGPASSWORD or ~/.pgpass",
        ) from error
    finally:
        engine.dispose()


def _engine(place: str, *, writing: bool) -> tuple[sa.Engine, str]:
    if "://" not in place:
        path = Path(place)
        if not path.exists() and not writing:
            raise GoldenseedError(
                "there is no library of seeds", path=path, fix="goldenseed seeds add RUN makes it"
            )
        if path.exists() and not path.is_file():
            raise GoldenseedError("is no file", path=path, fix="name the library's file")
        url = sa.URL.create("sqlite", database=str(path))
        engine = sa.create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
        sa.event.listen(engine, "connect", _as_we_begin)
        return engine, str(path)
    try:
        url = sa.make_url(place)
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() != "postgresql":
            raise GoldenseedError(
                f"{url.get_backend_name()} is no kind of server that is known",
                fix="name a file, or postgresql://user@host/database",
            )
        shown = url.set(query={}).render_as_string(hide_password=True)
        if url.password or any("password" in key for key in url.query):
            raise GoldenseedError(
                "there is a password in the library's address",
                path=shown,
                fix="leave it out: it is taken from PGPASSWORD or ~/.pgpass",
            )
        return sa.create_engine(url), shown
    except ValueError:  # its text would quote the address
        raise GoldenseedError(
            "the library's address cannot be read", fix="postgresql://user@host:5432/database"
        ) from None
    except (sa.exc.ArgumentError, ImportError) as error:
        raise GoldenseedError(
            f"the library's address cannot be used: {error}",
            fix="postgresql://user@host/database; pip install 'pytest-goldenseed[seeds]'",
        ) from error


def _as_we_begin(connection: Any, _record: object) -> None:
    """Leave transactions to us: Python's module would begin none before tables are made."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _prepare(connection: sa.Connection, place: str, *, writing: bool) -> str:
    """Make the tables of a new library; refuse another program's and a newer release's.

    Return its token.
    """
    served = connection.dialect.name == "postgresql"
    if served and writing:  # two that begin a library at once wait for each other
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    tables = set(sa.inspect(connection).get_table_names())
    if LIBRARY.name not in tables:
        taken = sorted(tables & METADATA.tables.keys()) if served else sorted(tables)
        if not writing or taken:
            raise GoldenseedError(
                f"is another's database: it has the table {taken[0]}"
                if taken
                else "is no library of seeds",
                path=place,
                fix="name a database of its own with --library; goldenseed seeds add RUN makes one",
            )
        METADATA.create_all(connection, checkfirst=False)  # what bears a name of ours is an error
        connection.exec_driver_sql(INDEXES[connection.dialect.name])
        connection.execute(sa.insert(LIBRARY).values(version=VERSION, token=secrets.token_hex(16)))
    version, token = connection.execute(sa.select(LIBRARY.c.version, LIBRARY.c.token)).one()
    if version > VERSION:
        raise GoldenseedError(
            f"was written by a newer release: it has version {version}, and this one reads "
            f"{VERSION}",
            path=place,
            fix="use that release, or another library",
        )
    return str(token)
