"""What entries name, each stored once under its digest: images, traces and environments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.baselines.half_fetched import half_fetched
from goldenseed.baselines.places import Places
from goldenseed.baselines.reading import ENTRY_LIMIT_BYTES, restore
from goldenseed.baselines.verified import Verified
from goldenseed.core.elements import RETURNED_LIMIT, content_sha256, decoded, encoded, is_tensor
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import (
    json_sha256,
    pretty_json,
    read_json,
    read_regular,
    sha256_hex,
    write_atomically,
)
from goldenseed.trace.files import digest_of, parse_trace, read_trace, small_file
from goldenseed.trace.stages import Trace, stages_sha256

if TYPE_CHECKING:
    from PIL import Image

    from goldenseed.core.elements import Content

FILE_LIMIT_BYTES = 1 << 30

NOTHING = Verified()
"""The memory of whoever remembers nothing."""


def image(places: Places, pixels_sha256: str) -> Image.Image:
    """Decode an accepted image and verify that its pixels have the digest in its name.

    The digest covers mode and size, so an image of another size is caught by it too.

    Raises:
        GoldenseedError: the file is missing, no whole PNG, or holds other pixels.

    """
    return places.read(
        places.image(pixels_sha256), lambda path: _decoded(path, pixels_sha256, _read(path))
    )


def element(places: Places, sha256: str, mode: str) -> Content:
    """Decode an accepted picture or tensor of ``mode``, and verify it as ``image`` does."""
    if not is_tensor(mode):
        return image(places, sha256)
    return places.read(places.element(sha256, mode), lambda path: _tensor(path, sha256, mode))


def _tensor(path: Path, sha256: str, mode: str) -> Content:
    try:
        found = decoded(path, mode)
    except GoldenseedError as error:
        raise _unreadable(path, error) from error
    if content_sha256(found) != sha256:
        raise GoldenseedError(
            "does not hold the numbers that were accepted", path=path, fix=_restore(path)
        )
    return found


def image_file(places: Places, pixels_sha256: str, verified: Verified = NOTHING) -> bytes:
    """Return an accepted image's PNG file, its pixels verified as by ``image``; same errors.

    A file of the same bytes that ``verified`` knows is not decoded again.
    """

    def read(path: Path) -> bytes:
        data = _read(path)
        if not verified.knows(pixels_sha256, data):
            _decoded(path, pixels_sha256, data)
            verified.remember(pixels_sha256, data)
        return data

    return places.read(places.image(pixels_sha256), read)


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, FILE_LIMIT_BYTES)
    except GoldenseedError as error:
        raise _unreadable(path, error) from error


def _decoded(path: Path, pixels_sha256: str, data: bytes) -> Image.Image:
    from goldenseed.core import pixels  # reading entries needs no image library

    try:
        image = pixels.decode(data, name=str(path), formats=("PNG",))
    except GoldenseedError as error:
        raise _unreadable(path, error) from error
    found = pixels.pixels_sha256(image)
    if found != pixels_sha256:
        raise GoldenseedError(
            "does not hold the pixels that were accepted: it is an image of "
            f"{image.width} x {image.height} pixels in mode {image.mode} with the digest {found}",
            path=path,
            fix=_restore(path),
        )
    return image


def store_element(
    places: Places,
    sha256: str,
    mode: str,
    made: Callable[[], Content],
    *,
    durable: bool = True,
) -> None:
    """Write a picture, as a small PNG, or tensor, unless a whole one is there.

    ``made`` returns it, and has verified its digest; ``durable`` is as of ``write_atomically``.

    Raises:
        GoldenseedError: it cannot be written; then no part of it is there.

    """
    from goldenseed.core import pixels  # reading entries needs no image library

    def made_file() -> bytes:
        return encoded(made(), compress_level=pixels.SMALL)

    _keep(
        places,
        places.element(sha256, mode),
        partial(element, places, sha256, mode),
        made_file,
        durable=durable,
    )


def store_returned(places: Places, path: Path, sha256: str, *, durable: bool = True) -> None:
    """Copy a file in which a picture was returned, unless it is there.

    ``path`` was verified to have the digest; ``durable`` and errors are as of ``store_element``.
    """
    target = places.returned(sha256)

    def check() -> None:
        if sha256_hex(read_regular(target, RETURNED_LIMIT)) != sha256:
            raise GoldenseedError("is another file", path=target)

    _keep(places, target, check, lambda: read_regular(path, RETURNED_LIMIT), durable=durable)


def _keep(
    places: Places,
    path: Path,
    check: Callable[[], object],
    made: Callable[[], bytes],
    *,
    durable: bool,
) -> None:
    """Put what ``made`` returns into the store, or write it unless ``check`` finds it whole.

    With a store a file stays in the folder that lies there, and is written again if it is damaged.
    """
    if places.remote is not None:
        places.remote.put(places.name(path), made)
        if not path.exists():
            return
    try:
        check()
    except GoldenseedError:
        write_atomically(path, made(), durable=durable)


def _unreadable(path: Path, error: GoldenseedError) -> GoldenseedError:
    what = error.what if path.exists() else "the accepted image is missing"
    return half_fetched(path) or GoldenseedError(what, path=path, fix=_restore(path))


def _restore(path: Path) -> str:
    return (
        f"git checkout -- '{path}' restores the committed one; "
        "or accept the case again from a run that has the image"
    )


def trace(places: Places, trace_sha256: str) -> Trace:
    """Read the trace of an accepted image and verify its digest.

    Raises:
        GoldenseedError: the file is missing, cut short or altered.

    """
    return places.read(places.trace(trace_sha256), _trace)


def _trace(path: Path) -> Trace:
    try:
        return read_trace(path)
    except GoldenseedError as error:
        raise half_fetched(path) or error from error


def trace_file(
    places: Places, trace_sha256: str, of_stages: str, verified: Verified = NOTHING
) -> bytes:
    """Return the file of a trace whose stages' digests have the digest ``of_stages``.

    A file of the same bytes that ``verified`` knows is not unpacked again.

    Raises:
        GoldenseedError: as ``trace``, and where its stages are others.

    """
    name = f"{trace_sha256} {of_stages}"

    def read(path: Path) -> bytes:
        data = read_regular(path, FILE_LIMIT_BYTES)
        if not verified.knows(name, data):
            if stages_sha256(each.digest for each in parse_trace(path, data)) != of_stages:
                what = "is not the trace of the stages that its entry names"
                raise GoldenseedError(what, path=path, fix=_restore(path))
            verified.remember(name, data)
        return data

    return places.read(places.trace(trace_sha256), read)


def store_trace(places: Places, path: Path, *, durable: bool = True) -> None:
    """Copy a trace from a run's folder, unless a whole copy is stored already.

    Raises:
        GoldenseedError: it is not what its name says, or cannot be written.

    """
    digest = digest_of(path)
    _keep(
        places,
        places.trace(digest),
        partial(trace, places, digest),
        partial(small_file, path),
        durable=durable,
    )


def environment(places: Places, digest: str) -> dict[str, str | int | float | bool | None]:
    """Read the environment that ``digest`` names: dotted key → value.

    Raises:
        GoldenseedError: no such file, not strict JSON, or edited since it was written.

    """
    path = places.environment(digest)
    try:
        document = read_json(path, ENTRY_LIMIT_BYTES)
    except GoldenseedError as error:
        raise half_fetched(path) or error from error
    if not isinstance(document, dict) or json_sha256(document) != digest:
        raise GoldenseedError(
            "does not hold what its name, the digest of its content, says: it was edited",
            path=path,
            fix=restore(path),
        )
    return document


def _holds(path: Path, data: bytes) -> bool:
    """Say whether a file with exactly this content is there."""
    try:
        return read_regular(path, len(data)) == data
    except GoldenseedError:
        return False


def store_environment(places: Places, found: Mapping[str, str | int | float | bool | None]) -> None:
    """Write the environment that an image was made in, unless it is stored already."""
    path = places.environment(json_sha256(dict(found)))
    text = pretty_json(dict(found))
    if not _holds(path, text):
        write_atomically(path, text)
