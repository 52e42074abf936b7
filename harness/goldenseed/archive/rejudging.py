"""One case of an archive judged again, from its pixels, its suite and the archived baselines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.archive.contents import Contents
from goldenseed.baselines.store import BaselineStore
from goldenseed.content.provenance import needs_c2pa
from goldenseed.content.scores import parse_limit_name
from goldenseed.core.elements import is_tensor
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.core.names import SUITE_SUFFIX
from goldenseed.images.gates import parse_gate
from goldenseed.images.metrics import look_up
from goldenseed.images.weights import check_extra
from goldenseed.reporting.words import name_of
from goldenseed.runs.candidates import candidates_of
from goldenseed.runs.inputs import names_cases, with_accepted_inputs
from goldenseed.runs.judging import judged_fields
from goldenseed.runs.made import limits_of, mask_for, pending
from goldenseed.runs.parts import MaskUsed
from goldenseed.runs.provenance import stored_files, with_provenance
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.scoring import with_content
from goldenseed.runs.stored import NamedPictures, stored_mask
from goldenseed.runs.tries import together
from goldenseed.suite.cases import Case, Limit
from goldenseed.suite.masking import MaskSpec
from goldenseed.suite.recipes import recipe_sha256
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.verdict.evidence import Evidence, reference_to
from goldenseed.verdict.judge import judge
from goldenseed.verdict.model import PASSING, Verdict, passing

if TYPE_CHECKING:
    from PIL.Image import Image

_AFTER = "run_failed"
"""The code of the reason that pytest adds to a case whose test failed all the same."""
_HEAVY = "learned"
"""The extra of what needs torch and weights, which verifying never loads."""
_DTYPE = re.compile(r"tolerance \((\w+)[,)]")
_LISTED = 5

Told = tuple[str, str]
"""The code of a finding, and a sentence."""


@dataclass
class Rejudging:
    """Judges the cases of one archived run again; writes nothing."""

    run: RunRecord
    folder: Path
    store: BaselineStore
    contents: Contents
    unchecked: dict[str, str] = field(default_factory=dict)
    """Cases that could not be judged again, each with why."""
    attested: list[str] = field(default_factory=list)
    """Cases of which nothing but the record tells what happened: no image was made."""
    tests: list[str] = field(default_factory=list)
    """Images of ordinary tests, whose recipe and gates stand in no suite."""

    def notes(self) -> Iterator[str]:
        """Say what was shown and what was not."""
        judged = len(self.run.cases) - len(self.unchecked) - len(self.attested)
        yield f"{judged:,} of {len(self.run.cases):,} cases were judged again from their images"
        if self.attested:
            none = first_of(self.attested, _LISTED)
            yield f"no image was made of {none}: the record's word alone"
        if self.tests:
            yield (
                f"recipe and gates of {first_of(self.tests, _LISTED)} are those of a test's code: "
                "the record's word alone"
            )
        for why in dict.fromkeys(self.unchecked.values()):
            names = [name for name, each in self.unchecked.items() if each == why]
            yield f"not judged again: {first_of(names, _LISTED)}: {why}"

    def told(self, record: CaseRecord) -> Iterator[Told]:
        """Say what is wrong with a record by itself and beside its files."""
        yield from _passes_by_tries(record)
        yield from _trace(record, self.run.options)
        if record.pixels_sha256 is not None:
            yield from self._kept(record)
        elif recipe_sha256(record.recipe) != record.recipe_sha256:
            yield "recipe_differs", "its recipe is not the one that its recipe_sha256 stands for"

    def again(self, record: CaseRecord, case: Case | None) -> CaseRecord:
        """Return the record as it ought to be.

        What cannot be found again (times, what was in force, why nothing was made) is as stated.
        ``case`` is the suite's; None for the image of a test. Raises GoldenseedError where the
        image or what it was held against cannot be read.
        """
        name = name_of(record)
        asked = self._asked(record, case)
        if case is None and not record.path.endswith(SUITE_SUFFIX):
            self.tests.append(name)
        if record.pixels_sha256 is None:
            self.attested.append(name)
            return _without_image(asked)
        reason = unmeasurable(record, case)
        if reason is not None:
            self.unchecked[name] = reason
            return asked
        if record.verdict is Verdict.ERROR:
            self.attested.append(name)
            return asked.model_copy(update={"passed": False})
        return self._judged(asked, case)

    def _asked(self, record: CaseRecord, case: Case | None) -> CaseRecord:
        """Return the record with all that its suite decides."""
        if case is None:
            return record.model_copy(update={"recipe_sha256": recipe_sha256(record.recipe)})
        if names_cases(case.inputs) and record.profile is not None:
            case = with_accepted_inputs(case, self.store, record.profile)
        wanted = pending(case, record.path)
        if wanted.error is not None and record.verdict is not Verdict.ERROR:
            raise GoldenseedError(wanted.error, path=case.suite.path)
        decided = (
            *("id", "suite", "path", "line", "alternatives", "limits", "limit_sources"),
            *(() if wanted.error else ("recipe", "recipe_sha256")),
        )
        return record.model_copy(update={each: getattr(wanted, each) for each in decided})

    def _kept(self, record: CaseRecord) -> Iterator[Told]:
        """Hold image, size, trace and profile against each other, as accepting them would."""
        try:
            (candidate,) = candidates_of(self.run, self.folder, [record])
            self.contents.check(candidate)
        except GoldenseedError as error:
            yield "evidence_differs", error.what
        inputs = {each.sha256 for each in record.inputs}
        named = set(_digests(record.recipe.get("inputs")))
        if inputs != named:
            yield "inputs_differ", "the inputs on record are not those that the recipe names"

    def _judged(self, asked: CaseRecord, case: Case | None) -> CaseRecord:
        now = self.contents.evidence(self.run, self.folder, asked)
        pictures = NamedPictures()
        mask, masked = self._mask(asked, case, now, pictures)
        limits = {
            gate: Limit(value, asked.limit_sources.get(gate, "suite"))
            for gate, value in asked.limits.items()
        }
        profile = asked.profile or "unknown"
        judgement = judge(
            now,
            reference_to(self.store, self.store.entry(asked.suite, asked.id), profile),
            limits=limits_of(case) if case else limits,
            tolerance=assumed_tolerance(case.model.dtype if case else _dtype(asked), profile),
            mask=mask,
        )
        bare = [
            each.model_copy(update={"verdict": None, "metrics": {}, "baseline": None})
            for each in asked.elements
        ]
        fields = judged_fields(now, judgement, pictures, bare)
        options = self.run.options
        enough = passing(options.get("require", PASSING[-1])).intersection(PASSING)
        fields |= {"passed": judgement.verdict in enough, "masked": masked, "error": None}
        found = asked.model_copy(update={"elements": tuple(bare), **fields})
        found = _scored(found, case, now)
        if case is not None and case.provenance:
            found = with_provenance(found, stored_files(self.folder, asked), case.provenance)
        else:
            found = found.model_copy(update={"provenance": None})
        after = tuple(each for each in asked.reasons if each.code == _AFTER)
        update: dict[str, object] = {
            "reasons": (*found.reasons, *after),
            "passed": found.passed and not after,
        }
        return found.model_copy(update=update)

    def _mask(
        self, asked: CaseRecord, case: Case | None, now: Evidence, pictures: NamedPictures
    ) -> tuple[Image | None, MaskUsed | None]:
        from goldenseed.core.pixels import pixels_sha256

        if case is None:
            return stored_mask(self.folder, asked), asked.masked
        picture = next((each.size for each in now.parts if not is_tensor(each.mode)), None)
        mask = None if picture is None else mask_for(picture, case.mask)
        if mask is None or not isinstance(case.mask, MaskSpec):
            return None, None
        place = pictures.keep(mask, pixels_sha256(mask))
        return mask, MaskUsed(source=case.mask.source, ignore=case.mask.ignore, image=place)


def _without_image(record: CaseRecord) -> CaseRecord:
    """Return what a record may say of a case of which there is no image: that it failed."""
    nothing = dict.fromkeys(("image", "width", "height", "mode", "baseline", "difference"))
    update: dict[str, object] = {
        **nothing,
        "verdict": Verdict.ERROR,
        "passed": False,
        "metrics": {},
        "content": {},
    }
    return record.model_copy(update=update)


def _scored(record: CaseRecord, case: Case | None, now: Evidence) -> CaseRecord:
    """Score the images by themselves again; of a test by the limits on record."""
    limits: Mapping[str, Limit] = (
        case.content if case else {k: Limit(v, "test") for k, v in record.content_limits.items()}
    )
    prompt = record.recipe.get("prompt")
    text = case.text if case else prompt if isinstance(prompt, str) else None
    text = record.written.text if record.written else text
    pictures = ((each.name, each.image) for each in now.parts if each.image is not None)
    empty = record.model_copy(update={"content": {}, "content_limits": {}})
    return with_content(empty, pictures, text, limits)


def unmeasurable(record: CaseRecord, case: Case | None) -> str | None:
    """Say which metric or score cannot be had here, or only with a network's weights."""
    try:
        for gate in record.limits:
            metric = look_up(parse_gate(gate).metric)
            if metric.extra == _HEAVY:
                return f"the metric {metric.name} needs torch and weights"
            check_extra(f"the metric {metric.name!r}", metric.extra)
        for limit in case.content if case else record.content_limits:
            score = parse_limit_name(limit).score
            if score.extra == _HEAVY:
                return f"the content score {score.name} needs torch and weights"
            check_extra(f"the content score {score.name!r}", score.extra)
        if case.answers if case else record.answers:
            return "the answers to its questions need torch and a model"
        if case is not None and case.provenance.c2pa is not None:
            needs_c2pa()
    except GoldenseedError as error:
        return error.what
    return None


def _dtype(record: CaseRecord) -> str:
    """Return the dtype by which the image of a test was judged, as its reasons tell it."""
    sources = (_DTYPE.match(each.source or "") for each in record.reasons)
    return next((found[1] for found in sources if found), "float32")


def _digests(inputs: object) -> Iterator[str]:
    """Yield the digests in a recipe's inputs, wherever they stand."""
    if isinstance(inputs, dict):
        for key, value in inputs.items():
            if key in {"pixels_sha256", "tensor_sha256"} and isinstance(value, str):
                yield value
            else:
                yield from _digests(value)
    elif isinstance(inputs, list):
        for each in inputs:
            yield from _digests(each)


def _passes_by_tries(record: CaseRecord) -> Iterator[Told]:
    """Hold a case that was run several times against the worst of its tries that counts."""
    if not record.tries:
        return
    tries = [
        record.model_copy(update={"tries": (), "remarks": (), **dict(each)})
        for each in record.tries
    ]
    worst = together(tries)
    for name in ("verdict", "pixels_sha256", "passed"):
        if getattr(worst, name) != getattr(record, name):
            yield "tries_differ", f"its {name} is not that of the try that counts"


def _trace(record: CaseRecord, options: Mapping[str, str]) -> Iterator[Told]:
    """Find a trace that the run's options ask for, and that is not there."""
    if bool(record.trace) != bool(record.trace_file):
        yield "trace_missing", "the record lists a trace's stages or its file, and not both"
    recorded = options.get("trace", "off") != "off"
    if recorded and record.path.endswith(SUITE_SUFFIX) and record.image and not record.trace:
        yield "trace_missing", "the run recorded traces, and this image has none"
