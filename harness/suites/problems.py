"""What is wrong with a suite file, and how all of it is said at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import GoldenseedError

SHOWN = 10
"""How many problems of one file are named before the rest is only counted."""
COUNTED = 1000
"""How many problems of one kind are looked for before the rest is not even counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing the author of the file has to mend."""

    line: int
    """From 1, of the offending key or value."""
    what: str
    fix: str | None = None


def failure(path: Path, problems: Iterable[Problem]) -> GoldenseedError:
    """One error that names every problem of ``path``, in the order of its lines.

    Each problem keeps the form ``path:line: what``, so that terminals and editors link all of them.
    """
    ordered = sorted(dict.fromkeys(problems), key=lambda problem: problem.line)
    first, *others = ordered
    if not others:
        return GoldenseedError(first.what, path=path, line=first.line, fix=first.fix)
    parts = [first.what + (f"\n  fix: {first.fix}" if first.fix else "")]
    parts += [
        str(GoldenseedError(problem.what, path=path, line=problem.line, fix=problem.fix))
        for problem in others[: SHOWN - 1]
    ]
    if len(ordered) > SHOWN:
        at_least = "at least " if len(ordered) >= COUNTED else ""
        parts.append(f"{path}: and {at_least}{len(ordered) - SHOWN} more problems")
    return GoldenseedError("\n".join(parts), path=path, line=first.line)
