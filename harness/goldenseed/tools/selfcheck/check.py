"""The self-check: whether the gates fail when a wrong image stands in the place of a right one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from goldenseed.images.gates import GateResult, check
from goldenseed.runs.made import mask_for
from goldenseed.tools.selfcheck.baseline_cases import LeftOut, Neighbours, Right
from goldenseed.tools.selfcheck.wrong_images import (
    NEIGHBOUR,
    OTHER_CASE,
    alterations,
    altered,
    rounded_otherwise,
)
from goldenseed.verdict.evidence import Accepted, Evidence, Reference, accepted_evidence
from goldenseed.verdict.judge import Judgement, judge
from goldenseed.verdict.model import PASSING, Verdict

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.baselines.store import BaselineStore

WRONG_IMAGES = (NEIGHBOUR, OTHER_CASE, *alterations())
"""The name of every wrong image, in the order in which it is tried."""

ROUNDED_SHARE = 0.001
"""The share of samples that rounding is taken to move by a level, where no tolerance was measured.

Measured on the embedded model: at most 0.02 % of the pixels (``docs/probe.md``).
"""

_IMAGES_HELD = 16
_ELSEWHERE = MappingProxyType({"platform.libc": "another one's"})
"""Something on record that moves rounding, as on another machine: the gates are asked."""
_UNTOLD = 1.0
"""A wrong image that is nowhere farther than this many levels away is none."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one wrong image in the place of one right one."""

    case: str
    wrong: str
    verdict: Verdict
    metrics: Mapping[str, float]
    gates: tuple[GateResult, ...]
    """What each gate in force made of it."""
    no_test: str | None = None
    """Why it says nothing of the gates: the wrong image is the right one after all."""
    content: tuple[str, ...] = ()
    """The content scores that fail an image which every gate passes."""

    @property
    def caught(self) -> bool:
        """Whether the image failed."""
        return self.verdict is Verdict.DRIFT or bool(self.content)


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """Everything that was tried on one suite."""

    suite: str
    profile: str
    right: tuple[Right, ...]
    """What was checked."""
    trials: tuple[Trial, ...]
    rounded: tuple[Trial, ...]
    """Right images that rounding moved a little, where none was measured: no gate may fail."""
    left_out: tuple[LeftOut, ...]

    @property
    def cases(self) -> tuple[str, ...]:
        """The ids of the cases that were checked."""
        return tuple(each.case.id for each in self.right)

    @property
    def limits(self) -> Mapping[str, tuple[float, ...]]:
        """The limits of each gate over the cases, each once, sorted."""
        found: dict[str, set[float]] = {}
        for each in self.right:
            for name, limit in each.limits.items():
                found.setdefault(name, set()).add(limit.value)
        return {name: tuple(sorted(values)) for name, values in found.items()}

    @property
    def passed(self) -> tuple[Trial, ...]:
        """The wrong images that passed every gate."""
        return tuple(each for each in self.trials if not each.no_test and not each.caught)


def self_check(
    suite: str,
    profile: str,
    right: Sequence[Right],
    store: BaselineStore,
    *,
    left_out: Iterable[LeftOut] = (),
    others: Sequence[Right] | None = None,
    progress: Callable[[Sequence[Right]], Iterable[Right]] = iter,
    seen: Callable[[Right, Image, Trial, Image], object] = lambda *_: None,
) -> SelfCheck:
    """Put wrong images in the place of each right one, and judge them as a run would be judged.

    ``others`` are the cases whose images serve as wrong ones, if not those of ``right``; all seeds
    are fixed. ``seen`` is told of each trial, with the right image and the wrong one.
    ``GoldenseedError`` for an image, a gate or a content score that cannot be had.
    """
    load = lru_cache(maxsize=_IMAGES_HELD)(store.image)
    neighbours = Neighbours(right if others is None else others)
    trials: list[Trial] = []
    rounded: list[Trial] = []
    missing = list(left_out)
    for each in progress(right):
        image = load(each.accepted.pixels_sha256)
        mask, reference = mask_in_force(each), reference_of(each, store, load)
        for name, wrong in _wrong_images(each, image, neighbours, load):
            if isinstance(wrong, str):
                missing.append(LeftOut(each.case.id, wrong, name))
            else:
                trials.append(_trial(each, name, wrong, reference, mask))
                seen(each, image, trials[-1], wrong)
        if each.reach and not each.measured:
            other = rounded_otherwise(image, ROUNDED_SHARE)
            rounded.append(_trial(each, "rounded", other, reference, mask))
    return SelfCheck(
        suite=suite,
        profile=profile,
        right=tuple(right),
        trials=tuple(trials),
        rounded=tuple(rounded),
        left_out=tuple(missing),
    )


def _wrong_images(
    right: Right, image: Image, neighbours: Neighbours, load: Callable[[str], Image]
) -> Iterator[tuple[str, Image | str]]:
    """Yield each wrong image with its name, or why there is none."""
    for name, other, why in (
        (NEIGHBOUR, neighbours.of_seed(right), "no image of this prompt under another seed"),
        (OTHER_CASE, neighbours.of_case(right), "no image of another prompt in this size and mode"),
    ):
        yield name, why if other is None else load(other.accepted.pixels_sha256)
    for name, alteration in alterations().items():
        yield name, altered(image, alteration)


def mask_in_force(right: Right) -> Image | None:
    """Return which pixels of the case count, None where all do; raises for a bad mask."""
    return mask_for((right.accepted.width, right.accepted.height), right.case.mask)


def reference_of(right: Right, store: BaselineStore, load: Callable[[str], Image]) -> Reference:
    """Return what is accepted for a case; pictures are held by ``load`` alone."""
    known = (accepted_evidence(store, right.profile, each) for each in right.images)
    held = (replace(each, read_image=partial(load, each.pixels_sha256)) for each in known)
    return Reference(Accepted(tuple(held)))


def judged(right: Right, image: Image, reference: Reference, mask: Image | None) -> Judgement:
    """Judge an image in the right one's place by its pixels, with nothing measured to show."""
    from goldenseed.core.pixels import pixels_sha256

    accepted = reference.accepted
    assert accepted is not None  # noqa: S101 - see reference_of
    now = Evidence.of_image(
        image,
        pixels_sha256(image),
        in_force={**accepted.images[0].in_force, **_ELSEWHERE},
        read_environment=accepted.images[0].read_environment,
        recipe=right.accepted.recipe,
        recipe_sha256=right.accepted.recipe_sha256,
        profile=right.profile,
    )
    return judge(
        now,
        reference,
        limits=right.limits,
        tolerance=right.tolerance,
        mask=mask,
        shown=("mean_difference", "peak_difference", *right.reach),
    )


def _trial(
    right: Right, name: str, wrong: Image, reference: Reference, mask: Image | None
) -> Trial:
    judgement = judged(right, wrong, reference, mask)
    metrics = judgement.metrics
    no_test = None
    if judgement.verdict is Verdict.IDENTICAL:
        no_test = "equal to an accepted image"
    elif judgement.verdict in PASSING and metrics["peak_difference"] <= _UNTOLD:
        within = "within one level of" if metrics["peak_difference"] else "equal where it counts to"
        no_test = f"{within} an accepted image"
    passes = judgement.verdict is not Verdict.DRIFT and no_test is None
    return Trial(
        case=right.case.id,
        wrong=name,
        verdict=judgement.verdict,
        metrics=metrics,
        gates=check(metrics, right.limits) if metrics else (),
        no_test=no_test,
        content=_broken_content(right, wrong) if passes else (),
    )


def _broken_content(right: Right, wrong: Image) -> tuple[str, ...]:
    """Return the content scores whose limits a wrong image does not keep."""
    if not right.case.content:
        return ()
    from goldenseed.content.scores import score_image

    written = right.accepted.written
    text = right.case.text if written is None else written.text
    _, broken = score_image(wrong, text, right.case.content)
    return tuple(dict.fromkeys(each.score for each in broken))
