"""From a run's record to what the baseline store can accept: images, who signs, which commit."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from goldenseed.baselines.candidate import CandidateElement
from goldenseed.baselines.rejections import in_words
from goldenseed.baselines.store import BaselineStore, Candidate
from goldenseed.core.elements import suffix_of
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside
from goldenseed.core.listing import first_of
from goldenseed.environment.profile import PORTABLE, profile_slug
from goldenseed.runs.parts import GitState
from goldenseed.runs.record import CaseRecord, EnvironmentValue, RunRecord
from goldenseed.verdict.model import Verdict

_LISTED = 5
"""How many cases a line names."""


def read_git_state(folder: Path) -> GitState | None:
    """Return the commit and cleanliness of the repository around ``folder``.

    None where there is no repository, no commit yet, or no ``git`` on this machine: a run
    without one is a run without that line in its record, not a failure.
    """
    try:
        import git
    except ImportError:
        return None
    try:
        with git.Repo(folder, search_parent_directories=True) as repository:
            return GitState(
                commit=repository.head.commit.hexsha,
                dirty=repository.is_dirty(submodules=False),
            )
    except (git.GitError, ValueError, OSError):
        return None


def who_accepts(folder: Path) -> str:
    """Return git's identity as seen from ``folder``, ``Ada <ada@example.org>``, else the login.

    It goes into the baseline's entry, beside the reason, and so into the repository, where the
    commit would show the same.
    """
    try:
        import git
    except ImportError:
        return _login()
    try:
        with git.Repo(folder, search_parent_directories=True) as repository:
            reader = repository.config_reader()
            name = str(reader.get_value("user", "name", default=_login()))
            email = str(reader.get_value("user", "email", default=""))
            return f"{name} <{email}>" if email else name
    except (git.GitError, OSError):
        return _login()


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def candidates_of(
    run: RunRecord, folder: Path, cases: Iterable[CaseRecord]
) -> tuple[Candidate, ...]:
    """Turn records of ``run``, which lies in ``folder``, into candidates.

    Raises ``GoldenseedError`` for a case without an image, one whose environment was not recorded,
    and one whose profile is not that of its environment; and where no suite asks for the images.
    """
    if run.verb is not None and not run.verb.of_a_suite:
        raise GoldenseedError(
            f"{run.run_id} is what `goldenseed {run.verb.name}` left, and none of its images is "
            "one that a suite asks for",
            path=folder,
            fix="run the suite, and accept from that run",
        )
    return tuple(_candidate(run, folder, case) for case in cases)


def open_candidates(
    run: RunRecord, folder: Path, cases: Sequence[CaseRecord], store: BaselineStore
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Turn what ``open_cases`` leaves of the records into candidates, with its lines."""
    chosen, lines = open_cases(run, folder, cases, store)
    return candidates_of(run, folder, chosen), lines


def open_cases(
    run: RunRecord, folder: Path, cases: Sequence[CaseRecord], store: BaselineStore
) -> tuple[tuple[CaseRecord, ...], tuple[str, ...]]:
    """Return the cases on which nothing stands in the way of deciding.

    Returns them, and a line on what was left out and why: cases in error, and rejected images.
    Raises as ``candidates_of``.
    """
    sound = [case for case in cases if case.verdict is not Verdict.ERROR]
    errors = [case for case in cases if case.verdict is Verdict.ERROR]
    rejected = store.rejected(candidates_of(run, folder, sound))
    names = {(each.suite, each.case) for each, _ in rejected}
    lines = [f"left out {each.name}: {in_words(rejections)}" for each, rejections in rejected]
    if errors:
        listed = first_of([f"{case.suite}::{case.id}" for case in errors], _LISTED)
        lines.append(f"left out {len(errors)} with the verdict error: {listed}")
    return tuple(case for case in sound if (case.suite, case.id) not in names), tuple(lines)


def _candidate(run: RunRecord, folder: Path, case: CaseRecord) -> Candidate:
    image = case.image or next((each.file for each in case.elements), None)
    if image is None or case.pixels_sha256 is None or case.profile is None:
        raise GoldenseedError(
            f"{case.suite}::{case.id} has no image to accept: its verdict is {case.verdict.value}",
            path=folder / "run.json",
            fix="mend what the case's message names and run it again",
        )
    environment = run.environment_of(case)
    _check_profile(case, environment, folder)
    return Candidate(
        suite=case.suite,
        case=case.id,
        profile=case.profile,
        image=inside(folder, image),
        elements=tuple(
            CandidateElement(
                name=each.name,
                file=inside(folder, each.file or f"images/{each.sha256}{suffix_of(each.mode)}"),
                sha256=each.sha256,
                size=(each.width, each.height),
                mode=each.mode,
            )
            for each in case.elements
        ),
        pixels_sha256=case.pixels_sha256,
        recipe=case.recipe,
        recipe_sha256=case.recipe_sha256,
        environment=environment,
        in_force=case.in_force,
        run_id=run.run_id,
        trace=None if case.trace_file is None else inside(folder, case.trace_file),
        size=None if case.width is None or case.height is None else (case.width, case.height),
        mode=case.mode,
        written=case.written,
        returned=tuple((inside(folder, each.file), each.sha256) for each in case.returned),
        stages=tuple((each.stage, each.index, each.source, each.sha256) for each in case.trace),
    )


def _check_profile(
    case: CaseRecord, environment: Mapping[str, EnvironmentValue], folder: Path
) -> None:
    """Refuse a profile that is not the one which the recorded environment has.

    Earlier releases named a GPU without the processor that draws the noise.
    """
    own = [profile_slug(environment, noise=noise) for noise in ("cpu", None)]
    if case.recipe.get("determinism") == PORTABLE:
        own.insert(0, PORTABLE)
    if case.profile not in own:
        raise GoldenseedError(
            f"{case.suite}::{case.id}: the record says that the profile is {case.profile!r}, and "
            f"the environment that it names by its digest is one of {own[0]}",
            path=folder / "run.json",
            fix="the record was altered: run the suite again",
        )
