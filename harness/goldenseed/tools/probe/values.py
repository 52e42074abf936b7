"""The numbers of every stage of an image, kept beside a run for whoever measures them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import sha256_hex, write_atomically
from goldenseed.trace.stages import Stage, StageName

if TYPE_CHECKING:
    import numpy as np

    from goldenseed.trace.digesting import Recording

FOLDER = "values"


def keep_values(folder: Path, case: str, recording: Recording) -> None:
    """Write the numbers of an image's stages into a run's folder, each as NumPy has it."""
    import io

    import numpy as np

    for number, (digest, values) in enumerate(recording.values()):
        name = json.dumps([digest.stage, digest.source, digest.index])
        file = io.BytesIO()
        np.save(file, values, allow_pickle=False)
        place = folder / FOLDER / sha256_hex(case.encode()) / f"{number}"
        write_atomically(place.with_suffix(".npy"), file.getvalue(), durable=False)
        write_atomically(place.with_suffix(".json"), name.encode(), durable=False)


def kept_values(folder: Path, case: str) -> Mapping[StageName, np.ndarray]:
    """Return the numbers of an image's stages as float64, in the order in which they came.

    Raises GoldenseedError where none were kept.
    """
    import numpy as np

    place = folder / FOLDER / sha256_hex(case.encode())
    names = sorted(place.glob("*.json"), key=lambda each: int(each.stem))
    if not names:
        raise GoldenseedError(f"{case} has no trace to measure", path=folder)
    found, stages = {}, {each.value: each for each in Stage}
    for name in names:
        stage, source, index = json.loads(name.read_text())
        values = np.load(name.with_suffix(".npy"), allow_pickle=False)
        wide = np.complex128 if np.iscomplexobj(values) else np.float64
        found[StageName(stages[stage], source, index)] = values.astype(wide)
    return found
