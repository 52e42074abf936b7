"""What is wrong with what a suite puts its model together from, found before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from goldenseed.suite.document import Document, Problem
from goldenseed.suite.factory import module_file
from goldenseed.suite.model import absent_fault, is_hub_id, source_fault
from goldenseed.suite.part_specs import GGUF

_Place = tuple[str | int, ...]
_SAFE = ".safetensors"
_COULD_RUN = "loading it could run code"


def narrow_dtype(dtype: object) -> str | None:
    """Return a data type other than float64 that ``model.dtype`` names, for whatever part."""
    named = dtype.values() if isinstance(dtype, dict) else [dtype]
    return next((each for each in named if isinstance(each, str) and each != "float64"), None)


def check_parts(document: Document, place: _Place, model: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what is wrong with what a model is put together from, before anything is loaded."""
    pipeline = model.get("pipeline")
    module = pipeline.rpartition(".")[0] if isinstance(pipeline, str) else ""
    if module and module_file(module, document.path) is None:
        what = f"there is no module `{module}` beside the suite or where Python looks"
        yield _problem(document, (*place, "pipeline"), what, "correct it, or install the package")
    yield from _component_faults(document, (*place, "components"), model)
    for number, item in _items(model.get("ip_adapters")):
        yield from _ip_adapter_faults(document, (*place, "ip_adapters", number), item)
    for number, item in _items(model.get("embeddings")):
        yield from _embedding_faults(document, (*place, "embeddings", number), item)
    if isinstance(model.get("quantization"), dict):
        yield from _wide_faults(document, (*place, "quantization"), "quantization", model)
    if model.get("offload", "none") != "none" and model.get("device_map") is not None:
        what = "`model.offload` and `model.device_map` both say where parts lie"
        yield _problem(document, (*place, "device_map"), what, "keep one of the two")
    device, offload = model.get("device"), model.get("offload", "none")
    if device == "cpu" and offload in ("model", "sequential", "group"):
        what = f"`model.offload` is {offload}, and `model.device` is cpu, where all lies already"
        yield _problem(document, (*place, "offload"), what, "remove it, or name an accelerator")


def _wide_faults(
    document: Document, place: _Place, key: str, model: Mapping[str, Any]
) -> Iterator[Problem]:
    """Refuse quantised weights where all is computed in float64, which they cannot be."""
    suite = document.data if isinstance(document.data, dict) else {}
    dtype = model.get("dtype")
    named = dtype.values() if isinstance(dtype, dict) else [dtype]
    for needs, wide in (
        ("determinism: portable", suite.get("determinism") == "portable"),
        ("dtype: float64", "float64" in named),
    ):
        if wide:
            what = f"`model.{key}` has no place beside `{needs}`"
            yield _problem(document, place, what, "remove one of the two")


def _component_faults(
    document: Document, place: _Place, model: Mapping[str, Any]
) -> Iterator[Problem]:
    components = model.get("components")
    for name, value in components.items() if isinstance(components, dict) else ():
        several = isinstance(value, list)
        for number, item in enumerate(value if isinstance(value, list) else [value]):
            here = (*place, name, number) if several else (*place, name)
            section = {"source": item} if isinstance(item, str) else item
            if not isinstance(section, dict) or not isinstance(section.get("source"), str):
                continue
            if section["source"].endswith(GGUF) or section.get("file") is not None:
                yield from _gguf_faults(document, here, section)
                yield from _wide_faults(document, here, f"components.{name}", model)
            else:
                yield from _place_faults(document, here, section, folder="subfolder")


def _gguf_faults(
    document: Document, place: _Place, section: Mapping[str, Any]
) -> Iterator[Problem]:
    for key in ("variant", "subfolder"):
        if section.get(key) is not None:
            what = f"`{key}` has no effect beside a {GGUF} file"
            yield _problem(document, (*place, key), what, "remove it, or write it into `file`")
    file = section.get("file")
    if isinstance(file, str) and not file.endswith(GGUF):
        what = f"`{file}` is not a {GGUF} file, and any other component is a folder"
        yield _problem(document, (*place, "file"), what, "name its folder by `source`")
    else:
        yield from _named_file_faults(document, place, section, GGUF)


def _ip_adapter_faults(document: Document, place: _Place, item: Any) -> Iterator[Problem]:
    if isinstance(item.get("source"), str) and item["source"]:
        yield from _named_file_faults(document, place, item, _SAFE)


def _named_file_faults(
    document: Document, place: _Place, item: Mapping[str, Any], suffix: str
) -> Iterator[Problem]:
    """Find what is wrong with a file that is the ``source``, or is named in it by ``file``."""
    source, file = item["source"], item.get("file")
    if source.endswith(suffix):
        if file is not None:
            what = f"`file` has no effect, since `source` is the file `{source}`"
            yield _problem(document, (*place, "file"), what, "remove one of the two")
        yield from _file_faults(document, (*place, "source"), source, suffix)
        return
    yield from _place_faults(document, place, item, folder="file")
    if file is None:
        what = f"`{source}` is no {suffix} file, and no `file` in it is named"
        yield _problem(document, (*place, "source"), what, f"add `file: …{suffix}`")
    elif isinstance(file, str) and not file.endswith(suffix):
        what = f"`{file}` is not a {suffix} file: {_COULD_RUN}"
        yield _problem(document, (*place, "file"), what, f"convert it to {suffix}")


def _embedding_faults(document: Document, place: _Place, item: Any) -> Iterator[Problem]:
    source = item.get("source")
    if isinstance(source, str) and source:
        yield from _file_faults(document, (*place, "source"), source, _SAFE)


def _file_faults(document: Document, place: _Place, source: str, suffix: str) -> Iterator[Problem]:
    outside, absent = "put the file into the suite's folder", "put the file at {}"
    fault = absent_fault(document.path, source, outside, absent)
    if fault is None and not source.endswith(suffix):
        what = f"`{source}` is not a {suffix} file: {_COULD_RUN}"
        fault = what, f"convert it to {suffix}"
    if fault is not None:
        yield _problem(document, place, *fault)


def _place_faults(
    document: Document, place: _Place, section: Mapping[str, Any], *, folder: str
) -> Iterator[Problem]:
    """Find what is wrong with a source and its revision, and with what is named below it."""
    source, below = section["source"], section.get(folder)
    fault = source_fault(document.path, source, section.get("revision")) if source else None
    if fault is not None:
        yield _problem(document, (*place, fault[0]), fault[1], fault[2])
    elif isinstance(below, str) and (Path(below).is_absolute() or ".." in Path(below).parts):
        what = f"`{below}` leads out of `{source}`"
        yield _problem(document, (*place, folder), what, "name what lies inside it")
    elif isinstance(below, str) and below and not is_hub_id(document.path, source):
        fix = "correct `{}`, or put it there"
        relative = f"{source}/{below}"
        found = absent_fault(
            document.path, relative, fix.format(folder), fix.format(folder),
            is_folder=folder == "subfolder",
        )  # fmt: skip
        if found is not None:
            yield _problem(document, (*place, folder), *found)


def _items(value: object) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, item in enumerate(value if isinstance(value, list) else []):
        if isinstance(item, dict):
            yield number, item


def _problem(document: Document, place: _Place, what: str, fix: str) -> Problem:
    return Problem(document.line_of(place), what, fix)
