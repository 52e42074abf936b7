"""The environment of an image: the process, the model's files, the pipeline as it was loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from harness.environment.file_digests import FileDigests
from harness.environment.fingerprint import EnvironmentValue, read_fingerprint
from harness.generation.as_loaded import describe_components
from harness.generation.loading_report import LoadingReport, describe_reports
from harness.generation.model_files import read_model_files
from harness.generation.pipeline_state import describe_state, describe_tokenizers

if TYPE_CHECKING:
    from harness.suites.expansion import Suite

Environment = Mapping[str, EnvironmentValue]


def describe_surroundings(suite: Suite, device: str, digests: FileDigests) -> Environment:
    """Describe all that can be known without loading the model: process, GPU, files.

    Read it inside the suite's settings.

    Raises:
        GoldenseedError: the model's files are not there or are refused.

    """
    return {**read_fingerprint(device), **read_model_files(suite, digests)}


def describe_as_loaded(pipeline: Any, reports: Iterable[LoadingReport]) -> Environment:
    """Describe what loading made of the model; read it once, before the first image."""
    components = dict(describe_components(pipeline))
    names = dict.fromkeys(key.split(".")[1] for key in components)
    return {
        **components,
        **describe_reports(names, reports),
        **dict(describe_tokenizers(pipeline)),
    }


def describe_images(
    surroundings: Environment, as_loaded: Environment, pipeline: Any, scheduler: Any
) -> Environment:
    """Describe where images are made, with the scheduler they are given, sorted by key.

    Read it inside the settings that are in force for the images.
    """
    state = dict(describe_state(pipeline, scheduler))
    return dict(sorted({**surroundings, **as_loaded, **state}.items()))
