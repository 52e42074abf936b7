"""The pairs: each changed image beside the plain one, measured once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from changes import CHANGES, Change
from PIL import Image

from goldenseed.core.pixels import decode
from goldenseed.environment.fingerprint import Value
from goldenseed.trace.files import SUFFIX, read_trace
from goldenseed.trace.stages import Trace

PLAIN = "plain"
ENVIRONMENT = "environment.json"
"""Where an image was made: the fingerprint, and what was otherwise inside the call."""
MEASURED = (
    "peak_difference",
    "mean_difference",
    "changed_fraction",
    "psnr",
    "average_hash_distance",
    "phash_distance",
    "ssim",
    "ms_ssim",
    "flip",
)


@dataclass(frozen=True, eq=False)
class Made:
    """One image of the benchmark and its trace."""

    folder: Path

    @cached_property
    def image(self) -> Image.Image:
        return decode(self.folder / "image.png")

    @cached_property
    def array(self) -> np.ndarray:
        return np.asarray(self.image, dtype=np.float64)

    @cached_property
    def trace(self) -> Trace:
        (path,) = self.folder.glob(f"*{SUFFIX}")
        return read_trace(path)

    @cached_property
    def environment(self) -> Mapping[str, Value]:
        """The fingerprint of where it was made, without what was otherwise inside the call."""
        return self._found["environment"]

    @cached_property
    def in_force(self) -> Mapping[str, Value]:
        """What was in force inside the call and is otherwise in the fingerprint."""
        return self._found["in_force"]

    @cached_property
    def _found(self) -> Mapping[str, Mapping[str, Value]]:
        found: Mapping[str, Mapping[str, Value]] = json.loads(
            (self.folder / ENVIRONMENT).read_text(encoding="utf-8")
        )
        return found


@dataclass(frozen=True, eq=False)
class LabelledPair:
    """An image under one change, and the plain image of the same case."""

    model: str
    number: int
    change: Change
    plain: Made
    made: Made

    @property
    def case(self) -> tuple[str, int]:
        return self.model, self.number

    @cached_property
    def identical(self) -> bool:
        return bool(np.array_equal(self.plain.array, self.made.array))

    @cached_property
    def metrics(self) -> Mapping[str, float]:
        from goldenseed.images.measure import measure

        return measure(self.made.image, self.plain.image, MEASURED)


def pairs(folder: Path, mode: str) -> Iterator[LabelledPair]:
    """Yield every pair of a mode, model by model, in the order of the table of changes."""
    for home in sorted((folder / "images" / mode).iterdir()):
        for change in CHANGES.values():
            place = home / change.name.replace("/", "-")
            for found in sorted(place.glob("[0-9]*"), key=lambda path: int(path.name)):
                yield LabelledPair(
                    model=home.name,
                    number=int(found.name),
                    change=change,
                    plain=Made(home / PLAIN / found.name),
                    made=Made(found),
                )
