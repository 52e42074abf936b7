"""The four ways of asking for an image: one call, ComfyUI's graph, or submit and poll."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from goldenseed.backends.protocol import GenerationError
from goldenseed.backends.server.dialects import found_at

if TYPE_CHECKING:
    from goldenseed.backends.server.dialects import Dialect
    from goldenseed.backends.server.transport import Client
    from goldenseed.suite.server import ServerSpec

_FIRST_LOOK: Final = 0.02
_SLOWEST_LOOK: Final = 2.0
"""Seconds between two looks at whether an image is there; the first and the longest."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server made of a request."""

    document: Any
    """What it said, without the picture."""
    picture: bytes
    """The file as it was returned."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and whom it goes to."""

    client: Client
    spec: ServerSpec
    dialect: Dialect
    body: Mapping[str, Any]
    deadline: float
    """Of ``time.monotonic``."""
    path: str = ""
    """In place of the dialect's own."""

    def submit(self) -> Any:
        """Post the request and return what the server says at once."""
        model = quote(self.spec.model or "", safe="/:")
        place = self.path or self.dialect.submit.replace("{model}", model)
        return self.client.ask(place, self.body, deadline=self.deadline, paced=True).document()

    def look(self, place: str) -> Any:
        """Return what the server says at a place."""
        return self.client.ask(place, deadline=self.deadline).document()


def direct(asked: Asked) -> Answer:
    """One call that returns the picture: OpenAI's and A1111's."""
    document = asked.submit()
    if asked.dialect.api == "a1111":
        return Answer(_of_a1111(document), _picture(asked, document))
    return Answer(_without_pictures(document), _picture(asked, document))


def _of_a1111(document: Any) -> Any:
    """Return ``info``, which is JSON in a text and has what the picture was made of."""
    info = document.get("info") if isinstance(document, Mapping) else None
    try:
        said = json.loads(info) if isinstance(info, str) else {}
    except (ValueError, RecursionError):
        said = {}
    return said if isinstance(said, Mapping) else {}


def polled(asked: Asked) -> Answer:
    """Submit, look until it is done, fetch what it points to."""
    dialect = asked.dialect
    submitted = asked.submit()
    place = found_at(submitted, dialect.status_url)
    if not isinstance(place, str):
        raise _unexpected("where its state is", submitted)
    document = _waited_for(asked, lambda: asked.look(place), submitted)
    if dialect.result_url:
        result = found_at([document, submitted], *(f"{n}.{dialect.result_url}" for n in (0, 1)))
        if not isinstance(result, str):
            raise _unexpected("where its result is", submitted)
        document = asked.look(result)
    return Answer(_without_pictures(document), _picture(asked, document))


def _waited_for(asked: Asked, look: Callable[[], Any], document: Any) -> Any:
    dialect, pause = asked.dialect, _FIRST_LOOK
    while True:
        state = found_at(document, dialect.status)
        if state in dialect.done:
            return document
        if state is not None and state not in dialect.waiting:
            why = found_at(document, "error", "detail", "details") or "it gives no reason"
            raise GenerationError(
                f"the server says {state!r}: {str(why)[:300]}",
                fix="see the server's own log; the request is the suite's `server` and the `call`",
            )
        _sleep(asked, pause)
        pause = min(2 * pause, _SLOWEST_LOOK)
        document = look()


def graphed(asked: Asked) -> Answer:
    """ComfyUI: queue the graph, look into the history, fetch the first picture saved."""
    queued = asked.submit()
    number = found_at(queued, "prompt_id")
    if not isinstance(number, str):
        raise _unexpected("a prompt_id", queued)
    pause = _FIRST_LOOK
    while True:
        history = found_at(asked.look(f"/history/{quote(number)}"), number)
        if history is not None:
            break
        _sleep(asked, pause)
        pause = min(2 * pause, _SLOWEST_LOOK)
    picture = next(_saved(history), None)
    if picture is None:
        why = found_at(history, "status.messages") or "no node saved a picture"
        raise GenerationError(
            f"ComfyUI made no picture: {json.dumps(why)[:300]}",
            fix="see that the graph ends in SaveImage, and ComfyUI's own log",
        )
    query = urlencode({key: str(picture.get(key, "")) for key in ("filename", "subfolder", "type")})
    data = asked.client.ask(f"/view?{query}", deadline=asked.deadline).body
    return Answer({"outputs": sorted(found_at(history, "outputs") or ())}, data)


def _saved(history: Any) -> Any:
    """Yield the pictures of a history, by the numbers of their nodes; previews come last."""
    outputs = found_at(history, "outputs")
    nodes = sorted(outputs.items()) if isinstance(outputs, Mapping) else ()
    found = [
        picture
        for _, node in nodes
        for picture in (node.get("images") or () if isinstance(node, Mapping) else ())
        if isinstance(picture, Mapping)
    ]
    yield from sorted(found, key=lambda picture: picture.get("type") != "output")


APIS: Final[Mapping[str, Callable[[Asked], Answer]]] = {
    "openai": direct,
    "a1111": direct,
    "comfyui": graphed,
    "poll": polled,
}


def _picture(asked: Asked, document: Any) -> bytes:
    """Return the bytes of the picture that an answer holds in base64, or names by a URL."""
    found = found_at(document, *asked.dialect.images)
    if isinstance(found, Mapping):
        found = found.get("url")
    if not isinstance(found, str) or not found:
        raise _unexpected("a picture", document)
    if found.startswith(("http://", "https://", "/")) and len(found) < 4096:  # noqa: PLR2004 (a URL)
        return asked.client.download(found, deadline=asked.deadline)
    try:
        return base64.b64decode(found.rpartition("base64,")[2], validate=True)
    except (binascii.Error, ValueError):
        raise GenerationError(
            "the server's picture is not in base64", fix="see that the dialect is the server's"
        ) from None


def _sleep(asked: Asked, seconds: float) -> None:
    left = asked.deadline - time.monotonic()
    if left <= 0:
        raise GenerationError(
            f"the image was not there within {asked.spec.timeout:g} seconds",
            fix="raise `server.timeout`",
        )
    time.sleep(min(seconds, left))


def _unexpected(wanted: str, document: Any) -> GenerationError:
    said = json.dumps(_without_pictures(document), default=str)[:300]
    return GenerationError(
        f"the server's answer does not say {wanted}: {said}",
        fix="see that `server.api` and `server.dialect` are the server's",
    )


def _without_pictures(document: Any) -> Any:
    """Return a copy of an answer in which long texts, which are pictures, are their lengths."""
    if isinstance(document, Mapping):
        return {str(key): _without_pictures(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_without_pictures(value) for value in document]
    if isinstance(document, str) and len(document) > 10_000:  # noqa: PLR2004 (no prompt is as long)
        return f"({len(document)} characters)"
    return deepcopy(document)
