"""Weights quantised as they are loaded: what a suite asks for, in diffusers' own terms."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Collection, Mapping
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.as_loaded import kinds_of_quantised
from goldenseed.core.names import did_you_mean
from goldenseed.suite.parts import is_denoiser

if TYPE_CHECKING:
    from goldenseed.suite.model import ModelSpec

_CONFIGS = {
    "torchao": "TorchAoConfig",
    "bitsandbytes": "BitsAndBytesConfig",
    "quanto": "QuantoConfig",
}
"""The class of a backend's configuration, in diffusers and in transformers."""
_PACKAGES = {"quanto": "optimum-quanto"}
"""Backends whose package has another name."""
_SWITCHES = ("load_in_4bit", "load_in_8bit")
"""Without one of them bitsandbytes leaves all as it is."""


def check_quantization(model: ModelSpec, suite: Path, *, wide: bool) -> None:
    """Refuse what cannot be quantised here as the suite says; nothing is loaded yet.

    ``wide`` says that all is computed in float64.

    Raises:
        GoldenseedError: a package is missing, or weights computed in float64 are asked for.

    """
    spec = model.quantization
    if spec is None:
        return
    backend = f"`model.quantization` by {spec.backend}"
    for package in (_PACKAGES.get(spec.backend, spec.backend), "accelerate"):
        if not _is_installed(package):
            what = f"{backend} needs the package {package}"
            raise model.refusal(suite, "quantization", what, f"pip install {package}")
    if wide:
        what = "quantised weights cannot be computed in float64, as is asked for here"
        raise model.refusal(suite, "quantization", what, "remove `model.quantization`")
    import diffusers

    if not hasattr(diffusers.quantizers, "PipelineQuantizationConfig"):
        what = f"{backend} needs diffusers 0.34, and here is {diffusers.__version__}"
        raise model.refusal(suite, "quantization", what, "pip install -U diffusers")


def _is_installed(package: str) -> bool:
    parent, _, module = package.partition("-")
    spec = importlib.util.find_spec(parent)
    return spec is not None and (not module or bool(importlib.util.find_spec(f"{parent}.{module}")))


def quantizations(
    model: ModelSpec, classes: Mapping[str, str], suite: Path, device: str
) -> dict[str, Any]:
    """Return the configuration of each part that is quantised, by the pipeline's keyword.

    ``classes`` names the class of every part.

    Raises:
        GoldenseedError: the pipeline has no such part, it is no model, the library that has its
            class quantises only on an accelerator, or does not take what the suite gives it.

    """
    spec = model.quantization
    if spec is None:
        return {}
    libraries = {name: _library(cls) for name, cls in classes.items()}
    known = {name: each for name, each in libraries.items() if each is not None}
    files = {each.name for each in model.components if each.gguf}
    names = spec.components or tuple(filter(is_denoiser, known))
    if done := [name for name in names if name in files]:
        what = f"the component {done[0]!r} is a GGUF file, whose weights are quantised already"
        raise model.refusal(suite, "quantization", what, "name other `components`, or remove it")
    if absent := [name for name in names if name not in known]:
        what = f"there is no component {absent[0]!r} that could be quantised"
        raise model.refusal(suite, "quantization", what, did_you_mean(absent[0], list(known)))
    if not names:
        fix = f"name `components`: {', '.join(known)}"
        raise model.refusal(
            suite, "quantization", "no part of the model is a denoiser by name", fix
        )
    if spec.backend == "bitsandbytes" and device.partition(":")[0] == "cpu":
        for name in (name for name in names if known[name].__name__ == "diffusers"):
            what = f"diffusers quantises {name!r} by bitsandbytes on an accelerator only, "
            what += f"and the device is {device}"
            fix = "choose a device (`model.device`), use torchao, or name parts of transformers"
            raise model.refusal(suite, "quantization", what, fix)
    return {name: _config(known[name], model, suite) for name in names}


def as_option(configs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the option of a pipeline's ``from_pretrained`` that quantises its parts."""
    if not configs:
        return {}
    from diffusers.quantizers import PipelineQuantizationConfig

    return {"quantization_config": PipelineQuantizationConfig(quant_mapping=dict(configs))}


def check_quantised(pipeline: Any, names: Collection[str], model: ModelSpec, suite: Path) -> None:
    """Refuse a quantisation of which nothing came: no weight of a part took it."""
    for name in names:
        if not kinds_of_quantised(getattr(pipeline, name)):
            what = f"`model.quantization` has no effect on {name!r}: none of its weights took it"
            raise model.refusal(
                suite, "quantization", what, "leave it out of `components`, or change the options"
            )


def _library(class_name: str) -> ModuleType | None:
    """Return the library that has a class of models of this name."""
    import diffusers
    import transformers

    bases: tuple[tuple[ModuleType, type], ...] = (
        (diffusers, diffusers.ModelMixin),
        (transformers, transformers.PreTrainedModel),
    )
    for library, base in bases:
        found = getattr(library, class_name, None)
        if isinstance(found, type) and issubclass(found, base):
            return library
    return None


def _config(library: ModuleType, model: ModelSpec, suite: Path) -> Any:
    """Make a library's configuration; a new one each time, since libraries change theirs."""
    spec = model.quantization
    assert spec is not None  # noqa: S101 - whoever calls it has looked
    options = deepcopy(dict(spec.options))
    cls = getattr(library, _CONFIGS[spec.backend])
    _check_options(cls, options, model, suite)
    if spec.backend == "torchao":
        kind = options.get("quant_type")
        if kind is None:
            what, fix = "torchao needs a `quant_type`", "add `quant_type: Int8WeightOnlyConfig`"
            raise model.refusal(suite, "quantization", what, fix)
        own = {"class": kind} if isinstance(kind, str) else kind
        options["quant_type"] = _object(own, model, suite)
    elif spec.backend == "bitsandbytes" and not any(
        options.get(each) is True for each in _SWITCHES
    ):
        what = "bitsandbytes quantises nothing without `load_in_4bit` or `load_in_8bit`"
        raise model.refusal(
            suite, "quantization", what, "add `load_in_4bit: true` or `load_in_8bit: true`"
        )
    return _made(cls, options, model, suite)


def _object(value: Any, model: ModelSpec, suite: Path) -> Any:
    """Make what a mapping with a ``class`` of torchao describes; return all else as it is."""
    if not isinstance(value, dict) or "class" not in value:
        return value
    quantization = importlib.import_module("torchao.quantization")

    options = {key: _object(each, model, suite) for key, each in value.items() if key != "class"}
    name = value["class"]
    cls = getattr(quantization, name, None) if isinstance(name, str) else None
    if not isinstance(cls, type):
        known = [each for each in dir(quantization) if each.endswith("Config")]
        what = f"torchao.quantization has no class {name!r}"
        raise model.refusal(suite, "quantization", what, did_you_mean(str(name), known))
    _check_options(cls, options, model, suite)
    return _made(cls, options, model, suite)


def _check_options(cls: Any, options: Mapping[str, Any], model: ModelSpec, suite: Path) -> None:
    """Refuse by name what a class does not take; those of the libraries swallow anything."""
    parameters = inspect.signature(cls).parameters.values()
    taken = [each.name for each in parameters if each.kind is not each.VAR_KEYWORD]
    for name in options:
        if name not in taken:
            what = f"{cls.__name__} takes no {name!r}"
            raise model.refusal(suite, "quantization", what, did_you_mean(name, taken))


def _made(cls: Any, options: Mapping[str, Any], model: ModelSpec, suite: Path) -> Any:
    try:
        return cls(**options)
    except Exception as error:
        what = f"{cls.__name__} cannot be made: {type(error).__name__}: {error}"
        raise model.refusal(
            suite, "quantization", what, "correct what `quantization` gives it"
        ) from error
