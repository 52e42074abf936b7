"""The self-check: whether the gates fail when a wrong image stands in the place of a right one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from harness.baselines.entry import AcceptedImage, BaselineEntry, ProfileBaseline
from harness.comparison.gates import GateResult, check, default_limits, parse_gate
from harness.comparison.wrong_images import (
    NEIGHBOUR,
    OTHER_CASE,
    altered,
    alterations,
    rounded_otherwise,
)
from harness.environment.profile import PORTABLE, fallback_chain
from harness.verdict.judge import Subject, Tools, judge
from harness.verdict.model import Verdict
from harness.verdict.noise import Noise, unmeasured_noise

if TYPE_CHECKING:
    from PIL.Image import Image

    from harness.baselines.store import BaselineStore
    from harness.suites.expansion import Case, Limit, Suite

_Item = TypeVar("_Item")

WRONG_IMAGES = (NEIGHBOUR, OTHER_CASE, *alterations())
"""The name of every wrong image, in the order in which it is tried."""

ROUNDED_SHARE = 0.001
"""The share of samples that rounding is taken to move by a level, where no noise was measured.

Measured on the embedded model: at most 0.02 % of the pixels (``docs/probe.md``).
"""

_IMAGES_HELD = 16
_UNTOLD = 1.0
"""A wrong image that is nowhere farther than this many levels away is none."""


@dataclass(frozen=True, slots=True)
class Right:
    """The image that is accepted for a case, and how it is judged."""

    case: Case
    profile: str
    accepted: AcceptedImage
    """The one that wrong images are made from: the first."""
    entry: BaselineEntry
    """What is accepted in this profile for this recipe, and nothing else."""
    limits: Mapping[str, Limit]
    noise: Noise

    @property
    def kind(self) -> tuple[int, int, str]:
        """Width, height and mode: images of one kind can be compared."""
        return self.accepted.width, self.accepted.height, self.accepted.mode


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

    @property
    def caught(self) -> bool:
        """Whether the image failed."""
        return self.verdict is Verdict.DRIFT


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A case, or one wrong image of it (``wrong`` is then its name), that was not tried."""

    case: str
    why: str
    wrong: str | None = None


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """Everything that was tried on one suite."""

    suite: str
    profile: str
    cases: tuple[str, ...]
    """The cases that were checked."""
    trials: tuple[Trial, ...]
    rounded: tuple[Trial, ...]
    """Right images that rounding moved a little, where no noise was measured: no gate may fail."""
    left_out: tuple[LeftOut, ...]
    limits: Mapping[str, tuple[float, ...]]
    """Gate name to its limits over the cases, each once, sorted."""
    noises: tuple[Noise, ...]
    """The noise of the cases, each once."""

    @property
    def passed(self) -> tuple[Trial, ...]:
        """The wrong images that passed every gate."""
        return tuple(each for each in self.trials if not each.no_test and not each.caught)


def find_right(
    suite: Suite, store: BaselineStore, *, profile: str, cases: Iterable[str] | None = None
) -> tuple[tuple[Right, ...], tuple[LeftOut, ...]]:
    """Return what is accepted for the suite's cases (or the named ones) in ``profile``.

    A profile that may stand in for it is used as the verdict uses it. No image is decoded.

    Raises:
        GoldenseedError: an entry that cannot be read.

    """
    named = None if cases is None else set(cases)
    found: list[Right] = []
    left_out: list[LeftOut] = []
    for case in suite.cases:
        if named is not None and case.id not in named:
            continue
        right = _right(case, store, profile)
        if isinstance(right, Right):
            found.append(right)
        else:
            left_out.append(LeftOut(case.id, right))
    return tuple(found), tuple(left_out)


def _right(case: Case, store: BaselineStore, profile: str) -> Right | str:
    entry = store.entry(case.suite.name, case.id)
    usable = fallback_chain(profile, entry.profiles) if entry else ()
    for each in usable:
        baseline = entry.profiles[each] if entry else ProfileBaseline()
        if not baseline.accepted:
            continue
        first = baseline.accepted[0]
        if first.mode == "I;16":
            return "distances of 16-bit images cannot be measured"
        same = tuple(a for a in baseline.accepted if a.recipe_sha256 == first.recipe_sha256)
        only = BaselineEntry(
            suite=case.suite.name,
            case=case.id,
            profiles={each: ProfileBaseline(accepted=same)},
        )
        noise = unmeasured_noise(case.suite.model.dtype, each)
        return Right(case, each, first, only, case.limits or default_limits(), noise)
    return f"nothing is accepted in {profile}"


def self_check(
    suite: str,
    profile: str,
    right: Sequence[Right],
    load_image: Callable[[str], Image],
    *,
    left_out: Iterable[LeftOut] = (),
    others: Sequence[Right] | None = None,
    progress: Callable[[Sequence[Right]], Iterable[Right]] = iter,
) -> SelfCheck:
    """Put wrong images in the place of each right one, and judge them as a run would be judged.

    ``load_image`` decodes an accepted image by its digest. ``others`` are the cases whose images
    may serve as wrong ones, if not those of ``right`` themselves. Every wrong image is made from
    fixed seeds, so that the same baselines and gates give the same result.

    Raises:
        GoldenseedError: an accepted image that cannot be read, or a gate that does not exist.

    """
    load = lru_cache(maxsize=_IMAGES_HELD)(load_image)
    neighbours = _Neighbours(right if others is None else others)
    trials: list[Trial] = []
    rounded: list[Trial] = []
    missing = list(left_out)
    for each in progress(right):
        image = load(each.accepted.pixels_sha256)
        for name, wrong in _wrong_images(each, image, neighbours, load):
            if isinstance(wrong, str):
                missing.append(LeftOut(each.case.id, wrong, name))
            else:
                trials.append(_trial(each, name, wrong, load))
        if each.profile != PORTABLE and each.noise.limits:
            other = rounded_otherwise(image, ROUNDED_SHARE)
            rounded.append(_trial(each, "rounded", other, load))
    return SelfCheck(
        suite=suite,
        profile=profile,
        cases=tuple(each.case.id for each in right),
        trials=tuple(trials),
        rounded=tuple(rounded),
        left_out=tuple(missing),
        limits=_limits(right),
        noises=tuple({(n.source, *sorted(n.limits.items())): n for n in _noises(right)}.values()),
    )


def _noises(right: Sequence[Right]) -> Iterator[Noise]:
    return (each.noise for each in right)


def _limits(right: Sequence[Right]) -> dict[str, tuple[float, ...]]:
    found: dict[str, set[float]] = {}
    for each in right:
        for name, limit in each.limits.items():
            found.setdefault(name, set()).add(limit.value)
    return {name: tuple(sorted(values)) for name, values in found.items()}


def _wrong_images(
    right: Right, image: Image, neighbours: _Neighbours, load: Callable[[str], Image]
) -> Iterator[tuple[str, Image | str]]:
    """Yield each wrong image with its name, or why there is none."""
    for name, other, why in (
        (NEIGHBOUR, neighbours.of_seed(right), "no image of this prompt under another seed"),
        (OTHER_CASE, neighbours.of_case(right), "no image of another prompt in this size and mode"),
    ):
        yield name, why if other is None else load(other.accepted.pixels_sha256)
    for name, alteration in alterations().items():
        yield name, altered(image, alteration)


def _trial(right: Right, name: str, wrong: Image, load: Callable[[str], Image]) -> Trial:
    from harness.comparison.compare import measure
    from harness.pixels import pixels_sha256

    needed = {*(parse_gate(gate).metric for gate in right.limits), *right.noise.limits}
    needed |= {"mean_difference", "peak_difference"}
    accepted = right.accepted
    judgement = judge(
        Subject(
            image=wrong,
            pixels_sha256=pixels_sha256(wrong),
            recipe=accepted.recipe,
            recipe_sha256=accepted.recipe_sha256,
            profile=right.profile,
        ),
        right.entry,
        chain=(right.profile,),
        limits=right.limits,
        noise=right.noise,
        tools=Tools(
            load_image=load,
            # What is only shown in reports decides nothing, and costs most of the time.
            measure=lambda a, b, names: measure(a, b, needed.intersection(names)),
        ),
    )
    metrics = judgement.metrics
    no_test = None
    if judgement.verdict is Verdict.IDENTICAL:
        no_test = "equal to an accepted image"
    elif judgement.verdict is Verdict.MATCH and metrics["peak_difference"] <= _UNTOLD:
        no_test = "within one level of an accepted image"
    return Trial(
        case=right.case.id,
        wrong=name,
        verdict=judgement.verdict,
        metrics=metrics,
        gates=check(metrics, right.limits) if metrics else (),
        no_test=no_test,
    )


class _Neighbours:
    """Which accepted image stands next to which: of the same prompt, and of another."""

    def __init__(self, right: Sequence[Right]) -> None:
        entries: dict[object, list[Right]] = {}
        prompts: dict[object, dict[str, list[Right]]] = {}
        for each in right:
            case = each.case
            entries.setdefault((each.kind, case.case_id, case.prompt), []).append(each)
            prompts.setdefault(each.kind, {}).setdefault(case.prompt, []).append(each)
        self._of_seed = {
            this.case.id: other for group in entries.values() for this, other in _in_a_ring(group)
        }
        self._of_case = {
            this.case.id: others[0]
            for groups in prompts.values()
            for group, others in _in_a_ring(list(groups.values()))
            for this in group
        }

    def of_seed(self, right: Right) -> Right | None:
        """Return the next case of the same entry and prompt, the first after the last."""
        return self._of_seed.get(right.case.id)

    def of_case(self, right: Right) -> Right | None:
        """Return a case of the next prompt, the first after the last."""
        return self._of_case.get(right.case.id)


def _in_a_ring(items: Sequence[_Item]) -> Iterator[tuple[_Item, _Item]]:
    """Pair each item with the next one, the last with the first; one alone has no other."""
    return zip(items, [*items[1:], items[0]], strict=True) if len(items) > 1 else iter(())
