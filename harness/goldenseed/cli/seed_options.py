"""What the verbs of ``goldenseed seeds`` share: options, where seeds are from, how they look."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from goldenseed.cli.common import choose_cases, find_run
from goldenseed.cli.output import say, say_json, tracked
from goldenseed.core.errors import GoldenseedError

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.seeds.entry import Seed
    from goldenseed.seeds.library import Found, Library
    from goldenseed.seeds.wanted import Wanted

_LIMIT: Final = re.compile(r"((?:min|max)_[a-z0-9_]+)=(-?\d{1,15}(?:\.\d{1,15})?)")
_SHORT: Final = 100
"""Characters of a prompt in a list."""

LibraryPlace = Annotated[
    str,
    typer.Option(
        "--library",
        envvar="GOLDENSEED_LIBRARY",
        help="The library: a SQLite file, or postgresql://user@host/database.",
    ),
]
Ids = Annotated[list[str], typer.Argument(help="Seeds by their ids, or unique beginnings of them.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag; several are all meant.")]
Clip = Annotated[
    Path | None,
    typer.Option("--clip", help="A CLIP model's folder, for likeness by what images mean."),
]
Words = Annotated[
    list[str] | None, typer.Argument(help='Words of prompt, tags or note; a phrase in "quotes".')
]
Keep = Annotated[
    str | None,
    typer.Option("--keep", help='Limits of content scores: "min_sharpness=20 max_face_size=0.3".'),
]
Model = Annotated[str | None, typer.Option("--model", help="Only seeds of this model.")]
Rating = Annotated[int | None, typer.Option("--min-rating", min=0, max=5, help="At least this.")]
DEFAULT = "seeds.sqlite"


@contextmanager
def reading(library: str) -> Iterator[Library]:
    """Open a library to read in it."""
    from goldenseed.seeds.opening import opened

    with opened(library) as place:
        yield place


def seeds_of(
    source: str, cases: list[str] | None, model: str | None, reports: Path
) -> Iterator[tuple[Seed, Image]]:
    """Yield the seeds of a run or of a picture, each with its RGB image."""
    from goldenseed.seeds.making import of_case, of_picture

    path = Path(source)
    if path.suffix.lower() in {".png", ".jpg", ".jpeg", ".webp"}:
        yield of_picture(path, model)
        return
    record, folder = find_run(source, reports)
    chosen = [c for c in record.cases if c.image and not c.elements]
    if cases:
        choice = choose_cases(record, cases)
        chosen = [*choice.named, *choice.matched]
    for case in tracked(chosen, "reading images"):
        yield of_case(record, folder, case)


def vectors_of(image: Image, clip: Path | None) -> dict[str, Any]:
    """Return what an RGB image looks like by kind, the one by a CLIP model last."""
    from goldenseed.images.looks import PLAIN, clip_vector, plain_vector

    return {PLAIN: plain_vector(image)} | (dict([clip_vector(image, clip)]) if clip else {})


def alike_to(
    place: Library, like: str, clip: Path | None, wanted: Wanted, limit: int
) -> list[Found]:
    """Return what looks like a picture, or like a seed of the library."""
    from goldenseed.content.scores import Scene
    from goldenseed.images.looks import PLAIN, clip_kind
    from goldenseed.images.picture_files import read_picture
    from goldenseed.seeds.likeness import alike

    path = Path(like)
    if path.suffix or path.exists():
        vectors = vectors_of(Scene(read_picture(path).image).rgb, clip)
        kind = next(reversed(vectors))
        vector = vectors[kind]
    else:
        kind = clip_kind(clip) if clip else PLAIN
        vector = place.vector(kind, place.named(like))
    return alike(place, kind, vector, wanted, limit=limit)


def wanted_by(
    words: Sequence[str] | None,
    *,
    tags: list[str] | None,
    model: str | None,
    min_rating: int | None,
    keep: str | None,
    seed: str | None = None,
    size: str | None = None,
) -> Wanted:
    """Return what options ask for; errors as of ``limits_of``."""
    from goldenseed.seeds.wanted import Wanted

    sides = None
    if size is not None:
        width, _, height = size.lower().partition("x")
        if not (width.isdecimal() and height.isdecimal()):
            raise GoldenseedError(f"{size!r} is no size", fix="--size 1024x768")
        sides = (int(width), int(height))
    return Wanted(
        words=" ".join(words or ()),
        tags=tuple(tags or ()),
        seed=seed,
        model=model,
        min_rating=min_rating,
        size=sides,
        limits=limits_of(keep) if keep else None,
    )


def limits_of(text: str) -> dict[str, float]:
    """Read ``min_sharpness=20 max_face_size=0.3``."""
    limits = {}
    for each in text.replace(",", " ").split():
        stated = _LIMIT.fullmatch(each)
        if stated is None:
            raise GoldenseedError(
                f"{each!r} is no limit", fix='"min_sharpness=20 max_face_size=0.3"'
            )
        limits[stated[1]] = float(stated[2])
    return limits


def tell(found: Sequence[Found], place: Library, *, as_json: bool) -> None:
    """Print seeds that were found."""
    if as_json:
        say_json(
            [
                {
                    "id": e.seed.id,
                    "relevance": e.relevance,
                    **e.seed.model_dump(mode="json", exclude={"thumbnail"}),
                }
                for e in found
            ]
        )
        return
    for each in found:
        seed = each.seed
        stars = "" if seed.rating is None else f"  {'*' * seed.rating}"
        near = "" if each.relevance is None else f"  {each.relevance:.3f}"
        tags = f"  [{', '.join(seed.tags)}]" if seed.tags else ""
        say(f"{seed.id}  seed {seed.seed}  {seed.width}x{seed.height}{near}{stars}{tags}")
        say(f"  {short(seed.prompt)}")
    say(f"{len(found):,} of {place.count():,} seeds in {place.place}")


def short(text: str) -> str:
    """Return the beginning of a text as one line."""
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else f"{line[: _SHORT - 1]}…"


def plainly(value: object) -> str:
    """Return a value of a seed as text."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {plainly(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
