"""What git left in place of files: pointers of Git LFS, and the gaps of a sparse checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular

_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
"""How every pointer begins: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md."""
_POINTER_LIMIT = 1024
"""A pointer is shorter, by the same page."""
_SKIPPED = "S "
"""The tag of ``git ls-files -t`` for what a sparse checkout leaves out."""


def is_pointer(data: bytes) -> bool:
    """Say whether a file's content is a pointer of Git LFS in its place."""
    return len(data) < _POINTER_LIMIT and data.startswith(_POINTER)


def half_fetched(path: Path) -> GoldenseedError | None:
    """Say what git left in place of a file that cannot be read; None where that is not why."""
    if path.exists():
        try:
            pointer = is_pointer(read_regular(path, _POINTER_LIMIT))
        except GoldenseedError:
            return None
        what = "is a pointer of Git LFS, and the file that it stands for was not fetched"
        fix = "git lfs pull fetches it; of a clone without Git LFS, git lfs install comes first"
        return GoldenseedError(what, path=path, fix=fix) if pointer else None
    if not any(left_out(path)):
        return None
    return GoldenseedError(
        "is in git, and a sparse checkout left it out",
        path=path,
        fix=f"git sparse-checkout add '{path.parent}', with all of the baselines' folder",
    )


def left_out(place: Path) -> Iterator[Path]:
    """Yield the files at or below a place that git has and a sparse checkout left out.

    Git is asked only where there is a sparse checkout.
    """
    root = _sparse_root(place)
    if root is None:
        return
    import git

    inside = place.absolute().relative_to(root.absolute()).as_posix()
    try:
        listed = git.Git(root).ls_files("-t", "-z", "--", f":(literal){inside}")
    except git.GitError:
        return
    for line in listed.split("\0"):
        if line.startswith(_SKIPPED):
            yield root / line.removeprefix(_SKIPPED)


def _sparse_root(place: Path) -> Path | None:
    """Return the root of the checkout around a place, if it is a sparse one."""
    for folder in (place.absolute(), *place.absolute().parents):
        about = folder / ".git"
        if about.is_file():  # a worktree beside its repository
            said = read_regular(about, _POINTER_LIMIT).decode(errors="replace")
            about = folder / said.removeprefix("gitdir:").strip()
        if about.is_dir():
            return folder if (about / "info" / "sparse-checkout").is_file() else None
    return None
