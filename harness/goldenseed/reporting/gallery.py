"""Images that are looked through and picked from, not judged: those of a sweep, or of a library."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from goldenseed.core.names import seed_id
from goldenseed.reporting.commands import Place
from goldenseed.reporting.numbers import style_of
from goldenseed.runs.named_files import thumb_place
from goldenseed.runs.record import CaseRecord, RunRecord

_DIGITS: Final = 6
"""Significant digits of a score that the page sorts and filters by."""
PICKS: Final = "picks.suite.yaml"
"""What a suite of picks is called until somebody calls it otherwise."""


@dataclass(frozen=True, slots=True)
class Action:
    """A command on what was picked: one for all, or for each of them its own."""

    name: Literal["add", "tag", "promote", "remove"]
    does: str
    words: str
    """What it begins with, quoted for a shell."""
    each: str = ""
    """What stands before every name: ``--case``."""
    by_key: bool = False
    """Whether images are named by their ids in a library, not by those of the cases."""
    takes: Mapping[str, str] = field(default_factory=dict)
    """The options by what they say: ``tags``, ``rating``, ``suite``, ``reason``."""
    suite: str = ""
    """What ``suite`` is until somebody says otherwise."""
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What is said of one image in place of a verdict."""

    label: str
    """``seed 7``"""
    detail: str
    """What else tells it from its neighbours: ``guidance_scale 3``."""
    seed: str
    key: str
    """Its id in a library of seeds."""
    scores: Mapping[str, float]
    facets: Mapping[str, str]
    """What images are grouped and filtered by: ``guidance_scale`` → ``3``."""
    kept: bool = True
    """Whether it holds every limit that was asked for."""
    tags: tuple[str, ...] = ()
    thumb: str = ""
    """A smaller picture for the tile, in the run's folder; empty where the image itself serves."""
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Gallery:
    """What a page of such images needs beside them."""

    noun: str
    order: str
    """In which they come: ``as made``, ``best match first``."""
    shown: Mapping[str, Shown]
    """By the ids of the cases."""
    actions: tuple[Action, ...]
    prompt: str | None = None
    """Of all images, where they have one."""
    first: tuple[str, ...] = ()
    """Scores that stand before the others."""


def gallery_of(run: RunRecord, place: Place, folder: Path | None) -> Gallery | None:
    """Return what a sweep's page is made of; None for a run of another kind.

    In ``folder``, the run's, small pictures are looked for.
    """
    if run.verb is None or run.verb.name != "sweep":
        return None
    alike = run.verb.alike
    prompts = {json.dumps(each.recipe.get("prompt")) for each in run.cases}
    prompt = json.loads(prompts.pop()) if len(prompts) == 1 else None
    return Gallery(
        noun="image",
        order="as made",
        shown={each.id: _of_sweep(each, alike.get(each.id), folder) for each in run.cases},
        actions=tuple(_actions(run, place)),
        prompt=prompt if isinstance(prompt, str) else None,
    )


def _of_sweep(case: CaseRecord, group: int | None, folder: Path | None) -> Shown:
    """Say of an image what its id says: ``red-apple[guidance_scale=3,seed=7]``."""
    inside = case.id.partition("[")[2].removesuffix("]").split(",")
    axes = dict(each.split("=", 1) for each in inside if "=" in each)
    seed = axes.pop("seed", "")
    facets = {**axes, "likeness": "" if group is None else f"group {group + 1}"}
    thumb = thumb_place(case.pixels_sha256 or "")
    return Shown(
        label=f"seed {seed}",
        detail=", ".join(f"{name} {value}" for name, value in axes.items()),
        seed=seed,
        key=seed_id(case.recipe_sha256, case.pixels_sha256 or ""),
        scores=case.content,
        facets=facets,
        kept=case.error is None and not case.breaks_content,
        thumb=thumb if folder is not None and (folder / thumb).is_file() else "",
    )


def _actions(run: RunRecord, place: Place) -> Iterator[Action]:
    """Yield the way from a sweep's picks into the library, and from there into a suite."""
    yield Action(
        "add",
        "put into the library of seeds",
        f"goldenseed seeds add {shlex.quote(place.run)}",
        each="--case",
        takes={"tags": "--tag", "rating": "--rating"},
    )
    folder = PurePosixPath(run.cases[0].path).parent if run.cases else PurePosixPath()
    yield making_golden(str(folder / PICKS))


def making_golden(suite: str, where: str = "") -> Action:
    """Return what makes a library's seed the golden image of a case of a suite file.

    ``where`` is the option that names the library, with a space before it, unless it is the
    default one.
    """
    return Action(
        "promote",
        "make golden, where it comes again bit for bit",
        f"goldenseed seeds promote{where}",
        by_key=True,
        takes={"suite": "--suite", "reason": "--reason"},
        suite=suite,
        apart=True,
    )


def gallery_document(
    gallery: Gallery, shown: Sequence[Shown]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what the page's scripts need of all images together, and the columns of each."""
    met = dict.fromkeys(name for each in shown for name in each.scores)
    scores = sorted(met, key=lambda name: name not in gallery.first)
    names = dict.fromkeys(name for each in shown for name in each.facets)
    facets = {name: _values(name, shown) for name in names}
    places = {name: {value: n for n, value in enumerate(facets[name])} for name in names}
    return {
        "noun": gallery.noun,
        "order": gallery.order,
        "scores": [[name, *style_of(name)] for name in scores],
        "facets": [[name, values] for name, values in facets.items()],
        "actions": [
            {"name": a.name, "does": a.does, "words": a.words, "each": a.each, "key": a.by_key,
             "takes": dict(a.takes), "suite": a.suite, "apart": a.apart}
            for a in gallery.actions
        ],
    }, [_columns(each, scores, places) for each in shown]  # fmt: skip


def _values(name: str, shown: Sequence[Shown]) -> list[str]:
    """Return a facet's values, the most frequent first where there are groups, else as met."""
    found = Counter(each.facets.get(name, "") for each in shown)
    return [value for value, _ in found.most_common()] if name == "likeness" else list(found)


def _columns(
    shown: Shown, scores: Sequence[str], places: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    return {
        "label": shown.label,
        "detail": shown.detail,
        "seed": shown.seed,
        "key": shown.key,
        "kept": int(shown.kept),
        "tags": list(shown.tags),
        "thumb": shown.thumb,
        "scores": [_rounded(shown.scores.get(name)) for name in scores],
        "facets": [of[shown.facets.get(name, "")] for name, of in places.items()],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
