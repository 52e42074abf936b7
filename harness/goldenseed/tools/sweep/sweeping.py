"""The images of a sweep made one after the other, scored, and kept as a run that can go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from goldenseed.content.scores import OFFERS, Scene, plain_scores, value_of
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside
from goldenseed.runs.scoring import with_content
from goldenseed.tools.probe.child import Maker

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.backends.protocol import Backend
    from goldenseed.runs.folder import RunWriter
    from goldenseed.runs.made import Made
    from goldenseed.runs.record import CaseRecord, EnvironmentValue
    from goldenseed.suite.cases import Case, Limit
    from goldenseed.tools.sweep.grid import Grid, Point

    Environment = Mapping[str, EnvironmentValue]


@dataclass(frozen=True, slots=True)
class Tried:
    """One image of a sweep, as much as is remembered of it."""

    id: str
    seed: int
    image: str
    """Its file in the run's folder."""
    pixels_sha256: str
    scores: Mapping[str, float]
    kept: bool
    """Whether it holds every limit."""
    axes: Mapping[str, object] = field(default_factory=dict)
    group: int | None = None
    """Among the kept, which of the groups of images that look alike; the largest is 0."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """What is measured of each image, and within which limits it is kept."""

    limits: Mapping[str, Limit]
    models: Mapping[str, Path] = field(default_factory=dict)
    """Of scores that need a model: the folder by the score's name."""
    others: tuple[str, ...] = ()
    """Scores that are wanted besides: to rank by."""

    def scored(
        self, record: CaseRecord, pictures: Iterable[tuple[str | None, Image]]
    ) -> CaseRecord:
        """Return the record with every score, and a reason for each limit that does not hold."""
        seen = list(pictures)
        prompt = record.recipe.get("prompt")
        text = (
            record.written.text if record.written else prompt if isinstance(prompt, str) else None
        )
        record = with_content(record, seen, text, self.limits)
        if len(seen) != 1:
            return record
        values = {**plain_scores(Scene(seen[0][1], text)), **record.content}
        for name in (*self.models, *self.others):
            if name not in values:
                scene = Scene(seen[0][1], text, self.models.get(name))
                values[name] = value_of(OFFERS.find(name), scene)
        return record.model_copy(update={"content": values})


class Making(Protocol):
    """Makes images, here or elsewhere."""

    def made(self, points: Iterable[Point]) -> Iterator[tuple[CaseRecord, Sequence[Environment]]]:
        """Yield the record of each image in the order of ``points``.

        With it come environments in which it is the first to be made.
        """


@dataclass
class Here:
    """Makes images in this process, one at a time."""

    case: Case
    """The one that is swept."""
    scoring: Scoring
    folder: Path
    """The run's."""
    backend: Backend

    def __post_init__(self) -> None:
        """Begin."""
        self._maker = Maker(self.folder, self.backend)

    def made(self, points: Iterable[Point]) -> Iterator[tuple[CaseRecord, Sequence[Environment]]]:
        """Make each image when it is asked for."""
        for point in points:
            known, case = len(self._maker.environments), point.of(self.case)
            record = self._maker.make(case, case, self._looked_at)
            yield record, self._maker.environments[known:]

    def _looked_at(self, record: CaseRecord, made: Made) -> CaseRecord:
        return self.scoring.scored(record, made.pictures)


@dataclass
class Sweep:
    """A sweep under way."""

    grid: Grid
    writer: RunWriter
    making: Making
    enough: int | None = None
    """How many kept images end it."""
    tell: Callable[[str], None] = lambda _: None

    def run(
        self, done: Mapping[str, CaseRecord], watched: Callable[[Grid], Iterable[Point]]
    ) -> None:
        """Make every image that is not among ``done``, and keep each record before the next.

        Raises:
            GoldenseedError: the first three images all failed, with the reason of the last.

        """
        kept, failed, anything = sum(is_kept(each) for each in done.values()), 0, bool(done)
        points = (each for each in watched(self.grid) if each.id not in done)
        made = self.making.made(points)
        while self.enough is None or kept < self.enough:
            record, environments = next(made, (None, ()))
            if record is None:
                return
            for environment in environments:
                self.writer.add_environment(record.profile, dict(environment))
            self.writer.add(record)
            kept += is_kept(record)
            if record.error is None:
                anything = True
                continue
            failed += 1
            self.tell(f"{record.id}: {record.error}")
            if not anything and failed >= _HOPELESS:  # the reason is the same each time
                raise GoldenseedError(
                    f"none of the first {failed} images could be made: {record.error}"
                )


def is_kept(record: CaseRecord) -> bool:
    """Whether there is an image, and every limit holds."""
    return record.error is None and not record.breaks_content


_HOPELESS = 3


def is_there(record: CaseRecord, folder: Path) -> bool:
    """Whether the image of a record of the run in ``folder`` was made and is there still."""
    image = record.image
    return record.error is None and image is not None and inside(folder, image).is_file()


def in_order(records: Iterable[CaseRecord], grid: Iterable[Point]) -> tuple[CaseRecord, ...]:
    """Return the records as the sweep goes through them; what went on may have made them otherwise.

    No further than the last of them is gone through.
    """
    by_id = {each.id: each for each in records}
    found = (by_id[point.id] for point in grid if point.id in by_id)
    return tuple(islice(found, len(by_id)))


def tried(records: Iterable[CaseRecord], grid: Grid) -> Iterator[Tried]:
    """Yield what a sweep made, of records of single images."""
    for each in records:
        if each.image is None or each.pixels_sha256 is None or each.error is not None:
            continue
        call = each.recipe.get("call")
        axes = {name: call.get(name) for name in grid.axes} if isinstance(call, dict) else {}
        seed = each.recipe.get("seed")
        yield Tried(
            id=each.id,
            seed=seed if isinstance(seed, int) else -1,
            image=each.image,
            pixels_sha256=each.pixels_sha256,
            scores=each.content,
            kept=is_kept(each),
            axes=axes,
        )


def ranked(found: Iterable[Tried], by: str | None) -> list[Tried]:
    """Return the kept ones, the best first by ``max_NAME`` or ``min_NAME``; else as they came.

    Raises:
        GoldenseedError: none has the score.

    """
    kept = [each for each in found if each.kept]
    if by is None:
        return kept
    direction, _, name = by.partition("_")
    scored = [each for each in kept if name in each.scores]
    if kept and not scored:
        known = sorted({score for each in kept for score in each.scores})
        raise GoldenseedError(f"no image has a {name}", fix=f"there are {', '.join(known)}")
    return sorted(scored, key=lambda each: each.scores[name], reverse=direction == "max")
