"""The attention processor of diffusers that a suite asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.errors import GoldenseedError

if TYPE_CHECKING:
    from harness.suites.expansion import Suite

FAMILIES = (
    ("AttnProcessor", "AttnProcessor2_0", "XFormersAttnProcessor"),
    ("AttnAddedKVProcessor", "AttnAddedKVProcessor2_0", "XFormersAttnAddedKVProcessor"),
    ("JointAttnProcessor2_0", "XFormersJointAttnProcessor"),
)
"""Classes that compute one formula in different ways, so that each can stand for the others.

Those that carry weights (IP-Adapter, Custom Diffusion), that are made for projections joined
beforehand, or that need arguments are not among them: nothing can stand for those.
"""
_DENOISERS = ("unet", "transformer", "transformer_2", "prior")
"""Components that are called once a step. A processor for the VAE alone is never what was meant."""


@contextmanager
def attention_processor(pipeline: Any, suite: Suite) -> Iterator[None]:
    """Let the models of ``pipeline`` compute attention with the suite's processor for a while.

    Nothing is touched where the suite names none. Every component whose processors are of the
    wanted one's family is given it; afterwards each has its own ones again.

    Raises:
        GoldenseedError: the denoiser, or every component, has processors of another kind, or the
            package that the processor is made of is not installed.

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
    refused = [name for name in _DENOISERS if name in found and name not in takers]
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
