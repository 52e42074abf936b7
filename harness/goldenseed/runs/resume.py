"""Going on with a run that was cut short: what it made is taken over, if it is what was asked for.

Nothing is taken on trust: a case has to have the recipe and the environment that it would be made
in now, its image and trace have to be those that the record names, and its verdict is made anew by
the one judge, from the baselines and limits of now.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from goldenseed.core.elements import is_tensor
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.folder import RECORD, load_run
from goldenseed.runs.merge import part_of
from goldenseed.runs.named_files import link_files
from goldenseed.runs.provenance import Files, stored_files
from goldenseed.runs.record import CaseRecord, EnvironmentValue
from goldenseed.runs.shard_record import PartRecord
from goldenseed.runs.stored import Pictures, decoded_evidence, stored_trace
from goldenseed.verdict.evidence import Evidence
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.trace.written import WrittenPrompt

_RUN = re.compile(r"\d{8}T\d{6}Z-(?:[0-9a-f]{4}){1,2}")
LAST = "last"
"""What stands for the newest run that did not end."""
_KEPT = (
    *("profile", "environment_sha256", "in_force", "pixels_sha256", "width", "height", "mode"),
    *("returned", "trace", "trace_file", "layers_file", "warnings"),
    *("written", "flagged"),
)
"""What a record says of an image and its making, whatever it is judged by."""


class NotTakenError(GoldenseedError):
    """What an earlier run left of a case cannot be taken over; says why."""


@dataclass(frozen=True)
class TakenOver:
    """An image that an earlier run made: what ``goldenseed.runs.made.Made`` is of one just made."""

    stored: StoredRun
    case: CaseRecord
    recording: None = None
    layers: None = None

    @property
    def profile(self) -> str | None:
        """Where it was made."""
        return self.case.profile

    @property
    def written(self) -> WrittenPrompt | None:
        """The prompt that a model wrote for it, if one did."""
        return self.case.written

    @property
    def pixels_sha256(self) -> str:
        """The digest of the pixels, or the one of all elements."""
        return self.case.pixels_sha256 or ""

    @cached_property
    def _evidence(self) -> Evidence:
        return decoded_evidence(self.stored.record, self.stored.folder, self.case)

    @property
    def pictures(self) -> Iterator[tuple[str | None, Image]]:
        """Every picture, with its name where there are elements."""
        for each in self._evidence.parts:
            if not is_tensor(each.mode):
                name = each.name if self.case.elements else None
                yield name, cast("Image", each.image)

    @property
    def files(self) -> Files:
        """Every picture's file as it was returned, with its name where there are elements."""
        return stored_files(self.stored.folder, self.case)

    def evidence(self, _record: CaseRecord) -> Evidence:
        """Describe it; the record of the case as it is asked for now is of the same recipe."""
        return self._evidence

    def kept(
        self, folder: Path, _pictures: Pictures, **_accepted: tuple[str, bytes] | None
    ) -> dict[str, object]:
        """Link its files into a run's folder; return the record's fields on what was made.

        Its own are there: neither an accepted picture nor an accepted trace is copied.
        """
        case = self.case
        files = [each.file for each in case.elements] + [each.file for each in case.returned]
        image = case.image
        if case.elements:
            image = next((e.file for e in case.elements if not is_tensor(e.mode)), None)
        places = (image, case.trace_file, case.layers_file, *files)
        link_files(filter(None, places), self.stored.folder, folder)
        bare: dict[str, object] = {"verdict": None, "metrics": {}, "baseline": None}
        return {
            **{name: getattr(case, name) for name in _KEPT},
            "image": image,
            "elements": tuple(each.model_copy(update=bare) for each in case.elements),
            "part": case.part or self.stored.record.run_id,
            # What pytest's marks made of it came last, and the marks of now say their own.
            "remarks": case.remarks if case.xfail is None else case.remarks[:-1],
        }


@dataclass(frozen=True)
class Earlier:
    """Runs that were cut short and are gone on with, the newest first."""

    runs: tuple[StoredRun, ...] = ()
    _cases: Mapping[tuple[str, str], tuple[StoredRun, CaseRecord]] = field(default_factory=dict)

    @classmethod
    def of(cls, runs: tuple[StoredRun, ...]) -> Earlier:
        """Look up what these runs made; of a case that several have the newest result counts."""
        cases = {(c.path, c.id): (run, c) for run in reversed(runs) for c in run.record.cases}
        return cls(runs, cases)

    @property
    def parts(self) -> tuple[PartRecord, ...]:
        """The runs as the record of the one that goes on names them."""
        return tuple(part_of(run.record) for run in reversed(self.runs))

    def knows(self, path: str, case: str) -> bool:
        """Whether an earlier run has a result of the case."""
        return (path, case) in self._cases

    def taken(
        self,
        asked: CaseRecord,
        environment: Mapping[str, EnvironmentValue],
        *,
        trace: str,
        flagged: bool = False,
    ) -> TakenOver:
        """Return the image of a case that an earlier run made as it would be made now.

        Args:
            asked: the case before it runs: its recipe counts.
            environment: in which it would be made, the case's model loaded.
            trace: ``--golden-trace`` of now: ``on``, ``off`` or ``deep``.
            flagged: whether a safety checker has to have been asked.

        Raises:
            NotTakenError: nothing was left of it, it was made of another recipe or elsewhere, it
                is in error or was tried several times, or a file is not the recorded one.

        """
        stored, case = self._cases.get((asked.path, asked.id), (None, None))
        if stored is None or case is None:
            raise NotTakenError("no earlier run has it")
        why = _unfit(case, asked, trace)
        if why is None and flagged and case.flagged is None:
            why = "no safety checker was asked"
        if why is None and case.environment_sha256 != json_sha256(dict(environment)):
            why = "the environment is another now"
        if why is not None:
            raise NotTakenError(why)
        taken = TakenOver(stored, case)
        try:
            taken.evidence(asked)
            stored_trace(stored.folder, case)
            stored_files(stored.folder, case)
        except GoldenseedError as error:
            raise NotTakenError(error.what) from error
        return taken


def _unfit(case: CaseRecord, asked: CaseRecord, trace: str) -> str | None:
    """Say why the record alone rules out that the image is taken over."""
    if case.verdict is Verdict.ERROR or None in (case.pixels_sha256, case.profile):
        return "no image was made of it"
    if case.tries or case.retried:
        return "it was tried more than once"
    if case.recipe_sha256 != asked.recipe_sha256 or case.recipe != asked.recipe:
        return "its recipe is another now"
    traced = bool(case.trace_file), bool(case.layers_file)
    if traced != (trace != "off", trace == "deep"):
        return "its trace is not the one that is asked for"
    return None


def folder_of(reports: Path, name: str, shard: str | None) -> Path | None:
    """Find the folder of the run to go on with.

    Args:
        reports: the folder of the runs.
        name: a run's id or path; or ``last``: the newest run that did not end, of the same shard.
        shard: the shard of now, as ``2/8``; None of a session that is all there is.

    Raises:
        GoldenseedError: there is no such run, or it cannot be read. Of ``last`` none is no error.

    """
    if name == LAST:
        return _last(reports, shard)
    folder = Path(name) if (Path(name) / RECORD).is_file() else reports / name
    if not (folder / RECORD).is_file():
        raise GoldenseedError(
            f"no run {name!r} to go on with",
            path=folder,
            fix="name a run of the reports by its id, or say --golden-resume=last",
        )
    return folder.resolve()


def earlier_runs(folder: Path) -> Earlier:
    """Read a run and, beside it, those that it went on with, as far as they are still there.

    Raises ``GoldenseedError`` for one that cannot be read.
    """
    first = StoredRun(load_run(folder), folder)
    names = (each.run_id for each in reversed(first.record.parts))
    beside = (folder.parent / each for each in names)
    others = (StoredRun(load_run(each), each) for each in beside if (each / RECORD).is_file())
    return Earlier.of((first, *others))


def _last(reports: Path, shard: str | None) -> Path | None:
    """Return the newest session's run of that shard; None where it ended, or there is none."""
    names = reports.iterdir() if reports.is_dir() else ()
    for folder in sorted(names, reverse=True):
        if not _RUN.fullmatch(folder.name) or not (folder / RECORD).is_file():
            continue
        run = load_run(folder, results_only=True)
        merged = run.shard is None and any(part.shard for part in run.parts)
        if run.options.get("shard") == shard and run.verb is None and not merged:
            return None if run.complete else folder
    return None
