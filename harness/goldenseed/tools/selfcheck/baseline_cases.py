"""The accepted images of a suite: what wrong images are made from, and put in the place of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from goldenseed.baselines.entry import AcceptedImage
from goldenseed.environment.profile import PORTABLE, fallback_chain
from goldenseed.runs.made import limits_of
from goldenseed.tolerance.calibrated import calibration_of
from goldenseed.tolerance.tolerance import Tolerance, assumed_tolerance

if TYPE_CHECKING:
    from goldenseed.baselines.store import BaselineStore
    from goldenseed.suite.cases import Case, Limit, Suite

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Right:
    """The image that is accepted for a case, and how it is judged."""

    case: Case
    profile: str
    images: tuple[AcceptedImage, ...]
    """What is accepted in this profile for one recipe."""
    limits: Mapping[str, Limit]
    tolerance: Tolerance
    calibrated: bool = False
    """Whether a calibration says what the tolerance is."""

    @property
    def accepted(self) -> AcceptedImage:
        """The image that wrong ones are made from: the first."""
        return self.images[0]

    @property
    def reach(self) -> Mapping[str, float]:
        """How far the tolerance goes on each metric (traces may tell more); empty if unknown."""
        if self.measured:
            return self.tolerance.limits or {"peak_difference": 0.0}
        return self.tolerance.pixel_limits(() if self.accepted.trace_sha256 else None)

    @property
    def measured(self) -> bool:
        """Whether the tolerance is that of a calibration, or known to be none."""
        return self.profile == PORTABLE or self.calibrated

    @property
    def kind(self) -> tuple[int, int, str]:
        """Width, height and mode: images of one kind can be compared."""
        return self.accepted.width, self.accepted.height, self.accepted.mode


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A case, or one wrong image of it (``wrong`` is then its name), that was not tried."""

    case: str
    why: str
    wrong: str | None = None


def find_right(
    suite: Suite, store: BaselineStore, *, profile: str, cases: Iterable[str] | None = None
) -> tuple[tuple[Right, ...], tuple[LeftOut, ...]]:
    """Return what is accepted for the suite's or the named cases in ``profile`` or a stand-in."""
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
    profiles = entry.profiles if entry else {}
    usable = (name for name in fallback_chain(profile, profiles) if profiles[name].accepted)
    name = next(usable, None)
    if name is None:
        return f"nothing is accepted in {profile}"
    first = profiles[name].accepted[0]
    if first.elements:
        return f"{len(first.elements)} elements are accepted: wrong images are put in one's place"
    if first.mode == "I;16":
        return "distances of 16-bit images cannot be measured"
    # Nothing runs here: a calibration is taken to hold in the profile it was made in.
    calibration = (
        calibration_of(profiles[name], first.recipe_sha256, lambda _digest: {})
        if name == profile
        else None
    )
    tolerance = assumed_tolerance(case.model.dtype, name)
    return Right(
        case,
        name,
        tuple(a for a in profiles[name].accepted if a.recipe_sha256 == first.recipe_sha256),
        limits_of(case),
        calibration.tolerance({}, tolerance) if calibration else tolerance,
        calibrated=calibration is not None,
    )


class Neighbours:
    """Which accepted image stands next to which: of the same prompt, and of another."""

    def __init__(self, right: Sequence[Right]) -> None:
        entries: dict[object, list[Right]] = {}
        prompts: dict[object, dict[object, list[Right]]] = {}
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
