"""Seeds of a library on the report's page: looked through, compared, tagged, made golden."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, write_atomically
from goldenseed.core.pixels import decode, pixels_sha256
from goldenseed.reporting.commands import Place
from goldenseed.reporting.gallery import PICKS, Action, Gallery, Shown, making_golden
from goldenseed.reporting.html import write_report
from goldenseed.reporting.view import RunView, run_view
from goldenseed.reporting.words import count_of, shortened
from goldenseed.runs.folder import write_run
from goldenseed.runs.named_files import link_files
from goldenseed.runs.parts import VerbRecord
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from goldenseed.seeds.entry import Seed
    from goldenseed.seeds.library import Found, Library

LIBRARY: Final = "library"
"""The page's option under which stands where its seeds are."""
_DEFAULT: Final = "seeds.sqlite"
_THUMBS: Final = "thumbs"
_FIRST: Final = ("likeness", "rating")
_PROMPT: Final = 80
_STANDS_IN: Final = "the thumbnail: the run that made it is not here, or has another picture"


def write_page(
    found: Sequence[Found], library: Library, folder: Path, reports: Path, *, alike: bool = False
) -> Path:
    """Write seeds that were found as a page into ``folder``; return the page's path.

    Their relevances are likenesses where they are found ``alike``, else only their order counts.
    Where the run that made a seed is still in ``reports``, its image is linked, once it was seen to
    be the one: then it can be looked at from near. Of the others there is the thumbnail.

    Raises:
        GoldenseedError: nothing was found, the folder holds something else, or takes no file.

    """
    if not found:
        raise GoldenseedError("no seed was found to make a page of", path=library.place)
    _check_ours(folder)
    seeds = {each.seed.id: each.seed for each in found}
    began = datetime.now(UTC)
    record = RunRecord(
        run_id=folder.absolute().name,
        started=began,
        finished=began,
        complete=True,
        options={LIBRARY: library.place},
        cases=tuple(_case(each, library.place, folder, reports) for each in seeds.values()),
        verb=VerbRecord(
            name="seeds",
            passed=True,
            outcome=f"{len(seeds):,} of {count_of(library.count(), 'seed')}",
        ),
    )
    write_run(record, folder)
    order = "best match first" if found[0].relevance is not None else "newest first"
    near = {each.seed.id: each.relevance or 0.0 for each in found} if alike else {}
    return write_report(_view(record, folder, seeds, near, order), folder)


def page_again(record: RunRecord, folder: Path) -> RunView:
    """Return the view of such a page with what the library says of its seeds by now."""
    from goldenseed.seeds.opening import opened

    with opened(record.options[LIBRARY]) as library:
        there = dict(_there(library, [each.id for each in record.cases]))
    kept = tuple(each for each in record.cases if each.id in there)
    return _view(record.model_copy(update={"cases": kept}), folder, there, {}, "as found")


def _there(library: Library, ids: Sequence[str]) -> Iterator[tuple[str, Seed]]:
    for each in ids:
        with suppress(GoldenseedError):  # it was taken out since
            yield each, library.named(each).seed


def is_of_library(record: RunRecord) -> bool:
    """Say whether a run is a page of a library's seeds."""
    return record.verb is not None and record.verb.name == "seeds" and LIBRARY in record.options


def _check_ours(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier page of a library."""
    from goldenseed.runs.folder import RECORD, load_run

    if folder.is_dir() and any(folder.iterdir()):
        there = (folder / RECORD).is_file() and is_of_library(load_run(folder))
        if not there:
            raise GoldenseedError("holds something else", path=folder, fix="name a new folder")


def _case(seed: Seed, place: str, folder: Path, reports: Path) -> CaseRecord:
    """Write a seed's picture into the folder, and return it as a case that nobody judged."""
    write_atomically(folder / _thumb(seed), seed.picture, durable=False)
    linked = _linked(seed, folder, reports)
    return CaseRecord(
        id=seed.id,
        suite="seeds",
        path=place,
        recipe=seed.recipe,
        recipe_sha256=seed.recipe_sha256,
        profile=seed.profile,
        environment_sha256=seed.environment_sha256,
        pixels_sha256=seed.pixels_sha256,
        image=linked or _thumb(seed),
        width=seed.width,
        height=seed.height,
        verdict=Verdict.NEW,
        passed=False,
        content=seed.scores,
    )


def _thumb(seed: Seed) -> str:
    return f"{_THUMBS}/{seed.pixels_sha256}.webp"


def _linked(seed: Seed, folder: Path, reports: Path) -> str | None:
    """Link the image of the run that made a seed; None where there is none, or another picture."""
    place = f"images/{seed.pixels_sha256}.png"
    try:
        source = inside(reports, seed.run) if seed.run else None
        if source is None or not (source / place).is_file():
            return None
        if pixels_sha256(decode(source / place)) != seed.pixels_sha256:
            return None
        link_files([place], source, folder)
    except GoldenseedError:
        return None
    return place


def _view(
    record: RunRecord,
    folder: Path,
    seeds: Mapping[str, Seed],
    near: Mapping[str, float],
    order: str,
) -> RunView:
    shown = {c.id: _shown(seeds[c.id], c, near.get(c.id)) for c in record.cases}
    actions = tuple(_actions(record.options[LIBRARY], list(seeds.values())))
    gallery = Gallery(noun="seed", order=order, shown=shown, actions=actions, first=_FIRST)
    place = replace(Place.of_folder(folder), of_a_suite=False)
    return run_view(record, folder, place=place, gallery=gallery)


def _shown(seed: Seed, case: CaseRecord, near: float | None) -> Shown:
    said = {"likeness": near, "rating": None if seed.rating is None else float(seed.rating)}
    scores = {name: value for name, value in said.items() if value is not None}
    return Shown(
        label=f"seed {seed.seed}",
        detail=shortened(" ".join(seed.prompt.split()), _PROMPT),
        seed=seed.seed,
        key=seed.id,
        scores={**scores, **seed.scores},
        facets={
            "prompt": shortened(" ".join(seed.prompt.split()), _PROMPT),
            "model": seed.model,
            "size": f"{seed.width} × {seed.height}",  # noqa: RUF001 - as printed
            "licence": seed.licence or "",
        },
        tags=seed.tags,
        thumb=_thumb(seed),
        facts=tuple(_facts(seed, case)),
    )


def _facts(seed: Seed, case: CaseRecord) -> Iterator[tuple[str, str]]:
    made = None if seed.made_at is None else f"{seed.made_at:%Y-%m-%d %H:%M %Z}"
    for name, value in (
        ("Seed's id", seed.id),
        ("Tags", ", ".join(seed.tags)),
        ("Rating", "" if seed.rating is None else f"{seed.rating} of 5"),
        ("Licence", seed.licence),
        ("Note", seed.note),
        ("Made by", seed.made_by),
        ("Made at", made),
        ("Run", seed.run),
        ("Case", seed.case and f"{seed.suite}::{seed.case}"),
        ("Added", f"{seed.added_at:%Y-%m-%d %H:%M %Z}"),
        ("Picture", "" if (case.image or "").endswith(".png") else _STANDS_IN),
    ):
        if value:
            yield name, value


def _actions(place: str, seeds: Sequence[Seed]) -> Iterator[Action]:
    where = "" if place == _DEFAULT else f" --library {shlex.quote(place)}"
    options = {"tags": "--add", "rating": "--rating"}
    yield Action("tag", "tag or rate", f"goldenseed seeds tag{where}", by_key=True, takes=options)
    suites = [each.suite for each in seeds if each.suite]
    folder = PurePosixPath(suites[0]).parent if suites else PurePosixPath()
    yield making_golden(str(folder / PICKS), where)
    yield Action(
        "remove", "take out of the library", f"goldenseed seeds remove{where}", by_key=True
    )
