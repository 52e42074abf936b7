"""``postprocess:``: what is done to a picture after the model made it, step by step."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import JsonValue

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_json, read_regular, sha256_hex
from goldenseed.suite.cube import LARGEST_FILE, parsed_cube
from goldenseed.suite.document import Document, Problem
from goldenseed.suite.factory import PATTERN, FactorySpec, factory_spec, module_file
from goldenseed.suite.model import absent_fault, beside
from goldenseed.suite.sections import Section
from goldenseed.suite.step_schema import FunctionStep

_FILES: Final = {"picture": (".png",), "font": (".ttf", ".otf"), "table": (".cube",)}
"""Keys that name a file beside the suite, and how its name may end."""
_FILTERS: Final = {
    "pillow": ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"),
    "opencv": ("nearest", "bilinear", "bicubic", "area", "lanczos"),
}
_SIDES_OF_KERNELS: Final = {"pillow": (3, 5), "opencv": tuple(range(3, 32, 2))}
_OF_TEXT: Final = ("size", "colour", "font")
_UPSCALERS: Final = ("swin2sr",)
_Place = tuple[str | int, ...]
_Fault = tuple[str | None, str, str]


@dataclass(frozen=True, slots=True)
class UpscaleModel:
    """Where a model of super-resolution lies."""

    folder: Path
    """Absolute."""


@dataclass(frozen=True, slots=True, eq=False)
class StepSpec:
    """One step of post-processing."""

    kind: str
    """``resize``, …, or ``package.module:function``."""
    label: str
    """The same, numbered where a kind comes again: ``sharpen-2``. No two of a case are equal."""
    described: Mapping[str, JsonValue]
    """What the recipe says of it: every parameter with its value, files by what is in them."""
    line: int
    """Where it stands in the suite file."""
    file: Path | None = None
    """The picture, font or table, absolute."""
    model: UpscaleModel | None = None
    function: FactorySpec | None = None

    @property
    def library(self) -> str:
        """What computes it: ``pillow``, ``opencv``, ``transformers``, or nothing that is known."""
        if self.function is not None:
            return ""
        return "transformers" if self.model else str(self.described.get("library", "pillow"))


def step_specs(
    document: Document, place: _Place, sections: Sequence[Section]
) -> tuple[StepSpec, ...]:
    """Resolve the steps that stand at ``place``; raises where a file cannot be read any more."""
    seen: Counter[str] = Counter()
    found = []
    for index, section in enumerate(sections):
        kind = str(getattr(section, "step", ""))
        seen[kind] += 1
        label = kind if seen[kind] == 1 else f"{kind}-{seen[kind]}"
        line = document.line_of((*place, index))
        found.append(_spec(document.path, section, kind, label, line))
    return tuple(found)


def _spec(suite: Path, section: Section, kind: str, label: str, line: int) -> StepSpec:
    if isinstance(section, FunctionStep):
        function = factory_spec(kind, suite, section.arguments)
        described: dict[str, JsonValue] = {"step": kind, "sha256": function.sha256}
        described["arguments"] = deepcopy(dict(section.arguments))
        return StepSpec(kind, label, described, line, function=function)
    described = section.model_dump(mode="json", exclude_none=True)
    if "kernel" in described or described.get("library") == "opencv":
        described.pop("threshold", None)
    file = model = None
    for key in _FILES.keys() & described.keys():
        file = beside(suite, str(described.pop(key)))
        described[f"{key}_sha256"] = sha256_hex(read_regular(file, LARGEST_FILE))
    if kind == "upscale":
        model = UpscaleModel(beside(suite, str(described["model"])))
    return StepSpec(kind, label, described, line, file, model)


def check_steps(document: Document, place: _Place, steps: object) -> Iterator[Problem]:
    """Find what the schema cannot tell of the steps at ``place``."""
    portable = isinstance(document.data, dict) and document.data.get("determinism") == "portable"
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        if not isinstance(step, dict):
            continue
        if portable and step.get("step") == "upscale":
            what = "`upscale`: its bits depend on the machine, and `determinism` is portable"
            yield Problem(document.line_of((*place, index)), what, "remove one of the two")
        for key, what, fix in _faults(document.path, step):
            at = (*place, index, *([key] if key else []))
            yield Problem(document.line_of(at), f"`{step.get('step')}`: {what}", fix)


def _faults(suite: Path, step: dict[str, Any]) -> Iterator[_Fault]:
    for key in _FILES.keys() & step.keys():
        yield from _file_faults(suite, key, step[key])
    match step.get("step"):
        case "resize":
            yield from _resize_faults(step)
        case "sharpen":
            yield from _sharpen_faults(step, step.get("library", "pillow"))
        case "colour" if not step.keys() - {"step"}:
            yield None, "it changes nothing", "write `brightness`, `contrast`, `saturation`, …"
        case "watermark":
            yield from _watermark_faults(step)
        case "encode":
            yield from _encode_faults(step)
        case "upscale":
            yield from _upscale_faults(suite, step.get("model"))
        case str(kind) if ":" in kind:
            yield from _function_faults(suite, kind)


def _function_faults(suite: Path, name: str) -> Iterator[_Fault]:
    module = name.partition(":")[0]
    if re.fullmatch(PATTERN, name) and module_file(module, suite) is None:
        what = f"there is no module `{module}` beside the suite or where Python looks"
        yield "step", what, "correct the name, or install the package"


def _resize_faults(step: dict[str, Any]) -> Iterator[_Fault]:
    library, name = step.get("library", "pillow"), step.get("filter")
    if library not in _FILTERS or name not in {each for some in _FILTERS.values() for each in some}:
        return
    if name not in _FILTERS[library]:
        fix = f"use one of {', '.join(_FILTERS[library])}"
        yield "filter", f"{library} has no filter `{name}`", fix


def _file_faults(suite: Path, key: str, name: object) -> Iterator[_Fault]:
    if not isinstance(name, str) or not name:
        return
    absent = "put the file at {}"
    fault = absent_fault(suite, name, "put the file into the suite's folder", absent)
    if fault is not None:
        yield key, *fault
    elif not name.lower().endswith(_FILES[key]):
        yield key, f"`{name}` is no {' or '.join(_FILES[key])} file", "convert it"
    else:
        read, fix = _READ[key]
        try:
            read(beside(suite, name))
        except GoldenseedError as error:
            yield key, f"`{name}` {error.what}", fix


def _read_table(file: Path) -> None:
    parsed_cube(read_regular(file, LARGEST_FILE))


def _read_picture(file: Path) -> None:
    from goldenseed.core.pixels import decode

    decode(file, formats=("PNG",))


def _read_font(file: Path) -> None:
    from PIL import ImageFont

    try:
        ImageFont.truetype(str(file), 16)
    except OSError as error:
        raise GoldenseedError(f"is no font that can be read: {error}") from None


_READ: Final = {
    "table": (_read_table, "export it again as a .cube of 3 dimensions"),
    "picture": (_read_picture, "save it again as a PNG of 8 bits"),
    "font": (_read_font, "put a whole font there"),
}
"""What sees whether a file of a key can be used, and what to do where it cannot."""


def _sharpen_faults(step: dict[str, Any], library: str) -> Iterator[_Fault]:
    kernel = step.get("kernel")
    if kernel is None:
        missing = [key for key in ("radius", "percent") if key not in step]
        if missing:
            fix = "write `radius` and `percent` of an unsharp mask, or a `kernel`"
            yield None, f"it has no `{missing[0]}`", fix
        if library == "opencv" and "threshold" in step:
            yield "threshold", "OpenCV's unsharp mask has none", "remove it, or use pillow"
        return
    for key in ("radius", "percent", "threshold"):
        if key in step:
            yield key, f"`{key}` has no effect beside `kernel`", "keep one of the two"
    rows = [row for row in kernel if isinstance(row, list)] if isinstance(kernel, list) else None
    sides = _SIDES_OF_KERNELS.get(library, ())
    if rows is not None and (len(rows) not in sides or any(len(row) != len(rows) for row in rows)):
        what = f"a kernel of {library} has as many rows as columns: {_listed(sides)}"
        yield "kernel", what, "write another kernel"


def _listed(sides: Sequence[int]) -> str:
    few = 2
    return " or ".join(map(str, sides)) if len(sides) <= few else f"{sides[0]}, 5, … {sides[-1]}"


def _watermark_faults(step: dict[str, Any]) -> Iterator[_Fault]:
    text, picture = step.get("text"), step.get("picture")
    if (text is None) == (picture is None):
        yield None, "it needs either `text` or `picture`", "write one of the two"
        return
    for key in _OF_TEXT:
        if text is None and key in step:
            yield key, f"`{key}` is of a text, and this is a picture", "remove it"
        elif text is not None and key not in step and key != "font":
            yield None, f"a text needs its `{key}`", f"write `{key}`"


def _encode_faults(step: dict[str, Any]) -> Iterator[_Fault]:
    lossless, jpeg = step.get("lossless", False), step.get("format") == "jpeg"
    if jpeg and lossless is True:
        yield "lossless", "a JPEG always loses something", "remove it, or use webp"
    elif lossless is not True and "quality" not in step:
        yield None, "it has no `quality`", "write `quality`, from 1 to 100"
    elif lossless is True and "quality" in step:
        yield "quality", "`quality` decides no pixel where nothing is lost", "remove it"
    if jpeg and "subsampling" not in step:
        yield None, "a JPEG needs its `subsampling`", "write 4:4:4, 4:2:2 or 4:2:0 in quotes"
    elif not jpeg and "subsampling" in step:
        yield "subsampling", "only a JPEG has `subsampling`", "remove it"


def _upscale_faults(suite: Path, folder: object) -> Iterator[_Fault]:
    if not isinstance(folder, str) or not folder:
        return
    outside = "put the model into the suite's folder"
    fault = absent_fault(suite, folder, outside, "put the model into {}", is_folder=True)
    if fault is not None:
        yield "model", *fault
        return
    try:
        config = read_json(beside(suite, folder) / "config.json")
    except GoldenseedError as error:
        yield "model", f"its configuration cannot be read: {error}", "name a model's folder"
        return
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in _UPSCALERS:
        what = f"`{folder}` is a model of the type {kind!r}, which enlarges nothing here"
        yield "model", what, f"use one of {', '.join(_UPSCALERS)}, as transformers saves it"
