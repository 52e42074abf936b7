"""The images of a sweep made one after the other, scored, and kept as a run that can go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.content.scores import SCORES, Scene, plain_scores, value_of
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside
from goldenseed.runs.scoring import with_content
from goldenseed.tools.probe.child import Maker

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.backends.protocol import Backend
    from goldenseed.runs.folder import RunWriter
    from goldenseed.runs.made import Made
    from goldenseed.runs.record import CaseRecord
    from goldenseed.suite.cases import Case, Limit
    from goldenseed.tools.sweep.grid import Grid


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
        for name, model in self.models.items():
            values.setdefault(name, value_of(SCORES[name], Scene(seen[0][1], text, model)))
        return record.model_copy(update={"content": values})


@dataclass
class Sweep:
    """A sweep under way."""

    grid: Grid
    scoring: Scoring
    writer: RunWriter
    backend: Backend
    enough: int | None = None
    """How many kept images end it."""
    tell: Callable[[str], None] = lambda _: None
    _failed: int = 0

    def run(
        self, done: Mapping[str, CaseRecord], watched: Callable[[Grid], Iterable[Case]]
    ) -> None:
        """Make every image that is not among ``done``; no more than one is held at a time.

        Raises:
            GoldenseedError: the first three images all failed, with the reason of the last.

        """
        kept = sum(is_kept(each) for each in done.values())
        maker = Maker(self.writer.folder, self.backend)
        for case in watched(self.grid):
            if self.enough is not None and kept >= self.enough:
                return
            if case.id in done:
                continue
            known = len(maker.environments)
            record = maker.make(case, case, self._looked_at)
            for environment in maker.environments[known:]:
                self.writer.add_environment(record.profile, dict(environment))
            self.writer.add(record)
            kept += is_kept(record)
            self._check_failures(record, made=known + len(done))

    def _looked_at(self, record: CaseRecord, made: Made) -> CaseRecord:
        return self.scoring.scored(record, made.pictures)

    def _check_failures(self, record: CaseRecord, *, made: int) -> None:
        """Give up where nothing comes of any: the reason is the same each time."""
        if record.error is None:
            return
        self._failed += 1
        self.tell(f"{record.id}: {record.error}")
        if not made and self._failed >= _HOPELESS:
            raise GoldenseedError(
                f"none of the first {self._failed} images could be made: {record.error}"
            )


def is_kept(record: CaseRecord) -> bool:
    """Whether there is an image, and every limit holds."""
    return record.error is None and not record.breaks_content


_HOPELESS = 3


def done_so_far(records: Iterable[CaseRecord], folder: Path) -> dict[str, CaseRecord]:
    """Return the records of images that are there, by their cases' ids."""
    return {
        each.id: each
        for each in records
        if each.error is None and each.image and inside(folder, each.image).is_file()
    }


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


def ended(writer: RunWriter, *, complete: bool) -> None:
    """Fold the journal into the record."""
    writer.finish(finished=datetime.now(UTC), complete=complete)
