"""``goldenseed seeds recommend`` and ``promote``: what a library of seeds is good for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import AsJson, Baselines, By, Device, Reason, Reports
from goldenseed.cli.output import say, say_json
from goldenseed.cli.seed_options import DEFAULT, LibraryPlace, Model, limits_of, reading, short


def recommend(
    prompt: Annotated[str, typer.Argument(help="What is to be made.")],
    *,
    by: Annotated[
        str, typer.Option("--by", help="rating, or max_NAME or min_NAME of a content score.")
    ] = "rating",
    model: Model = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many.")] = 5,
    as_json: AsJson = False,
    library: LibraryPlace = DEFAULT,
) -> None:
    """Name the seeds that did best for the prompts nearest to this one."""
    from goldenseed.seeds.recommending import recommend as recommended
    from goldenseed.seeds.wanted import RATING

    if by != RATING:
        limits_of(f"{by}=0")
    with reading(library) as place:
        best = recommended(place, prompt, by=by, model=model, limit=limit)
    if as_json:
        say_json(
            [
                {
                    "seed": e.seed,
                    "expected": e.expected,
                    "weight": e.weight,
                    "examples": [found.seed.id for found in e.examples],
                }
                for e in best
            ]
        )
        return
    for each in best:
        example = each.examples[0].seed
        hoped = (
            f"a rating of {5 * each.expected:.1f}"
            if by == RATING
            else f"better than {each.expected:.0%} of a prompt's images"
        )
        say(f"seed {each.seed}  expected: {hoped} (weight {each.weight:.1f})")
        say(f"  as {example.id}: {short(example.prompt)}")


def promote(
    seed_id: Annotated[str, typer.Argument(metavar="ID", help="A seed's id.")],
    *,
    suite: Annotated[
        Path,
        typer.Option("--suite", help="The suite file: made, or its list of cases made longer."),
    ],
    case_id: Annotated[
        str | None, typer.Option("--case", help="The case's id; by default seed-ID.")
    ] = None,
    reason: Reason,
    by: By = None,
    device: Device = "auto",
    library: LibraryPlace = DEFAULT,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Write a seed as a case of a suite, and accept its image if it comes bit for bit here.

    Where another image comes, nothing is written but the run.
    """
    from goldenseed.runs.candidates import who_accepts
    from goldenseed.seeds.promoting import make_golden

    with reading(library) as place:
        seed = place.named(seed_id).seed
    case, done = make_golden(
        seed,
        suite,
        case_id or f"seed-{seed.id}",
        reason=reason,
        by=by or who_accepts(Path.cwd()),
        reports=reports,
        baselines=baselines,
        device=device,
    )
    for line in done.notes:
        say(f"note: {line}", err=True)
    say(f"wrote {case.id} into {suite}: its image came again bit for bit")
    for step in done.steps:
        say(f"{step.outcome.value} {step.candidate.name}")
