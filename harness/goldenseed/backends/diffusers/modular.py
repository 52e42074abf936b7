"""A modular pipeline: made of blocks, its parts put in, and called by what its blocks take."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.components import CheckedPart
from goldenseed.backends.diffusers.modular_index import MODULAR_INDEX
from goldenseed.backends.diffusers.part_files import read_object
from goldenseed.backends.diffusers.weights import MODEL_INDEX
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.part_specs import ComponentSpec

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from goldenseed.backends.diffusers.weights import CheckedModel
    from goldenseed.suite.model import ModelSpec


def is_of_blocks(pipeline: Any) -> bool:
    """Say whether a pipeline, its class or a class of blocks is of diffusers' modular kind."""
    return hasattr(pipeline, "update_components") or hasattr(pipeline, "init_pipeline")


def blocks_of(pipeline: Any) -> tuple[Any, ...]:
    """Return the blocks of a pipeline, each before those within it; none of one that has none."""

    def within(block: Any) -> Iterator[Any]:
        yield block
        for each in (getattr(block, "sub_blocks", None) or {}).values():
            yield from within(each)

    return tuple(within(pipeline._blocks)) if is_of_blocks(pipeline) else ()  # noqa: SLF001 - `blocks` is a deep copy


def pipeline_of_blocks(cls: Any, checked: CheckedModel, model: ModelSpec, suite: Path) -> Any:
    """Make a modular pipeline whose parts are still missing; of its options as the index has them.

    ``cls`` is a class of pipelines, or one of blocks of the user's own.

    Raises:
        GoldenseedError: diffusers has not the blocks that the index names, or the suite asks for
            what a modular pipeline cannot.

    """
    for key in ("offload", "device_map"):
        if getattr(model, key) not in (None, "none"):
            what = f"`model.{key}` is not possible for a modular pipeline, which has no such method"
            raise model.refusal(suite, key, what, "remove it")
    modular = checked.blocks is not None
    index = checked.folder / (MODULAR_INDEX if modular else MODEL_INDEX)
    options = {
        "pretrained_model_name_or_path": str(checked.folder),
        f"{'modular_' if modular else ''}config_dict": read_object(index, missing=""),
    }
    if hasattr(cls, "init_pipeline"):
        blocks = cls()
        made = type(blocks.init_pipeline())(blocks=blocks, **options)
    else:
        made = cls(**options)
    is_diffusers = cls.__module__.startswith("diffusers.")
    if is_diffusers and modular and type(made._blocks).__name__ != checked.blocks:
        raise GoldenseedError(
            f"is made of blocks that diffusers has not by one name: {checked.blocks or 'unnamed'}",
            path=index,
            fix="name their class in code of yours: `model.pipeline: package.module.MyBlocks`",
        )
    return made


def parts_of(
    checked: CheckedModel, slots: Collection[str], without: Collection[str]
) -> tuple[CheckedPart, ...]:
    """Return the parts that a modular pipeline takes of its folder, to be loaded one by one."""
    found = []
    for name in checked.components:
        if name not in slots or name in without:
            continue
        folder = checked.folder_of(name)
        cls = checked.classes[name]
        spec = ComponentSpec(name, None, name, folder, class_name=cls)
        weights = tuple(file for file in checked.weights if file.is_relative_to(folder))
        pickles = tuple(each for each in checked.pickles if each.startswith(f"{name}/"))
        found.append(CheckedPart(spec, folder, cls, weights, pickles))
    return tuple(found)


def hide_progress(pipeline: Any) -> None:
    """Show no bar of a pipeline's steps; a modular one has one for each block that loops."""
    for each in (pipeline, *blocks_of(pipeline)):
        if hasattr(each, "set_progress_bar_config"):
            each.set_progress_bar_config(disable=True)


def taken_by_blocks(pipeline: Any) -> Mapping[str, inspect.Parameter]:
    """Return what a modular pipeline's call takes by name: what its blocks read and none makes."""
    return {
        each.name: inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if each.required else each.default,
            annotation=each.type_hint,
        )
        for each in blocks_of(pipeline)[0].inputs
        if each.name is not None
    }


def called(pipeline: Any, arguments: Mapping[str, Any]) -> Any:
    """Call a pipeline; of a modular one return what its last block makes, not its whole state."""
    output = pipeline(**arguments)
    if not is_of_blocks(pipeline):
        return output
    made = blocks_of(pipeline)[0].outputs
    return SimpleNamespace(**{each.name: output.get(each.name) for each in made})


def empty_parts(pipeline: Any) -> str:
    """Say which parts of a modular pipeline were never loaded; nothing of one that is whole."""
    absent = pipeline.null_component_names if is_of_blocks(pipeline) else ()
    return f"; its folder has no {', '.join(absent)}" if absent else ""
