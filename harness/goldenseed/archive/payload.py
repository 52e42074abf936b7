"""Which files make an archive's payload: asked when one is made, and again when it is verified."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from goldenseed.archive.layout import BASELINES, RUN
from goldenseed.baselines.entry import BaselineEntry, ProfileBaseline
from goldenseed.baselines.places import Places
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside
from goldenseed.environment.profile import fallback_chain
from goldenseed.runs.folder import RECORD
from goldenseed.runs.named_files import files_of_run
from goldenseed.runs.record import RunRecord
from goldenseed.suite.cases import Suite
from goldenseed.suite.inputs import InputCase, input_files


def run_files(run: RunRecord, folder: Path) -> dict[str, Path]:
    """Return the files of a run that its record names, by their place in an archive."""
    return {f"{RUN}/{place}": inside(folder, place) for place in (RECORD, *files_of_run(run))}


def entries_of(run: RunRecord, suites: tuple[Suite, ...]) -> dict[tuple[str, str], set[str | None]]:
    """Return the suite and id of every case whose baseline counts, with the profiles it counts in.

    Those are the run's own cases, and those whose accepted images are inputs of others.
    """
    found: dict[tuple[str, str], set[str | None]] = {}
    for case in run.cases:
        found.setdefault((case.suite, case.id), set()).add(case.profile)
    profiles = {case.profile for case in run.cases}
    for suite in suites:
        for template in suite.templates:
            for _, given in input_files(template.inputs):
                if isinstance(given, InputCase):
                    key = given.of_suite or suite.name, given.case
                    found.setdefault(key, set()).update(profiles)
    return found


def baseline_files(
    run: RunRecord, suites: tuple[Suite, ...], store: BaselineStore
) -> tuple[dict[str, Path], dict[str, BaselineEntry]]:
    """Return the files of the baselines that a run was judged by, and their entries, by place.

    An entry is as it was when the run began. Raises GoldenseedError where one cannot be read.
    """
    places = Places(store.root)
    files: dict[str, Path] = {}
    entries: dict[str, BaselineEntry] = {}
    for (suite, case), profiles in entries_of(run, suites).items():
        entry = store.entry(suite, case)
        if entry is None:
            continue
        entry = as_of(entry, run)
        if not entry.profiles:
            continue
        entries[_place(places.entry(suite, case), store)] = entry
        for profile in filter(None, profiles):
            chain = fallback_chain(profile, entry.profiles)
            used = next((name for name in chain if entry.profiles[name].accepted), None)
            if used is not None:
                kept = _files_of(entry.profiles[used], places)
                files |= {_place(path, store): store.fetched(path) for path in kept}
    return files, entries


def _place(path: Path, store: BaselineStore) -> str:
    return f"{BASELINES}/{path.relative_to(store.root).as_posix()}"


def _files_of(kept: ProfileBaseline, places: Places) -> Iterator[Path]:
    for image in kept.accepted:
        parts = image.elements or (image,)
        for part in parts:
            digest = part.sha256 if hasattr(part, "sha256") else part.pixels_sha256
            yield places.element(digest, part.mode)
        yield from map(places.returned, image.returned)
        yield places.environment(image.environment_sha256)
    for digest in kept.traces():
        yield places.trace(digest)
    if kept.tolerance is not None:
        for digest in (kept.tolerance.environment_sha256, *kept.tolerance.harmless_environments):
            yield places.environment(digest)


def as_of(entry: BaselineEntry, run: RunRecord) -> BaselineEntry:
    """Return the entry without what was accepted, rejected or measured after ``run`` began.

    What an acceptance took the place of is not in the entry any more, and does not come back.
    """
    profiles, when = {}, run.started
    for name, each in entry.profiles.items():
        tolerance, exact = each.tolerance, each.exact
        before = each.model_copy(
            update={
                "accepted": tuple(
                    a for a in each.accepted if a.accepted_at <= when and a.run_id != run.run_id
                ),
                "rejected": tuple(
                    r for r in each.rejected if r.rejected_at <= when and r.run_id != run.run_id
                ),
                "overruled": tuple(o for o in each.overruled if o.overruled_at <= when),
                "tolerance": tolerance if tolerance and tolerance.measured_at <= when else None,
                "exact": exact if exact and exact.made_at <= when else None,
            }
        )
        if before.digests() or before.overruled or before.exact or before.tolerance:
            profiles[name] = before
    return entry.model_copy(update={"profiles": profiles})


def refuse_absent(files: dict[str, Path]) -> None:
    """Raise GoldenseedError for a file that is to be archived and is not there."""
    absent = [path for path in files.values() if not path.is_file()]
    if absent:
        raise GoldenseedError(
            f"is not there, and the run needs it ({len(absent)} such files)",
            path=absent[0],
            fix="copy the run's folder again from where it was made, or run the suite again",
        )
