"""What makes something else of the same input: weights that were changed, or precision."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from goldenseed.diagnosis.effects import effect_of, touches
from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.foreign import acts_at
from goldenseed.diagnosis.meaning import meaning_of
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.suspicion import LIKELY, POSSIBLE, Size, Suspicion, fit

_WEIGHTS = re.compile(r"model\.[^.]+\.(weights_)?sha256")
_OF_A_SENSITIVE_MODEL = 3
"""How many times rounding's limit a model exceeds that strengthens what it is given."""


def computed_otherwise(
    cause: Cause, findings: Findings, root: Root, parts: Iterable[str], evidence: str
) -> Iterator[Suspicion]:
    """Suspect the weights of ``parts``, and what else makes something else of the same input."""
    parts = tuple(parts)
    sentences, weight, words = [evidence], LIKELY, ""
    digests = [key for part in parts if (key := findings.digest_key(part))]
    if digests and all(map(findings.same_key, digests)):
        words = "changed after they were loaded"
        sentences.append("its weights were the same when they were loaded")
        told = (
            any(map(findings.otherwise, parts))
            or _other_weights_before(findings, root, parts)
            or acts_at(findings, root.place)
            or _rounds_otherwise(findings, root, parts)
        )
        weight *= 0.05 if told else 0.8
    yield Suspicion(cause, weight, words, tuple(sentences))
    reduced = fit(Size.REDUCED, findings, root)
    yield Suspicion(Cause.MATMUL_PRECISION, POSSIBLE / 2 * reduced, "", (evidence,))
    yield Suspicion(Cause.DTYPE, POSSIBLE / 4, "", (evidence,))


def _other_weights_before(findings: Findings, root: Root, parts: Iterable[str]) -> bool:
    """Say whether the weights of another part, which acts no later, are on record as others."""
    own, order = tuple(f"model.{part}." for part in parts), list(Place)
    changed = (key for key in findings.keys if _WEIGHTS.fullmatch(key))
    effects = (effect_of(key) for key in changed if not key.startswith(own))
    last = order.index(root.place)
    places = (each.places for each in effects if each is not None and each.places)
    return any(max(map(order.index, each)) <= last or bool(root.carried & each) for each in places)


def _rounds_otherwise(findings: Findings, root: Root, parts: Iterable[str]) -> bool:
    """Say whether a setting of the arithmetic is on record that may have moved a root so far.

    A model that multiplies the least difference exceeds a limit that was derived of most; one whose
    norms leave signs, which rounding tips, knows no limit.
    """
    beyond = root.beyond
    near = any(findings.value(f"model.{part}.tips") for part in parts) or (
        beyond is not None and beyond.value <= _OF_A_SENSITIVE_MODEL * (beyond.limit or 0.0)
    )
    effects = (meaning_of(each, findings) for each in findings.keys.values())
    return near and any(
        each is not None and each.size is Size.ROUNDING and touches(each.places, root)
        for each in effects
    )
