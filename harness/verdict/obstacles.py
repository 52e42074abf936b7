"""Why an image cannot be compared with an accepted one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import JsonValue

from harness.baselines.entry import AcceptedImage
from harness.suites.recipes import recipe_differences
from harness.verdict.model import Reason

if TYPE_CHECKING:
    from harness.verdict.subject import Subject


def obstacles(subject: Subject, accepted: AcceptedImage) -> tuple[Reason, ...]:
    """Say why the two cannot be compared; empty where they can."""
    found: list[Reason] = []
    if subject.recipe_sha256 != accepted.recipe_sha256:
        found += [
            Reason(
                code="recipe_changed",
                metric=f"recipe.{difference.field}",
                value=_plain(difference.new),
                limit=_plain(difference.old),
                source="baseline",
            )
            for difference in recipe_differences(accepted.recipe, subject.recipe)
        ]
    size, expected = subject.image.size, (accepted.width, accepted.height)
    if size != expected:
        found.append(
            Reason(
                code="size_changed",
                metric="size",
                value=f"{size[0]}x{size[1]}",
                limit=f"{expected[0]}x{expected[1]}",
                source="baseline",
            )
        )
    if subject.image.mode != accepted.mode:
        found.append(
            Reason(
                code="mode_changed",
                metric="mode",
                value=subject.image.mode,
                limit=accepted.mode,
                source="baseline",
            )
        )
    return tuple(found)


def _plain(value: JsonValue) -> str | int | float | bool | None:
    """Return scalars as they are and anything else as its text, for a machine-readable reason."""
    return value if isinstance(value, (str, int, float, bool)) or value is None else repr(value)
