"""What a set of changes makes of the entries: computed whole before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from harness.baselines.candidate import Candidate
from harness.baselines.changes import Change, Outcome
from harness.baselines.entry import BaselineEntry, ProfileBaseline
from harness.baselines.places import Places
from harness.baselines.reading import read_entry
from harness.files import pretty_json, write_atomically

Proposed = TypeVar("Proposed")


@dataclass(frozen=True)
class Step:
    """What one candidate changes."""

    candidate: Candidate
    path: Path
    """The entry's file."""
    change: Change
    rejected_elsewhere: tuple[str, ...]
    """Other profiles that have the candidate's pixels on their reject list, sorted."""

    def names_environment(self, environment_sha256: str) -> bool:
        """Say whether what is accepted after the change was made in that environment."""
        return any(
            image.environment_sha256 == environment_sha256
            for image in self.change.baseline.accepted
        )

    def names_trace(self, trace_sha256: str) -> bool:
        """Say whether what is accepted after the change names that trace."""
        return trace_sha256 in self.change.baseline.traces()


@dataclass(frozen=True)
class Plan:
    """The steps, and every entry that they change, by its file."""

    steps: tuple[Step, ...]
    entries: Mapping[Path, BaselineEntry]

    def write(self, files: Mapping[str, str] = MappingProxyType({})) -> None:
        """Replace each changed entry, atomically; GoldenseedError if one cannot be written.

        ``files`` has the SHA-256 of stored images' files by that of their pixels.
        """
        texts = {path: _text(entry, files) for path, entry in self.entries.items()}
        for path, text in texts.items():
            write_atomically(path, text)


def make_plan(
    places: Places,
    proposals: Sequence[tuple[Candidate, Proposed]],
    change: Callable[[ProfileBaseline, Proposed], Change],
) -> Plan:
    """Apply ``change`` to the entries of the proposals, one after the other, in memory.

    The caller holds the lock, so that the entries stay as they are read here.

    Raises:
        GoldenseedError: an unsafe name, an entry that cannot be read, or text that is no Unicode.

    """
    steps: list[Step] = []
    entries: dict[Path, BaselineEntry] = {}
    changed: dict[Path, None] = {}
    for candidate, proposed in proposals:
        path = places.entry(candidate.suite, candidate.case)
        entry = entries.get(path) or _entry(path, candidate)
        result = change(entry.profiles.get(candidate.profile, ProfileBaseline()), proposed)
        profiles = {**entry.profiles, candidate.profile: result.baseline}
        entries[path] = entry.model_copy(update={"profiles": profiles})
        steps.append(Step(candidate, path, result, _rejected_elsewhere(entry, candidate)))
        if result.outcome is not Outcome.UNCHANGED:
            changed[path] = None
    plan = Plan(tuple(steps), {path: entries[path] for path in changed})
    for entry in plan.entries.values():
        _text(entry, {})  # refuses what no UTF-8 file can hold
    return plan


def _entry(path: Path, candidate: Candidate) -> BaselineEntry:
    found = read_entry(path, suite=candidate.suite, case=candidate.case)
    return found or BaselineEntry(suite=candidate.suite, case=candidate.case, profiles={})


def _rejected_elsewhere(entry: BaselineEntry, candidate: Candidate) -> tuple[str, ...]:
    return tuple(
        sorted(
            profile
            for profile, baseline in entry.profiles.items()
            if profile != candidate.profile
            and any(image.pixels_sha256 == candidate.pixels_sha256 for image in baseline.rejected)
        )
    )


def _text(entry: BaselineEntry, files: Mapping[str, str]) -> bytes:
    document = entry.model_dump(mode="json")
    for profile in document["profiles"].values():
        for name in ("noise", "exact"):
            if profile[name] is None:
                del profile[name]
        for image in profile["accepted"]:
            image["file_sha256"] = files.get(image["pixels_sha256"], image["file_sha256"])
    return pretty_json(document)
