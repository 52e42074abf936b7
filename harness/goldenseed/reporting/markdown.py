"""The run as Markdown, short enough for a pull request or a job's summary."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from goldenseed.core.files import write_atomically
from goldenseed.reporting.sets import SetView
from goldenseed.reporting.view import CaseView, RunView
from goldenseed.reporting.words import capitalised, count_of, shortened, visible

SHOWN_CASES = 20

_LONGEST_TEXT = 160
_LONGEST_NOTE = 400
_STRUCTURAL = re.compile(r"[\\`*_\[\]<>|&~$:@!#\n\r\t]|(?<=www)\.")
_TELLING = ("torch", "diffusers", "transformers")


def write_summary(run: RunView, folder: Path) -> Path:
    """Write ``summary.md`` into the run's folder; raises GoldenseedError where it cannot."""
    path = folder / "summary.md"
    write_atomically(path, summary_markdown(run).encode("utf-8"), durable=False)
    return path


def summary_markdown(run: RunView) -> str:
    """Describe a run in GitHub's Markdown: counts, the worst cases, the environment.

    No character of prompts and messages acts as Markdown or HTML, pings anybody or links anywhere.
    """
    return "\n\n".join([f"## Golden images: {run.outcome}", *_blocks(run)]) + "\n"


def _blocks(run: RunView) -> Iterator[str]:
    for sentence in run.shared:
        yield f"**{_plain(capitalised(sentence), longest=_LONGEST_NOTE)}.**"
    if run.environment:
        changed = _plain(run.environment, longest=_LONGEST_NOTE)
        yield f"Environment of the cases that moved, accepted → now: {changed}"
    if not run.record.complete:
        yield "> **This run was cut short.** Cases may be missing: do not read it as a pass."
    notes = (*(lock.sentence for lock in run.locks), *run.remarks)
    yield from (f"> {_plain(each, longest=_LONGEST_NOTE)}" for each in notes)
    counts = (f"| {each.verdict} | {len(each.cases):,} | {each.meaning} |" for each in run.sections)
    rows = [*counts]
    if left_out := len(run.record.not_compared):
        rows.append(f"| not compared | {left_out:,} | No image was held against anything. |")
    yield "\n".join(["| Verdict | Cases | |", "|---|--:|---|", *rows])
    loud = [case for case in run.cases if case.loud]
    yield from _table("| Case | Verdict | Prompt | Why |", map(_case, loud), len(loud), "")
    sets = [each for each in run.sets if not each.holds]
    yield from _table("| Set | | | Why |", map(_set, sets), len(sets), "sets ")
    if held := len(run.sets) - len(sets):
        yield f"{count_of(held, 'set holds', 'sets hold')}."
    yield " · ".join(_origin(run))


def _table(head: str, rows: Iterable[str], total: int, noun: str) -> Iterator[str]:
    """Yield the first rows below their head, and how many are left."""
    if total:
        yield "\n".join([head, "|---|---|---|---|", *islice(rows, SHOWN_CASES)])
    if total > SHOWN_CASES:
        yield f"… and {total - SHOWN_CASES:,} more {noun}in the report."


def _case(case: CaseView) -> str:
    prompt = "" if case.prompt is None else _code(case.prompt)
    why = "<br>".join(map(_plain, _why(case)))
    return f"| {_code(case.name)} | {case.record.verdict} | {prompt} | {why} |"


def _why(case: CaseView) -> Iterator[str]:
    yield from (each.words for each in (*case.fallback, *case.deciding))
    yield from filter(None, (case.record.error, case.shortfall, case.moved))
    if case.why and case.why.divergence:
        yield f"first divergence: {case.why.divergence}"
    if case.why and case.why.likely:
        yield f"likely cause: {case.why.likely}"


def _set(found: SetView) -> str:
    why = "<br>".join(_plain(each, longest=_LONGEST_NOTE) for each in (*found.faults, *found.notes))
    return f"| {_code(found.record.id)} | {found.record.kind} | {found.state} | {why} |"


def _origin(run: RunView) -> Iterator[str]:
    record = run.record
    yield f"run {_code(record.run_id)}"
    yield f"{record.started:%Y-%m-%d %H:%M} UTC"
    if record.profile:
        yield f"profile {_code(record.profile)}"
    if record.git:
        dirty = ", with changes not committed" if record.git.dirty else ""
        yield f"commit {_code(record.git.commit[:12])}{dirty}"
    for name in _TELLING:
        if version := record.environment.get(f"package.{name}"):
            yield f"{name} {_plain(str(version))}"


def _plain(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Text of others in which nothing acts as Markdown or HTML, on one line, shortened."""
    shown = shortened(visible(text, lines=False), longest)
    return _STRUCTURAL.sub(lambda found: f"&#{ord(found.group())};", shown)


def _code(text: str) -> str:
    return f"<code>{_plain(text)}</code>"
