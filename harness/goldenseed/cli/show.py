"""``goldenseed show``: what is accepted and rejected for a case, profile by profile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.baselines.entry import AcceptedImage, BaselineEntry, ProfileBaseline
from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.common import Baselines, Reports, fits
from goldenseed.cli.output import say
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.profile import fallback_chain
from goldenseed.reporting.words import visible
from goldenseed.runs.folder import LATEST, load_run
from goldenseed.tolerance.exact import STAGES

_DIGEST_SHOWN = 12


def show(
    case: Annotated[str, typer.Argument(help="A case id or pattern, also as suite::case.")],
    *,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            help="The machine whose order is shown, if not that of the latest run.",
            show_default=False,
        ),
    ] = None,
    baselines: Baselines = Path("baselines"),
    reports: Reports = Path("reports"),
) -> None:
    """List the profiles accepted for CASE, each image with who, when and why.

    Profiles come in the order in which they stand in for one another on this machine; those that
    are never used on it come last. No model and no torch are needed.
    """
    store = BaselineStore(baselines)
    slug = profile or _profile_of_latest(reports)
    found = [
        (suite, each)
        for suite in store.suites()
        for each in store.cases(suite)
        if fits(case, {each, f"{suite}::{each}"}, each)
    ]
    if not found:
        raise GoldenseedError(
            f"nothing is accepted for {case!r}",
            path=baselines,
            fix="name a case that was accepted, or its folder with --baselines",
        )
    for suite, each in found:
        entry = store.entry(suite, each)
        if entry is not None:
            for line in _lines(entry, slug):
                say(visible(line, lines=False))


def _profile_of_latest(reports: Path) -> str | None:
    """Take this machine's profile from its latest run: telling it anew would take torch."""
    try:
        return load_run(reports / LATEST).profile
    except GoldenseedError:
        return None


def _lines(entry: BaselineEntry, slug: str | None) -> Iterator[str]:
    yield f"{entry.suite}::{entry.case}"
    usable = fallback_chain(slug, entry.profiles) if slug else ()
    others = sorted(set(entry.profiles) - set(usable))
    for place, profile in enumerate((*usable, *others)):
        yield f"  {profile}{_standing(slug, place, usable, profile)}"
        yield from _images(entry.profiles[profile])


def _standing(slug: str | None, place: int, usable: tuple[str, ...], profile: str) -> str:
    if slug is None:
        return ""
    if profile == slug:
        return "  (this machine)"
    return f"  (stands in for {slug}, choice {place + 1})" if profile in usable else "  (not used)"


def _images(baseline: ProfileBaseline) -> Iterator[str]:
    if (kept := baseline.tolerance) is not None:
        yield (
            f"    tolerance    {kept.pattern} in {kept.images} runs  {kept.measured_at:%Y-%m-%d}  "
            f"{kept.measured_by}{': ' if kept.harmless else ''}{', '.join(kept.harmless)}"
        )
    if (exact := baseline.exact) is not None:
        distances = (
            f"{metric.removeprefix('exact_').removesuffix('_distance')} "
            f"{exact.distances[metric]:.1e} (at most {exact.limits[metric]:.1e})"
            for metric in STAGES
            if metric in exact.distances
        )
        yield f"    exact    {exact.made_at:%Y-%m-%d}  {exact.made_by}: {', '.join(distances)}"
    for image in baseline.accepted:
        yield (
            f"    accepted {image.pixels_sha256[:_DIGEST_SHOWN]}…  "
            f"{_elements(image)}{image.width}x{image.height} {image.mode}  "
            f"{image.accepted_at:%Y-%m-%d}  "
            f"{image.accepted_by}: {image.reason}"
        )
    for refused in baseline.rejected:
        yield (
            f"    rejected {refused.pixels_sha256[:_DIGEST_SHOWN]}…  "
            f"{refused.rejected_at:%Y-%m-%d}  {refused.rejected_by}: {refused.reason}"
        )
    for past in baseline.overruled:
        yield (
            f"    rejected {past.pixels_sha256[:_DIGEST_SHOWN]}…  "
            f"{past.rejected_at:%Y-%m-%d}  {past.rejected_by}: {past.reason}; overruled "
            f"{past.overruled_at:%Y-%m-%d} by {past.overruled_by}: {past.overruled_because}"
        )


def _elements(image: AcceptedImage) -> str:
    """Say how many elements the call returned, where it was not one picture."""
    return f"{len(image.elements)} elements, {image.elements[0].name} " if image.elements else ""
