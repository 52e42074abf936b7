"""What the environments' fingerprints say: keys that differ and take effect at the root."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from goldenseed.diagnosis import effects
from goldenseed.diagnosis.divergence import changed
from goldenseed.diagnosis.effects import CAUSES_OF_WEIGHTS, Effect, effect_of
from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.suspicion import Size, Suspicion, fit
from goldenseed.environment.fingerprint import KeyDifference

_FOLLOWS: Final = {".sha256": ".dtype", ".memory_format": ".class", ".parameters": ".class"}
"""Digests of values follow from their dtype, and so on: what follows is no evidence of its own."""
_EXACT_ATTENTION: Final = re.compile(
    r"(Attn|SlicedAttn|FusedAttn|XFormersAttn|FluxAttn)(AddedKV)?Processor(2_0)?( x \d+)?"
)
"""Processors of diffusers that compute the same and differ in the order of sums alone."""


def recorded(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Suspect every cause that a differing key stands for, if it takes effect at ``root``."""
    for key, difference in findings.keys.items():
        effect = effect_of(key)
        if effect is None or not takes_effect(effect, findings, root) or _follows(key, findings):
            continue
        weight = effect.weight * fit(_size(effect, difference), findings, root)
        if key.startswith("scheduler.") and key.endswith("_sha256"):
            effect, weight = _table(effect, findings, root)
        if weight:
            yield _suspicion(effect, weight, difference, root, inside=findings.inside(key))


def takes_effect(effect: Effect, findings: Findings, root: Root) -> bool:
    """Say whether a difference in a key with this effect can explain ``root``."""
    if effect.cuda_only and _no_gpu(findings):
        return False
    return effects.touches(effect.places, root, effect.component)


def _size(effect: Effect, difference: KeyDifference) -> Size:
    """Return how far a key moves a stage: by no more than rounding, if both values are exact."""
    values = (str(difference.old), str(difference.new))
    exact = all(_EXACT_ATTENTION.fullmatch(part) for value in values for part in value.split(", "))
    return Size.ROUNDING if effect.cause is Cause.ATTENTION and exact else effect.size


def _suspicion(
    effect: Effect, weight: float, difference: KeyDifference, root: Root, *, inside: bool
) -> Suspicion:
    words = changed(difference.key, difference.old, difference.new)
    evidence = [f"{words} in the fingerprint"]
    if inside:
        words = f"{words} inside the call"
        evidence = [f"{words}, whatever the fingerprint says, which is read around it"]
    if weight < effect.weight / 10 and root.distance:
        evidence.append(
            f"which hardly explains a relative distance of {root.distance:.1e} at {root.place}"
        )
    return Suspicion(effect.cause, weight, _short(words, effect), tuple(evidence))


def _short(words: str, effect: Effect) -> str:
    """Leave out what goes without saying: that a digest differs."""
    if effect.cause in CAUSES_OF_WEIGHTS.values() and "sha256" in words and effect.component:
        return effect.component
    return words.removeprefix("package.")


def _no_gpu(findings: Findings) -> bool:
    sides = (findings.evidence.accepted.environment, findings.evidence.present.environment)
    return all(side is not None and side.get("device.type") == "cpu" for side in sides)


def _follows(key: str, findings: Findings) -> bool:
    return any(
        key.endswith(end) and key.removesuffix(end) + reason in findings.keys
        for end, reason in _FOLLOWS.items()
    )


def _table(effect: Effect, findings: Findings, root: Root) -> tuple[Effect, float]:
    """Judge a scheduler's table: it follows from class and configuration, or was tampered with.

    With both the same, tables differ by what the processor makes of a cumulative product (6e-8).
    """
    if any(key.startswith(("scheduler.class", "scheduler.config.")) for key in findings.keys):
        return effect, 0.0
    rounding = fit(Size.ROUNDING, findings, root)
    if root.beyond is not None and root.place is Place.LATER_STEP:
        return effect, 0.0
    if root.place is Place.SCHEDULE and not root.distance:
        rounding = 0.0
    if rounding > 0.5:  # noqa: PLR2004 - more likely than not
        return Effect(Cause.CPU, effect.places, 15.0, Size.ROUNDING), 15.0 * rounding
    return effect, effect.weight
