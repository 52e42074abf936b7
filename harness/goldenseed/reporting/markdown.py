"""The run as Markdown, short enough for a pull request or a job's summary."""

from __future__ import annotations

import re
from pathlib import Path

from goldenseed.core.files import write_atomically
from goldenseed.reporting.anchors import anchors
from goldenseed.reporting.divergence import cause_in_words
from goldenseed.reporting.headline import grouping_sentence, lock_lines
from goldenseed.reporting.sets import result_text, set_notes, state_of
from goldenseed.reporting.text import (
    MEANINGS,
    WORST_FIRST,
    outcome,
    pixels_in_words,
    prompt_of,
    reason_in_words,
    visible,
)
from goldenseed.runs.record import CaseRecord, RunRecord, SetRecord
from goldenseed.verdict.model import CONTENT, Verdict

SHOWN_CASES = 20
"""How many cases a summary names; the report has them all."""

_LONGEST_TEXT = 160
_LONGEST_NOTE = 400
_STRUCTURAL = re.compile(r"[\\`*_\[\]<>|&~$:@!#\n\r\t]|(?<=www)\.")
_QUIET = (Verdict.IDENTICAL, Verdict.MATCH)
_TELLING = ("torch", "diffusers", "transformers")


def write_summary(run: RunRecord, folder: Path) -> Path:
    """Write ``summary.md`` into the run's folder; raises GoldenseedError where it cannot."""
    path = folder / "summary.md"
    write_atomically(path, summary_markdown(run).encode("utf-8"), durable=False)
    return path


def summary_markdown(run: RunRecord) -> str:
    """Describe a run in GitHub's Markdown: counts, the worst cases, the environment.

    At most ``SHOWN_CASES`` cases are named. Prompts and messages are written so that no character
    of theirs acts as Markdown or HTML, pings anybody or links anywhere.
    """
    blocks = [
        f"## Golden images: {outcome(run)}",
        *_shared(run),
        *_warnings(run),
        _counts(run),
        *_worst(run),
        *_sets(run),
        _environment(run),
    ]
    return "\n\n".join(blocks) + "\n"


def _shared(run: RunRecord) -> list[str]:
    sentence = grouping_sentence(run.cases)
    if sentence is None:
        return []
    return [f"**{_plain(sentence[0].upper() + sentence[1:], longest=_LONGEST_NOTE)}.**"]


def _warnings(run: RunRecord) -> list[str]:
    lock = [f"> {_plain(line, longest=_LONGEST_NOTE)}" for line in lock_lines(run)]
    if run.complete:
        return lock
    return ["> **This run was cut short.** Cases may be missing: do not read it as a pass.", *lock]


def _counts(run: RunRecord) -> str:
    counts = run.counts()
    rows = [f"| {v} | {counts[v]:,} | {MEANINGS[v]} |" for v in WORST_FIRST if v in counts]
    return "\n".join(["| Verdict | Cases | |", "|---|--:|---|", *rows])


def _worst(run: RunRecord) -> list[str]:
    loud = [
        (case, anchor)
        for case, (anchor, _) in zip(run.cases, anchors(run.cases), strict=True)
        if case.verdict not in _QUIET or not case.passed
    ]
    loud.sort(key=lambda pair: WORST_FIRST.index(pair[0].verdict))
    if not loud:
        return []
    rows = [_row(case) for case, _ in loud[:SHOWN_CASES]]
    blocks = ["\n".join(["| Case | Verdict | Prompt | Why |", "|---|---|---|---|", *rows])]
    if len(loud) > SHOWN_CASES:
        blocks.append(f"… and {len(loud) - SHOWN_CASES:,} more in the report.")
    return blocks


def _sets(run: RunRecord) -> list[str]:
    """List the sets that are broken or not judged, a row each, and count the rest."""
    loud = [each for each in run.sets if state_of(each) != "held" or each.not_judged]
    rows = [
        f"| {_code(each.id)} | {each.kind} | {state_of(each)} | {_why_of_set(each)} |"
        for each in loud[:SHOWN_CASES]
    ]
    blocks = ["\n".join(["| Set | | | Why |", "|---|---|---|---|", *rows])] if rows else []
    if len(loud) > SHOWN_CASES:
        blocks.append(f"… and {len(loud) - SHOWN_CASES:,} more sets in the report.")
    held = len(run.sets) - len(loud)
    return [*blocks, f"{held:,} set{' holds' if held == 1 else 's hold'}."] if held else blocks


def _why_of_set(found: SetRecord) -> str:
    broken = [each for each in found.results if not each.passed]
    parts = [result_text(found, each).sentence for each in broken]
    parts += [*set_notes(found), *([found.error] if found.error else [])]
    return "<br>".join(_plain(part, longest=_LONGEST_NOTE) for part in parts)


def _row(case: CaseRecord) -> str:
    prompt = prompt_of(case)
    shown_prompt = "" if prompt is None else _code(prompt)
    return f"| {_code(case.id)} | {case.verdict} | {shown_prompt} | {_why(case)} |"


def _why(case: CaseRecord) -> str:
    gates = [reason for reason in case.reasons if reason.code in {"gate", CONTENT}]
    reasons = gates or case.reasons
    fallback = [r for r in case.reasons if r.code == "profile_fallback" and r not in reasons]
    parts = [reason_in_words(reason, case) for reason in (*fallback, *reasons)]
    parts += [text for text in (case.error, pixels_in_words(case)) if text]
    if case.diagnosis and case.diagnosis.first_divergence:
        parts.append(f"first divergence: {case.diagnosis.first_divergence.words}")
    if case.diagnosis and case.diagnosis.causes:
        parts.append(f"likely cause: {cause_in_words(case.diagnosis.causes[0])}")
    return "<br>".join(_plain(part) for part in parts)


def _environment(run: RunRecord) -> str:
    parts = [f"run {_code(run.run_id)}", f"{run.started:%Y-%m-%d %H:%M} UTC"]
    if run.profile:
        parts.append(f"profile {_code(run.profile)}")
    if run.git:
        dirty = ", with changes not committed" if run.git.dirty else ""
        parts.append(f"commit {_code(run.git.commit[:12])}{dirty}")
    found = {key: run.environment[key] for key in sorted(run.environment)}
    for name in _TELLING:
        versions = [value for key, value in found.items() if key in _version_keys(name)]
        parts += [f"{name} {_plain(str(version))}" for version in versions[:1]]
    return " · ".join(parts)


def _version_keys(package: str) -> tuple[str, ...]:
    return (package, f"{package}.version", f"packages.{package}", f"python.packages.{package}")


def _plain(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Text of others in which nothing acts as Markdown or HTML, on one line, shortened."""
    shown = visible(text, lines=False)
    if len(shown) > longest:
        shown = shown[: longest - 1] + "…"
    return _STRUCTURAL.sub(lambda found: f"&#{ord(found.group())};", shown)


def _code(text: str) -> str:
    return f"<code>{_plain(text)}</code>"
