"""``goldenseed show``: what is accepted and rejected for a case, profile by profile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from goldenseed.baselines.changes import entry_text
from goldenseed.baselines.decisions import Decision, decisions_of, earlier_versions
from goldenseed.baselines.entry import (
    AcceptedImage,
    BaselineEntry,
    ProfileBaseline,
    RejectedImage,
)
from goldenseed.baselines.setting import store_of_project
from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.common import AsJson, Baselines, Reports, entries_named
from goldenseed.cli.output import say, say_json
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.profile import fallback_chain
from goldenseed.reporting.words import visible
from goldenseed.runs.folder import LATEST, load_run
from goldenseed.tolerance.exact import STAGES

SCHEMA_VERSION = 1
"""What ``schema_version`` of ``--json`` says; raised when a field changes its meaning."""
_DIGEST_SHOWN = 12
_TOLD = (
    ("gpu", "gpu.name"),
    ("cpu", "cpu.model"),
    ("torch", "torch.version"),
    ("diffusers", "package.diffusers"),
    ("transformers", "package.transformers"),
)
"""The keys of a fingerprint that are told with its digest."""


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
    history: Annotated[
        bool,
        typer.Option(
            "--history", help="List every decision, also those that git alone has any more."
        ),
    ] = False,
    as_json: AsJson = False,
    baselines: Baselines = Path("baselines"),
    reports: Reports = Path("reports"),
) -> None:
    """List the profiles accepted for CASE, each image with who, when, why and from which run.

    Profiles come in the order in which they stand in for one another on this machine; those that
    are never used on it come last. No model and no torch are needed.
    """
    store = store_of_project(baselines)
    slug = profile or _profile_of_latest(reports)
    entries = entries_named(case, store)
    if as_json:
        say_json(
            {
                "schema_version": SCHEMA_VERSION,
                "cases": [_document(entry, store, history=history) for entry in entries],
            }
        )
        return
    for entry in entries:
        for line in (*_lines(entry, slug, store), *(_history(entry, store) if history else ())):
            say(visible(line, lines=False))


def _profile_of_latest(reports: Path) -> str | None:
    """Take this machine's profile from its latest run: telling it anew would take torch."""
    try:
        return load_run(reports / LATEST).profile
    except GoldenseedError:
        return None


def _lines(entry: BaselineEntry, slug: str | None, store: BaselineStore) -> Iterator[str]:
    yield f"{entry.suite}::{entry.case}"
    for was in entry.renamed:
        yield (
            f"  called {was.suite}::{was.case} until {was.renamed_at:%Y-%m-%d}  "
            f"{was.renamed_by}: {was.reason}"
        )
    usable = fallback_chain(slug, entry.profiles) if slug else ()
    others = sorted(set(entry.profiles) - set(usable))
    for place, profile in enumerate((*usable, *others)):
        yield f"  {profile}{_standing(slug, place, usable, profile)}"
        yield from _images(entry.profiles[profile], store)


def _standing(slug: str | None, place: int, usable: tuple[str, ...], profile: str) -> str:
    if slug is None:
        return ""
    if profile == slug:
        return "  (this machine)"
    return f"  (stands in for {slug}, choice {place + 1})" if profile in usable else "  (not used)"


def _images(baseline: ProfileBaseline, store: BaselineStore) -> Iterator[str]:
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
        yield f"             run {image.run_id}, {_fingerprint(image, store)}"
        if image.archive_sha256:
            yield f"             archive {image.archive_sha256}"
    for refused in baseline.rejected:
        yield (
            f"    rejected {refused.pixels_sha256[:_DIGEST_SHOWN]}…  "
            f"{refused.rejected_at:%Y-%m-%d}  {refused.rejected_by}: {refused.reason}"
        )
        made = f", {_fingerprint(refused, store)}" if refused.environment_sha256 else ""
        yield f"             run {refused.run_id}{made}; wrong in every profile"
    for past in baseline.overruled:
        yield (
            f"    rejected {past.pixels_sha256[:_DIGEST_SHOWN]}…  "
            f"{past.rejected_at:%Y-%m-%d}  {past.rejected_by}: {past.reason}; overruled "
            f"{past.overruled_at:%Y-%m-%d} by {past.overruled_by}: {past.overruled_because}"
        )


def _elements(image: AcceptedImage) -> str:
    """Say how many elements the call returned, where it was not one picture."""
    return f"{len(image.elements)} elements, {image.elements[0].name} " if image.elements else ""


def _fingerprint(image: AcceptedImage | RejectedImage, store: BaselineStore) -> str:
    """Name where an image was made: the digest, and what most often differs."""
    made = image.environment_sha256 or ""
    digest = f"fingerprint {made[:_DIGEST_SHOWN]}…"
    try:
        found = store.environment(made)
    except GoldenseedError as error:
        return f"{digest} (cannot be read: {error.what})"
    told = [f"{name} {found[key]}" for name, key in _TOLD if found.get(key) is not None]
    return f"{digest} ({', '.join(told)})" if told else digest


def _history(entry: BaselineEntry, store: BaselineStore) -> Iterator[str]:
    yield "  decisions"
    for each in _decisions(entry, store):
        pixels = f" {each.pixels_sha256[:_DIGEST_SHOWN]}…" if each.pixels_sha256 else ""
        where = f"  {each.profile}" if each.profile else ""
        stands = "" if each.stands else "  (no longer in the entry)"
        what = f"{each.at:%Y-%m-%d %H:%M}  {each.what}{pixels}{where}"
        yield f"    {what}  {each.by}: {each.reason}{stands}"


def _decisions(entry: BaselineEntry, store: BaselineStore) -> list[Decision]:
    """Return all decisions, by what the entry's file was, also under the names it had."""
    names = ((entry.suite, entry.case), *((was.suite, was.case) for was in entry.renamed))
    return decisions_of(entry, earlier_versions(store.entry_path(*name) for name in names))


def _document(entry: BaselineEntry, store: BaselineStore, *, history: bool) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(entry_text(entry))
    if history:
        document["decisions"] = [
            {**asdict(each), "at": each.at.isoformat()} for each in _decisions(entry, store)
        ]
    return document
