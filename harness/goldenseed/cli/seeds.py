"""``goldenseed seeds``: a library of seeds worth keeping."""

from __future__ import annotations

from collections import deque
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import AsJson, By, Reports
from goldenseed.cli.output import say, say_json
from goldenseed.cli.seed_exports import export_lines, exported
from goldenseed.cli.seed_options import (
    DEFAULT,
    Clip,
    Ids,
    Keep,
    LibraryPlace,
    Model,
    Rating,
    Tags,
    Words,
    alike_to,
    plainly,
    reading,
    seeds_of,
    short,
    tell,
    vectors_of,
    wanted_by,
)
from goldenseed.cli.seeds_used import promote, recommend
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import write_atomically

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="A library of seeds worth keeping: put in, found again, made golden.",
)


@app.command()
def add(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="A run (id, latest, path), pictures with a recipe in them, or exported .json."
        ),
    ],
    *,
    cases: Annotated[
        list[str] | None,
        typer.Option("--case", help="Of a run: cases by id or pattern; else all with an image."),
    ] = None,
    tags: Tags = None,
    rating: Annotated[int | None, typer.Option("--rating", min=0, max=5, help="How good.")] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", help="Under what they may be used.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", help="What else to remember.")] = None,
    by: By = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Of pictures: the model, as a suite names it.")
    ] = None,
    clip: Clip = None,
    library: LibraryPlace = DEFAULT,
    reports: Reports = Path("reports"),
) -> None:
    """Put seeds into the library; what is said anew of one that is there is kept beside the old."""
    from goldenseed.runs.candidates import who_accepts
    from goldenseed.seeds.entry import Seed
    from goldenseed.seeds.opening import opened

    said = {"tags": tuple(tags or ()), "rating": rating, "licence": licence, "note": note or ""}
    who = by or who_accepts(Path.cwd())
    files = [each for each in map(Path, sources) if _is_export(each)]
    made = [
        (seed.changed(made_by=who if by else seed.made_by or who), vectors_of(image, clip))
        for source in sources
        if not _is_export(Path(source))
        for seed, image in seeds_of(source, cases, model, reports)
    ]
    for file in files:  # before the library is touched; what is read is not held
        deque(exported(file), maxlen=0)
    new: list[Seed] = []
    there = 0
    with opened(library, writing=True) as place:
        for seed, looks in chain(made, *map(exported, files)):
            kept = seed.with_what_is_new(seed.model_copy(update=said))
            if place.add(kept, looks):
                new.append(kept)
            else:
                there += 1
        held, where = place.count(), place.place
    for seed in new:
        say(f"added {seed.id}  seed {seed.seed}: {short(seed.prompt)}")
    say(f"{len(new):,} added, {there:,} were there; {held:,} seeds in {where}")


def _is_export(path: Path) -> bool:
    return path.suffix.lower() == ".json" and path.name != "run.json"


@app.command()
def search(
    words: Words = None,
    *,
    like: Annotated[
        str | None, typer.Option("--like", help="A picture, or a seed's id: what looks like it.")
    ] = None,
    tags: Tags = None,
    seed: Annotated[str | None, typer.Option("--seed", help="Only this number.")] = None,
    model: Model = None,
    min_rating: Rating = None,
    size: Annotated[str | None, typer.Option("--size", help="Only WIDTHxHEIGHT.")] = None,
    keep: Keep = None,
    clip: Clip = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many.")] = 20,
    page: Annotated[
        Path | None,
        typer.Option("--page", help="A folder: what is found is written into it as a page."),
    ] = None,
    as_json: AsJson = False,
    library: LibraryPlace = DEFAULT,
    reports: Reports = Path("reports"),
) -> None:
    """Find seeds by words, by filters, by likeness to an image; all that is given has to hold.

    With --page they are written as a page to look through, in a browser or by goldenseed review.
    """
    wanted = wanted_by(
        words, tags=tags, seed=seed, model=model, min_rating=min_rating, size=size, keep=keep
    )
    with reading(library) as place:
        found = (
            alike_to(place, like, clip, wanted, limit)
            if like is not None
            else place.search(wanted, limit=limit)
        )
        tell(found, place, as_json=as_json)
        if page is not None:
            from goldenseed.seeds.page import write_page

            say(
                f"page  {write_page(found, place, page, reports, alike=like is not None)}",
                err=as_json,
            )


@app.command()
def show(ids: Ids, *, as_json: AsJson = False, library: LibraryPlace = DEFAULT) -> None:
    """Show all that is known of seeds."""
    with reading(library) as place:
        seeds = [place.named(each).seed for each in ids]
    if as_json:
        say_json([{"id": each.id, **each.model_dump(mode="json")} for each in seeds])
        return
    for each in seeds:
        shown = each.model_dump(mode="json", exclude={"thumbnail", "recipe"}, exclude_defaults=True)
        say(f"{each.id}  seed {each.seed}  {each.width}x{each.height}")
        for key, value in each.recipe.items():
            say(f"  {key}: {value}")
        for key, value in shown.items():
            say(f"  {key.replace('_', ' ')}: {plainly(value)}")


@app.command()
def tag(
    ids: Ids,
    *,
    add_tags: Annotated[list[str] | None, typer.Option("--add", help="A tag to give.")] = None,
    drop: Annotated[list[str] | None, typer.Option("--drop", help="A tag to take away.")] = None,
    rating: Annotated[int | None, typer.Option("--rating", min=0, max=5, help="How good.")] = None,
    licence: Annotated[str | None, typer.Option("--licence", help="In place of its own.")] = None,
    note: Annotated[str | None, typer.Option("--note", help="In place of its own.")] = None,
    library: LibraryPlace = DEFAULT,
) -> None:
    """Change what is said of seeds: tags, rating, licence, note."""
    from goldenseed.seeds.opening import opened

    said = {"rating": rating, "licence": licence, "note": note}
    changes = {name: value for name, value in said.items() if value is not None}
    if not (changes or add_tags or drop):
        raise GoldenseedError("nothing to change", fix="give --add, --drop, --rating or --note")
    with opened(library, writing=True) as place:
        for each in ids:
            found = place.named(each)
            tags = ({*found.seed.tags} - {*(drop or ())}) | {*(add_tags or ())}
            kept = place.change(found, tags=tuple(sorted(tags)), **changes)
            stars = "" if kept.rating is None else f", rated {kept.rating}"
            say(f"{kept.id}  {', '.join(kept.tags) or 'no tags'}{stars}")


@app.command()
def remove(ids: Ids, *, library: LibraryPlace = DEFAULT) -> None:
    """Take seeds out of the library."""
    from goldenseed.seeds.opening import opened

    with opened(library, writing=True) as place:
        for each in ids:
            found = place.named(each)
            place.remove(found)
            say(f"removed {found.seed.id}  seed {found.seed.seed}: {short(found.seed.prompt)}")


@app.command()
def export(
    words: Words = None,
    *,
    output: Annotated[Path, typer.Option("--output", help="The .json file to write.")],
    tags: Tags = None,
    model: Model = None,
    min_rating: Rating = None,
    keep: Keep = None,
    library: LibraryPlace = DEFAULT,
) -> None:
    """Write seeds into a file that ``goldenseed seeds add`` takes elsewhere."""
    wanted = wanted_by(words, tags=tags, model=model, min_rating=min_rating, keep=keep)
    with reading(library) as place:
        numbers = place.numbers(wanted)
        found = place.numbered((number, None) for number in numbers)
        write_atomically(output, export_lines((each.seed, place.looks(each)) for each in found))
    say(f"wrote {len(numbers):,} seeds into {output}")


app.command()(recommend)
app.command()(promote)
