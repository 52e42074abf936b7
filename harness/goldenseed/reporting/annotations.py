"""What failed, at the line of the suite that asks for it: for GitHub's log and GitLab's widget."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenseed.reporting.pilots import pilot_sentence
from goldenseed.reporting.terminal import reason_line
from goldenseed.reporting.view import CaseView, LockView, RunView
from goldenseed.reporting.words import count_of, shortened, visible
from goldenseed.reporting.worst import worst_of_each
from goldenseed.verdict.model import Verdict

MOST_SHOWN = 10
"""GitHub shows no more annotations of one kind for one step."""
CODE_QUALITY = "code-quality.json"

_LONGEST = 1000
_SEVERITIES = {
    Verdict.REJECTED: "blocker",
    Verdict.ERROR: "critical",
    Verdict.DRIFT: "major",
    Verdict.INCOMPARABLE: "major",
    Verdict.NEW: "minor",
}
_PASSING = "info"


@dataclass(frozen=True, slots=True)
class Annotation:
    """One sentence about a line of a file."""

    path: str
    """From the repository's root, with forward slashes."""
    line: int | None
    fails: bool
    severity: str
    """GitLab's word: ``info``, ``minor``, ``major``, ``critical``, ``blocker``."""
    title: str
    text: str
    fingerprint: str
    """A SHA-256 of what it is about, not of its numbers: equal from run to run."""


def annotations_of(run: RunView, prefix: str = "") -> tuple[Annotation, ...]:
    """Return one annotation for each case, set and lock that is not as it should be.

    Cases that fail first, no verdict behind all of another; ``prefix`` is pytest's root as seen
    from the repository's: ``""`` or ``tests/``.
    """
    loud = [case for case in run.cases if case.loud]
    cases = [_of_case(case, prefix) for case in worst_of_each(loud, MOST_SHOWN)]
    known = {each.fingerprint for each in cases}
    others = (_of_case(case, prefix) for case in loud)
    found = [*cases, *_of_pilots(run, prefix), *_of_sets(run, prefix)]
    found += [*_of_relations(run, prefix), *(_of_lock(run, each, prefix) for each in run.locks)]
    found += [each for each in others if each.fingerprint not in known]
    return tuple(sorted(found, key=lambda each: not each.fails))


def _of_case(case: CaseView, prefix: str) -> Annotation:
    record = case.record
    fails = not record.passed and record.xfail is None
    severity = _SEVERITIES.get(record.verdict, "major") if fails else _PASSING
    return _annotation(
        (prefix + record.path, record.line),
        f"golden {record.verdict}: {case.name}",
        reason_line(case),
        about=(record.path, record.id, record.verdict),
        severity=severity,
    )


def _of_pilots(run: RunView, prefix: str) -> Iterator[Annotation]:
    for each in run.record.pilots:
        if not each.held:
            yield _annotation(
                (prefix + each.path, each.line),
                f"golden pilot did not hold: {each.suite}",
                pilot_sentence(each),
                about=(each.path, "pilot"),
                severity="major",
            )


def _of_sets(run: RunView, prefix: str) -> Iterator[Annotation]:
    for each in run.sets:
        if not each.record.passed:
            yield _annotation(
                (prefix + each.record.path, each.record.line),
                f"golden set broken: {each.name}",
                "; ".join(each.faults),
                about=(each.record.path, each.name),
                severity="major",
            )


def _of_relations(run: RunView, prefix: str) -> Iterator[Annotation]:
    for each in run.relations:
        if not each.record.passed:
            yield _annotation(
                (prefix + each.record.path, each.record.line),
                f"golden relation broken: {each.record.relation}",
                f"{each.record.id}: {each.sentence}",
                about=(each.record.path, each.record.id),
                severity="major" if each.record.xfail is None else _PASSING,
            )


def _of_lock(run: RunView, lock: LockView, prefix: str) -> Annotation:
    found = next((each for each in run.record.cases if each.suite == lock.suite), None)
    path = found.path if found else lock.suite
    return _annotation(
        (prefix + path, None),
        "golden lock",
        lock.sentence,
        about=(path, "lock"),
        severity=_PASSING,
    )


def _annotation(
    place: tuple[str, int | None], title: str, text: str, *, about: Sequence[str], severity: str
) -> Annotation:
    path, line = place
    return Annotation(
        path=path,
        line=line,
        fails=severity != _PASSING,
        severity=severity,
        title=shortened(visible(title, lines=False), _LONGEST),
        text=shortened(visible(text, lines=False), _LONGEST),
        fingerprint=hashlib.sha256(
            "\0".join(about).encode("utf-8", errors="surrogatepass")
        ).hexdigest(),
    )


def github_lines(found: Sequence[Annotation], report: str | None = None) -> Iterator[str]:
    """Write annotations as commands of GitHub's workflows, as many as it shows of each kind.

    Where there are more, the last of a kind says how many. The format is that of
    docs.github.com/actions/reference/workflow-commands-for-github-actions; what is escaped is
    what ``actions/toolkit`` escapes (``packages/core/src/command.ts``).
    """
    where = f", in {report}" if report else " in the report"
    for command, fails in (("error", True), ("warning", False)):
        alike = [each for each in found if each.fails is fails]
        shown = alike if len(alike) <= MOST_SHOWN else alike[: MOST_SHOWN - 1]
        yield from (_command(command, each) for each in shown)
        if left := len(alike) - len(shown):
            rest = f"and {count_of(left, 'more golden annotation')}{where}"
            yield f"::{command}::{_data(rest)}"


def _command(command: str, each: Annotation) -> str:
    line = f",line={each.line}" if each.line is not None else ""
    place = f"file={_property(visible(each.path, lines=False))}{line},title={_property(each.title)}"
    return f"::{command} {place}::{_data(each.text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def code_quality(found: Sequence[Annotation]) -> list[dict[str, Any]]:
    """Return GitLab's code quality report (docs.gitlab.com/ci/testing/code_quality)."""
    return [
        {
            "description": f"{each.title}: {each.text}",
            "check_name": "goldenseed",
            "fingerprint": each.fingerprint,
            "severity": each.severity,
            "location": {"path": each.path, "lines": {"begin": each.line or 1}},
        }
        for each in found
    ]


def repository_prefix(root: Path) -> str:
    """Return ``root`` as seen from the repository that it lies in, ending in a slash, or ``""``."""
    root = root.resolve()
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return "".join(f"{part}/" for part in root.relative_to(folder).parts)
    return ""
