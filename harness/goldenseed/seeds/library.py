"""The library's file or server: what is put in, changed, taken out and looked up."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from goldenseed.core.errors import GoldenseedError
from goldenseed.seeds.entry import ID_LENGTH, Seed, read_seed
from goldenseed.seeds.tables import (
    SCORES,
    SEEDS,
    TAGS,
    VECTORS,
    enter_words,
    matching,
    take_out_words,
)
from goldenseed.seeds.wanted import Wanted, conditions
from goldenseed.seeds.words import phrases, searchable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SHORTEST: Final = 4
"""Digits of an id that name a seed."""
_AT_ONCE: Final = 500
"""Numbers in one query; SQLite has a limit on its variables."""


@dataclass(frozen=True, slots=True)
class Found:
    """A seed that was found."""

    number: int
    """In this library."""
    seed: Seed
    relevance: float | None = None
    """The higher the better: of the words, or the likeness; None where only filters were given."""


class Library:
    """An open library; ``goldenseed.seeds.opening`` makes one."""

    def __init__(self, connection: sa.Connection, place: str, token: str) -> None:
        self._connection = connection
        self.place = place
        """Its file or address, without a password."""
        self.token = token
        """What no other library has."""

    def add(self, seed: Seed, vectors: Mapping[str, npt.NDArray[np.float32]]) -> bool:
        """Put a seed in, with what it looks like; return whether it is new.

        Of one that is there already, what ``seed`` says in addition is kept beside it.
        """
        row = self._row(seed.id)
        if row is None:
            number = self._insert(seed)
        else:
            number = row.number
            self._rewrite(number, row.searchable, self._read(row).with_what_is_new(seed))
        for kind, vector in vectors.items():
            self._connection.execute(
                sa.delete(VECTORS).where(VECTORS.c.kind == kind, VECTORS.c.number == number)
            )
            data = vector.astype("<f4").tobytes()
            self._connection.execute(sa.insert(VECTORS).values(kind=kind, number=number, data=data))
        return row is None

    def change(self, found: Found, **changes: object) -> Seed:
        """Change what people say of a seed: tags, rating, licence, note; return it as it is now."""
        seed = found.seed.changed(**changes)
        self._rewrite(found.number, self._row(seed.id).searchable, seed)
        return seed

    def remove(self, found: Found) -> None:
        """Take a seed out, with its vectors, tags and scores."""
        take_out_words(self._connection, found.number, self._row(found.seed.id).searchable)
        for table in (TAGS, SCORES, VECTORS, SEEDS):
            self._connection.execute(sa.delete(table).where(table.c.number == found.number))

    def named(self, beginning: str) -> Found:
        """Return the seed whose id begins so.

        Raises:
            GoldenseedError: there is none, or several.

        """
        hexadecimal = set(beginning) <= set("0123456789abcdef")
        if not hexadecimal or not _SHORTEST <= len(beginning) <= ID_LENGTH:
            raise GoldenseedError(
                f"{beginning!r} is no id: they have {ID_LENGTH} digits of 0-9a-f",
                path=self.place,
                fix=f"name a seed by its first {_SHORTEST} digits or more: goldenseed seeds search",
            )
        query = sa.select(SEEDS).where(SEEDS.c.id.startswith(beginning)).limit(2)
        rows = self._connection.execute(query).all()
        if len(rows) != 1:
            what = "no seed's id begins" if not rows else "several seeds' ids begin"
            raise GoldenseedError(
                f"{what} with {beginning}", path=self.place, fix="goldenseed seeds search"
            )
        return Found(rows[0].number, self._read(rows[0]))

    def count(self) -> int:
        """Return how many seeds there are."""
        return int(
            self._connection.execute(sa.select(sa.func.count()).select_from(SEEDS)).scalar_one()
        )

    def search(self, wanted: Wanted, *, limit: int, every: bool = True) -> list[Found]:
        """Return at most ``limit`` seeds that hold all that is wanted, the most relevant first.

        Without words the newest come first. Unless ``every``, any of the words is enough.
        """
        found, relevance = self._matching(wanted, every=every)
        if relevance is not None and wanted == Wanted(words=wanted.words):
            # The words alone: the index itself knows the best, and the seeds need not be read.
            best = sa.select(relevance.table).order_by(relevance.desc()).limit(limit)
            return list(self.numbered(_pairs(self._connection.execute(best).all())))
        order = [SEEDS.c.number.desc()]
        if relevance is not None:
            order.insert(0, relevance.desc())
        numbers = self._connection.execute(found.order_by(*order).limit(limit)).all()
        return list(self.numbered(_pairs(numbers)))

    def numbers(self, wanted: Wanted) -> list[int]:
        """Return the numbers of all seeds that hold what is wanted, the oldest first."""
        found, _ = self._matching(wanted, every=True)
        query = found.with_only_columns(SEEDS.c.number).order_by(SEEDS.c.number)
        return list(self._connection.execute(query).scalars())

    def numbered(self, relevances: Iterable[tuple[int, float | None]]) -> Iterator[Found]:
        """Yield the seeds of these numbers in this order, with their relevances."""
        pairs = iter(relevances)
        while wanted := dict(islice(pairs, _AT_ONCE)):
            query = sa.select(SEEDS).where(SEEDS.c.number.in_(list(wanted)))
            rows = {row.number: row for row in self._connection.execute(query)}
            for number, relevance in wanted.items():
                if number in rows:
                    yield Found(number, self._read(rows[number]), relevance)

    def vectors(self, kind: str, after: int) -> Iterator[tuple[int, bytes]]:
        """Yield number and vector of what is of a kind and has a higher number, in its order."""
        query = (
            sa.select(VECTORS.c.number, VECTORS.c.data)
            .where(VECTORS.c.kind == kind, VECTORS.c.number > after)
            .order_by(VECTORS.c.number)
        )
        for row in self._connection.execute(query.execution_options(yield_per=1000)):
            yield row.number, row.data

    def vector(self, kind: str, found: Found) -> npt.NDArray[np.float32]:
        """Return what a seed's image looks like.

        Raises:
            GoldenseedError: nothing of this kind is kept of it.

        """
        import numpy as np

        query = sa.select(VECTORS.c.data).where(
            VECTORS.c.kind == kind, VECTORS.c.number == found.number
        )
        data = self._connection.execute(query).scalar_one_or_none()
        if data is None:
            raise GoldenseedError(
                f"nothing is known of what {found.seed.id} looks like by {kind}",
                path=self.place,
                fix="add the seed again from its run, with --clip where that is meant",
            )
        return np.frombuffer(data, "<f4")

    def looks(self, found: Found) -> dict[str, bytes]:
        """Return all that is known of what a seed's image looks like, by kind."""
        query = sa.select(VECTORS.c.kind, VECTORS.c.data).where(VECTORS.c.number == found.number)
        return {row.kind: row.data for row in self._connection.execute(query)}

    def numbers_of_kind(self, kind: str) -> list[int]:
        """Return the numbers of all seeds that have a vector of a kind."""
        query = sa.select(VECTORS.c.number).where(VECTORS.c.kind == kind)
        return list(self._connection.execute(query).scalars())

    def kinds(self) -> dict[str, int]:
        """Return how many vectors there are of each kind."""
        query = sa.select(VECTORS.c.kind, sa.func.count().label("held")).group_by(VECTORS.c.kind)
        return {row.kind: row.held for row in self._connection.execute(query)}

    def _matching(self, wanted: Wanted, *, every: bool) -> tuple[Any, Any]:
        """Return the query for numbers and relevances, and the relevance to order by."""
        query = sa.select(SEEDS.c.number, sa.null().label("relevance"))
        relevance = None
        if wanted.words:
            asked = phrases(wanted.words)
            if not asked:
                raise GoldenseedError(f"there is no word in {wanted.words!r}")
            table, number = matching(self._connection.dialect.name, asked, every=every)
            query = sa.select(SEEDS.c.number, table.c.relevance).join(
                table, number == SEEDS.c.number
            )
            relevance = table.c.relevance
        return query.where(*conditions(wanted)), relevance

    def _read(self, row: Any) -> Seed:
        thumbnail = base64.b64encode(row.thumbnail).decode()
        return read_seed(
            {**json.loads(row.rest), "thumbnail": thumbnail}, f"{self.place}: {row.id}"
        )

    def _row(self, seed_id: str) -> Any:
        return self._connection.execute(sa.select(SEEDS).where(SEEDS.c.id == seed_id)).first()

    def _insert(self, seed: Seed) -> int:
        inserted = self._connection.execute(sa.insert(SEEDS).values(**_columns(seed)))
        number: int = next(iter(inserted.inserted_primary_key or ()))
        enter_words(self._connection, number, _words(seed))
        self._enter_details(number, seed)
        return number

    def _rewrite(self, number: int, before: str, seed: Seed) -> None:
        take_out_words(self._connection, number, before)
        self._connection.execute(
            sa.update(SEEDS).where(SEEDS.c.number == number).values(**_columns(seed))
        )
        enter_words(self._connection, number, _words(seed))
        for table in (TAGS, SCORES):
            self._connection.execute(sa.delete(table).where(table.c.number == number))
        self._enter_details(number, seed)

    def _enter_details(self, number: int, seed: Seed) -> None:
        tags = [{"number": number, "tag": tag} for tag in dict.fromkeys(seed.tags)]
        scores = [{"number": number, "name": n, "value": v} for n, v in seed.scores.items()]
        for table, rows in ((TAGS, tags), (SCORES, scores)):
            if rows:
                self._connection.execute(sa.insert(table), rows)


def _columns(seed: Seed) -> dict[str, Any]:
    return {
        "id": seed.id,
        "recipe_sha256": seed.recipe_sha256,
        "pixels_sha256": seed.pixels_sha256,
        "seed": seed.seed,
        "model": seed.model,
        "width": seed.width,
        "height": seed.height,
        "rating": seed.rating,
        "searchable": _words(seed),
        "thumbnail": seed.picture,
        "rest": json.dumps(seed.model_dump(mode="json", exclude={"thumbnail"})),
    }


def _words(seed: Seed) -> str:
    return searchable(seed.prompt, *seed.tags, seed.note).replace("\x00", " ")


def _pairs(rows: Iterable[Any]) -> Iterator[tuple[int, float | None]]:
    return ((row[0], row[1]) for row in rows)
