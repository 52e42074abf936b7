"""What the trace shows of the noise: its size, its scale, or another draw altogether."""

from __future__ import annotations

from collections.abc import Iterator

from harness.comparison.trace_distances import Pair
from harness.diagnosis.estimates import common_factor, likeness
from harness.diagnosis.findings import Findings
from harness.diagnosis.model import Cause
from harness.diagnosis.places import Place, Root
from harness.diagnosis.suspicion import LIKELY, POSSIBLE, SHOWN, Suspicion, is_rounding
from harness.generation.stages import Stage

_INDEPENDENT = 0.35
"""Below this cosine two draws have nothing in common: 5.6 standard deviations of its estimate."""


def noise(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain initial noise, latents or later noise that differ, from the trace alone."""
    if root.place not in {Place.NOISE, Place.LATENTS, Place.LATER_NOISE}:
        return
    if root.reshaped:
        yield from _reshaped(root)
    elif root.recast:
        yield from _recast(findings, root)
    elif is_rounding(findings, root):
        if root.place is Place.NOISE:
            evidence = (
                f"the noise differs by rounding alone ({root.distance:.1e}), as the generator of "
                "torch does between instruction sets"
            )
            yield Suspicion(Cause.CPU, SHOWN, "", (evidence,))
    elif root.place is Place.LATER_NOISE and len(root.one_sided) == len(root.differing):
        yield Suspicion(
            Cause.SCHEDULER, SHOWN, "", ("its steps draw noise for one of the images alone",)
        )
    else:
        yield from _redrawn(findings, root)


def _reshaped(root: Root) -> Iterator[Suspicion]:
    before, now = root.reshaped[0]
    assert before  # noqa: S101 - a record of both
    assert now  # noqa: S101
    shapes = f"{_shape(before.shape)} → {_shape(now.shape)}"
    if before.shape[1:] == now.shape[1:]:
        return
    yield Suspicion(Cause.NOISE, SHOWN, shapes, (f"the noise has another shape: {shapes}",))


def _recast(findings: Findings, root: Root) -> Iterator[Suspicion]:
    before, now = root.recast[0]
    assert before  # noqa: S101 - a record of both
    assert now  # noqa: S101
    words = f"{before.dtype} → {now.dtype}"
    alone = not any(each.place is Place.EMBEDDINGS and each.recast for each in findings.roots)
    evidence = f"the noise has another dtype: {words}"
    yield Suspicion(Cause.NOISE, LIKELY * (2 if alone else 1), words, (evidence,))
    yield Suspicion(Cause.DTYPE, LIKELY, words, (evidence,))


def _redrawn(findings: Findings, root: Root) -> Iterator[Suspicion]:
    pair = next((pair for pair in root.differing if None not in pair), None)
    if pair is None:
        return
    factor, alike = _estimated(pair)
    distance = "" if root.distance is None else f" (relative distance {root.distance:.1e})"
    if factor is not None:
        words = f"scaled by {factor:.4g}"
        evidence = f"{root.place}: the same, {words}"
        if root.place is Place.LATENTS and _drawn_alike(findings):
            yield Suspicion(Cause.SCHEDULER, SHOWN, words, (evidence,))
        else:
            yield Suspicion(Cause.NOISE, SHOWN, words, (evidence,))
    elif alike is not None and abs(alike) < _INDEPENDENT:
        evidence = f"{root.place}: another draw altogether (cosine about {alike:.1f})"
        yield Suspicion(Cause.SEED, SHOWN, "", (evidence,))
        if root.place is Place.LATENTS:
            yield Suspicion(Cause.NOISE, LIKELY, "", (evidence,))
    else:
        evidence = f"{root.place}: changed in part{distance}"
        yield Suspicion(Cause.NOISE, LIKELY, "", (evidence,))
        yield Suspicion(Cause.SEED, POSSIBLE, "", (evidence,))


def _drawn_alike(findings: Findings) -> bool:
    """Say whether the noise itself is on record for both, so that the latents are made of it."""
    sides = (findings.evidence.accepted, findings.evidence.present)
    return all(
        any(each.stage is Stage.INITIAL_NOISE for each in side.trace or ()) for side in sides
    )


def _estimated(pair: Pair) -> tuple[float | None, float | None]:
    before, now = pair
    if before is None or now is None:
        return None, None
    return common_factor(before, now), likeness(before, now)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "()"
