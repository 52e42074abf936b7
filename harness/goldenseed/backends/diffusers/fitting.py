"""What is done to a loaded pipeline before its first image: words, IP-Adapters, tiles, offloading.

A case that needs it otherwise has another model, and loads it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.adapters import fuse
from goldenseed.backends.diffusers.conditioning import attend, in_short, learn
from goldenseed.backends.diffusers.loading import quietly
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import did_you_mean
from goldenseed.environment.offline import offline
from goldenseed.suite.parts import Role, is_denoiser, named

_Refusal = Callable[[str, str, str], GoldenseedError]
"""Makes an error of a key of the section ``model``, what is wrong, and the fix."""

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case
    from goldenseed.suite.model import ModelSpec
    from goldenseed.suite.part_specs import CompileSpec


def check_placement(model: ModelSpec, device: str, suite: Path) -> None:
    """Refuse what needs an accelerator or a package that is not here; nothing is loaded yet."""
    refusal = partial(model.refusal, suite)
    if model.offload != "none":
        if device.partition(":")[0] == "cpu":
            what = (
                f"`model.offload: {model.offload}` needs an accelerator, and the device is {device}"
            )
            raise refusal("offload", what, "remove it, or choose a device (`model.device`)")
        if importlib.util.find_spec("accelerate") is None:
            what = f"`model.offload: {model.offload}` needs the package accelerate"
            raise refusal("offload", what, "pip install accelerate")
    if model.device_map is not None:
        if importlib.util.find_spec("accelerate") is None:
            what = "`model.device_map` needs the package accelerate"
            raise refusal("device_map", what, "pip install accelerate")
        known = importlib.import_module("diffusers.pipelines.pipeline_utils").SUPPORTED_DEVICE_MAP
        if model.device_map not in known:
            what = f"diffusers has no `device_map` {model.device_map!r}"
            raise refusal("device_map", what, did_you_mean(model.device_map, list(known)))
    if model.ip_adapters and importlib.util.find_spec("accelerate") is None:
        what = "IP-Adapters need the package accelerate"
        raise GoldenseedError(
            what, path=suite, line=model.ip_adapters[0].line, fix="pip install accelerate"
        )


def fit(pipeline: Any, case: Case, device: str) -> tuple[str, ...]:
    """Put on the pipeline what the model of a case has beside its components; say what is odd.

    Raises:
        GoldenseedError: the pipeline takes none of it, as the suite says it.
        GenerationError: a file does not fit it, or is not finite.

    """
    model, suite = case.model, case.suite.path
    refusal = partial(model.refusal, suite)
    remarks: list[str] = []
    with offline(), quietly():
        for embedding in model.embeddings:
            learn(pipeline, embedding, suite)
        if model.ip_adapters:
            remarks += attend(pipeline, model.ip_adapters, suite)
        if model.fused:
            remarks += fuse(pipeline, model.fused, suite, case.line)
        for switch in ("tiling", "slicing"):
            if getattr(model.vae, switch):
                _switch(pipeline, switch, refusal)
        if model.compile is not None:
            _compile(pipeline, model.compile, refusal)
        if model.offload != "none":
            _offload(pipeline, model.offload, device, refusal)
    return tuple(remarks)


def _switch(pipeline: Any, switch: str, refusal: _Refusal) -> None:
    known = named(pipeline.components, Role.DECODER)
    able = [getattr(pipeline, each) for each in known]
    able = [each for each in able if hasattr(each, f"enable_{switch}")]
    if not able:
        what = f"`model.vae.{switch}` has no effect: "
        what += f"no VAE of the {type(pipeline).__name__} has it"
        raise refusal("vae", what, "remove it")
    for each in able:
        try:
            getattr(each, f"enable_{switch}")()
        except NotImplementedError as error:
            raise refusal("vae", f"`model.vae.{switch}`: {error}", "remove it") from error


def _compile(pipeline: Any, spec: CompileSpec, refusal: _Refusal) -> None:
    import torch

    known = [k for k, each in pipeline.components.items() if isinstance(each, torch.nn.Module)]
    names = spec.components or tuple(filter(is_denoiser, known))
    if absent := [name for name in names if name not in known]:
        what = f"{type(pipeline).__name__} has no component {absent[0]!r} to compile"
        raise refusal("compile", what, did_you_mean(absent[0], known))
    if not names:
        what = f"{type(pipeline).__name__} has no denoiser by name"
        raise refusal("compile", what, f"name `components`: {', '.join(known)}")
    backend = spec.options.get("backend")
    if backend is not None and backend not in (offered := torch.compiler.list_backends(())):
        what = f"torch has no compiler {backend!r}"
        raise refusal("compile", what, did_you_mean(str(backend), offered))
    for name in names:
        getattr(pipeline, name).compile(**spec.options)


@contextmanager
def stance(spec: CompileSpec | None) -> Iterator[None]:
    """Leave compiled code aside where the suite says so."""
    if spec is None or not spec.force_eager:
        yield
        return
    import torch

    with torch.compiler.set_stance("force_eager"):
        yield


def _offload(pipeline: Any, kind: str, device: str, refusal: _Refusal) -> None:
    import torch

    try:
        if kind == "model":
            pipeline.enable_model_cpu_offload(device=device)
        elif kind == "sequential":
            pipeline.enable_sequential_cpu_offload(device=device)
        else:
            pipeline.enable_group_offload(torch.device(device), offload_type="leaf_level")
    except Exception as error:
        what = f"`model.offload: {kind}` cannot be: {type(error).__name__}: {in_short(error)}"
        raise refusal("offload", what, "choose another, or none") from error
