"""One view of a run, as plain data: terminal, Markdown and page are written from it.

Names, prompts and messages are as the record has them: a presentation makes them harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from goldenseed.history.asked import Past
from goldenseed.reporting.blocks import Block, LockView
from goldenseed.reporting.commands import Place
from goldenseed.reporting.diagnosis import Why, environment_sentence, grouping_sentences, why
from goldenseed.reporting.elements import ElementsView, elements_view
from goldenseed.reporting.gallery import Gallery, Shown, gallery_of
from goldenseed.reporting.links import Picture, anchors, case_anchor, picture_of
from goldenseed.reporting.meanings import meaning
from goldenseed.reporting.numbers import MetricRow, metric_rows
from goldenseed.reporting.relations import RelationView, relation_views
from goldenseed.reporting.remarks import remarks_of
from goldenseed.reporting.sets import SetView, set_views
from goldenseed.reporting.sheets import Sheet, sheets_of
from goldenseed.reporting.words import (
    WORST_FIRST,
    About,
    Told,
    name_of,
    outcome,
    pixels_in_words,
    told,
)
from goldenseed.reporting.worst import badness
from goldenseed.runs.grouping import equal_pixels
from goldenseed.runs.parts import GateInForce
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.suite.between import in_words
from goldenseed.verdict.model import CALIBRATION, CONTENT, PASSING, Verdict

__all__ = ["Block", "CaseView", "LockView", "RunView", "Section", "case_view", "run_view"]

_ACCEPTABLE = (Verdict.DRIFT, Verdict.INCOMPARABLE, Verdict.NEW, Verdict.WARN, Verdict.MATCH)
_FAILS_OTHERWISE = {CONTENT, "run_failed", "passes_every_gate"}
"""The reasons that fail a case although its verdict could pass."""
_LEVELS = 255


@dataclass(frozen=True, slots=True)
class CaseView:
    """One case."""

    record: CaseRecord
    anchor: str
    slug: str | None
    """A shorter anchor, where it is unique in the run."""
    prompt: str | None
    seed: int | None
    baseline: Picture | None
    current: Picture | None
    difference: Picture | None
    elements: ElementsView | None
    inputs: tuple[tuple[str, Picture | None], ...]
    """Argument and picture of what the pipeline was given; a tensor has no picture."""
    reasons: tuple[Told, ...]
    """What is about another profile first."""
    metrics: tuple[MetricRow, ...]
    """Every metric with each of its gates, the gated ones first; empty if none was measured."""
    content: tuple[MetricRow, ...]
    why: Why | None
    moved: str | None
    accept: tuple[str, ...]
    """The shell's words, quoted, for accepting the image; () where none should be."""
    reject: tuple[str, ...]
    """The same for declaring it wrong."""
    calibrate: tuple[str, ...]
    """The same for measuring whether what moved it is noise."""
    shown: Shown | None = None
    """Of an image that is picked from others: what is said of it in place of a verdict."""

    @property
    def name(self) -> str:
        """The case with its suite: ``shapes::red-apple[seed=1024]``."""
        return name_of(self.record)

    @property
    def fallback(self) -> tuple[Told, ...]:
        """That the accepted image is of another profile."""
        return tuple(each for each in self.reasons if each.about is About.PROFILE)

    @property
    def others(self) -> tuple[Told, ...]:
        """The reasons beside that."""
        return tuple(each for each in self.reasons if each.about is not About.PROFILE)

    @property
    def deciding(self) -> tuple[Told, ...]:
        """The reasons that decided: broken limits, else all that are not about the profile.

        Of measurements against the tolerance those beyond it come first.
        """
        broken = tuple(r for r in self.reasons if r.about in {About.GATE, About.CONTENT})
        return broken or tuple(sorted(self.others, key=lambda each: not each.beyond))

    @property
    def shortfall(self) -> str | None:
        """That the case fails although its verdict could pass and nothing else is wrong."""
        record = self.record
        otherwise = any(each.code in _FAILS_OTHERWISE for each in record.reasons)
        if record.passed or otherwise or record.verdict not in PASSING:
            return None
        return f"{record.verdict} is not enough for what --golden-require asks"

    @property
    def loud(self) -> bool:
        """Whether a short list names it: not what is picked from others, which nobody judged."""
        return not self.shown and (self.record.verdict not in PASSING[:2] or not self.record.passed)

    @property
    def distance(self) -> float:
        """How far the image is from the accepted one, 0 … 2: 1 - SSIM, else its mean difference.

        0 where nothing was measured.
        """
        metrics = self.record.metrics
        if "ssim" in metrics:
            return 1 - metrics["ssim"]
        return metrics.get("mean_difference", 0.0) / _LEVELS

    @property
    def comparable(self) -> bool:
        """Whether baseline and current can be laid over each other."""
        return bool(self.baseline and self.current and self.baseline.found and self.current.found)


@dataclass(frozen=True, slots=True)
class Section:
    """The cases of one verdict."""

    verdict: Verdict
    cases: tuple[CaseView, ...]
    meaning: str
    """What the verdict means here, in a sentence."""


@dataclass(frozen=True, slots=True)
class RunView:
    """A whole run."""

    record: RunRecord
    outcome: str
    shared: tuple[str, ...]
    """Why cases stand out, a sentence for each kind of failure and each reason."""
    environment: str | None
    locks: tuple[LockView, ...]
    sections: tuple[Section, ...]
    """The cases by verdict, the worst first; of one verdict those farthest beyond a gate first."""
    sets: tuple[SetView, ...]
    relations: tuple[RelationView, ...]
    sheets: tuple[Sheet, ...]
    """The cases of each entry with alternatives, in the run's order."""
    remarks: tuple[str, ...]
    """What is odd of images and their making, each once, with the cases it is said of."""
    place: Place
    history: Mapping[tuple[str, str], Past] = field(default_factory=dict)
    """What the history tells of cases, by suite and id; empty where none is kept."""
    gallery: Gallery | None = None

    @property
    def notes(self) -> tuple[Block, ...]:
        """What a verb that is no test session found beside its cases."""
        return self.record.verb.notes if self.record.verb else ()

    @property
    def beside(self) -> tuple[SetView | RelationView, ...]:
        """What stands beside the verdicts."""
        return (*self.sets, *self.relations)

    @property
    def cases(self) -> Iterator[CaseView]:
        """All cases, the worst first."""
        return (case for section in self.sections for case in section.cases)


def run_view(
    run: RunRecord,
    folder: Path | None = None,
    *,
    place: Place | None = None,
    gallery: Gallery | None = None,
) -> RunView:
    """Make the view of a run; of ``folder`` the headers of its images are read, if one is given.

    ``place`` is for the commands it offers: by default the run's id, with the default folders.
    ``gallery`` is of images that are not judged; a sweep's follows from its record.
    """
    place = replace(place or Place(run.run_id), of_a_suite=not run.verb or run.verb.of_a_suite)
    gallery = gallery or gallery_of(run, place, folder)
    found: dict[Verdict, list[CaseView]] = {verdict: [] for verdict in WORST_FIRST}
    views = [
        case_view(case, place, folder, anchor=anchor, slug=slug)
        for case, (anchor, slug) in zip(run.cases, anchors(run.cases), strict=True)
    ]
    for view in views:
        shown = gallery and gallery.shown.get(view.record.id)
        found[view.record.verdict].append(replace(view, shown=shown) if shown else view)
    for alike in found.values():
        if gallery is None:
            alike.sort(key=lambda each: badness(each.record), reverse=True)
    ordered = sorted(run.lock_differences, key=lambda each: (each.suite, each.key))
    by_suite = groupby(ordered, lambda each: each.suite)
    return RunView(
        record=run,
        outcome=outcome(run),
        shared=() if gallery else grouping_sentences(run.cases),
        environment=environment_sentence(run.cases),
        locks=tuple(LockView(suite, tuple(differences)) for suite, differences in by_suite),
        sections=tuple(
            Section(each, tuple(cases), meaning(each, run.verb))
            for each, cases in found.items()
            if cases
        ),
        sets=set_views(run, folder),
        relations=relation_views(run, folder),
        sheets=sheets_of(views),
        remarks=tuple(remarks_of(run)),
        place=place,
        gallery=gallery,
    )


def case_view(
    case: CaseRecord,
    place: Place,
    folder: Path | None = None,
    *,
    anchor: str | None = None,
    slug: str | None = None,
) -> CaseView:
    """Make the view of one case of the run at ``place``; ``folder`` as of ``run_view``."""
    reasons = [told(reason, case.gates, case.error) for reason in case.reasons]
    reasons.sort(key=lambda each: each.about is not About.PROFILE)
    same = case.verdict is not Verdict.IDENTICAL and equal_pixels(case)
    prompt, seed = _recipe_value(case, "prompt"), _recipe_value(case, "seed")
    return CaseView(
        record=case,
        anchor=anchor or case_anchor(case),
        slug=slug,
        prompt=case.written.text if case.written else in_words(prompt),
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
        baseline=picture_of("baseline", case.baseline.image if case.baseline else None, folder),
        current=picture_of("current", case.image, folder),
        difference=picture_of("difference", case.difference, folder),
        elements=elements_view(case, folder),
        inputs=tuple(
            (each.argument, picture_of("input", each.file, folder)) for each in case.inputs
        ),
        reasons=tuple(reasons),
        metrics=metric_rows(case.metrics, _gates(case)) if case.metrics else (),
        content=metric_rows(case.content, case.content_gates) if case.content else (),
        why=why(case.diagnosis, moved=not same) if case.diagnosis else None,
        moved="no pixel changed" if same else pixels_in_words(case.metrics),
        accept=_accept(case, place),
        reject=_reject(case, place),
        calibrate=_calibrate(case, place),
    )


def _gates(case: CaseRecord) -> list[GateInForce]:
    """Return the gates in force; of an older record a source is known of those that failed."""
    sources = {each.metric: each.source for each in case.reasons if each.code == "gate"}
    return [replace(each, source=each.source or sources.get(each.metric)) for each in case.gates]


def _recipe_value(case: CaseRecord, name: str) -> object:
    call = case.recipe.get("call")
    return case.recipe.get(name, call.get(name) if isinstance(call, dict) else None)


def _accept(case: CaseRecord, place: Place) -> tuple[str, ...]:
    """Return the command that accepts a case's image; () where none should be offered.

    To undo a rejection deserves more than a line to copy; to accept does not mend the content.
    """
    offered = case.verdict in _ACCEPTABLE and not case.breaks_content
    return place.accepting(name_of(case)) if offered else ()


def _reject(case: CaseRecord, place: Place) -> tuple[str, ...]:
    """Return the command that declares a case's image wrong; () where there is none, or it is."""
    decided = case.verdict in {Verdict.ERROR, Verdict.REJECTED} or case.pixels_sha256 is None
    return () if decided else place.rejecting(name_of(case))


def _calibrate(case: CaseRecord, place: Place) -> tuple[str, ...]:
    """Return the command that measures what a reason proposes; () where none does."""
    harmless = next((each.value for each in case.reasons if each.code == CALIBRATION), None)
    return () if harmless is None else place.calibrating(case.path, case.id, str(harmless))
