"""Where a model, or a part of it, lies on this machine, and how libraries are asked for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from goldenseed.core.errors import GoldenseedError

if TYPE_CHECKING:
    import torch


class Place(Protocol):
    """A source of the suite: a folder or file beside it, or a commit of a hub repository."""

    @property
    def source(self) -> str:
        """As the suite writes it."""

    @property
    def folder(self) -> Path | None:
        """Absolute; None for a hub id."""

    @property
    def revision(self) -> str | None:
        """The commit of a hub id."""


def local_folder(place: Place, suite: Path) -> Path:
    """Find what a suite names beside it or in the local hub cache, or raise; no network."""
    if place.folder is not None:
        if place.folder.exists():
            return place.folder
        raise GoldenseedError(
            f"there is no folder {place.source!r} beside the suite",
            path=suite,
            line=getattr(place, "line", None),
            fix="correct its source, or give a hub id with a 40-hex revision",
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(place.source, revision=place.revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, FileNotFoundError) as error:
        raise GoldenseedError(
            f"{place.source} at revision {place.revision} is not in the local hub cache, "
            "and nothing is downloaded during a run",
            path=suite,
            line=getattr(place, "line", None),
            fix=f"hf download {place.source} --revision {place.revision}",
        ) from error


def dtype_for(name: str) -> torch.dtype:
    """Return torch's floating-point dtype of that name, such as ``bfloat16``, or raise."""
    import torch

    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise GoldenseedError(
            f"{name!r} is no floating-point dtype of torch",
            fix="use float32, float16, bfloat16 or float64",
        )
    return found


def dtype_argument(cls: Any) -> str:
    """Return what ``from_pretrained`` of a class calls the dtype.

    diffusers renamed it in 0.42 (pull request 14205), transformers in 4.56.
    """
    from importlib.metadata import version

    from packaging.version import Version

    library = cls.__module__.partition(".")[0]
    renamed = {"diffusers": "0.42", "transformers": "4.56"}.get(library)
    renamed = renamed or "0.42"
    known = library if library == "transformers" else "diffusers"
    return "dtype" if Version(version(known)) >= Version(renamed) else "torch_dtype"


def knows_dtypes_by_part() -> bool:
    """Return whether ``from_pretrained`` of pipelines takes a dtype for each part (0.33)."""
    from importlib.metadata import version

    from packaging.version import Version

    return Version(version("diffusers")) >= Version("0.33")
