"""Who signs for an accepted or rejected image."""

from __future__ import annotations

import getpass
from pathlib import Path


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
