"""The noise of a case as a calibration measured it, as long as that holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.baselines.entry import ProfileBaseline
from harness.baselines.measured_noise import MeasuredNoise, Pattern
from harness.environment.differences import Value, environment_differences
from harness.environment.keys import Kind
from harness.verdict.noise import Noise

Environment = Mapping[str, Value]
_KEYS_SHOWN = 3


def calibrated_noise(
    baseline: ProfileBaseline,
    recipe_sha256: str,
    unmeasured: Noise,
    *,
    present: Environment | None,
    measured_in: Callable[[str], Environment],
) -> Noise:
    """Return the noise that was measured for a case, or ``unmeasured``, which then says why.

    A calibration holds for the recipe it was made with, and where no key of the fingerprint that
    can change bits (of the kind *numeric*) differs from where its images were made: all of them
    from the unchanged ones, or all from those of one harmless change.

    Args:
        baseline: what is kept for the case in the image's own profile.
        recipe_sha256: the recipe's of the image that is judged.
        unmeasured: the noise where nothing was measured.
        present: the fingerprint of where the image was made, as it was inside the pipeline's
            call; None where that is not known.
        measured_in: reads the fingerprint of a calibration by its digest.

    Raises:
        GoldenseedError: the fingerprint of the calibration cannot be read.

    """
    found = baseline.noise
    if found is None or found.recipe_sha256 != recipe_sha256 or present is None:
        return unmeasured
    differing = _numeric(measured_in(found.environment_sha256), present)
    harmless = (measured_in(each) for each in found.harmless_environments)
    if differing and all(_numeric(each, present) for each in harmless):
        more = len(differing) - _KEYS_SHOWN
        names = ", ".join(differing[:_KEYS_SHOWN]) + (f" and {more} more" if more > 0 else "")
        note = f"the calibration of {found.measured_at:%Y-%m-%d} has expired: {names} changed"
        return replace(unmeasured, note=note)
    return _noise(found, unmeasured.dtype)


def _numeric(measured: Environment, present: Environment) -> list[str]:
    """Name the keys that can change bits and differ."""
    differences = environment_differences(measured, present)
    return [each.key for each in differences if each.kind is Kind.NUMERIC]


def _noise(found: MeasuredNoise, dtype: str) -> Noise:
    source = f"noise (calibrated, {found.images} runs)"
    if found.pattern is Pattern.ENVELOPE:
        return Noise(
            limits={name: found.limits[name] for name in found.limits if _of_pixels(name)},
            source=source,
            dtype=dtype,
            uses_traces=True,
            measured={name: found.limits[name] for name in found.limits if not _of_pixels(name)},
        )
    what = "the same pixels" if found.pattern is Pattern.IDENTICAL else "one of the accepted images"
    note = f"{found.images} calibration runs each gave {what}: any other is beyond the noise"
    return Noise(limits={}, source=source, dtype=dtype, note=note)


def _of_pixels(metric: str) -> bool:
    from harness.comparison.names import METRICS

    return metric in METRICS
