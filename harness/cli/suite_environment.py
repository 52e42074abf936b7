"""The environment of a suite's images, which takes loading its model once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.environment.reading import EnvironmentValue

if TYPE_CHECKING:
    from harness.suites.expansion import Suite


def read_suite_environment(
    suite: Suite, *, device: str, verify: bool = False
) -> Mapping[str, EnvironmentValue]:
    """Load the suite's model, with the suite's own scheduler, and describe where it would run.

    Raises:
        GoldenseedError: the model cannot be found or loaded, or is refused.

    """
    from harness.generation.diffusers_backend import DiffusersBackend

    case = replace(suite.cases[0], scheduler=suite.model.scheduler)
    backend = DiffusersBackend(device=device, verify_files=verify)
    try:
        backend.load(case)
        return backend.fingerprint()
    finally:
        backend.close()
