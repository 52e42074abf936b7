"""The options of ``goldenseed sweep`` read: what is gone through, scored and kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from goldenseed.cli.common import choose_suite_cases
from goldenseed.cli.seed_options import limits_of
from goldenseed.content.scores import SCORES, check_limits, parse_limit_name
from goldenseed.core.errors import GoldenseedError
from goldenseed.images.weights import check_extra
from goldenseed.suite.cases import Limit
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import recipe_differences
from goldenseed.tools.sweep.allowed import check_policy
from goldenseed.tools.sweep.grid import (
    Grid,
    parse_axis,
    parse_between,
    parse_seeds,
    prompts_towards,
)
from goldenseed.tools.sweep.on_ray import Swept
from goldenseed.tools.sweep.picking import DIVERSITY
from goldenseed.tools.sweep.sweeping import Scoring

ASKED: Final = "sweep"
"""The run's option under which stands what is gone through."""
_SINCE: Final = ("recipe", "keep", "scores", "trace")
"""What the sweeps of earlier releases have not on record."""
_TOLD: Final = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options name, as they were written."""

    what: str
    suite: Path | None
    seeds: str | None
    vary: Sequence[str]
    between: str | None
    towards: str | None = None
    points: int = 2

    def swept(self) -> Swept:
        """Return which case is swept; GoldenseedError where there is none, or no prompt."""
        file, colons, named = self.what.partition("::")
        if colons and Path(file).is_file():
            if self.suite is not None:
                raise GoldenseedError("--suite is for a prompt", fix=f"leave it out: {file} is one")
            found = choose_suite_cases(load_suite(Path(file)), [named])[0]
            return Swept(Path(file), found.id)
        if self.suite is None:
            raise GoldenseedError(
                f"{self.what!r} is no case of a suite file, and a prompt needs --suite",
                fix='goldenseed sweep suites/x.suite.yaml::CASE, or goldenseed sweep "a red apple" '
                "--suite suites/x.suite.yaml",
            )
        if not self.what.strip():
            fix = 'goldenseed sweep "a red apple" --suite …'
            raise GoldenseedError("the prompt is empty", fix=fix)
        return Swept(self.suite, load_suite(self.suite).cases[0].id, self.what)

    def grid(self, swept: Swept, before: Mapping[str, str]) -> Grid:
        """Return what is gone through; drawn seeds of a run that goes on are those drawn then.

        Raises:
            GoldenseedError: an option cannot be read, the images are too many, or the suite's
                policy does not allow them.

        """
        case = swept.case()
        axes: dict[str, tuple[object, ...]] = {}
        for each in self.vary:
            name, values = parse_axis(each)
            if name in axes:
                raise GoldenseedError(f"{name} is varied twice", fix="give all its values at once")
            axes[name] = values
        if self.between is not None and self.seeds is not None:
            raise GoldenseedError(
                "--between takes the place of --seeds: the noise is that of its two seeds",
                fix="leave one of them out; the same picture would be made for each seed",
            )
        noises = () if self.between is None else parse_between(self.between)
        chosen: Sequence[int] = (case.seed,) if self.seeds is None else parse_seeds(self.seeds)
        if (self.seeds or "").startswith("random:") and ASKED in before:
            drawn = json.loads(before[ASKED]).get("drawn", ())
            if len(drawn) != len(chosen):
                what = f"was of another sweep: {len(drawn)} seeds were drawn, {self.seeds} is given"
                raise GoldenseedError(what, fix="give the --seeds that it was begun with")
            chosen = tuple(drawn)
        prompts = () if self.towards is None else prompts_towards(case, self.towards, self.points)
        grid = Grid(case, chosen, axes, noises, prompts)
        check_policy(grid)
        return grid


def asked_as_data(grid: Grid, scoring: Scoring, *, trace: bool) -> dict[str, Any]:
    """Return all that has to be the same where a sweep goes on."""
    return {
        **grid.description,
        "keep": {name: limit.value for name, limit in scoring.limits.items()},
        "scores": [*(f"{name}={path}" for name, path in scoring.models.items()), *scoring.others],
        "trace": trace,
    }


def check_same(options: Mapping[str, str], asked: Mapping[str, Any], folder: Path) -> None:
    """Raise GoldenseedError where a run is of no sweep, or of another one: what differs."""
    if ASKED not in options:
        raise GoldenseedError("is no run of a sweep", path=folder)
    old, new = json.loads(options[ASKED]), json.loads(json.dumps(asked))
    new = {name: value for name, value in new.items() if name in old or name not in _SINCE}
    if other := recipe_differences(old, new):
        said = [f"{e.field} {json.dumps(e.old)} then, {json.dumps(e.new)} now" for e in other]
        more = f" and {len(said) - _TOLD} more" if len(said) > _TOLD else ""
        raise GoldenseedError(
            f"was of another sweep: {'; '.join(said[:_TOLD])}{more}",
            path=folder,
            fix="give what it was begun with, or leave --resume out",
        )


def scoring_of(keep: str | None, by: str | None, models: Sequence[str]) -> Scoring:
    """Read --keep, --by and --score.

    Raises:
        GoldenseedError: a limit or score is unknown, or cannot be had here.

    """
    folders = _models(models)
    limits = {
        name: Limit(value, "--keep", model=folders.get(name.partition("_")[2]))
        for name, value in limits_of(keep or "").items()
    }
    check_limits(limits)
    wanted = () if by is None else _ranked_by(by, folders)
    return Scoring(limits, folders, wanted)


def _ranked_by(by: str, folders: Mapping[str, Path]) -> tuple[str, ...]:
    """Return the score that is ranked by, where it is to be measured for that."""
    if by in {f"min_{DIVERSITY}", f"max_{DIVERSITY}"}:
        return ()
    score = parse_limit_name(by).score
    check_extra(f"the content score {score.name!r}", score.extra)
    if score.needs_model and score.name not in folders:
        raise GoldenseedError(f"--by {by} needs a model", fix=f"--score {score.name}=FOLDER")
    plain = not (score.needs_model or score.extra) and score.name in SCORES
    return () if plain or score.name in folders else (score.name,)


def _models(given: Sequence[str]) -> dict[str, Path]:
    """Read ``clip_score=models/clip``."""
    found = {}
    for each in given:
        name, _, folder = each.partition("=")
        if name not in SCORES or not SCORES[name].needs_model or not folder:
            known = ", ".join(score for score, of in SCORES.items() if of.needs_model)
            raise GoldenseedError(
                f"{each!r} is no score with its model", fix=f"NAME=FOLDER of {known}"
            )
        check_extra(f"the content score {name!r}", SCORES[name].extra)
        if not Path(folder).is_dir():
            raise GoldenseedError("there is no such folder", path=folder, fix=f"{name}=FOLDER")
        found[name] = Path(folder)
    return found
