"""The attention back end of diffusers that a suite asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.errors import GoldenseedError
from harness.generation.backend import GenerationError
from harness.generation.pipeline_loading import quietly
from harness.generation.schedulers import did_you_mean

if TYPE_CHECKING:
    from harness.suites.expansion import Suite


@contextmanager
def attention_backend(pipeline: Any, suite: Suite) -> Iterator[None]:
    """Let the models of ``pipeline`` compute attention with the suite's back end for a while.

    Nothing is touched where the suite names none. Afterwards each processor and diffusers' global
    choice are as they were.

    Raises:
        GoldenseedError: diffusers has no such back end, or it needs what is not installed, or no
            model of the pipeline takes one.

    """
    wanted = suite.determinism.attention_backend
    if wanted is None:
        yield
        return
    dispatch = _dispatch(suite)
    choices = [each.value for each in dispatch.AttentionBackendName]
    if wanted not in choices:
        raise GoldenseedError(
            f"diffusers has no attention back end {wanted!r}",
            path=suite.path,
            fix=did_you_mean(wanted, choices),
        )
    processors = list(_processors(pipeline))
    if not processors:
        raise GoldenseedError(
            f"no attention processor of {type(pipeline).__name__} takes a back end, "
            f"so `determinism.attention_backend: {wanted}` would change nothing",
            path=suite.path,
            fix="remove it; `determinism.sdpa` chooses the kernel of torch's own attention",
        )
    registry = dispatch._AttentionBackendRegistry  # noqa: SLF001 - the only way to read it
    active = registry._active_backend  # noqa: SLF001
    before = [(each, each._attention_backend) for each in processors]  # noqa: SLF001
    try:
        _set(pipeline, wanted, suite)
        yield
    finally:
        for processor, own in before:
            processor._attention_backend = own  # noqa: SLF001
        registry.set_active_backend(active)


def _dispatch(suite: Suite) -> Any:
    try:
        from diffusers.models import attention_dispatch
    except ImportError as error:
        raise GoldenseedError(
            "this release of diffusers has no attention back ends to choose from",
            path=suite.path,
            fix="remove `determinism.attention_backend`, or install diffusers 0.35 or later",
        ) from error
    return attention_dispatch


def _set(pipeline: Any, wanted: str, suite: Suite) -> None:
    try:
        with quietly():
            for each in pipeline.components.values():
                if hasattr(each, "set_attention_backend"):
                    each.set_attention_backend(wanted)
    except Exception as error:
        raise GenerationError(
            f"the attention back end {wanted!r} cannot be used: {type(error).__name__}: {error}",
            path=suite.path,
            fix="install what it needs, or choose another back end",
        ) from error


def _processors(pipeline: Any) -> Iterator[Any]:
    for component in pipeline.components.values():
        if hasattr(component, "set_attention_backend"):
            for module in component.modules():
                processor = getattr(module, "processor", None)
                if hasattr(processor, "_attention_backend"):
                    yield processor
