"""What a target has to keep to."""

from __future__ import annotations

import shutil
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, settings

from fuzz.mutations import Edit
from fuzz.targets import TARGETS
from goldenseed.core.errors import GoldenseedError

CPU_SECONDS = 5.0
"""What one input may take."""

SETTINGS = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


def check(name: str, changes: Sequence[Edit], scratch: Path) -> None:
    """Give one input to a target: anything but an answer or ``GoldenseedError``, in time, fails."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    began = time.process_time()
    try:
        with warnings.catch_warnings(), suppress(GoldenseedError):
            warnings.simplefilter("ignore")
            TARGETS[name](changes, folder)
    finally:
        shutil.rmtree(folder)
    spent = time.process_time() - began
    assert spent < CPU_SECONDS, f"{name} took {spent:.1f} s"
