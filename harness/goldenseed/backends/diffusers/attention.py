"""The attention that a suite asks for: diffusers' back end and processor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.loading import quietly
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import did_you_mean
from goldenseed.suite.parts import is_denoiser

if TYPE_CHECKING:
    from goldenseed.suite.cases import Suite


FAMILIES = (
    ("AttnProcessor", "AttnProcessor2_0", "XFormersAttnProcessor"),
    ("AttnAddedKVProcessor", "AttnAddedKVProcessor2_0", "XFormersAttnAddedKVProcessor"),
    ("JointAttnProcessor2_0", "XFormersJointAttnProcessor"),
)
"""Classes that compute one formula in different ways, so that each can stand for the others.

Those that carry weights (IP-Adapter, Custom Diffusion), that are made for projections joined
beforehand, or that need arguments are not among them: nothing can stand for those.
"""


@contextmanager
def attention_processor(pipeline: Any, suite: Suite) -> Iterator[None]:
    """Let the models compute attention with the suite's processor, if it names one, for a while.

    Each component is given it whose own are of its family. ``GoldenseedError`` where none is, or
    not the denoiser, or where the processor's package is not installed.
    """
    wanted = suite.determinism.attention_processor
    if wanted is None:
        yield
        return
    takers = _takers(pipeline, wanted, suite)
    processor = _made(wanted, suite)
    before = [(component, dict(component.attn_processors)) for component in takers]
    try:
        for component in takers:
            component.set_attn_processor(processor)
        yield
    finally:
        for component, own in before:
            component.set_attn_processor(own)


def _takers(pipeline: Any, wanted: str, suite: Suite) -> list[Any]:
    """Return the components that are given the processor: the denoiser is among them."""
    family = next(set(names) for names in FAMILIES if wanted in names)
    found = {
        name: {type(each).__name__ for each in component.attn_processors.values()}
        for name, component in pipeline.components.items()
        if getattr(component, "attn_processors", None)
    }
    takers = [name for name, classes in found.items() if classes <= family]
    # A processor for the VAE alone is never what was meant.
    refused = [name for name in found if is_denoiser(name) and name not in takers]
    if refused or not takers:
        names = refused or list(found)
        own = "; ".join(f"{name} has {', '.join(sorted(found[name]))}" for name in names)
        raise GoldenseedError(
            f"`determinism.attention_processor: {wanted}` fits no such model: "
            f"{own or f'{type(pipeline).__name__} has no attention processors'}",
            path=suite.path,
            fix=_way_out(pipeline, names),
        )
    return [pipeline.components[name] for name in takers]


def _way_out(pipeline: Any, names: list[str]) -> str:
    processors = (
        each for name in names for each in pipeline.components[name].attn_processors.values()
    )
    if any(hasattr(each, "_attention_backend") for each in processors):
        return "use `determinism.attention_backend`, which these processors take"
    return "remove it: the lock and the record name the model's own ones"


def _made(wanted: str, suite: Suite) -> Any:
    from diffusers.models import attention_processor as diffusers_processors
    from diffusers.utils.import_utils import is_xformers_available

    if wanted.startswith("XFormers") and not is_xformers_available():
        raise GoldenseedError(
            f"`determinism.attention_processor: {wanted}` needs the package xformers",
            path=suite.path,
            fix="pip install xformers",
        )
    found = getattr(diffusers_processors, wanted, None)
    if found is None:
        raise GoldenseedError(
            f"this release of diffusers has no {wanted}", path=suite.path, fix="choose another"
        )
    return found()


@contextmanager
def attention_backend(pipeline: Any, suite: Suite) -> Iterator[None]:
    """Let the models compute attention with the suite's back end, if it names one, for a while.

    ``GoldenseedError`` where diffusers has no such one, it lacks a package, or no model takes one.
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
