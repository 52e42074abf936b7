"""The tables of a library, for SQLite and PostgreSQL alike, and their full-text index."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

VERSION: Final = 1
"""What the table ``goldenseed_library`` says; raised when an older release would be misled."""

METADATA: Final = sa.MetaData()

LIBRARY: Final = sa.Table(
    "goldenseed_library",
    METADATA,
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("token", sa.String(32), nullable=False),
)
"""One row. The token is drawn when the library is made: what is kept elsewhere of it goes by it."""

SEEDS: Final = sa.Table(
    "seeds",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(16), unique=True, nullable=False),
    sa.Column("recipe_sha256", sa.String(64), nullable=False),
    sa.Column("pixels_sha256", sa.String(64), nullable=False, index=True),
    sa.Column("seed", sa.Text, nullable=False, index=True),
    sa.Column("model", sa.Text, nullable=False, index=True),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("rating", sa.Integer, index=True),
    sa.Column("searchable", sa.Text, nullable=False),
    sa.Column("thumbnail", sa.LargeBinary, nullable=False),
    sa.Column("rest", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)
"""``rest`` is the seed as JSON without its thumbnail; the other columns are what is searched by."""

TAGS: Final = sa.Table(
    "tags",
    METADATA,
    sa.Column(
        "number", sa.Integer, sa.ForeignKey("seeds.number", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("tag", sa.Text, primary_key=True, index=True),
)

SCORES: Final = sa.Table(
    "scores",
    METADATA,
    sa.Column(
        "number", sa.Integer, sa.ForeignKey("seeds.number", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("name", sa.Text, primary_key=True, index=True),
    sa.Column("value", sa.Double, nullable=False),
)

VECTORS: Final = sa.Table(
    "vectors",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column(
        "number", sa.Integer, sa.ForeignKey("seeds.number", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
"""What images look like: little-endian float32 of length 1, by what made it."""

_IN_POSTGRESQL: Final = (
    "SELECT number, ts_rank(to_tsvector('simple', seeds.searchable), wanted) AS relevance"
    " FROM seeds, to_tsquery('simple', :query) AS wanted"
    " WHERE to_tsvector('simple', seeds.searchable) @@ wanted"
)
INDEXES: Final = {
    "sqlite": "CREATE VIRTUAL TABLE words USING fts5("
    "searchable, content='', tokenize='unicode61 remove_diacritics 0')",
    "postgresql": "CREATE INDEX words ON seeds USING gin (to_tsvector('simple', searchable))",
}


def enter_words(connection: sa.Connection, number: int, text: str) -> None:
    """Enter a new seed's text into the index, where the database does not do so itself."""
    if connection.dialect.name == "sqlite":
        statement = "INSERT INTO words (rowid, searchable) VALUES (:number, :text)"
        connection.execute(sa.text(statement), {"number": number, "text": text})


def take_out_words(connection: sa.Connection, number: int, text: str) -> None:
    """Take a seed's text out of the index; SQLite's has to be told what it was."""
    if connection.dialect.name == "sqlite":
        statement = "INSERT INTO words (words, rowid, searchable) VALUES ('delete', :number, :text)"
        connection.execute(sa.text(statement), {"number": number, "text": text})


def matching(dialect: str, wanted: list[list[str]], *, every: bool) -> tuple[Any, Any]:
    """Return a selectable of ``number`` and ``relevance`` (the higher the better), and its number.

    Args:
        dialect: ``sqlite`` or ``postgresql``.
        wanted: phrases, as of ``goldenseed.seeds.words.phrases``; at least one.
        every: whether each phrase has to be there, or any.

    """
    if dialect == "sqlite":
        query = (" AND " if every else " OR ").join(f'"{" ".join(each)}"' for each in wanted)
        found = sa.text(
            "SELECT rowid AS number, -rank AS relevance FROM words WHERE words MATCH :query"
        )
    else:
        query = (" & " if every else " | ").join(f"({' <-> '.join(each)})" for each in wanted)
        found = sa.text(_IN_POSTGRESQL)
    bound = found.bindparams(query=query)
    selected = bound.columns(sa.column("number", sa.Integer), sa.column("relevance", sa.Float))
    table = selected.subquery("matching")
    return table, table.c.number
