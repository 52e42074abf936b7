"""The accepted images of a suite: what wrong images are made from, and put in the place of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from goldenseed.baselines.entry import AcceptedImage, BaselineEntry, ProfileBaseline
from goldenseed.environment.profile import PORTABLE, fallback_chain
from goldenseed.images.gates import default_limits
from goldenseed.tolerance.tolerance import Noise, calibrated_noise, unmeasured_noise

if TYPE_CHECKING:
    from goldenseed.baselines.store import BaselineStore
    from goldenseed.suite.cases import Case, Limit, Suite

_Item = TypeVar("_Item")


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
    def reach(self) -> Mapping[str, float]:
        """How far the noise goes on each metric that it has; empty where none is known.

        Where every run gave the accepted pixels, it goes nowhere. Where runs have traces, these
        may say more of the noise than the pixels alone.
        """
        if self.measured:
            return self.noise.limits or {"peak_difference": 0.0}
        return self.noise.pixel_limits(() if self.accepted.trace_sha256 else None)

    @property
    def measured(self) -> bool:
        """Whether the noise is that of a calibration, or known to be none."""
        (baseline,) = self.entry.profiles.values()
        return self.profile == PORTABLE or baseline.noise is not None

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
        # The judge asks for a calibration in the subject's own profile only.
        measured = baseline.noise if each == profile else None
        if measured is not None and measured.recipe_sha256 != first.recipe_sha256:
            measured = None
        kept = ProfileBaseline(accepted=same, noise=measured)
        only = BaselineEntry(suite=case.suite.name, case=case.id, profiles={each: kept})
        noise = calibrated_noise(
            kept,
            first.recipe_sha256,
            unmeasured_noise(case.suite.model.dtype, each),
            # Nothing runs here: a calibration is taken to hold where it was made.
            present={},
            measured_in=lambda _digest: {},
        )
        return Right(case, each, first, only, case.limits or default_limits(), noise)
    return f"nothing is accepted in {profile}"


class Neighbours:
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
