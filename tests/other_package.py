"""Another package that offers something through entry points: real metadata on the path."""

from collections.abc import Mapping
from pathlib import Path


def other_package(
    folder: Path, group: str, offers: Mapping[str, str], modules: Mapping[str, str] = {}
) -> Path:
    """Write a distribution called after ``folder`` into it, version 1.0; put it on the path."""
    info = folder / f"{folder.name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {folder.name}\nVersion: 1.0\n")
    lines = [f"[{group}]", *(f"{name} = {place}" for name, place in offers.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return folder
