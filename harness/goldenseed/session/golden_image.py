"""The fixture ``golden_image``: the verdict for images made in ordinary tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldenseed.content.scores import check_limits
from goldenseed.core.elements import read_returned
from goldenseed.core.errors import GoldenseedError
from goldenseed.images.gates import parse_gate, parse_limit
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.scoring import with_content
from goldenseed.session.failure import RECORDS, settle
from goldenseed.session.golden_session import session_of
from goldenseed.session.naming import RIVAL, owner_of
from goldenseed.session.reports import pending_of_test
from goldenseed.suite.cases import Limit
from goldenseed.suite.masking import MaskSpec
from goldenseed.suite.recipes import recipe_sha256

if TYPE_CHECKING:
    from PIL.Image import Image
    from pydantic import JsonValue


class GoldenImage:
    """Judges images of one test against their baselines."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._session = session_of(item.config)
        self._names: set[str] = set()

    def check(
        self,
        image: Image | bytes | str | PathLike[str],
        name: str | None = None,
        *,
        gates: Mapping[str, float] | None = None,
        content: Mapping[str, float] | None = None,
        recipe: Mapping[str, JsonValue] | None = None,
        dtype: str = "float32",
        mask: Path | str | None = None,
        ignore: Iterable[tuple[int, int, int, int]] = (),
    ) -> CaseRecord:
        """Judge ``image`` and return its record; fail or warn as a suite's case would.

        ``image`` is one of Pillow, or a PNG, JPEG or WebP file: its bytes or its path. A file is
        kept as it is beside the pixels.

        ``name`` tells several images of one test apart; the case is called after the test, or
        ``test[name]``. ``gates`` are limits such as ``{"min_ssim": 0.99}``; without them nothing
        beyond one level per pixel passes. ``content`` are limits on what is in the image, such as
        ``{"min_sharpness": 20}``, on scores that need no model. ``recipe`` is whatever decides the
        pixels, as plain JSON data: if it changes, the verdict is ``incomparable``. ``dtype`` is
        the one the image was computed in; it decides what rounding explains. ``mask`` is a file of
        the image's size, white where pixels count, relative to the test's folder; ``ignore`` are
        regions that do not count, each left, top, width, height.

        What is no image with pixels, an array for example, fails with the verdict ``error``.

        Raises ``GoldenseedError`` for a name used twice in one test, and for a gate, content limit
        or recipe that a suite could not have either.
        """
        __tracebackhide__ = True
        record = pending_of_test(self._item, None if name is None else str(name))
        try:
            self._claim(record)
            scored = {each: Limit(float(value), "test") for each, value in (content or {}).items()}
            check_limits(scored)
            limits = {
                gate: Limit(parse_limit(parse_gate(gate), value), "test")
                for gate, value in (gates or {}).items()
            }
            plain = dict(recipe or {})
            update = {"recipe": plain, "recipe_sha256": recipe_sha256(plain)}
            record = record.model_copy(update=update)
            masked = self._mask(mask, tuple(ignore), record.line or 1)
        except (GoldenseedError, TypeError, ValueError) as error:
            raise self._refused(record, error).with_traceback(None) from None
        prompt = plain.get("prompt")
        try:
            usable, file = _usable(image)
        except GoldenseedError as error:
            record = record.failed("unusable_image", str(error))
        else:
            record = self._session.worker.judge(
                record, usable, limits=limits, dtype=dtype, mask=masked, file=file
            )
            prompt = prompt if isinstance(prompt, str) else None
            record = with_content(record, [(None, usable)], prompt, scored)
        settle(self._item, record, self._session.said_of)
        return record

    def _refused(self, record: CaseRecord, error: Exception) -> GoldenseedError:
        """Keep the record of a call that cannot be judged; return what to raise."""
        if not isinstance(error, GoldenseedError):
            what = f"what golden_image.check was given: {error}"
            error = GoldenseedError(what, path=record.path, line=record.line)
        records = self._item.stash.setdefault(RECORDS, [])
        records.append(record.failed("unusable_call", str(error)))
        return error

    def _claim(self, record: CaseRecord) -> None:
        if record.id.casefold() in self._names:
            raise GoldenseedError(
                f"two images of this test are both called {record.id}",
                path=record.path,
                line=record.line,
                fix='give each a name of its own: golden_image.check(image, name="…")',
            )
        self._names.add(record.id.casefold())
        self._session.names.take_case(record.suite, record.id, owner_of(self._item))

    def _mask(
        self, mask: Path | str | None, ignore: tuple[tuple[int, int, int, int], ...], line: int
    ) -> MaskSpec | None:
        if mask is None and not ignore:
            return None
        test = self._item.path
        file = None if mask is None else test.parent / mask
        return MaskSpec(None if mask is None else str(mask), file, ignore, test, line)


def golden_image_of(request: pytest.FixtureRequest) -> GoldenImage:
    """Make the fixture's value for the test that asks for it; fails for one with a rival."""
    item = request.node
    if RIVAL in item.stash:
        error = GoldenseedError(item.stash[RIVAL], fix="rename one of the two, or its parameters")
        pytest.fail(str(error), pytrace=False)
    return GoldenImage(item)


def _usable(image: object) -> tuple[Image, bytes | None]:
    """Return the image, if its pixels can be read, and the bytes of its file where that was given.

    Raises GoldenseedError, with what to write instead.
    """
    from PIL import Image

    if isinstance(image, bytes | str | PathLike):
        return read_returned(image, "what golden_image.check was given")
    if not isinstance(image, Image.Image):
        what = f"what golden_image.check was given is no image of Pillow: {type(image).__name__}"
        raise GoldenseedError(what, fix=_fix(image))
    if 0 in image.size:
        raise GoldenseedError(
            f"the image is {image.width} x {image.height}: it has no pixels",
            fix="see what the test made it of",
        )
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow's decoders raise
        raise GoldenseedError(
            f"the image cannot be decoded: {error}", fix="see that its file is whole"
        ) from error
    return image, None


def _fix(found: object) -> str:
    """Say what to give in the place of something that is no image."""
    if found is None:
        return "see why the test made none"
    if hasattr(found, "images"):
        return "golden_image.check(output.images[0])"
    if isinstance(found, list | tuple):
        return 'check each by itself: golden_image.check(image, name="…")'
    if hasattr(found, "shape"):
        return "golden_image.check(Image.fromarray(array)), height x width x 3 of dtype uint8"
    return "give an image of Pillow, or a PNG, JPEG or WebP file"
