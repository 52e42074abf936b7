"""From suspicions to ranked causes: the explanations of one root share its belief.

At each root every suspected cause has a weight, its odds against an unknown cause; its confidence
there is its weight by the sum of all weights, the unknown's among them. Several suspicions of one
cause count as the strongest of them. A cause that explains several roots at once is preferred: its
weight is multiplied by their number. Roots are independent of each other, so two causes can both be
near 1; a cause's confidence is that at the root which it explains best.

What rounds otherwise is true and yet not why an image is another one, where more than rounding is
to be explained: such causes keep half of their confidence, be it at a root that differs by rounding
alone beside one that does not, or beneath a change at the same root, as long as that is not so
large that rounding is lost in it. A recorded change of which no more is seen than rounding, since
it takes effect after the first root, keeps half of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType
from typing import Final

from goldenseed.diagnosis import where
from goldenseed.diagnosis.divergence import JUMP
from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.foreign import acts_at
from goldenseed.diagnosis.model import Cause, RankedCause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.rules import ON_RECORD, RULES
from goldenseed.diagnosis.suspicion import RECORDED, SHOWN, Rule, Suspicion, is_rounding
from goldenseed.tolerance.rounding import TraceMeasure
from goldenseed.trace.stages import Stage

SHOWN_CAUSES = 5
LEAST = 0.05
"""Below this confidence a cause is not worth naming, unless it is the first."""
_EVIDENCE_SHOWN = 4
_DETAILS_SHOWN = 3
_ASIDE = 0.5
"""What remains of a confidence that is about rounding, where something else changed as well."""
_CERTAIN: Final = RECORDED / 2
"""The weight of a suspicion from which something is known to be another."""
_TWO_DRAWS: Final = 0.05
"""From this relative distance on, two pictures are of two draws of noise."""
_ANYWHERE: Final = frozenset({Cause.PATCH, Cause.CALL})
"""What acts at several roots without explaining them all at once: several patches, an argument of
which it is not known where it acts."""
_ONCE: Final[Mapping[Cause, int]] = MappingProxyType({})
OF_ROUNDING: Final = frozenset(
    {Cause.CPU, Cause.GPU, Cause.ENGINE, Cause.ATTENTION, Cause.KERNELS, Cause.BATCH}
)
"""Causes that change the order of sums, and as a rule nothing else."""
_EVALUATIONS: Final = where.TEXT | where.DENOISER | where.VAE
"""Where networks are evaluated, with sums that are long enough to be added up in another order."""

ByCause = Mapping[Cause, Sequence[Suspicion]]
_Claim = tuple[Cause, float, Sequence[Suspicion]]


@dataclass(frozen=True, slots=True)
class _Shares:
    """How the causes of one place share its belief."""

    found: ByCause
    weights: Mapping[Cause, float]
    unknown: float

    def of(self, cause: Cause) -> float:
        return self.weights[cause] / (sum(self.weights.values()) + self.unknown)


def ranked(
    findings: Findings, offered: Sequence[Sequence[Suspicion]] = ()
) -> tuple[RankedCause, ...]:
    """Return the causes that explain what differs, the likeliest first; ``unknown`` is one."""
    best: dict[Cause, tuple[float, Sequence[Suspicion]]] = {}
    at_roots = tuple(_at_roots(findings, offered))
    seen = max(share for _, share, _ in at_roots)
    # What is hidden by an earlier difference is not named before what is seen to make that.
    beside = ((cause, min(share, seen - 0.01), why) for cause, share, why in _besides(findings))
    others = (_beneath(findings), _hidden(findings), beside)
    for cause, share, found in (*at_roots, *chain.from_iterable(others)):
        if share > best.get(cause, (-1.0, ()))[0]:
            best[cause] = (share, found)
    order = sorted(best, key=lambda cause: (-best[cause][0], cause is Cause.UNKNOWN))
    kept = [cause for place, cause in enumerate(order) if not place or best[cause][0] >= LEAST]
    return tuple(_named(cause, *best[cause]) for cause in kept[:SHOWN_CAUSES])


def _at_roots(findings: Findings, offered: Sequence[Sequence[Suspicion]]) -> Iterator[_Claim]:
    """Yield what explains each root, and how likely it is there."""
    more = offered or [()] * len(findings.roots)
    suspected = [
        _by_cause(findings, root, RULES, others)
        for root, others in zip(findings.roots, more, strict=True)
    ]
    covered: Counter[Cause] = Counter(
        cause for each in suspected for cause in each if cause not in _ANYWHERE
    )
    aside = _rounding_aside(findings)
    for root, found in zip(findings.roots, suspected, strict=True):
        shares = _shares(findings, root, found, covered)
        kept = _ASIDE if root in aside else 1.0
        said = _more_than_rounding(root, after_rounding=bool(aside))
        for cause, each in found.items():
            yield cause, shares.of(cause) * kept, [*said, *each] if root not in aside else each
        if root not in aside:
            left = 1 - sum(map(shares.of, found))
            yield Cause.UNKNOWN, left, [*said, *_nothing_known(findings, root)]


def _beneath(findings: Findings) -> Iterator[_Claim]:
    """Yield what rounds otherwise at a root where more than that is to be explained."""
    for root in findings.roots:
        if root.beyond is None or not root.distance or root.place not in _EVALUATIONS:
            continue
        rounding = findings.rounding(root)
        under = replace(root, beyond=None, distance=min(root.distance, rounding))
        suspected = _by_cause(findings, under, ON_RECORD)
        shares = _shares(
            findings, under, {each: suspected[each] for each in suspected.keys() & OF_ROUNDING}
        )
        kept = _ASIDE * min(1.0, JUMP * rounding / root.distance)
        for cause, each in shares.found.items():
            yield cause, shares.of(cause) * kept, each


def _besides(findings: Findings) -> Iterator[_Claim]:
    """Yield what is on record as changed where the images had parted before, beyond rounding.

    What it does cannot be seen on top of that; that it was changed is known.
    """
    for place in findings.later:
        shares = _shares(findings, place, _by_cause(findings, place, ON_RECORD))
        for cause, each in shares.found.items():
            if cause not in OF_ROUNDING and _is_certain(findings, place, shares, cause):
                said = f"{place.place}: differs already for what feeds it, which hides what it does"
                yield (
                    cause,
                    shares.of(cause) * _ASIDE,
                    [*each, Suspicion(Cause.UNKNOWN, 0.0, "", (said,))],
                )
    sides = (findings.sides.accepted.trace or (), findings.sides.present.trace or ())
    made = [[each.sha256 for each in side if each.stage is Stage.DENORMALISED] for side in sides]
    if all(made) and made[0] != made[1]:
        said = "the float image is what was decoded, as levels are made of it, on one side alone"
        found = Suspicion(Cause.POST_PROCESSING, SHOWN, "", (said,))
        yield Cause.POST_PROCESSING, _ASIDE * SHOWN / (SHOWN + 1), [found]


def _is_certain(findings: Findings, place: Root, shares: _Shares, cause: Cause) -> bool:
    """Say whether a cause is on record as another, as a foreign method is, whatever it does."""
    return shares.weights[cause] >= _CERTAIN or (
        cause is Cause.PATCH and acts_at(findings, place.place)
    )


def _hidden(findings: Findings) -> Iterator[_Claim]:
    """Yield what is known to be another, where its effect may be no larger than rounding.

    It is why the images differ where what begins before it is too small for that; if nothing on
    record is, the reason is unknown.
    """
    explained = False
    drawn = _drawn_anew(findings)
    for place in findings.hidden:
        shares = _shares(findings, place, _by_cause(findings, place, ON_RECORD))
        for cause, each in shares.found.items():
            if cause not in OF_ROUNDING and _is_certain(findings, place, shares, cause):
                # That several images are drawn is what was done; a foreign method, who may have.
                aside = drawn is not None and shares.weights[cause] < _CERTAIN
                explained = explained or not aside
                kept = _ASIDE if findings.image is None or aside else 1.0
                yield cause, shares.of(cause) * kept, [*each, _not_seen(place, findings.image)]
    if findings.image is not None and not explained:
        yield from _another_draw(findings, findings.image, drawn)


def _drawn_anew(findings: Findings) -> Root | None:
    """Return the noise that was drawn for several images, if one of them is of another draw.

    Noise that is drawn for several is another draw for each but the first, and in later steps for
    all; pictures of two draws are far apart.
    """
    drawn = next((root for root in findings.roots if root.place is Place.NOISE), None)
    far = findings.image is not None and findings.image.value >= _TWO_DRAWS
    return drawn if far else None


def _another_draw(findings: Findings, image: TraceMeasure, drawn: Root | None) -> Iterator[_Claim]:
    """Yield why an image from a batch is another one, if nothing on record beside the batch is."""
    if drawn is None:
        yield Cause.UNKNOWN, 1 - _ASIDE, [_not_seen(findings.roots[0], image)]
        return
    suspected = _by_cause(findings, drawn, RULES)
    shares = _shares(findings, drawn, suspected)
    said = (
        "the noise is drawn for several images: another row of it, or that of later steps, is "
        "another draw"
    )
    for cause in shares.found.keys() & {Cause.BATCH}:
        found = [*shares.found[cause], Suspicion(Cause.UNKNOWN, 0.0, "", (said,))]
        yield cause, shares.of(cause), found


def _not_seen(place: Root, image: TraceMeasure | None) -> Suspicion:
    if image is None:
        said = f"{place.place}: differs by rounding, as what feeds it does, which may hide it"
    else:
        said = (
            f"the images are {image.value:.1e} apart, where rounding makes {image.limit:.1e} at "
            "most; what made them so cannot be seen in batches of different size"
        )
    return Suspicion(Cause.UNKNOWN, 0.0, "", (said,))


def _shares(
    findings: Findings, root: Root, found: ByCause, covered: Mapping[Cause, int] = _ONCE
) -> _Shares:
    weights = {cause: each[0].weight * covered.get(cause, 1) for cause, each in found.items()}
    return _Shares(found, weights, _unknown(findings, root, weights))


def _by_cause(
    findings: Findings, root: Root, rules: Sequence[Rule], others: Sequence[Suspicion] = ()
) -> dict[Cause, list[Suspicion]]:
    found: dict[Cause, list[Suspicion]] = {}
    for suspicion in (*(each for rule in rules for each in rule(findings, root)), *others):
        found.setdefault(suspicion.cause, []).append(suspicion)
    for each in found.values():
        each.sort(key=lambda suspicion: -suspicion.weight)
    return found


def _unknown(findings: Findings, root: Root, weights: Mapping[Cause, float]) -> float:
    """Return the weight of what nobody thought of: greater where less is on record."""
    weight = 1.0
    if root.place is Place.ANYWHERE or not findings.environments_known:
        weight *= 2
    if is_rounding(findings, root) and max(weights.values(), default=0.0) < 1:
        weight *= 3
    return weight


def _rounding_aside(findings: Findings) -> tuple[Root, ...]:
    """Return the roots that differ by rounding, or by the batch, where the image does by more."""
    if findings.image is not None:
        return findings.roots
    rounding = tuple(root for root in findings.roots if is_rounding(findings, root))
    return rounding if len(rounding) < len(findings.roots) else ()


def _more_than_rounding(root: Root, *, after_rounding: bool) -> list[Suspicion]:
    """Say what speaks against rounding, where rounding is at work as well."""
    if (found := root.beyond) is not None:
        name = found.metric.removesuffix("_distance").replace("_", " ")
        sentence = (
            f"{root.place}: more than rounding explains ({name} {found.value:.2g}, of which "
            f"rounding makes {found.limit:.2g} at most)"
        )
    elif after_rounding:
        distance = "" if root.distance is None else f" ({root.distance:.1e})"
        sentence = f"on top of rounding, {root.place}: much farther apart than what feeds it"
        sentence += distance
    else:
        return []
    return [Suspicion(Cause.UNKNOWN, 0.0, "", (sentence,))]


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
    details = dict.fromkeys(list(details)[:_DETAILS_SHOWN])
    detail = ", ".join(details)
    if not detail:
        detail = next((each.words for each in suspicions if each.words), "")
    evidence = dict.fromkeys(sentence for each in suspicions for sentence in each.evidence)
    shown = tuple(evidence)[:_EVIDENCE_SHOWN]
    told = [each for each in suspicions if each.words in details or {*each.evidence} & {*shown}]
    return RankedCause(
        cause=cause,
        confidence=round(share, 2),
        evidence=shown,
        words=f"{cause.words}: {detail}" if detail else cause.words,
        keys=tuple(dict.fromkeys(key for each in told for key in each.keys)),
    )
