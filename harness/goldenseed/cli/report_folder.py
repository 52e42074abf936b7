"""Where a verb writes its report: never over something else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import open_regular
from goldenseed.runs.folder import RECORD

_HEAD_BYTES = 400


def check_report_folder(folder: Path, run_id: str, *, compared: Iterable[Path]) -> None:
    """Keep a report out of folders that hold something else, above all what is compared.

    A report of which the run's id begins with ``run_id`` may be written again. Raises
    GoldenseedError where the folder is another.
    """
    place = folder.resolve()
    for each in compared:
        if place == each.resolve() or each.resolve() in place.parents:
            raise GoldenseedError(
                f"is, or lies in, {each}, which is compared",
                path=folder,
                fix="name another folder",
            )
    if not folder.exists():
        return
    ours = (folder / RECORD).is_file() and f'"run_id": "{run_id}' in _head(folder / RECORD)
    if not folder.is_dir() or (any(folder.iterdir()) and not ours):
        raise GoldenseedError(
            "holds something that is not this report", path=folder, fix="name an empty folder"
        )


def _head(file: Path) -> str:
    """Read where a record names its run: nothing here depends on how long it is."""
    with open_regular(file) as stream:
        return stream.read(_HEAD_BYTES).decode(errors="replace")
