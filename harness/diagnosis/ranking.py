"""From suspicions to ranked causes: the explanations of one root share its belief.

At each root every suspected cause has a weight, its odds against an unknown cause; its confidence
there is its weight by the sum of all weights, the unknown's among them. Several suspicions of one
cause count as the strongest of them. A cause that explains several roots at once is preferred: its
weight is multiplied by their number. Roots are independent of each other, so two causes can both be
near 1; a cause's confidence is that at the root which it explains best. Where some roots differ by
rounding and others by more, the causes of the rounding keep half of theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.diagnosis.findings import Findings
from harness.diagnosis.model import Cause, RankedCause
from harness.diagnosis.places import Place, Root
from harness.diagnosis.rules import RULES
from harness.diagnosis.suspicion import LABELS, Suspicion, is_rounding

SHOWN_CAUSES = 5
LEAST = 0.05
"""Below this confidence a cause is not worth naming, unless it is the first."""
_EVIDENCE_SHOWN = 4
_DETAILS_SHOWN = 3
_ASIDE = 0.5
"""What remains of a confidence that is about rounding, where something else changed as well."""

ByCause = Mapping[Cause, Sequence[Suspicion]]


def ranked(findings: Findings) -> tuple[RankedCause, ...]:
    """Return the causes that explain what differs, the likeliest first; ``unknown`` is one."""
    suspected = [_by_cause(findings, root) for root in findings.roots]
    covered = Counter(cause for each in suspected for cause in each)
    best: dict[Cause, tuple[float, Sequence[Suspicion]]] = {}
    aside = _rounding_aside(findings)
    for root, found in zip(findings.roots, suspected, strict=True):
        weights = {cause: _weight(each) * covered[cause] for cause, each in found.items()}
        unknown = _unknown(findings, root, weights)
        total = sum(weights.values()) + unknown
        for cause, each in found.items():
            share = weights[cause] / total * (_ASIDE if root in aside else 1)
            if share > best.get(cause, (-1.0, ()))[0]:
                on_top = aside and root not in aside
                best[cause] = (share, [_on_top(cause, root), *each] if on_top else each)
        if root not in aside and unknown / total > best.get(Cause.UNKNOWN, (-1.0, ()))[0]:
            best[Cause.UNKNOWN] = (unknown / total, _nothing_known(findings, root))
    order = sorted(best, key=lambda cause: (-best[cause][0], cause is Cause.UNKNOWN))
    kept = [cause for place, cause in enumerate(order) if not place or best[cause][0] >= LEAST]
    return tuple(_named(cause, *best[cause]) for cause in kept[:SHOWN_CAUSES])


def _by_cause(findings: Findings, root: Root) -> dict[Cause, list[Suspicion]]:
    found: dict[Cause, list[Suspicion]] = {}
    for rule in RULES:
        for suspicion in rule(findings, root):
            found.setdefault(suspicion.cause, []).append(suspicion)
    for each in found.values():
        each.sort(key=lambda suspicion: -suspicion.weight)
    return found


def _weight(suspicions: Sequence[Suspicion]) -> float:
    return suspicions[0].weight


def _unknown(findings: Findings, root: Root, weights: Mapping[Cause, float]) -> float:
    """Return the weight of what nobody thought of.

    It is greater where less is on record, and where no more than rounding is to be explained.
    """
    weight = 1.0
    if root.place is Place.ANYWHERE or not findings.environments_known:
        weight *= 2
    if is_rounding(findings, root) and max(weights.values(), default=0.0) < 1:
        weight *= 3
    return weight


def _rounding_aside(findings: Findings) -> tuple[Root, ...]:
    """Return the roots that differ by rounding, where others explain the image by more."""
    rounding = tuple(root for root in findings.roots if is_rounding(findings, root))
    return rounding if len(rounding) < len(findings.roots) else ()


def _on_top(cause: Cause, root: Root) -> Suspicion:
    distance = "" if root.distance is None else f" ({root.distance:.1e})"
    sentence = f"on top of rounding, {root.place}: much farther apart than what feeds it{distance}"
    return Suspicion(cause, 0.0, "", (sentence,))


def _nothing_known(findings: Findings, root: Root) -> tuple[Suspicion, ...]:
    if not is_rounding(findings, root):
        return ()
    evidence = f"no larger than rounding ({root.distance:.1e} at {root.place})"
    if findings.environments_known:
        evidence += ", and nothing on record tells what changed the order of sums"
    return (Suspicion(Cause.UNKNOWN, 0.0, "", (evidence,)),)


def _named(cause: Cause, share: float, suspicions: Sequence[Suspicion]) -> RankedCause:
    strongest = max((each.weight for each in suspicions), default=0.0) / 2
    details = dict.fromkeys(
        each.words for each in suspicions if each.words and each.weight >= strongest
    )
    detail = ", ".join(list(details)[:_DETAILS_SHOWN])
    if not detail:
        detail = next((each.words for each in suspicions if each.words), "")
    label = LABELS[cause]
    evidence = dict.fromkeys(sentence for each in suspicions for sentence in each.evidence)
    return RankedCause(
        cause=cause,
        confidence=round(share, 2),
        evidence=tuple(evidence)[:_EVIDENCE_SHOWN],
        words=f"{label}: {detail}" if detail else label,
    )
