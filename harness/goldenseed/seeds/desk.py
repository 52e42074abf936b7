"""A sweep, or a library's page, that is decided on: what is picked is kept, tagged, made golden."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside
from goldenseed.core.names import SUITE_SUFFIX, seed_id
from goldenseed.reporting.words import count_of
from goldenseed.review.decisions import CaseDecision, Marked, Place, SeedSaid
from goldenseed.review.desk import Applied, Done
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.seeds.entry import read_seed
from goldenseed.seeds.page import LIBRARY, is_of_library

if TYPE_CHECKING:
    from goldenseed.seeds.library import Found, Library

_NOTHING: Final = SeedSaid()


def is_picked_from(record: RunRecord) -> bool:
    """Say whether images of a run are picked, not judged: those of a sweep or of a library."""
    return is_of_library(record) or (record.verb is not None and record.verb.name == "sweep")


@dataclass(frozen=True)
class SeedDesk:
    """Where what is picked goes into a library of seeds, and out of it, and into suites."""

    record: RunRecord
    folder: Path
    by: str
    library: str
    reports: Path
    baselines: Path
    here: Path
    """The project's root: suite files that are written lie in it."""

    def apply(
        self,
        decided: Sequence[Marked],
        *,
        overruling: Collection[Place] = (),  # noqa: ARG002 - nothing was rejected for ever
        guard: Callable[[], None] = lambda: None,
    ) -> Applied:
        """Keep what is accepted, with what is said of it; take out of the library what is rejected.

        The library is changed whole or not at all. A seed with a suite comes alone: it is made
        again then, and its image accepted if it comes bit for bit.

        Raises:
            GoldenseedError: one of them cannot be.

        """
        suites = {each.case.id: _suite(each, self.here) for each in decided}
        if len(decided) > 1 and any(suites.values()):
            raise GoldenseedError("seeds are made golden one by one")  # what is made stays made
        with self._open(writing=True) as library:
            guard()
            done = [Done(rejects=_drops(each), words=self._keep(library, each)) for each in decided]
        for index, each in enumerate(decided):
            suite = suites[each.case.id]
            if suite is not None:
                done[index] = Done(rejects=False, words=self._make_golden(each, suite))
        return Applied(tuple(done))

    def decided(self) -> Iterator[CaseDecision]:
        """Yield nothing: a page's marks are its reader's, and what is kept the library says."""
        yield from ()

    def watched(self, case: CaseRecord) -> tuple[Path, ...]:  # noqa: ARG002 - as of `Deciding`
        """Return no file: the library's own transactions keep two apart."""
        return ()

    def standing(self, case: CaseRecord) -> str:
        """Say where the image is by now."""
        with self._open() as library:
            there = _in(library, _key(case)) is not None
        return f"it is {'' if there else 'not '}in {self.library}"

    def read_again(self) -> SeedDesk:
        """Return the same with the run's record as it is now."""
        return replace(self, record=load_run(self.folder))

    def _open(self, *, writing: bool = False) -> AbstractContextManager[Library]:
        from goldenseed.seeds.opening import opened

        place = self.record.options[LIBRARY] if is_of_library(self.record) else self.library
        return opened(place, writing=writing)

    def _keep(self, library: Library, marked: Marked) -> str:
        """Put in, change or take out one seed; return what became of it."""
        case, said = marked.case, marked.decision.seed or _NOTHING
        found = _in(library, _key(case))
        if _drops(marked):
            if found is not None:
                library.remove(found)
            return "taken out" if found else "was not there"
        new = found is None
        if found is None:
            if is_of_library(self.record):
                raise GoldenseedError(f"{case.id} is no longer there", path=library.place)
            found = self._added(library, case)
        tags = tuple(sorted({*found.seed.tags, *said.tags}))
        changes = {} if said.rating is None else {"rating": said.rating}
        kept = read_seed({**found.seed.model_dump(mode="json"), **changes, "tags": tags}, case.id)
        library.change(found, **{name: getattr(kept, name) for name in (*changes, "tags")})
        rated = "" if kept.rating is None else f", rated {kept.rating}"
        return f"{'added' if new else 'kept'} as {kept.id}: {', '.join(tags) or 'no tags'}{rated}"

    def _added(self, library: Library, case: CaseRecord) -> Found:
        from goldenseed.images.looks import PLAIN, plain_vector
        from goldenseed.seeds.making import of_case

        seed, image = of_case(self.record, self.folder, case)
        library.add(seed.model_copy(update={"made_by": self.by}), {PLAIN: plain_vector(image)})
        return library.named(seed.id)

    def _make_golden(self, marked: Marked, suite: Path) -> str:
        from goldenseed.seeds.promoting import make_golden

        with self._open() as library:
            seed = library.named(_key(marked.case)).seed
        case, _ = make_golden(
            seed,
            suite,
            f"seed-{seed.id}",
            reason=marked.decision.reason,
            by=self.by,
            reports=self.reports,
            baselines=self.baselines,
        )
        return f"golden: {case.id} of {suite.relative_to(self.here)}"


def outcome_of(applied: Sequence[Applied]) -> str:
    """Say what a review of seeds came to."""
    done = [each for every in applied for each in every.done]
    dropped = sum(each.rejects for each in done)
    golden = sum(each.words.startswith("golden") for each in done)
    kept = len(done) - dropped - golden
    return f"kept {count_of(kept, 'seed')}, took out {dropped:,}, made {golden:,} golden"


def _key(case: CaseRecord) -> str:
    return seed_id(case.recipe_sha256, case.pixels_sha256 or "")


def _in(library: Library, key: str) -> Found | None:
    try:
        return library.named(key)
    except GoldenseedError:
        return None


def _drops(marked: Marked) -> bool:
    return marked.decision.decision == "reject"


def _suite(marked: Marked, root: Path) -> Path | None:
    """Return the suite file that a seed becomes a case of; None if it does not."""
    said = marked.decision.seed
    if said is None or said.suite is None or _drops(marked):
        return None
    if not said.suite.endswith(SUITE_SUFFIX):
        raise GoldenseedError(f"{said.suite!r} is no suite file's name: they end in {SUITE_SUFFIX}")
    if not marked.decision.reason.strip():
        raise GoldenseedError("the reason is empty", fix="give one: others will ask for it later")
    return inside(root, said.suite)
