"""What a pipeline of the installed diffusers is called with, read from its source: no import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_PICTURES = frozenset(
    {
        "image",
        "images",
        "mask_image",
        "control_image",
        "control_mask",
        "original_image",
        "example_image",
        "gligen_images",
    }
)
"""Pictures that a pipeline needs where its call has the argument, whatever its default says."""
_PICTURED = re.compile(r"(^|_)(image|mask)s?$")
_TENSORS = re.compile(r"(^|_)(embeds|embeddings|latents)$")
_TEXTS = re.compile(r"(^|_)prompt$|_category$")


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments of a pipeline's call, in order, and what else can be called."""

    arguments: dict[str, bool]
    """Name to whether it has to be given."""
    methods: frozenset[str]
    refuses_plain_prompts: bool = False
    """Whether a prompt has to be JSON, by what is raised of one that is not."""

    @property
    def pictures(self) -> tuple[str, ...]:
        """The arguments that are pictures: needed, or of no harm where one can do without."""
        made_of_them = any(_TENSORS.search(name) and "image" in name for name in self.arguments)
        return tuple(
            name
            for name, needed in self.arguments.items()
            if (name in _PICTURES and not (name == "images" and made_of_them))
            or (needed and _PICTURED.search(name))
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """Texts that have to be given beside ``prompt``, or in its place."""
        alone = "prompt" not in self.arguments
        return tuple(
            name
            for name, needed in self.arguments.items()
            if name != "prompt" and _TEXTS.search(name) and not name.startswith("num_")
            if needed or (alone and not name.startswith("negative"))
        )

    @property
    def unknown(self) -> tuple[str, ...]:
        """What has to be given and is neither a picture nor a text: tensors above all."""
        known = {"prompt", "class_labels", *self.pictures, *self.texts}
        return tuple(
            name for name, needed in self.arguments.items() if needed and name not in known
        )


def signature_of(pipeline: str) -> Signature | None:
    """Return how the class ``pipeline`` of diffusers is called; None where it is none of them.

    What a modular one takes is known only of its blocks once they are made: as the classic one of
    its family is called, so is it.
    """
    spec = find_spec("diffusers")
    if spec is None or not spec.submodule_search_locations:
        return None
    home = Path(spec.submodule_search_locations[0], "pipelines")
    found = next(_classes(home, pipeline.replace("ModularPipeline", "Pipeline")), None)
    if found is None:
        return None
    methods = {each.name: each for each in found.body if isinstance(each, ast.FunctionDef)}
    call = methods.get("__call__")
    arguments = {} if call is None else _arguments(call)
    return Signature(arguments, frozenset(methods), _wants_json(found))


def _classes(home: Path, name: str) -> Iterator[ast.ClassDef]:
    """Yield the definitions of the class, looking into the files that speak of it only."""
    for file in sorted(home.rglob("pipeline*.py")):
        text = file.read_text(encoding="utf-8")
        if f"class {name}(" in text:
            body = ast.parse(text).body
            yield from (
                each for each in body if isinstance(each, ast.ClassDef) and each.name == name
            )


def _wants_json(pipeline: ast.ClassDef) -> bool:
    raised = (each for each in ast.walk(pipeline) if isinstance(each, ast.Raise))
    said = (
        part.value for each in raised for part in ast.walk(each) if isinstance(part, ast.Constant)
    )
    return any(
        text.startswith("`prompt` has to be") and "JSON" in text
        for text in said
        if isinstance(text, str)
    )


def _arguments(call: ast.FunctionDef) -> dict[str, bool]:
    given = [each.arg for each in (*call.args.posonlyargs, *call.args.args)]
    needed = len(given) - len(call.args.defaults)
    found = {name: place < needed for place, name in enumerate(given) if name != "self"}
    only = zip(call.args.kwonlyargs, call.args.kw_defaults, strict=True)
    return found | {name.arg: default is None for name, default in only}
