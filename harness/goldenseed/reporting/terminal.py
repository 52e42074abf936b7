"""What the terminal says: one text for each case that stands out, and the run's closing lines."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from goldenseed.reporting.anchors import case_anchor
from goldenseed.reporting.divergence import diagnosis_lines
from goldenseed.reporting.headline import grouping_sentence, lock_lines
from goldenseed.reporting.sets import set_lines
from goldenseed.reporting.text import (
    WORST_FIRST,
    pixels_in_words,
    reason_in_words,
    visible,
)
from goldenseed.runs.record import BaselineUsed, CaseRecord, RunRecord
from goldenseed.verdict.model import PASSING, Reason, Verdict

_ACCEPTABLE = (Verdict.DRIFT, Verdict.INCOMPARABLE, Verdict.NEW, Verdict.WARN, Verdict.MATCH)
_FACTS = {"gate", "noise"}
_DIGEST_SHOWN = 6


def failure_text(case: CaseRecord, run_id: str, report: str | None) -> str:
    """Say what became of one case, and what to do about it, in a few lines.

    ``report`` is the path of ``index.html`` as a user would type it, or None if none is written.
    Nothing in the case can move the cursor or colour the terminal: control characters are shown.
    """
    head = f"{case.verdict.upper()} {visible(case.path)}::{visible(case.id)}"
    return "\n".join([head, *(f"  {line}".rstrip() for line in _body(case, run_id, report))])


def _body(case: CaseRecord, run_id: str, report: str | None) -> Iterator[str]:
    facts, others = _split(case)
    for reason in others:
        yield from reason_in_words(reason, case).splitlines()
    if case.error:
        yield from visible(case.error.rstrip()).splitlines()
    yield from (reason_in_words(reason, case) for reason in facts if reason.detail is not None)
    line = list(_measured(case, [reason for reason in facts if reason.detail is None]))
    moved = pixels_in_words(case)
    if moved:
        line.append(moved)
    if line:
        yield "   ".join(line)
    if case.verdict in PASSING and not case.passed and not case.breaks_content:
        yield f"{case.verdict} is not enough for what --golden-require asks"
    if case.baseline:
        yield baseline_line(case.baseline)
    if case.diagnosis:
        yield from diagnosis_lines(case.diagnosis)
    if report:
        yield f"report  {report}#{case_anchor(case)}"
    command = accept_command(case, run_id)
    if command:
        yield f"accept  {' '.join(command)}"


def _measured(case: CaseRecord, facts: Sequence[Reason]) -> Iterator[str]:
    """Yield one text a reason; of several about one noise, the last names it."""
    for reason, following in zip_longest(facts, facts[1:]):
        text = reason_in_words(reason, case)
        told_later = following is not None and following.source == reason.source
        if reason.code == "noise" and told_later:
            text = text.removesuffix(f" ({reason.source})")
        yield text


def _split(case: CaseRecord) -> tuple[list[Reason], list[Reason]]:
    """Part what gates and noise say from the other reasons, fallback first.

    Where a gate failed, that the noise was left as well goes without saying.
    """
    facts = [reason for reason in case.reasons if reason.code in _FACTS]
    gates = [reason for reason in facts if reason.code == "gate"]
    others = [reason for reason in case.reasons if reason.code not in _FACTS]
    others.sort(key=lambda reason: reason.code != "profile_fallback")
    return gates or facts, others


def baseline_line(baseline: BaselineUsed) -> str:
    """Say which accepted image was used: ``baseline 3f9a1c… accepted 2026-11-20 in cpu-…``."""
    digest = visible(baseline.pixels_sha256[:_DIGEST_SHOWN], lines=False)
    profile = visible(baseline.profile, lines=False)
    if baseline.run is not None:
        return f"against {digest}… of run {visible(baseline.run, lines=False)} in {profile}"
    return f"baseline {digest}… accepted {baseline.accepted_at:%Y-%m-%d} in {profile}"


def accept_command(case: CaseRecord, run_id: str) -> tuple[str, ...]:
    """Return the shell's words, quoted, for accepting this case's image; () where none should be.

    An error has no image, an identical one is accepted already, and a rejected one was declared
    wrong by somebody: undoing that deserves more than a line to copy. To accept an image does not
    mend its content.
    """
    if case.verdict not in _ACCEPTABLE or case.breaks_content:
        return ()
    words = (shlex.quote(word) for word in (run_id, case.id))
    return ("goldenseed", "accept", *words, "--reason", '"…"')


def counts_text(run: RunRecord) -> str:
    """Count the verdicts, best first: ``24 identical, 1 drift``."""
    counts = run.counts()
    parts = [f"{counts[v]} {v}" for v in reversed(WORST_FIRST) if v in counts]
    return ", ".join(parts) or "no cases"


def summary_lines(run: RunRecord, report: str | None = None) -> list[str]:
    """Return the run's closing lines: what the cases that moved share, counts, report, what to do.

    ``report`` is the path of ``index.html`` as a user would type it, or None if none is written.
    """
    shared = grouping_sentence(run.cases)
    lines = [f"golden: {shared}"] if shared else []
    lines.append(f"golden: {counts_text(run)}")
    if not run.complete:
        lines.append("golden: the run was cut short; cases may be missing")
    lines += [f"golden: {line}" for line in (*lock_lines(run), *set_lines(run))]
    if report:
        lines.append(f"golden: report  {report}")
    if any(not case.passed and accept_command(case, run.run_id) for case in run.cases):
        command = f"goldenseed accept {shlex.quote(run.run_id)}"
        lines.append(f'golden: accept  {command} CASE… --reason "…"')
    return lines
