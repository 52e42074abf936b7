"""What a model is put together from: the section ``model`` resolved, and what recipes say of it."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from goldenseed.suite.document import Document
from goldenseed.suite.factory import module_file, module_sha256
from goldenseed.suite.model import AdapterSpec, ModelSpec, beside, is_hub_id
from goldenseed.suite.model_schema import (
    AdapterSection,
    CompileSection,
    ComponentSection,
    IpAdapterSection,
    ModelSection,
    QuantizationSection,
)
from goldenseed.suite.part_specs import (
    CompileSpec,
    ComponentSpec,
    EmbeddingSpec,
    IpAdapterSpec,
    QuantizationSpec,
    VaeSpec,
)

_Place = tuple[str | int, ...]
_MOVED = ("pipeline", "offload", "device_map", "compile", "quantization", "vae", "dtype")
"""Keys whose lines are told where what they ask for is impossible."""


def parsed_parts(document: Document, place: _Place, section: ModelSection) -> dict[str, Any]:
    """Return what the fields of ``ModelSpec`` are that say what a model is put together from."""
    own = section.pipeline if section.pipeline and "." in section.pipeline else None
    code = module_file(own.rpartition(".")[0], document.path) if own else None
    dtypes = dict(section.dtype) if isinstance(section.dtype, dict) else {}
    return {
        "pipeline_sha256": module_sha256(code) if code else None,
        "components": parsed_components(document, place, section),
        "ip_adapters": _ip_adapters(document, place, section.ip_adapters),
        "embeddings": tuple(
            EmbeddingSpec(
                each.source,
                beside(document.path, each.source),
                each.token,
                each.text_encoder,
                each.key,
                document.line_of((*place, "embeddings", number)),
            )
            for number, each in enumerate(section.embeddings)
        ),
        "dtypes": tuple(sorted((k, str(v)) for k, v in dtypes.items() if k != "default")),
        "vae": VaeSpec(section.vae.tiling, section.vae.slicing),
        "compile": _compile(section.compile),
        "quantization": _quantization(section.quantization),
        "offload": section.offload,
        "device_map": section.device_map,
        "lines": {key: document.key_line_of((*place, key)) for key in _MOVED},
    }


def plain_dtype(section: ModelSection) -> str:
    """Return the data type of whatever has none of its own."""
    if isinstance(section.dtype, dict):
        return str(section.dtype.get("default", "float32"))
    return section.dtype


def parsed_adapters(path: Path, sections: tuple[AdapterSection, ...]) -> tuple[AdapterSpec, ...]:
    """Resolve LoRA adapters of the suite ``path``."""
    return tuple(
        AdapterSpec(
            each.source,
            beside(path, each.source),
            scale=1.0 if isinstance(each.scale, dict) else each.scale,
            scales=tuple(sorted(each.scale.items())) if isinstance(each.scale, dict) else (),
            fused=each.fused,
        )
        for each in sections
    )


def parsed_components(
    document: Document, place: _Place, section: ModelSection
) -> tuple[ComponentSpec, ...]:
    """Resolve the components of a section: those of a list one by one."""
    found: list[ComponentSpec] = []
    for name, value in section.components.items():
        several = isinstance(value, tuple)
        for number, each in enumerate(value if isinstance(value, tuple) else (value,)):
            own = ComponentSection(source=each) if isinstance(each, str) else each
            here = (*place, "components", name, *([number] if several else []))
            found.append(
                ComponentSpec(
                    name,
                    number if several else None,
                    own.source,
                    _local(document.path, own.source),
                    own.revision,
                    own.file,
                    own.subfolder,
                    own.variant,
                    own.dtype,
                    own.class_name,
                    document.key_line_of(here),
                )
            )
    return tuple(found)


def _ip_adapters(
    document: Document, place: _Place, sections: tuple[IpAdapterSection, ...]
) -> tuple[IpAdapterSpec, ...]:
    return tuple(
        IpAdapterSpec(
            each.source,
            _local(document.path, each.source),
            each.revision,
            each.file,
            each.scale,
            document.line_of((*place, "ip_adapters", number)),
        )
        for number, each in enumerate(sections)
    )


def _local(suite: Path, source: str) -> Path | None:
    return None if is_hub_id(suite, source) else beside(suite, source)


def _compile(section: CompileSection | bool) -> CompileSpec | None:  # noqa: FBT001 - the file's value
    if isinstance(section, bool):
        return CompileSpec() if section else None
    options = section.model_dump(exclude={"components", "force_eager"}, exclude_none=True)
    return CompileSpec(section.components, options, section.force_eager)


def _quantization(section: QuantizationSection | None) -> QuantizationSpec | None:
    if section is None:
        return None
    return QuantizationSpec(section.backend, section.components, section.model_extra or {})


def described_parts(model: ModelSpec) -> dict[str, Any]:
    """Return what the recipe says of how a model is put together; None for what it leaves out."""
    vae = {name: True for name in ("tiling", "slicing") if getattr(model.vae, name)}
    return {
        "pipeline_sha256": model.pipeline_sha256,
        "components": _described_components(model.components) or None,
        "component_dtypes": dict(model.dtypes) or None,
        "adapters": [described_adapter(each) for each in model.adapters] or None,
        "ip_adapters": [
            _without_none(
                source=each.source, revision=each.revision, file=each.file, scale=each.scale
            )
            for each in model.ip_adapters
        ]
        or None,
        "embeddings": [
            _without_none(
                source=each.source,
                token=each.token,
                text_encoder=None if each.text_encoder == "text_encoder" else each.text_encoder,
                key=each.key,
            )
            for each in model.embeddings
        ]
        or None,
        "vae": vae or None,
        "compile": None if model.compile is None else _described_compile(model.compile),
        "quantization": model.quantization and _described_quantization(model.quantization),
        "offload": None if model.offload == "none" else model.offload,
        "device_map": model.device_map,
    }


def described_adapter(adapter: AdapterSpec) -> dict[str, JsonValue]:
    """Return what the recipe says of a LoRA adapter."""
    scale: JsonValue = {**dict(adapter.scales)} if adapter.scales else adapter.scale
    return {
        "source": adapter.source,
        "scale": scale,
        **({"fused": True} if adapter.fused else {}),
    }


def key_of_parts(model: ModelSpec) -> dict[str, Any]:
    """Return what of a model's parts decides whether a loaded one serves; nothing for none.

    A folder counts by its real path; adapters only if they are merged into the weights.
    """
    described = {**described_parts(model), "adapters": None}
    if model.fused:
        described["adapters"] = [described_adapter(each) for each in model.fused]
    folders = [each.folder for each in model.components]
    folders += [each.folder for each in model.ip_adapters]
    folders += [each.path for each in model.embeddings]
    folders += [each.path for each in model.fused]
    places = [str(place.resolve()) for place in folders if place is not None]
    found = {key: value for key, value in described.items() if value is not None}
    return {**found, "places": places} if found else {}


def _described_components(components: tuple[ComponentSpec, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in components:
        described = _without_none(
            source=each.source,
            revision=each.revision,
            file=each.file,
            subfolder=each.subfolder,
            variant=each.variant,
            dtype=each.dtype,
            **{"class": each.class_name},
        )
        if each.number is None:
            found[each.name] = described
        else:
            found.setdefault(each.name, []).append(described)
    return found


def _described_compile(spec: CompileSpec) -> JsonValue:
    found: dict[str, JsonValue] = {**spec.options}
    if spec.components:
        found["components"] = list(spec.components)
    if spec.force_eager:
        found["force_eager"] = True
    return found or True


def _described_quantization(spec: QuantizationSpec) -> JsonValue:
    names: dict[str, JsonValue] = {"components": list(spec.components)} if spec.components else {}
    return {"backend": spec.backend, **names, **deepcopy(dict(spec.options))}


def _without_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
