"""What a sweep goes through: seeds and values of arguments, as cases made when asked for."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import canonical_json, json_sha256
from goldenseed.core.names import escaped
from goldenseed.suite.between import BetweenPrompts
from goldenseed.suite.model import NoiseSpec
from goldenseed.suite.pipelines import BELONGS, NUMBERS
from goldenseed.suite.recipes import recipe_of
from goldenseed.suite.sections import LARGEST_SEED

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case

MOST: Final = 10_000_000
"""Images of one sweep."""
_MOST_VALUES: Final = 10_000
_LONGEST: Final = 60
_LONGEST_SAID: Final = 40
_DIGITS: Final = 12
_RANGE = re.compile(r"(\d{1,20}):(\d{1,20})(?::(\d{1,20}))?")
_NUMBER = r"-?\d{1,15}(?:\.\d{1,15})?"
_STEPS = re.compile(f"({_NUMBER}):({_NUMBER}):({_NUMBER})")
_RANDOM = re.compile(r"random:(\d{1,8})")


def parse_seeds(text: str) -> Sequence[int]:
    """Return the seeds that ``0:100``, ``0:100:5``, ``1,5,9`` or ``random:50`` mean.

    A range goes up to its end and leaves it out, so that ``0:10000`` are 10,000 seeds. Drawn seeds
    are of 32 bits, from the system's own source, none twice.

    Raises:
        GoldenseedError: the text is none of these, or a seed is larger than `LARGEST_SEED`.

    """
    if drawn := _RANDOM.fullmatch(text):
        count = int(drawn[1])
        if not count:
            raise _no_seeds(text)
        _check_count(count)
        return random.SystemRandom().sample(range(2**32), count)
    if found := _RANGE.fullmatch(text):
        start, end, step = int(found[1]), int(found[2]), int(found[3] or 1)
        if start >= end or not step or end - 1 > LARGEST_SEED:
            raise _no_seeds(text)
        _check_count((end - start + step - 1) // step)  # `len` fails of more than 2**63 - 1
        return range(start, end, step)
    parts = [each.strip() for each in text.split(",")]
    if not all(re.fullmatch(r"\d{1,20}", each) and int(each) <= LARGEST_SEED for each in parts):
        raise _no_seeds(text)
    return tuple(dict.fromkeys(map(int, parts)))


def _check_count(count: int) -> None:
    if count > MOST:
        raise GoldenseedError(f"{count:,} images are too many", fix=f"at most {MOST:,}")


def _no_seeds(text: str) -> GoldenseedError:
    return GoldenseedError(
        f"{text!r} names no seeds",
        fix="0:100 is 0 to 99, 0:100:5 every fifth of them; or 1,5,9; or random:50",
    )


def parse_axis(text: str) -> tuple[str, tuple[Any, ...]]:
    """Return the argument and its values that ``guidance_scale=3:9:1`` or ``eta=0,0.5`` mean.

    A range goes from its start in steps to its end, which is one of them: 3, 4, … 9. Values are
    the same where a recipe has them the same: 1 and 1.0 are, 1 and true are not.

    Raises:
        GoldenseedError: the text is neither, or no suite could have the argument under ``call``.

    """
    name, equals, given = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or not given:
        raise GoldenseedError(
            f"{text!r} names no argument with values",
            fix="--vary guidance_scale=3:9:1 or --vary num_inference_steps=20,30",
        )
    if name in BELONGS:
        raise GoldenseedError(
            f"{name} is no argument of the call that can be varied",
            fix=f"it belongs under {BELONGS[name]}; seeds are --seeds",
        )
    if found := _STEPS.fullmatch(given):
        start, end, step = map(float, found.groups())
        count = math.floor((end - start) / step + 1e-9) + 1 if step else 0
        if not 0 < count <= _MOST_VALUES:
            raise GoldenseedError(f"{text!r} has no values", fix="from:to:step, as 3:9:0.5")
        values = [round(start + index * step, 12) for index in range(count)]
        whole = all(re.fullmatch(r"-?\d+", part) for part in found.groups())
        return name, tuple(int(value) if whole else value for value in values)
    chosen = [_value(each) for each in given.split(",")]
    if name in NUMBERS and (texts := [each for each in chosen if isinstance(each, str)]):
        raise GoldenseedError(f"{name} is {texts[0]!r}, a number is needed", fix=f"{name}=3,4.5")
    different: dict[bytes, Any] = {}
    for each in chosen:
        different.setdefault(canonical_json(each), each)
    return name, tuple(different.values())


def _value(text: str) -> Any:
    """Return a number, a truth value or a text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, float) and not math.isfinite(value):
        raise GoldenseedError(f"{text} is no value that can be varied", fix="use finite numbers")
    return value if isinstance(value, int | float | str) else text


def parse_between(text: str) -> tuple[NoiseSpec, ...]:
    """Return the points that ``1:2:9`` means: nine from the noise of seed 1 to that of seed 2.

    Raises:
        GoldenseedError: the text is something else.

    """
    found = _RANGE.fullmatch(text)
    if not found or not 1 < int(found[3] or 0) <= _MOST_VALUES or len(text) > _LONGEST:
        raise GoldenseedError(
            f"{text!r} names no points between two seeds", fix="--between 1:2:9, nine of them"
        )
    pair, count = (int(found[1]), int(found[2])), int(found[3])
    if max(pair) > LARGEST_SEED:
        raise _no_seeds(text)
    return tuple(NoiseSpec("between", between=pair, at=at) for at in _points(count))


def prompts_towards(case: Case, other: str, count: int) -> tuple[BetweenPrompts, ...]:
    """Return points from a case's prompt to another one, both among them.

    Raises:
        GoldenseedError: one of the two is no text, or they are the same.

    """
    own = case.text
    if not own or not other.strip() or own == other:
        raise GoldenseedError(
            f"there is nothing between the prompts {own!r} and {other!r}",
            fix="--towards takes another prompt than the case's, which has to be one text",
        )
    return tuple(BetweenPrompts((own, other), at) for at in _points(count))


def _points(count: int) -> Iterator[float]:
    return (round(index / (count - 1), 6) for index in range(count))


@dataclass(frozen=True, slots=True)
class Point:
    """One image of a sweep as plain data: how its case differs from the one that is swept."""

    id: str
    seed: int
    call: Mapping[str, Any]
    """Arguments over those of the case."""
    noise: NoiseSpec | None = None
    """In place of the case's."""
    prompt: BetweenPrompts | None = None
    """Likewise."""

    def of(self, case: Case) -> Case:
        """Return the case of this image."""
        return replace(
            case,
            id=self.id,
            seed=self.seed,
            call={**case.call, **self.call},
            noise=self.noise or case.noise,
            prompt=self.prompt or case.prompt,
        )


@dataclass(frozen=True, slots=True)
class Grid:
    """One case, every seed of a sweep with every combination of its axes.

    Raises:
        GoldenseedError: these are more than `MOST` images.

    """

    case: Case
    seeds: Sequence[int]
    axes: Mapping[str, tuple[Any, ...]]
    noises: tuple[NoiseSpec, ...] = ()
    """Points between two seeds, in place of the case's noise."""
    prompts: tuple[BetweenPrompts, ...] = ()
    """Points between two prompts, in place of the case's."""

    def __post_init__(self) -> None:
        """Count, which ``len`` cannot where there are too many."""
        _check_count(self._count)

    def __len__(self) -> int:
        return self._count

    @property
    def _count(self) -> int:
        points = (self.noises or (None,), self.prompts or (None,))
        return math.prod(map(len, (*points, self.seeds, *self.axes.values())))

    def __iter__(self) -> Iterator[Point]:
        """Yield what is to be made: all of a seed, then all of the next; no two of one id."""
        for noise, prompt in product(self.noises or (None,), self.prompts or (None,)):
            # No argument's name has a dot.
            at = {} if noise is None else {"noise.at": noise.at}
            at |= {} if prompt is None else {"prompt.at": prompt.at}
            for seed in self.seeds:
                for values in product(*self.axes.values()):
                    chosen = dict(zip(self.axes, values, strict=True))
                    said = "".join(f"{k}={_said(value)}," for k, value in {**at, **chosen}.items())
                    name = f"{self.case.case_id}[{said}seed={seed}]"
                    yield Point(name, seed, chosen, noise, prompt)

    @property
    def description(self) -> dict[str, Any]:
        """What is gone through, as plain data: two sweeps of the same are one that goes on."""
        if isinstance(self.seeds, range):
            seeds = {"seeds": [self.seeds.start, self.seeds.stop, self.seeds.step]}
        else:
            seeds = {"drawn": list(self.seeds)}
        recipe = recipe_of(self.case)
        between = [[*(n.between or ()), n.at] for n in self.noises]
        return {
            "case": self.case.id,
            "suite": self.case.suite.path.name,
            "prompt": recipe.get("prompt"),
            "recipe": recipe,
            **seeds,
            "axes": {name: list(values) for name, values in self.axes.items()},
            **({"between": between} if between else {}),
            **({"towards": [each.described for each in self.prompts]} if self.prompts else {}),
        }


def _said(value: object) -> str:
    """Return a value as an id has it: no two values are written alike."""
    text = value if isinstance(value, str) else json.dumps(value)
    written = escaped(text, "._+-")
    if len(written) <= _LONGEST_SAID:
        return written
    return f"{written[:_LONGEST_SAID]}~{json_sha256(value)[:_DIGITS]}"
