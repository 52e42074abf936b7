"""How verdicts, reasons, stages and counts are worded; raw, so that whoever shows it escapes it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from goldenseed.images.gates import Direction
from goldenseed.reporting.numbers import metric_label, number, scalar, value_and_limit
from goldenseed.runs.parts import GateInForce, NotCompared
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.trace.stages import Stage, StageName
from goldenseed.verdict.model import CALIBRATION, CONTENT, Reason, Verdict

WORST_FIRST = (
    Verdict.DRIFT,
    Verdict.ERROR,
    Verdict.INCOMPARABLE,
    Verdict.REJECTED,
    Verdict.NEW,
    Verdict.WARN,
    Verdict.MATCH,
    Verdict.IDENTICAL,
)

MEANINGS = {
    Verdict.DRIFT: "Farther from the baseline than a gate allows.",
    Verdict.ERROR: "No image could be judged: generation failed or a file cannot be read.",
    Verdict.INCOMPARABLE: "Size, mode or recipe differ from what was accepted.",
    Verdict.REJECTED: "These very pixels were declared wrong before.",
    Verdict.NEW: "Nothing is accepted for this case yet.",
    Verdict.WARN: "Something changed beyond the tolerance; the picture holds within the gates.",
    Verdict.MATCH: "Not the same pixels, but no farther than the tolerance.",
    Verdict.IDENTICAL: "The very pixels that were accepted.",
}

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"

_SENTENCES = {
    "generation_failed": "generation failed",
    "worker_crashed": "the process that generated it died",
    "run_failed": "pytest could not run the case",
    "environment_differs": "the environment is not the locked one",
    "unusable_image": "the image is of a kind that cannot be judged",
    "not_kept": "the image cannot be kept in the run's folder",
    "unreadable_baseline": "the baseline image cannot be read",
    "no_baseline": "nothing is accepted for this case in any usable profile",
    "rejected": "these pixels are on the reject list",
    "identical": "the pixels are the accepted ones",
}


_SAID_BY_THE_DETAIL = frozenset(
    {
        *("no_baseline", "tolerance", "calibration", "elements", "recorded_change"),
        *("no_recorded_reason", "unknown_environment", "rounding_alone", "tipped_by_rounding"),
    }
)


def visible(text: str, *, lines: bool = True) -> str:
    """Write control, bidirectional and other unseen characters as ``⟨U+202E⟩``.

    Tabs and newlines are kept if ``lines``, else a space; joiners are kept, which emoji need.
    """
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(_visible(character, kept) for character in text)


def _visible(character: str, kept: str) -> str:
    if character in kept or character in _JOINERS:
        return character
    if character in "\n\t":
        return " "
    if unicodedata.category(character) in _INVISIBLE:
        return f"⟨U+{ord(character):04X}⟩"
    return character


def shortened(text: str, longest: int) -> str:
    """Cut a text so that it has at most ``longest`` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def capitalised(text: str) -> str:
    """Begin with a capital letter and leave the rest as it is."""
    return text[:1].upper() + text[1:]


def count_of(count: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun: ``1 case``, ``2,000 cases``."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def name_of(case: CaseRecord | NotCompared) -> str:
    """Name a case with its suite, as every verb takes it: ``shapes::red-apple[seed=1024]``."""
    return f"{case.suite}::{case.id}"


def suites_of(run: RunRecord) -> list[str]:
    """Return the suites' names in the order in which the run met them."""
    cases: tuple[CaseRecord | NotCompared, ...] = (*run.cases, *run.not_compared)
    return list(dict.fromkeys(case.suite for case in cases))


def _beside_cases(run: RunRecord) -> Iterator[str]:
    """Count the pilots, sets and relations that are broken, and what was not tried."""
    if broken := sum(not each.held for each in run.pilots):
        yield f"{count_of(broken, 'pilot')} did not hold"
    if broken := sum(not each.passed for each in run.sets):
        yield f"{count_of(broken, 'set is', 'sets are')} broken"
    failed = [each for each in run.relations if not each.passed]
    if broken := sum(each.xfail is None for each in failed):
        yield f"{count_of(broken, 'relation is', 'relations are')} broken"
    if spared := sum(each.xfail is not None for each in failed):
        yield f"{count_of(spared, 'relation is', 'relations are')} broken as expected"
    if waiting := sum(each.state == "cannot" for each in run.relations):
        yield f"{count_of(waiting, 'relation')} not tried"


def outcome(run: RunRecord) -> str:
    """Say in a few words how a run ended: ``6 of 32 cases fail``, ``cut short: no cases``."""
    if run.verb is not None and run.verb.outcome is not None:
        return run.verb.outcome
    total = len(run.cases)
    spared = [case for case in run.cases if not case.passed and case.xfail is not None]
    expected = len(spared)
    quarantined = sum(case.in_quarantine for case in spared)
    failed = sum(not case.passed for case in run.cases) - expected
    if not total:
        words = "no cases"
    elif failed:
        words = f"{failed:,} of {count_of(total, 'case fails', 'cases fail')}"
    elif expected:
        words = f"{total - expected:,} of {count_of(total, 'case passes', 'cases pass')}"
    else:
        words = f"all {total:,} cases pass" if total > 1 else "the one case passes"
    if quarantined:
        words += f", {count_of(quarantined, 'fails', 'fail')} in quarantine"
    if marked := expected - quarantined:
        words += f", {count_of(marked, 'fails', 'fail')} behind an xfail mark"
    if run.not_compared:
        words += f", {len(run.not_compared):,} not compared"
    words = ", ".join([words, *_beside_cases(run)])
    return words if run.complete else f"cut short: {words}"


def stage_name(stage: Stage, index: int) -> str:
    """Name a stage: ``initial noise``, ``denoising step 3``."""
    return StageName(stage, "", index).words


def place_of(stage: Stage | None, index: int | None) -> str:
    """Say at which stage many images part; ``index`` is None where they part at several steps."""
    if stage is None:
        return "a stage that is not known"
    if stage is Stage.DENOISING_STEP:
        return "the denoising steps" if index is None else stage_name(stage, index)
    if stage is Stage.LATER_NOISE:
        return "the noise of later steps"
    name = "latents before the VAE" if stage is Stage.LATENTS_BEFORE_VAE else stage_name(stage, 0)
    return f"the {name}"


class About(Enum):
    """What a reason is about, as far as that decides where it is told."""

    GATE = auto()
    TOLERANCE = auto()
    CONTENT = auto()
    CALIBRATION = auto()
    """What could be measured: told beside the command that does it."""
    PROFILE = auto()
    """The accepted image is of another profile: never to be overlooked."""
    OTHER = auto()


_ABOUT = {
    "gate": About.GATE,
    "tolerance": About.TOLERANCE,
    CONTENT: About.CONTENT,
    CALIBRATION: About.CALIBRATION,
    "profile_fallback": About.PROFILE,
}


@dataclass(frozen=True, slots=True)
class Told:
    """One reason of a verdict."""

    reason: Reason
    about: About
    statement: str
    """What it says, without where the limit came from."""
    source: str

    @property
    def beyond(self) -> bool:
        """Whether it tells of a value beyond what is allowed."""
        value, limit = _number(self.reason.value), _number(self.reason.limit)
        if self.about is About.TOLERANCE and value is not None and limit is not None:
            return value > limit
        return self.about in {About.GATE, About.CONTENT}

    @property
    def words(self) -> str:
        """The whole of it."""
        return f"{self.statement} ({self.source})" if self.source else self.statement


def told(reason: Reason, gates: Sequence[GateInForce], error: str | None = None) -> Told:
    """Put a reason in words; ``gates`` are those in force, and ``error`` need not be repeated."""
    statement, source = _statement(reason, gates)
    if reason.detail and reason.detail != error:
        whole = f"{statement} ({source})" if statement and source else statement
        statement, source = (f"{whole}: {reason.detail}" if whole else reason.detail), None
    if reason.element is not None and reason.code != "elements":
        statement = f"{visible(reason.element)}: {statement}"
    about = _ABOUT.get(reason.code, About.OTHER)
    return Told(reason, about, statement or _unknown(reason), source or "")


def _statement(reason: Reason, gates: Sequence[GateInForce]) -> tuple[str, str | None]:
    """Say what code and numbers hold, and the limit's source; "" where the detail says it."""
    old, new = scalar(reason.limit), scalar(reason.value)
    match reason.code:
        case "recipe_changed" | "size_changed" | "mode_changed" | "elements_changed":
            what = (reason.metric or reason.code).removesuffix("_changed")
            return f"{what.removeprefix('recipe.')} {old} → {new}", None
        case "profile_fallback":
            return f"BASELINE FROM ANOTHER PROFILE: {new} stands in for {old}", None
        case "content" if not reason.metric:
            return "", None
        case "gate" | "tolerance" | "content" if reason.metric:
            return _measured(reason, reason.metric, gates)
        case _ if reason.code in _SAID_BY_THE_DETAIL and reason.detail:
            return "", None
    return _SENTENCES.get(reason.code) or _unknown(reason), None


def _measured(reason: Reason, metric: str, gates: Sequence[GateInForce]) -> tuple[str, str | None]:
    if reason.code == "tolerance" and reason.value is None:
        return f"{metric_label(metric)} beyond the tolerance", None
    value, limit = _number(reason.value), _number(reason.limit)
    if value is None or limit is None:
        return _unknown(reason), None
    if reason.code == "tolerance":
        texts = value_and_limit(metric, value, limit)
        relation = f" {'>' if value > limit else '≤'} "
        return f"{metric_label(metric)} {relation.join(texts)}", reason.source
    in_force = (gate.direction for gate in gates if gate.metric == metric)
    missed: Direction = "min" if value < limit else "max"
    direction = reason.direction or (next(in_force, missed) if reason.code == "gate" else missed)
    gate = f"{direction}_{metric}"
    words = beyond_gate(metric, value, gate, limit)
    return f"content: {words}" if reason.code == CONTENT else words, reason.source


def beyond_gate(metric: str, value: float, gate: str, limit: float) -> str:
    """Say by what a gate is broken: ``ssim 0.8714 < min_ssim 0.95``."""
    value_text, limit_text = value_and_limit(metric, value, limit)
    relation = "<" if value < limit else ">" if value > limit else "against"
    return f"{metric_label(metric)} {value_text} {relation} {gate} {limit_text}"


def _number(value: float | str | None) -> float | None:
    """Return a reason's number; an infinity travels as its word since JSON has none."""
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def _unknown(reason: Reason) -> str:
    """Say everything a reason of a later release holds, so that nothing is hidden."""
    parts = [reason.code.replace("_", " "), reason.metric]
    if reason.value is not None:
        parts.append(scalar(reason.value, reason.metric or ""))
    if reason.limit is not None:
        parts.append(f"against {scalar(reason.limit, reason.metric or '')}")
    if reason.source:
        parts.append(f"({reason.source})")
    return " ".join(part for part in parts if part)


def pixels_in_words(metrics: Mapping[str, float]) -> str | None:
    """Say how much of the picture moved: ``31.2 % of pixels changed, max 187``."""
    changed, peak = metrics.get("changed_fraction"), metrics.get("peak_difference")
    parts = []
    if changed is not None:
        parts.append(f"{number('changed_fraction', changed)} of pixels changed")
    if peak is not None:
        parts.append(f"max {number('peak_difference', peak)}")
    return ", ".join(parts) or None
