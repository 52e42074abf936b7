"""Loading a diffusers pipeline from a checked folder: no network, no foreign code."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.as_loaded import LoadingReport, loading_reports, names_in_words
from goldenseed.backends.diffusers.components import check_slots, load_components, slots_of
from goldenseed.backends.diffusers.factory import build, own_class
from goldenseed.backends.diffusers.failures import Situation, absent_packages_fault, failure
from goldenseed.backends.diffusers.modular import (
    hide_progress,
    is_of_blocks,
    parts_of,
    pipeline_of_blocks,
)
from goldenseed.backends.diffusers.places import dtype_argument, dtype_for
from goldenseed.backends.diffusers.quantising import as_option, check_quantised, quantizations
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.device import forget_peak
from goldenseed.environment.offline import offline

if TYPE_CHECKING:
    from types import ModuleType

    import torch

    from goldenseed.backends.diffusers.components import CheckedPart
    from goldenseed.backends.diffusers.weights import CheckedModel
    from goldenseed.suite.cases import Case


_RANDOM_WEIGHTS = ("newly initialized", "| MISSING")
"""What the libraries log when they fill weights at random. It is the second witness, for what was
loaded by other ways than ``from_pretrained`` of a model."""


def load_pipeline(
    checked: tuple[CheckedModel, tuple[CheckedPart, ...]] | None,
    case: Case,
    *,
    dtype: torch.dtype,
    device: str,
) -> tuple[Any, tuple[LoadingReport, ...]]:
    """Load the case's pipeline onto ``device``; return what was said of its weights too.

    Without ``checked`` folders its factory puts it together.

    ``GenerationError`` if it cannot be loaded, or lacks weights and the suite does not allow that,
    ``OutOfMemoryError`` for too little memory, ``GoldenseedError`` if diffusers has no such class.
    """
    forget_peak(device)
    path = case.suite.path if checked is None else checked[0].folder
    with _without_random_weights(case.model.allow_new_weights, path) as reports:
        if checked is None:
            assert case.model.factory is not None  # noqa: S101 - whoever calls it has looked
            made = build(case, case.model.factory, dtype=dtype, device=device)
        else:
            made = _of_folders(*checked, case, reports, dtype=dtype, device=device)
    return made, tuple(reports)


def _of_folders(
    whole: CheckedModel,
    parts: tuple[CheckedPart, ...],
    case: Case,
    reports: list[LoadingReport],
    *,
    dtype: torch.dtype,
    device: str,
) -> Any:
    import diffusers

    model, path = case.model, case.suite.path
    cls = (
        own_class(model.pipeline, model.pipeline_sha256, path)
        if model.pipeline and "." in model.pipeline
        else _pipeline_class(diffusers, model.pipeline or whole.pipeline, whole)
    )
    common: dict[str, Any] = {"variant": model.variant}
    if model.allow_new_weights:
        # Only so do the libraries fill missing weights; else they leave them without memory.
        common["low_cpu_mem_usage"] = False
    try:
        modular = pipeline_of_blocks(cls, whole, model, path) if is_of_blocks(cls) else None
        check_slots(cls if modular is None else modular, model, path)
        if modular is not None:
            named = {each.spec.name for each in parts}
            parts = (*parts_of(whole, slots_of(modular), named), *parts)
        own = {each.spec.name: each.class_name for each in parts}
        quantised = quantizations(model, {**whole.classes, **own}, path, device)
        wide = dtype == dtype_for("float64")
        dtypes = {} if wide else {name: dtype_for(each) for name, each in model.dtypes}
        own_dtypes = {each.spec.part: _own_dtype(each, dtypes, dtype, wide=wide) for each in parts}
        made = load_components(parts, own_dtypes, reports, path, quantised, **common)
        if modular is not None:
            loaded = modular
            loaded.update_components(**made)
        else:
            loaded = cls.from_pretrained(
                str(whole.folder),
                **{dtype_argument(cls): {"default": dtype, **dtypes} if dtypes else dtype},
                use_safetensors=None if whole.pickles else True,
                local_files_only=True,
                trust_remote_code=False,
                **common,
                **({"device_map": model.device_map} if model.device_map else {}),
                **as_option({name: quantised[name] for name in quantised.keys() - own.keys()}),
                **made,
            )
        check_quantised(loaded, quantised, model, path)
        if model.device_map is None and model.offload == "none":
            loaded = loaded.to(device)
    except GoldenseedError:
        raise
    except Exception as error:
        raise failure(error, Situation(case, device), path) or GenerationError(
            f"diffusers {diffusers.__version__} cannot load the {cls.__name__}: "
            f"{type(error).__name__}: {error}",
            path=whole.folder,
            fix="check that the model is complete and that this diffusers release knows it",
        ) from error
    hide_progress(loaded)
    return loaded


@contextmanager
def _without_random_weights(allowed: Collection[str], path: Path) -> Iterator[list[LoadingReport]]:
    """Load offline and quietly; where weights were filled at random, that is what is raised."""
    with offline(), quietly() as messages, loading_reports() as reports:
        try:
            yield reports
        except Exception:
            _refuse_random_weights(reports, messages, allowed, path)
            raise
    _refuse_random_weights(reports, messages, allowed, path)


def _own_dtype(
    part: CheckedPart, dtypes: Mapping[str, torch.dtype], default: torch.dtype, *, wide: bool
) -> torch.dtype:
    """Return what a component's weights are loaded in; float64 for all of it where that is so."""
    if part.spec.dtype is not None and not wide:
        return dtype_for(part.spec.dtype)
    return dtypes.get(part.spec.name, default)


def _refuse_random_weights(
    reports: Sequence[LoadingReport],
    messages: Sequence[str],
    allowed: Collection[str],
    path: Path,
) -> None:
    """Raise for weights filled at random; also where only a message tells of them."""
    incomplete = [report for report in reports if report.missing]
    refused = [
        f"{report.component} lacks {names_in_words(report.missing)}"
        for report in incomplete
        if report.component not in allowed
    ]
    if not incomplete:
        refused = [
            message.strip()
            for message in messages
            if any(words in message for words in _RANDOM_WEIGHTS)
        ]
    if refused:
        names = [report.component for report in incomplete if report.component not in allowed]
        raise GenerationError(
            f"weights are missing and would be filled at random: {'; '.join(refused)}",
            path=path,
            fix="use the library versions the model was saved with, or save it again; to test "
            "such a model all the same, name the component: "
            f"allow_new_weights: [{', '.join([*allowed, *(names or ['unet'])])}]",
        )


@contextmanager
def quietly() -> Iterator[list[str]]:
    """Keep what diffusers and transformers log and show off the terminal; yields their warnings."""
    import diffusers.utils.logging
    import transformers.utils.logging

    messages: list[str] = []
    with ExitStack() as restore:
        for library in (diffusers, transformers):
            log = library.utils.logging
            if log.is_progress_bar_enabled():
                restore.callback(log.enable_progress_bar)
                log.disable_progress_bar()
            logger = logging.getLogger(library.__name__)
            restore.callback(setattr, logger, "handlers", logger.handlers)
            restore.callback(setattr, logger, "propagate", logger.propagate)
            logger.handlers = [_Collector(messages)]
            logger.propagate = False
        yield messages


class _Collector(logging.Handler):
    """Adds every message of level warning or above to a list."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.append(record.getMessage())


def _pipeline_class(diffusers: ModuleType, name: str, checked: CheckedModel) -> Any:
    found = getattr(diffusers, name, None)
    if fault := absent_packages_fault(found, name):
        raise GenerationError(fault[0], path=checked.folder, fix=fault[1])
    if hasattr(found, "from_pretrained") and ("Pipeline" in name or name.startswith("AutoPipe")):
        return found
    near = get_close_matches(name, [each for each in dir(diffusers) if "Pipeline" in each], n=3)
    raise GoldenseedError(
        f"diffusers {diffusers.__version__} has no pipeline {name!r}",
        path=checked.folder,
        fix=f"did you mean {' or '.join(near)}?" if near else "install a release that has it",
    )
