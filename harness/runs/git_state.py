"""The commit a suite was run from."""

from __future__ import annotations

from pathlib import Path

from harness.runs.record import GitState


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
