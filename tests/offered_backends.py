"""Packages that offer back ends: a real distribution's metadata, in a folder for the path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project


def offer(folder: Path, package: str, source: str, **backends: str) -> Path:
    """Write a module and what declares its back ends: name to ``module:object``."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = {value}" for name, value in backends.items())
    (info / "entry_points.txt").write_text(f"[goldenseed.backends]\n{lines}\n")
    (folder / f"{package}.py").write_text(source)
    return folder


def seen_by_workers(project: Project) -> None:
    """Let xdist's workers find what is in PYTHONPATH, in place of which they are told a path."""
    paths = os.environ["PYTHONPATH"].replace(os.pathsep, " ")
    (project.path / "pytest.ini").write_text(f"[pytest]\npythonpath = {paths}\n")


def on_the_path(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Put a folder on the path of this process and of those that it starts."""
    patch.syspath_prepend(folder)
    patch.setenv("PYTHONPATH", str(folder), prepend=":")
