"""What a calibration measured of a case, and where it holds.

A calibration belongs to the profile whose accepted images it was measured around, and holds for
images that are judged by them, whatever their own profile. It was made in several environments: the
unchanged one and that of each harmless change. Of the keys that can change bits, and of those that
name the kind of machine:

- where all have the values of one of these environments, it holds as it was measured;
- where each has the value it had in one of them, but not all in the same, its envelope holds: every
  operation is rounded as in one of the runs. So it does on another processor, if another
  instruction set was called harmless: that is another model, with other caches and, in libraries,
  other code. The limits stay those measured. That all images were equal is not expected there,
  where nobody saw it;
- elsewhere it has expired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from goldenseed.baselines.entry import MeasuredTolerance, Pattern, ProfileBaseline
from goldenseed.core.files import canonical_json
from goldenseed.core.listing import first_of
from goldenseed.environment.fingerprint import (
    KeyDifference,
    Value,
    environment_differences,
    moving_differences,
)
from goldenseed.environment.keys import Kind
from goldenseed.tolerance.harmless import CAPABILITY, changes_that_make, of_processor
from goldenseed.tolerance.tolerance import Tolerance

Environment = Mapping[str, Value]
_KEYS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured of a case, and the environments in which that was done."""

    found: MeasuredTolerance
    unchanged: Environment
    harmless: tuple[Environment, ...]

    @classmethod
    def read(
        cls, found: MeasuredTolerance, environment: Callable[[str], Environment]
    ) -> Calibration:
        """Read the environments by their digests; raises GoldenseedError where one cannot be."""
        harmless = tuple(environment(each) for each in found.harmless_environments)
        return cls(found, environment(found.environment_sha256), harmless)

    def unmeasured(
        self, present: Environment, *, elsewhere: bool = False
    ) -> tuple[KeyDifference, ...]:
        """Return the keys that have a value under which nothing was measured.

        ``elsewhere``: whether ``present`` is of another profile than what was measured.
        """
        differing = differences(self.unchanged, present, elsewhere=elsewhere)
        return tuple(each for each in differing if not self._was_measured(each))

    def tolerance(
        self, present: Environment, assumed: Tolerance, *, elsewhere: bool = False
    ) -> Tolerance:
        """Return what was measured, or ``assumed``, which then says why; see this module."""
        kept, when = _kept(self.found, assumed.dtype), f"the calibration of {self._day}"
        measured = (self.unchanged, *self.harmless)
        if any(not differences(each, present, elsewhere=elsewhere) for each in measured):
            return kept
        if unmeasured := self.unmeasured(present, elsewhere=elsewhere):
            names = _names(unmeasured)
            here = f"does not hold here: {names} {'differ' if len(unmeasured) > 1 else 'differs'}"
            return replace(
                assumed, note=f"{when} {here if elsewhere else f'has expired: {names} changed'}"
            )
        another = any(of_processor(each.key) for each in differences(self.unchanged, present))
        how = "was made on another processor" if another else "measured what differs here apart"
        if self.found.pattern is Pattern.ENVELOPE:
            return replace(kept, note=f"{when} {how}: its limits stay")
        return replace(assumed, note=f"{when} saw no image move, but {how}")

    @property
    def _day(self) -> str:
        return f"{self.found.measured_at:%Y-%m-%d}"

    def _was_measured(self, difference: KeyDifference) -> bool:
        """Say whether a harmless change gave the key this value, or stands for the processor."""
        key = difference.key
        if any(_same(each.get(key), difference.new) for each in self.harmless):
            return True
        own = self.unchanged.get(CAPABILITY)
        other_set = any(not _same(each.get(CAPABILITY), own) for each in self.harmless)
        return of_processor(key) and other_set


def calibration_of(
    baseline: ProfileBaseline, recipe_sha256: str, environment: Callable[[str], Environment]
) -> Calibration | None:
    """Return what was measured of a case with this recipe; None where nothing was.

    ``environment`` reads a fingerprint by its digest; raises GoldenseedError where it cannot.
    """
    found = baseline.tolerance
    if found is None or found.recipe_sha256 != recipe_sha256:
        return None
    return Calibration.read(found, environment)


def differences(
    measured: Environment, present: Environment, *, elsewhere: bool = False
) -> tuple[KeyDifference, ...]:
    """Name the keys that differ and can move pixels; ``elsewhere``, those of the profile too."""
    identity = (
        each
        for each in (environment_differences(measured, present) if elsewhere else ())
        if each.kind is Kind.IDENTITY
    )
    return (*identity, *moving_differences(measured, present))


def worth_naming(
    calibration: Calibration | None,
    accepted: Environment,
    present: Environment,
    *,
    elsewhere: bool = False,
) -> tuple[str, ...] | None:
    """Return the harmless changes under which a calibration would hold in ``present``.

    () if it need only be made again. None if it holds, or no calibration would explain anything:
    nothing differs from where the image was ``accepted``, or what differs no change makes.
    """
    before = calibration.unchanged if calibration else accepted
    known = calibration.found.harmless if calibration else ()
    unmeasured = (
        calibration.unmeasured(present, elsewhere=elsewhere)
        if calibration
        else differences(accepted, present, elsewhere=elsewhere)
    )
    if not unmeasured:
        return None
    names, others = changes_that_make(unmeasured, before)
    if others and (calibration is None or elsewhere):
        return None
    return tuple(dict.fromkeys((*known, *names)))


def _same(one: Value, other: Value) -> bool:
    return canonical_json(one) == canonical_json(other)


def _names(differing: Sequence[KeyDifference]) -> str:
    return first_of([each.key for each in differing], _KEYS_SHOWN)


def _kept(found: MeasuredTolerance, dtype: str) -> Tolerance:
    from goldenseed.images.metrics import METRICS

    source = f"tolerance (calibrated, {found.images} runs)"
    if found.pattern is Pattern.ENVELOPE:
        return Tolerance(
            limits={name: limit for name, limit in found.limits.items() if name in METRICS},
            source=source,
            dtype=dtype,
            uses_traces=True,
            measured={name: limit for name, limit in found.limits.items() if name not in METRICS},
        )
    what = "the same pixels" if found.pattern is Pattern.IDENTICAL else "one of the accepted images"
    note = f"{found.images} calibration runs each gave {what}: any other is beyond the tolerance"
    return Tolerance(limits={}, source=source, dtype=dtype, note=note)
