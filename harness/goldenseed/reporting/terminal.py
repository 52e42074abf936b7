"""What the terminal says: of a case that stands out, of a run, of tables; the same in a pipe.

Nothing that is said can move the cursor or colour the terminal: control characters are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from goldenseed.core.listing import first_of
from goldenseed.reporting.diagnosis import Why
from goldenseed.reporting.relations import relation_lines
from goldenseed.reporting.view import CaseView, RunView
from goldenseed.reporting.words import About, Told, count_of, visible
from goldenseed.runs.parts import Block
from goldenseed.runs.record import BaselineUsed
from goldenseed.verdict.model import Verdict

_FACTS = (About.GATE, About.TOLERANCE)
_LAST = About.CALIBRATION
_DIGEST_SHOWN = 6
_NAMED = 5


def failure_text(case: CaseView, report: str | None) -> str:
    """Say what became of one case, and what to do about it; ``report`` is the page's path."""
    record = case.record
    head = f"{record.verdict.upper()} {visible(record.path)}::{visible(record.id)}"
    lines = (line for text in _body(case, report) for line in visible(text).splitlines())
    return "\n".join([head, *(f"  {line}".rstrip() for line in lines)])


def reason_line(case: CaseView) -> str:
    """Say in one line what became of a case: verdict, what decided it, the first cause.

    ``DRIFT ssim 0.9781 < min_ssim 0.9999 (suite); likely cause: guidance scale: about 4 → 6``
    """
    record = case.record
    parts = [each.words for each in case.deciding[:1]]
    if record.error:
        parts.append(next(filter(None, map(str.strip, record.error.splitlines())), ""))
    if case.shortfall:
        parts.append(case.shortfall)
    line = ": ".join(dict.fromkeys(parts))
    rest = [f"likely cause: {case.why.likely}"] if case.why and case.why.likely else []
    rest += [each.statement for each in case.fallback]
    return _line(f"{record.verdict.upper()} {'; '.join([line, *rest])}")


def _body(case: CaseView, report: str | None) -> Iterator[str]:
    facts = [each for each in case.reasons if each.about in _FACTS]
    gates = [each for each in facts if each.about is About.GATE]
    facts = gates or facts  # where a gate failed, that the tolerance was left goes without saying
    yield from (each.words for each in case.reasons if each.about not in (*_FACTS, _LAST))
    if case.record.error:
        yield case.record.error.rstrip()
    yield from (each.words for each in facts if each.reason.detail is not None)
    line = [*_measured([each for each in facts if each.reason.detail is None])]
    if line or case.moved:
        yield "   ".join([*line, *([case.moved] if case.moved else [])])
    if case.shortfall:
        yield case.shortfall
    if case.record.baseline:
        yield _baseline(case.record.baseline)
    if case.why:
        yield from why_lines(case.why)
    yield from (f"note: {each}" for each in case.record.remarks)
    if report:
        yield f"report  {report}#{case.anchor}"
    if case.accept:
        yield f"accept  {' '.join(case.accept)}"
    for each in case.reasons:
        if each.about is _LAST:
            yield f"note: {each.words}: {' '.join(case.calibrate)}"


def _measured(facts: Sequence[Told]) -> Iterator[str]:
    """Yield one text a reason; of several about one tolerance, the last names it."""
    for index, each in enumerate(facts):
        following = facts[index + 1].source if index + 1 < len(facts) else None
        told_later = each.about is About.TOLERANCE and following == each.source
        yield each.statement if told_later else each.words


def _baseline(baseline: BaselineUsed) -> str:
    """Say which accepted image was used: ``baseline 3f9a1c… accepted 2026-11-20 in cpu-…``."""
    digest = baseline.pixels_sha256[:_DIGEST_SHOWN]
    if baseline.run is not None:
        return f"against {digest}… of run {baseline.run} in {baseline.profile}"
    return f"baseline {digest}… accepted {baseline.accepted_at:%Y-%m-%d} in {baseline.profile}"


def why_lines(why: Why) -> Iterator[str]:
    """Yield where two images part, how far apart they are, and the causes with their evidence."""
    if why.divergence:
        yield f"first divergence: {_line(why.divergence)}"
    if why.distances:
        yield why.distances
    if why.environment:
        yield f"environment: {_line(why.environment)}"
    if why.likely:
        yield f"likely cause: {_line(why.likely)}"
        yield from (f"  {_line(each)}" for each in why.evidence)
        if why.others:
            yield f"  or {_line(', or '.join(why.others))}"
    yield from (f"note: {_line(each)}" for each in why.remarks)


def summary_lines(run: RunView, report: str | None = None) -> list[str]:
    """Return the run's closing lines; ``report`` is the page's path as a user would type it."""
    counts = ", ".join(f"{len(each.cases)} {each.verdict}" for each in reversed(run.sections))
    lines = [*run.shared]
    left_out = len(run.record.not_compared)
    counts = ", ".join(
        [counts or "no cases", *([f"{left_out:,} not compared"] if left_out else [])]
    )
    lines.append(run.outcome if run.gallery else counts)
    if not run.record.complete:
        lines.append("the run was cut short; cases may be missing")
    lines += [lock.sentence for lock in run.locks]
    lines += [f"note: {remark}" for remark in run.remarks]
    lines += _set_lines(run)
    lines += relation_lines(run.relations, _NAMED)
    lines += _warnings(run)
    if report:
        lines.append(f"report  {report}")
    if any(case.accept and not case.record.passed for case in run.cases):
        lines.append(f"accept  {' '.join(run.place.accepting())}")
    return [f"golden: {_line(line)}" for line in lines]


def _warnings(run: RunView) -> Iterator[str]:
    """Name the cases that pass with a warning, which stands among all of pytest's warnings else."""
    warned = [each for each in run.cases if each.record.verdict is Verdict.WARN]
    warned = [each for each in warned if each.record.passed]
    yield from (f"{each.name}: {reason_line(each)}" for each in warned[:_NAMED])
    if len(warned) > _NAMED:
        yield f"and {count_of(len(warned) - _NAMED, 'more case')} to be warned of, in the report"


def _set_lines(run: RunView) -> Iterator[str]:
    """Yield a line for each broken limit, one of what was not judged, and a count of the rest."""
    for each in run.sets:
        yield from (f"{each.name} ({each.place}): {fault}" for fault in each.faults)
    waiting = [f"{each.name} ({why})" for each in run.sets for why in each.record.not_judged]
    if waiting:
        yield f"not judged: {first_of(waiting, _NAMED)}"
    if held := sum(each.holds for each in run.sets):
        yield count_of(held, "set holds", "sets hold")


def block_lines(blocks: Iterable[Block]) -> list[str]:
    """Write blocks with an empty line between them: sentences, the table, details indented."""
    lines: list[str] = []
    for block in blocks:
        lines += [""] if lines else []
        lines += map(_line, block.sentences)
        lines += table(block.columns, block.rows)
        lines += [f"  {line}" for text in block.details for line in visible(text).splitlines()]
    return lines


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Align rows of cells in columns two spaces apart, indented by two; no head if it is empty."""
    if not rows:
        return
    all_rows = [tuple(map(_line, row)) for row in ((head, *rows) if head else rows)]
    widths = [max(map(len, column)) for column in zip(*all_rows, strict=True)]
    for row in all_rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _line(text: str) -> str:
    return visible(text, lines=False)
