"""An image server as a suite names it: where it is, how it is spoken to, what is asked of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, StringConstraints

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, json_sha256, read_regular
from goldenseed.core.strict_json import parse
from goldenseed.suite.sections import NonEmpty, Section

SERVER: Final = "server"
"""The name of the back end that asks servers."""
Seed = Literal["exact", "honoured", "any"]
_LARGEST_GRAPH: Final = 8 * 1024 * 1024
_KEY: Final = r"^[A-Z_][A-Z0-9_]*$"
_PLACE: Final = r"^[^.\s]+\.[^.\s]+$"


class ServerSection(Section):
    """A server that makes the images, in place of a model that is loaded here."""

    url: NonEmpty
    """Where it is: `http://127.0.0.1:8000`. No user, password or key in it."""
    api: Literal["openai", "a1111", "comfyui", "poll"]
    """How it is spoken to."""
    dialect: NonEmpty | None = None
    """Whose server it is, where the same API is spoken differently: `vllm-omni`, `fal`, …"""
    model: NonEmpty | None = None
    """What the server calls the model."""
    key: NonEmpty | None = None
    """The environment variable that holds the key; never the key itself."""
    seed: Seed = "exact"
    """What is needed of a seed: the same pixels again, other pixels for another, or nothing."""
    per_second: Annotated[float, Field(gt=0, le=1000)] | None = None
    """Requests a second at most, over all workers."""
    quota: Annotated[int, Field(ge=1)] | None = None
    """Requests at most in a session of one worker."""
    timeout: Annotated[float, Field(gt=0, le=86400)] = 300
    """Seconds that one image may take, waiting and all."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 4
    """How often a request is made that a server was too busy for."""
    reuse_minutes: Annotated[float, Field(ge=0, le=10080)] = 0
    """Take answers of this age from the cache, so that a killed run goes on where it was."""
    request: dict[str, JsonValue] = Field(default_factory=dict)
    """More of the request's body, as the server takes it."""
    graph: NonEmpty | None = None
    """Of ComfyUI: the file with the graph in the API's form, beside the suite."""
    nodes: dict[str, Annotated[str, StringConstraints(pattern=_PLACE)]] = Field(
        default_factory=dict
    )
    """Of ComfyUI: which node's input takes an argument: `{prompt: 6.text, seed: 3.seed}`."""


@dataclass(frozen=True, slots=True, eq=False)
class ServerSpec:
    """A server as a suite names it, checked."""

    url: str
    """Without a slash at its end."""
    api: str
    dialect: str
    model: str | None
    key: str | None
    """The name of an environment variable."""
    seed: Seed
    per_second: float | None
    quota: int | None
    timeout: float
    """Seconds."""
    attempts: int
    reuse_minutes: float
    request: Mapping[str, Any] = field(default_factory=dict)
    graph: Mapping[str, Any] | None = None
    """ComfyUI's graph, kept verbatim."""
    nodes: Mapping[str, str] = field(default_factory=dict)
    line: int | None = None
    """Where the section stands in the suite file."""

    @property
    def described(self) -> dict[str, JsonValue]:
        """Return what decides pixels, for the recipe; the place and patience do not."""
        said: dict[str, JsonValue] = {"api": self.api, "dialect": self.dialect}
        if self.model is not None:
            said["model"] = self.model
        if self.request:
            said["request"] = dict(self.request)
        if self.graph is not None:
            said["graph_sha256"] = json_sha256(dict(self.graph))
            said["nodes"] = dict(self.nodes)
        return said

    def refusal(self, suite: Path, what: str, fix: str) -> GoldenseedError:
        """Return the error for what is wrong with the section, with its line."""
        return GoldenseedError(what, path=suite, line=self.line, fix=fix)


def server_spec(section: ServerSection, suite: Path, line: int | None) -> ServerSpec:
    """Return the section checked; ``GoldenseedError`` where its graph cannot be read."""
    return ServerSpec(
        url=section.url.rstrip("/"),
        api=section.api,
        dialect=section.dialect or section.api,
        model=section.model,
        key=section.key,
        seed=section.seed,
        per_second=section.per_second,
        quota=section.quota,
        timeout=section.timeout,
        attempts=section.attempts,
        reuse_minutes=section.reuse_minutes,
        request=section.request,
        graph=None if section.graph is None else _graph(section, suite, line),
        nodes=section.nodes,
        line=line,
    )


def _graph(section: ServerSection, suite: Path, line: int | None) -> Mapping[str, Any]:
    file = inside(suite.parent.absolute(), section.graph or "")
    graph = parse(read_regular(file, _LARGEST_GRAPH), path=file)
    if not isinstance(graph, dict) or not all(_is_node(node) for node in graph.values()):
        raise GoldenseedError(
            "is no graph of ComfyUI in the API's form",
            path=file,
            fix="export it with Workflow > Export (API)",
        )
    for argument, place in section.nodes.items():
        node, _, name = place.partition(".")
        if node not in graph or name not in graph[node]["inputs"]:
            raise GoldenseedError(
                f"`server.nodes.{argument}` is {place}, and the graph has no such input",
                path=suite,
                line=line,
                fix=f"name a node and one of its inputs in {file.name}: 6.text",
            )
    return graph


def _is_node(node: object) -> bool:
    return isinstance(node, dict) and isinstance(node.get("inputs"), dict) and "class_type" in node


_SECRET = re.compile(
    r"(?i)(^|.*[_.-])(api_?key|key|token|secret|password|authorization|auth|signature|credentials?)"
)
_Fault = tuple[tuple[str, ...], str, str]
_NO_EFFECT: Final = (
    *("source", "factory", "arguments", "backend", "revision", "variant", "pipeline"),
    *("components", "dtype", "device", "device_map", "offload", "compile", "quantization", "vae"),
    *("scheduler", "adapters", "ip_adapters", "embeddings", "allow_pickle", "allow_new_weights"),
)


def server_faults(model: Mapping[str, Any]) -> Iterator[_Fault]:
    """Say what is wrong beside and within ``model.server``: the place, what, and the fix."""
    for key in _NO_EFFECT:
        if key in model:
            what = f"`model.{key}` has no effect beside `server`"
            yield (key,), what, "remove it; what the server takes stands under `server.request`"
    server = model["server"]
    if isinstance(server, Mapping):
        if isinstance(server.get("url"), str):
            yield from _url_faults(server["url"])
        yield from _secret_faults(server)
        yield from _graph_faults(server)


def _secret_faults(server: Mapping[str, Any]) -> Iterator[_Fault]:
    key, request = server.get("key"), server.get("request")
    if isinstance(key, str) and not re.fullmatch(_KEY, key):
        what = "`server.key` names the environment variable that holds the key, never the key"
        yield ("server", "key"), what, "write its name, such as MY_SERVER_KEY, and revoke the key"
    for name in request if isinstance(request, Mapping) else ():
        if _SECRET.fullmatch(str(name)):
            what = f"`server.request.{name}` looks like a secret, and a recipe is kept and shown"
            yield ("server", "request", str(name)), what, "give it by `server.key`"


def _graph_faults(server: Mapping[str, Any]) -> Iterator[_Fault]:
    comfyui = server.get("api") == "comfyui"
    if comfyui and "graph" not in server:
        yield ("server",), "ComfyUI needs a graph", "add `graph: workflow-api.json`"
    for name in ("graph", "nodes"):
        if name in server and not comfyui:
            what = f"`server.{name}` has an effect with `api: comfyui` alone"
            yield ("server", name), what, "remove it"


def _url_faults(url: str) -> Iterator[_Fault]:
    place = ("server", "url")
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        yield place, "`server.url` is no URL", "write http://HOST:PORT"
        return
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_one:
        yield place, "`server.url` is no http or https URL", "write http://HOST:PORT"
    elif parts.username or parts.password or parts.query or parts.fragment:
        what = "`server.url` holds a user, a query or a fragment, where keys stand"
        yield place, what, "leave them out, and give the key by `server.key`"
