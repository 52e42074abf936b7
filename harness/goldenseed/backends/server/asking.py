"""The body of a request, from a case."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from goldenseed.backends.server.dialects import Dialect, put
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import did_you_mean

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case
    from goldenseed.suite.server import ServerSpec

_IMG2IMG: Final = "/sdapi/v1/img2img"


def body_of(case: Case, spec: ServerSpec, dialect: Dialect, seed: int) -> dict[str, Any]:
    """Return the request for a case, with a seed of its own or another.

    Raises:
        GoldenseedError: the case has an argument or an input that this API does not take.

    """
    if not isinstance(case.prompt, str):
        raise _refused(case, "a server is given one prompt as text", "give the case a `prompt`")
    if spec.api == "comfyui":
        return {"prompt": _graph(case, spec, seed)}
    body: dict[str, Any] = deepcopy(dict(dialect.fixed))
    put(body, dialect.arguments.get("prompt", "prompt"), case.prompt)
    if spec.api == "openai" and spec.model is not None:
        body["model"] = spec.model
    if spec.api == "a1111" and spec.model is not None:
        put(body, "override_settings.sd_model_checkpoint", spec.model)
    if dialect.seed is not None:
        put(body, dialect.seed, seed)
    _put_arguments(body, case, spec, dialect)
    _put_inputs(body, case, spec)
    for key, value in spec.request.items():
        put(body, key, deepcopy(value))
    return body


def path_of(case: Case, spec: ServerSpec) -> str:
    """Return the path where it is not the dialect's own: A1111's for pictures that begin."""
    return _IMG2IMG if spec.api == "a1111" and "image" in case.inputs else ""


def _put_arguments(body: dict[str, Any], case: Case, spec: ServerSpec, dialect: Dialect) -> None:
    arguments = dict(case.arguments())
    if spec.api == "openai":
        width, height = arguments.pop("width", None), arguments.pop("height", None)
        if (width is None) != (height is None):
            raise _refused(case, "a size has a width and a height", "give both under `call`")
        if width is not None:
            body["size"] = f"{width}x{height}"
    for name, value in arguments.items():
        place = dialect.arguments.get(name)
        if place is None:
            known = sorted(dialect.arguments) + (
                ["height", "width"] if spec.api == "openai" else []
            )
            raise _refused(
                case,
                f"a server of {spec.dialect} takes no argument {name!r}",
                f"{did_you_mean(name, known)}; its own fields stand under `server.request`",
            )
        put(body, place, value)


def _put_inputs(body: dict[str, Any], case: Case, spec: ServerSpec) -> None:
    for name, value in case.inputs.items():
        taken = spec.api == "a1111" and name in {"image", "mask_image"}
        if not taken or not hasattr(value, "read_as_recorded"):
            raise _refused(
                case,
                f"a server of {spec.dialect} takes no input {name!r}",
                "remove it, or make the image by another API",
            )
        picture = _png(value.read_as_recorded())
        if name == "image":
            body["init_images"] = [picture]
        else:
            body["mask"] = picture


def _png(image: Any) -> str:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def _graph(case: Case, spec: ServerSpec, seed: int) -> dict[str, Any]:
    """Return ComfyUI's graph with the case's values at the places that the suite names."""
    graph = deepcopy(dict(spec.graph or {}))
    values: dict[str, Any] = {"prompt": case.prompt, "seed": seed, **case.arguments()}
    if case.inputs:
        raise _refused(case, "a graph is given no inputs", "load the picture in the graph")
    for name, value in values.items():
        place = spec.nodes.get(name)
        if place is None:
            raise _refused(
                case,
                f"`server.nodes` does not say which node takes {name!r}",
                f"add `{name}: NODE.INPUT`",
            )
        node, _, key = place.partition(".")
        graph[node]["inputs"][key] = value
    return graph


def _refused(case: Case, what: str, fix: str) -> GoldenseedError:
    return GoldenseedError(f"{case.id}: {what}", path=case.suite.path, line=case.line, fix=fix)


def identity(body: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return what a request is known by in the cache: all of it, and where it goes."""
    return {"path": path, "body": dict(body)}
