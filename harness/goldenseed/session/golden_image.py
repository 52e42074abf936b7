"""The fixture ``golden_image``: the verdict for images made in ordinary tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldenseed.content.scores import check_limits
from goldenseed.core.errors import GoldenseedError
from goldenseed.images.gates import parse_gate, parse_limit
from goldenseed.runs.judging import with_content
from goldenseed.runs.record import CaseRecord
from goldenseed.session.failure import settle
from goldenseed.session.golden_session import session_of
from goldenseed.suite.cases import Limit
from goldenseed.suite.masking import MaskSpec
from goldenseed.suite.recipes import recipe_sha256
from goldenseed.verdict.model import Verdict

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
        image: Image,
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

        ``name`` tells several images of one test apart; the case is called after the test, or
        ``test[name]``. ``gates`` are limits such as ``{"min_ssim": 0.99}``; without them nothing
        beyond one level per pixel passes. ``content`` are limits on what is in the image, such as
        ``{"min_sharpness": 20}``, on scores that need no model. ``recipe`` is whatever decides the
        pixels, as plain JSON data: if it changes, the verdict is ``incomparable``. ``dtype`` is
        the one the image was computed in; it decides what rounding explains. ``mask`` is a file of
        the image's size, white where pixels count, relative to the test's folder; ``ignore`` are
        regions that do not count, each left, top, width, height.

        Raises ``GoldenseedError`` for a name used twice in one test or unfit for a file name, and
        for a gate or content limit that a suite could not have either.
        """
        case = self._case_id(name)
        scored = {each: Limit(float(value), "test") for each, value in (content or {}).items()}
        check_limits(scored)
        limits = {
            gate: Limit(parse_limit(parse_gate(gate), value), "test")
            for gate, value in (gates or {}).items()
        }
        plain = dict(recipe or {})
        place, line, _ = self._item.location
        record = CaseRecord(
            id=case,
            suite=re.sub(r"[^A-Za-z0-9._-]+", ".", place.removesuffix(".py")).strip("."),
            path=place.replace("\\", "/"),
            line=None if line is None else line + 1,
            recipe=plain,
            recipe_sha256=recipe_sha256(plain),
            verdict=Verdict.ERROR,
            passed=False,
        )
        masked = self._mask(mask, tuple(ignore), line)
        record = self._session.worker.judge(record, image, limits=limits, dtype=dtype, mask=masked)
        prompt = plain.get("prompt")
        record = with_content(record, image, prompt if isinstance(prompt, str) else None, scored)
        settle(self._item, record, self._session.text_of)
        return record

    def _mask(
        self,
        mask: Path | str | None,
        ignore: tuple[tuple[int, int, int, int], ...],
        line: int | None,
    ) -> MaskSpec | None:
        if mask is None and not ignore:
            return None
        test = self._item.path
        file = None if mask is None else test.parent / mask
        return MaskSpec(None if mask is None else str(mask), file, ignore, test, (line or 0) + 1)

    def _case_id(self, name: str | None) -> str:
        test = re.sub(r"[^A-Za-z0-9._=,\[\]-]+", "-", self._item.location[2])
        case = test if name is None else f"{test}[{name}]" if "[" not in test else f"{test}-{name}"
        if case in self._names:
            raise GoldenseedError(
                f"two images of this test are both called {case}",
                path=self._item.location[0],
                fix='give each a name: golden_image.check(image, name="…")',
            )
        self._names.add(case)
        return case


def golden_image_of(request: pytest.FixtureRequest) -> GoldenImage:
    """Make the fixture's value for the test that asks for it."""
    return GoldenImage(request.node)
