"""From a run's record to what the baseline store can accept: images, who signs, which commit."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from pathlib import Path

from goldenseed.baselines.store import Candidate
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside
from goldenseed.runs.record import CaseRecord, GitState, RunRecord


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
    """Return git's ``user.name`` as seen from ``folder``, else the login name.

    The name goes into the baseline's entry, beside the reason, and so into the repository, where
    the commit would show the same name.
    """
    try:
        import git
    except ImportError:
        return _login()
    try:
        with git.Repo(folder, search_parent_directories=True) as repository:
            return str(repository.config_reader().get_value("user", "name", default=_login()))
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

    Raises ``GoldenseedError`` for a case without an image or whose environment was not recorded.
    """
    return tuple(_candidate(run, folder, case) for case in cases)


def _candidate(run: RunRecord, folder: Path, case: CaseRecord) -> Candidate:
    if case.image is None or case.pixels_sha256 is None or case.profile is None:
        raise GoldenseedError(
            f"{case.id} has no image to accept: its verdict is {case.verdict.value}",
            path=folder / "run.json",
            fix="mend what the case's message names and run it again",
        )
    return Candidate(
        suite=case.suite,
        case=case.id,
        profile=case.profile,
        image=inside(folder, case.image),
        pixels_sha256=case.pixels_sha256,
        recipe=case.recipe,
        recipe_sha256=case.recipe_sha256,
        environment=run.environment_of(case),
        in_force=case.in_force,
        run_id=run.run_id,
        trace=None if case.trace_file is None else inside(folder, case.trace_file),
    )
