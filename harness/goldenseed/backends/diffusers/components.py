"""Components of a pipeline from elsewhere than the model's folder: found, checked and loaded."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.as_loaded import LoadingReport
from goldenseed.backends.diffusers.failures import absent_packages_fault
from goldenseed.backends.diffusers.gguf_files import checked_gguf, loaded_gguf
from goldenseed.backends.diffusers.part_files import (
    check_part,
    check_weights,
    class_in,
    read_object,
)
from goldenseed.backends.diffusers.places import (
    dtype_argument,
    knows_dtypes_by_part,
    local_folder,
)
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import did_you_mean

if TYPE_CHECKING:
    import torch

    from goldenseed.backends.diffusers.weights import CheckedModel
    from goldenseed.suite.model import ModelSpec
    from goldenseed.suite.part_specs import ComponentSpec

_PLAIN_TYPES = (bool, int, float, str, "bool", "int", "float", "str")


@dataclass(frozen=True)
class CheckedPart:
    """A component's folder that may be loaded."""

    spec: ComponentSpec
    folder: Path
    class_name: str
    weights: tuple[Path, ...]
    pickles: tuple[str, ...]
    config: Path | None = None
    """Of a GGUF file: the folder that holds its ``config.json``."""

    @property
    def place(self) -> Path:
        """Return its folder, or its file where that is all there is."""
        return self.folder if self.config is None else self.weights[0]

    @property
    def configured(self) -> Path:
        """Return the folder whose files say what it is."""
        return self.folder if self.config is None else self.config


def check_components(model: ModelSpec, suite: Path, whole: CheckedModel) -> tuple[CheckedPart, ...]:
    """Check the folders of a model's components as ``check_model`` does, and find their classes.

    ``whole`` is the folder of the model, whose index names classes too.

    Raises:
        GoldenseedError: a folder is missing, of no known class, or refused.

    """
    return tuple(
        _checked_gguf(spec, suite, whole) if spec.gguf else _checked(spec, model, suite, whole)
        for spec in model.components
    )


def _checked_gguf(spec: ComponentSpec, suite: Path, whole: CheckedModel) -> CheckedPart:
    file, config = checked_gguf(spec, suite, whole)
    class_name = spec.class_name or class_in(config) or whole.classes.get(spec.name)
    if class_name is None:
        raise _unknown(spec, suite)
    return CheckedPart(spec, file.parent, class_name, (file,), (), config)


def _checked(
    spec: ComponentSpec, model: ModelSpec, suite: Path, whole: CheckedModel
) -> CheckedPart:
    folder = local_folder(spec, suite)
    if spec.subfolder is not None:
        folder = folder / spec.subfolder
    if not folder.is_dir():
        what = f"there is no folder {spec.subfolder or spec.source!r} for `{spec.name}`"
        raise GoldenseedError(what, path=suite, line=spec.line, fix="correct it, or put it there")
    class_name = spec.class_name or class_in(folder) or whole.classes.get(spec.name)
    if class_name is None:
        raise _unknown(spec, suite)
    weights = check_part(folder, spec.name, class_name, spec.variant or model.variant)
    pickles = check_weights(folder, weights, model.allow_pickle, prefix=f"{spec.part}/")
    return CheckedPart(spec, folder, class_name, tuple(weights), pickles)


def _unknown(spec: ComponentSpec, suite: Path) -> GoldenseedError:
    what = f"nothing tells of which class the `{spec.name}` in {spec.source!r} is"
    fix = "add `class: …`; or name the folder that holds its config.json"
    return GoldenseedError(what, path=suite, line=spec.line, fix=fix)


def check_slots(pipeline: Any, model: ModelSpec, suite: Path) -> None:
    """Refuse components and dtypes of parts that a pipeline does not have, by name.

    ``pipeline`` is its class, or a modular one itself, whose blocks decide.
    """
    own_name = getattr(pipeline, "__name__", type(pipeline).__name__)
    if own_name.startswith("AutoPipeline"):
        return  # which class it makes depends on what it is given
    slots = slots_of(pipeline)
    dtypes = ((name, model.lines.get("dtype")) for name, _ in model.dtypes)
    for name, line in (*((each.name, each.line) for each in model.components), *dtypes):
        if name not in slots:
            raise GoldenseedError(
                f"{own_name} has no component {name!r}",
                path=suite,
                line=line,
                fix=_another(own_name, name) or did_you_mean(name, list(slots)),
            )
    if model.dtypes and not knows_dtypes_by_part():
        raise GoldenseedError(
            "diffusers before 0.33 loads all parts in one dtype",
            path=suite,
            line=model.lines.get("dtype"),
            fix="update diffusers, or give one `dtype`",
        )
    own = {each.name for each in model.components if each.dtype is not None}
    if twice := [name for name, _ in model.dtypes if name in own]:
        what = f"the dtype of {twice[0]!r} stands under `components` and under `dtype`"
        line = model.lines.get("dtype")
        raise GoldenseedError(what, path=suite, line=line, fix="keep one of the two")


def slots_of(pipeline: Any) -> tuple[str, ...]:
    """Return the components that a class of pipelines is made of, or a modular one, by name."""
    if not isinstance(pipeline, type):
        return tuple(pipeline.components)
    return tuple(
        name
        for name, each in inspect.signature(pipeline).parameters.items()
        if each.annotation not in _PLAIN_TYPES and each.kind.value in (1, 3)
    )


_PIPELINES_WITH = {
    "controlnet": "ControlNetPipeline",
    "adapter": "AdapterPipeline",
    "image_encoder": "ImageVariationPipeline",
}


def _another(pipeline: str, name: str) -> str | None:
    """Name the class of the same family that has such a component, if there is one."""
    import diffusers

    stem = pipeline.removesuffix("Pipeline")
    wanted = "AnimateDiffPipeline" if name == "motion_adapter" else None
    if ending := _PIPELINES_WITH.get(name):
        wanted = f"{stem}{ending}"
    if wanted is None or not hasattr(diffusers, wanted):
        return None
    return f"name one that has: `pipeline: {wanted}`"


_ALIKE = (
    ("controlnet", "cross_attention_dim", "unet", "cross_attention_dim"),
    ("controlnet", "block_out_channels", "unet", "block_out_channels"),
    ("motion_adapter", "block_out_channels", "unet", "block_out_channels"),
    ("adapter", "channels", "unet", "block_out_channels"),
    ("vae", "latent_channels", "unet", "out_channels"),
    ("controlnet", "attention_head_dim", "transformer", "attention_head_dim"),
    ("controlnet", "joint_attention_dim", "transformer", "joint_attention_dim"),
    ("controlnet", "in_channels", "transformer", "in_channels"),
)
"""Fields of two parts' configurations that have to be equal where both have them."""


def check_fit(parts: Collection[CheckedPart], folder: Path, suite: Path) -> None:
    """Refuse components whose configurations say that they cannot work with each other."""
    configs = {each.spec.part: each.configured / "config.json" for each in parts}
    specs = {each.spec.part: each.spec for each in parts}
    for one, field, other, its in _ALIKE:
        for part in {one, *(name for name, spec in specs.items() if spec.name == one)}:
            if part not in specs and other not in specs:
                continue
            a, b = (configs.get(name, folder / name / "config.json") for name in (part, other))
            if not (a.is_file() and b.is_file()):
                continue
            x, y = read_object(a, missing="").get(field), read_object(b, missing="").get(its)
            if x is None or y is None or x == y:
                continue
            spec = specs.get(part) or specs[other]
            raise GoldenseedError(
                f"`{part}` does not fit `{other}`: {field} is {x}, and {its} of `{other}` is {y}",
                path=suite,
                line=spec.line,
                fix="use parts that were made for the same model",
            )


def load_components(
    parts: Collection[CheckedPart],
    dtype_of: Mapping[str, torch.dtype],
    reports: list[LoadingReport],
    suite: Path,
    quantised: Mapping[str, Any],
    **options: Any,
) -> dict[str, Any]:
    """Load each part by its class's own ``from_pretrained``; return them by the pipeline's keyword.

    What is reported of their weights is known by the parts' names. ``options`` are for models,
    ``quantised`` has the configurations of those whose weights are quantised.

    Raises:
        GoldenseedError: no library has the class.
        GenerationError: a part cannot be loaded.

    """
    found: dict[str, Any] = {}
    for part in parts:
        spec, before = part.spec, len(reports)
        cls = _class(part, suite)
        try:
            if part.config is not None:
                own = dtype_of[spec.part]
                made, report = loaded_gguf(cls, part.weights[0], part.config, own)
                reports.append(report)
            else:
                made = cls.from_pretrained(
                    str(part.folder),
                    local_files_only=True,
                    **_options(cls, part, dtype_of[spec.part], options),
                    **_quantised(quantised.get(spec.name)),
                )
        except GoldenseedError:
            raise
        except Exception as error:
            what = f"cannot be loaded as a {part.class_name}: {type(error).__name__}: {error}"
            fix = "check that it is complete, and that `class` is its own"
            raise GenerationError(what, path=part.place, fix=fix) from error
        reports[before:] = [replace(each, component=spec.part) for each in reports[before:]]
        if spec.number is None:
            found[spec.name] = made
        else:
            found.setdefault(spec.name, []).append(made)
    return found


def _options(
    cls: Any, part: CheckedPart, dtype: torch.dtype, options: Mapping[str, Any]
) -> dict[str, Any]:
    import torch

    if not issubclass(cls, torch.nn.Module):
        return {}
    own = {"use_safetensors": None if part.pickles else True, dtype_argument(cls): dtype}
    variant = part.spec.variant or options.get("variant")
    return {**options, **own, "variant": variant}


def _quantised(config: Any) -> dict[str, Any]:
    """Return a configuration as an option: a copy, since libraries change theirs."""
    return {} if config is None else {"quantization_config": deepcopy(config)}


def _class(part: CheckedPart, suite: Path) -> Any:
    import diffusers
    import transformers

    name = part.class_name
    for library in (diffusers, transformers):
        found = getattr(library, name, None)
        if fault := absent_packages_fault(found, name):
            raise GenerationError(fault[0], path=part.folder, fix=fault[1])
        if isinstance(found, type) and hasattr(found, "from_pretrained"):
            return found
    near = get_close_matches(name, [*dir(diffusers), *dir(transformers)], n=2)
    raise GoldenseedError(
        f"neither diffusers nor transformers has a class {name!r}",
        path=suite,
        line=part.spec.line,
        fix=f"did you mean {' or '.join(near)}?" if near else "correct `class`",
    )
