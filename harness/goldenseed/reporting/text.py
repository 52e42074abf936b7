"""Untrusted text made harmless to look at, and words for the reasons of a verdict."""

from __future__ import annotations

import unicodedata

from goldenseed.reporting.numbers import number, scalar, value_and_limit
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.verdict.model import Reason, Verdict

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
"""The order in which people want to see the verdicts."""

MEANINGS = {
    Verdict.DRIFT: "Farther from the baseline than a gate allows.",
    Verdict.ERROR: "No image could be judged: generation failed or a file cannot be read.",
    Verdict.INCOMPARABLE: "Size, mode or recipe differ from what was accepted.",
    Verdict.REJECTED: "These very pixels were declared wrong before.",
    Verdict.NEW: "Nothing is accepted for this case yet.",
    Verdict.WARN: "Something changed beyond the noise; the picture holds within the gates.",
    Verdict.MATCH: "Not the same pixels, but no farther than the noise.",
    Verdict.IDENTICAL: "The very pixels that were accepted.",
}
"""One sentence for each verdict."""

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"
_GATE_DIRECTIONS = ("min", "max")

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


def visible(text: str, *, lines: bool = True) -> str:
    r"""Write control, bidirectional and other unseen characters as ``⟨U+202E⟩``.

    Keeps tabs and newlines if ``lines``; otherwise writes them as a space. Keeps the joiners that
    scripts and emoji need.
    """
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


def outcome(run: RunRecord) -> str:
    """Say in a few words how a run ended: ``6 of 32 cases fail``, ``cut short: no cases``."""
    total, failed = len(run.cases), sum(not case.passed for case in run.cases)
    if not total:
        words = "no cases"
    elif failed:
        words = f"{failed:,} of {total:,} {'case fails' if total == 1 else 'cases fail'}"
    else:
        words = f"all {total:,} cases pass" if total > 1 else "the one case passes"
    broken = sum(not each.passed for each in run.sets)
    if broken:
        words += f", {broken:,} {'set is' if broken == 1 else 'sets are'} broken"
    return words if run.complete else f"cut short: {words}"


def prompt_of(case: CaseRecord) -> str | None:
    """Return the prompt in the case's recipe, if it has one."""
    found = _recipe_value(case, "prompt")
    return found if isinstance(found, str) else None


def seed_of(case: CaseRecord) -> int | None:
    """Return the seed in the case's recipe, if it has one."""
    found = _recipe_value(case, "seed")
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _recipe_value(case: CaseRecord, name: str) -> object:
    call = case.recipe.get("call")
    return case.recipe.get(name, call.get(name) if isinstance(call, dict) else None)


def gate_of(case: CaseRecord, metric: str) -> str | None:
    """Return the gate in force on a metric: ``min_ssim`` for ``ssim``; None if there is none."""
    gates = (f"{direction}_{metric}" for direction in _GATE_DIRECTIONS)
    return next((gate for gate in gates if gate in case.limits), None)


def metric_label(metric: str) -> str:
    """Return a metric's name for people: ``phash`` for ``phash_distance``."""
    return metric.removesuffix("_distance").replace("_", " ")


def reason_in_words(reason: Reason, case: CaseRecord) -> str:
    """Write one reason as a line for people, its detail included; unseen characters are shown."""
    words = _statement(reason, case)
    if reason.detail and reason.detail != case.error:
        words = reason.detail if words is None else f"{words}: {reason.detail}"
    return visible(words or _unknown(reason))


def _statement(reason: Reason, case: CaseRecord) -> str | None:
    """Say what code and numbers hold; None where the detail says it better."""
    old, new = scalar(reason.limit), scalar(reason.value)
    match reason.code:
        case "recipe_changed" | "size_changed" | "mode_changed":
            what = (reason.metric or reason.code).removesuffix("_changed")
            return f"{what.removeprefix('recipe.')} {old} → {new}"
        case "profile_fallback":
            return f"BASELINE FROM ANOTHER PROFILE: {new} stands in for {old}"
        case "content":
            return _scored(reason) if reason.metric else None
        case "gate" | "noise" if reason.metric:
            return _measured(reason, case)
        case "no_baseline" | "noise" if reason.detail:
            return None
    return _SENTENCES.get(reason.code) or _unknown(reason)


def _measured(reason: Reason, case: CaseRecord) -> str:
    metric, value, limit = reason.metric or "", _number(reason.value), _number(reason.limit)
    if reason.code == "noise" and reason.value is None:
        return f"{metric_label(metric)} beyond the noise"
    if value is None or limit is None:
        return _unknown(reason)
    value_text, limit_text = value_and_limit(metric, value, limit)
    if reason.code == "gate":
        falls_short = value < limit
        relation = "<" if falls_short else ">" if value > limit else "against"
        gate = gate_of(case, metric) or f"{'min' if falls_short else 'max'}_{metric}"
        limit_text = f"{gate} {limit_text}"
    else:
        relation = ">" if value > limit else "≤"
    source = f" ({reason.source})" if reason.source else ""
    return f"{metric_label(metric)} {value_text} {relation} {limit_text}{source}"


def _scored(reason: Reason) -> str:
    metric, value, limit = reason.metric or "", _number(reason.value), _number(reason.limit)
    if value is None or limit is None:
        return _unknown(reason)
    value_text, limit_text = value_and_limit(metric, value, limit)
    relation, gate = ("<", f"min_{metric}") if value < limit else (">", f"max_{metric}")
    source = f" ({reason.source})" if reason.source else ""
    return f"content: {metric_label(metric)} {value_text} {relation} {gate} {limit_text}{source}"


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


def pixels_in_words(case: CaseRecord) -> str | None:
    """Say how much of the picture moved: ``31.2 % of pixels changed, max 187``."""
    changed, peak = case.metrics.get("changed_fraction"), case.metrics.get("peak_difference")
    parts = []
    if changed is not None:
        parts.append(f"{number('changed_fraction', changed)} of pixels changed")
    if peak is not None:
        parts.append(f"max {number('peak_difference', peak)}")
    return ", ".join(parts) or None


def content_in_words(case: CaseRecord) -> str:
    """Say what the content scores are, and their limits: ``sharpness 31.2 (min 20)``."""
    parts = []
    for score, value in case.content.items():
        limits = [
            f"{direction} {number(score, case.content_limits[name])}"
            for direction in _GATE_DIRECTIONS
            if (name := f"{direction}_{score}") in case.content_limits
        ]
        parts.append(f"{metric_label(score)} {number(score, value)} ({', '.join(limits)})")
    return "; ".join(parts)
