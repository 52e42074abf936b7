"""An upgrade tried beside the pinned environment, and taken over where it is accepted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from goldenseed.bisect.bisecting import Bisecting
from goldenseed.bisect.both_sides import made_ends
from goldenseed.bisect.making import OURS
from goldenseed.bisect.packages import Packages, normalised
from goldenseed.bisect.trials import Trials
from goldenseed.bisect.tried import Tried
from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.comparison import RunComparison
from goldenseed.verdict.model import Verdict

_PIN = re.compile(r"^(\s*)([A-Za-z0-9][A-Za-z0-9._-]*)(\s*==\s*)([^\s;#\\]+)(.*)$")


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What becomes of the images with other packages."""

    pinned: Tried
    candidate: Tried
    comparison: RunComparison

    def of(self, *verdicts: Verdict) -> tuple[str, ...]:
        """Name the cases with these verdicts, the candidate held against the pinned."""
        pairs = self.comparison.pairs
        return tuple(each.judged.id for each in pairs if each.judged.verdict in verdicts)

    @property
    def identical(self) -> tuple[str, ...]:
        """Cases of which not one bit is another."""
        return self.of(Verdict.IDENTICAL)

    @property
    def rounded(self) -> tuple[str, ...]:
        """Cases that rounding alone explains."""
        return self.of(Verdict.MATCH)

    @property
    def moved(self) -> tuple[str, ...]:
        """All others."""
        done = {*self.identical, *self.rounded}
        return tuple(p.judged.id for p in self.comparison.pairs if p.judged.id not in done)


def tried_upgrade(search: Bisecting) -> Upgrade:
    """Make the images on both sides; raises ``GoldenseedError`` where one cannot."""
    pinned, candidate = made_ends(search.trials)
    if candidate.comparison is None:
        raise GoldenseedError("nothing could be compared", fix="name cases with --case")
    return Upgrade(pinned, candidate, candidate.comparison)


def rewritten(text: str, packages: Packages) -> str:
    """Return a constraints file with the versions of ``packages``; the rest of it stays.

    What it does not name yet is added at its end; what it pins and is not installed stays too, and
    so do lines for other Pythons and platforms.
    """
    named: set[str] = set()
    lines = []
    for line in text.splitlines():
        match = _PIN.match(line) if _counts_here(line) else None
        name = normalised(match[2]) if match else ""
        found = packages.each.get(name)
        if match and found:
            line = f"{match[1]}{match[2]}{match[3]}{found.version}{match[5]}"  # noqa: PLW2901
        named.add(name)
        lines.append(line)
    lines += [each.pin for name, each in packages.each.items() if name not in named]
    return "".join(f"{line}\n" for line in lines)


def _counts_here(line: str) -> bool:
    """Whether a line of a constraints file is for this Python and platform."""
    from packaging.markers import InvalidMarker, Marker

    _, semicolon, marker = line.partition("#")[0].partition(";")
    try:
        return not semicolon or Marker(marker).evaluate({"extra": ""})
    except InvalidMarker:
        return True


def new_constraints(path: Path, packages: Packages) -> bytes:
    """Return what ``path`` is to be with the versions of ``packages``.

    Raises ``GoldenseedError`` for a file that pins by hash, whose digests would be the old ones.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if "--hash=" in text:
        raise GoldenseedError(
            "pins files by their hashes, which are not rewritten",
            path=path,
            fix="write it anew (uv pip compile --generate-hashes), or name another file with "
            "--constraints",
        )
    return rewritten(text, packages).encode()


def rewrite_lock(trials: Trials, candidate: Tried, lock: Path) -> None:
    """Write the suite's lock as the candidate's interpreter finds its environment.

    Raises ``GoldenseedError`` with what that process said.
    """
    suite, maker = trials.maker.suite, trials.maker
    said = maker.processes.said_by(
        trials.environments.of(candidate.packages).python,
        *OURS,
        "goldenseed.bisect.locking",
        str(suite.path.absolute()),
        str(lock.absolute()),
        maker.device,
        variables=trials.bad.variables,
        seconds=trials.budget.seconds,
    )
    if said is not None:
        raise GoldenseedError(f"the lock cannot be written: {said}", path=suite.path)
