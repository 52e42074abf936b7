"""Where images part from the accepted ones, and why: what is said of one case, and of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from goldenseed.core.changes import changed
from goldenseed.diagnosis.model import (
    Cause,
    ChangedKey,
    Diagnosis,
    FirstDivergence,
    GrowthKind,
    RankedCause,
)
from goldenseed.reporting.words import count_of, name_of, place_of, stage_name
from goldenseed.runs.grouping import Group, Grouping, Kind, cause_words, grouped, leading
from goldenseed.runs.record import CaseRecord
from goldenseed.trace.stages import Stage

_KEYS = 4
_EVIDENCE = 2
_WORTH_NAMING = 0.1
"""Confidence from which a cause is named beside the likeliest."""
_NAMED_CASES = 3
_HOW = {
    Kind.MOVED: ("moved", "moved"),
    Kind.WITHIN: ("moved within the tolerance", "moved within the tolerance"),
    Kind.INCOMPARABLE: ("is incomparable", "are incomparable"),
    Kind.UNMOVED: ("is incomparable", "are incomparable"),
    Kind.ERROR: ("failed", "failed"),
}
"""What is said of one case, and of several."""
_LIMITED = {
    "embeddings_distance": (Stage.PROMPT_EMBEDDINGS,),
    "denoiser_distance": (Stage.DENOISER_OUTPUT,),
    "latents_distance": (Stage.DENOISING_STEP, Stage.LATENTS_BEFORE_VAE),
    "decoded_distance": (Stage.VAE_OUTPUT, Stage.FLOAT_IMAGE),
}
"""Measures along the trace that are relative distances, and the stages they are taken at."""
IMPLIED_BY_TORCH = ("torch.version", "torch.git_version", "torch.build.")
_GROWTH = {
    GrowthKind.ROUNDING_LIKE: "growing as rounding does",
    GrowthKind.CONSTANT: "there from the start",
    GrowthKind.AMPLIFIED: "growing from a change larger than rounding",
    GrowthKind.ADDS_UP: "growing as a change in every step does",
    GrowthKind.JUMP: "growing by a jump",
}


@dataclass(frozen=True, slots=True)
class Why:
    """A diagnosis as it is told; empty where there is nothing to say."""

    divergence: str | None
    """``denoising step 7 of 20; …``, or ``unknown, since …``."""
    distances: str | None
    """``relative distance 1.3e-07 there, 1.7e-06 before the VAE``."""
    environment: str | None
    likely: str
    """The likely cause, or those that tie: ``guidance scale: about 4 → 6 (0.98)``."""
    others: tuple[str, ...]
    """Further causes worth naming, likewise."""
    evidence: tuple[str, ...]
    remarks: tuple[str, ...]
    points: tuple[tuple[str, float], ...]
    """Each stage whose relative distance is known, in the order of the flow."""


def why(diagnosis: Diagnosis, *, moved: bool = True) -> Why:
    """Put a diagnosis in words; where no pixel ``moved`` there is nothing to have a cause."""
    found = diagnosis.first_divergence
    unknown = f"unknown, since {diagnosis.note}" if diagnosis.note else None
    causes = diagnosis.causes if moved else ()
    likely = leading(causes)
    others = [
        each
        for each in causes[len(likely) :]
        if each.cause is not Cause.UNKNOWN and (each.confidence >= _WORTH_NAMING or not likely)
    ]
    return Why(
        divergence=found.words if found else unknown,
        distances=distances_in_words(found) if found and moved else None,
        environment=environment_in_words(diagnosis.environment, blamed=causes),
        likely=" or ".join(map(_believed, likely)) or ("not known" if causes else ""),
        others=tuple(map(_believed, others)),
        evidence=causes[0].evidence[:_EVIDENCE] if causes else (),
        remarks=diagnosis.remarks,
        points=tuple(
            (stage_name(each.stage, each.index), each.distance)
            for each in (found.distances if found else ())
            if each.distance is not None
        ),
    )


def stage_limits(case: CaseRecord) -> Iterator[tuple[int, float]]:
    """Yield how far rounding may go at a stage, by the stage's place in ``Why.points``.

    The verdict's reasons have them; a stage that rounding does not decide on has none.
    """
    found = case.diagnosis and case.diagnosis.first_divergence
    limits = {
        stage: each.limit
        for each in case.reasons
        if each.code == "tolerance" and isinstance(each.limit, float)
        for stage in _LIMITED.get(each.metric or "", ())
    }
    known = [each for each in (found.distances if found else ()) if each.distance is not None]
    for place, each in enumerate(known):
        if each.stage in limits:
            yield place, limits[each.stage]


def _believed(cause: RankedCause) -> str:
    return f"{cause_words(cause)} ({cause.confidence:.2f})"


def distances_in_words(found: FirstDivergence) -> str | None:
    """Return ``relative distance 1.3e-07 there, 1.7e-06 before the VAE``; None if unknown."""
    parts = [f"{found.here:.1e} there"] if found.here is not None else []
    if found.before_vae is not None and found.stage is not Stage.LATENTS_BEFORE_VAE:
        parts.append(f"{found.before_vae:.1e} before the VAE")
    if found.jump is not None:
        where = stage_name(found.jump.stage, found.jump.index)
        parts.append(f"{found.jump.factor:.0f} times as far at {where} as just before")
    elif found.growth is not None and parts:
        parts.append(_GROWTH[found.growth.kind])
    return f"relative distance {', '.join(parts)}" if parts else None


def environment_in_words(
    keys: Iterable[ChangedKey], *, blamed: Iterable[RankedCause] = ()
) -> str | None:
    """Return the keys that can explain a difference, and how many cannot; None without any.

    Those that the causes ``blamed`` rest on come first, and none of them is left out.
    """
    known = list(dict.fromkeys(keys))
    explaining = [each for each in known if each.explains]
    named = {(each.key, each.old, each.new) for each in explaining}
    ruled_out = sum((each.key, each.old, each.new) not in named for each in known)
    if any(each.key == "package.torch" for each in explaining):
        explaining = [each for each in explaining if not each.key.startswith(IMPLIED_BY_TORCH)]
    named_keys = dict.fromkeys(key for each in blamed for key in each.keys)
    places = {key: place for place, key in enumerate(named_keys)}
    explaining.sort(
        key=lambda each: (not each.key.startswith("package."), places.get(each.key, len(places)))
    )
    guilty = [each for each in explaining if each.key in places]
    others = [each for each in explaining if each.key not in places]
    shown = [*guilty, *others][: max(_KEYS, len(guilty))]
    parts = [changed(each.key.removeprefix("package."), each.old, each.new) for each in shown]
    if len(explaining) > len(shown):
        parts.append(f"{len(explaining) - len(shown)} more")
    if ruled_out:
        other = "other " if parts else ""
        takes = count_of(ruled_out, f"{other}difference takes", f"{other}differences take")
        parts.append(f"{takes} no effect where the images part")
    return ", ".join(parts) or None


def environment_sentence(cases: Sequence[CaseRecord]) -> str | None:
    """Say of all cases that stand out how their environments differ from the accepted images'."""
    found = [case for each in grouped(cases) for group in each.groups for case in group.cases]
    diagnoses = [case.diagnosis for case in found if case.diagnosis]
    return environment_in_words(
        (key for each in diagnoses for key in each.environment),
        blamed=[cause for each in diagnoses for cause in each.causes],
    )


def grouping_sentences(cases: Sequence[CaseRecord]) -> tuple[str, ...]:
    """Say of all cases that stand out why, a sentence for each kind of failure and each reason."""
    found = [each for each in grouped(cases) if each.groups or each.kind is Kind.UNMOVED]
    return tuple(sentence for each in found for sentence in _sentences(each, len(cases)))


def _sentences(found: Grouping, total: int) -> Iterator[str]:
    subject = _subject(found, total)
    if found.kind is Kind.UNMOVED:
        yield f"{subject}, and the pixels are the accepted ones"
        return
    unknown = len(found.undiagnosed)
    if unknown:
        verb = "has" if unknown == 1 else "have"
        subject = f"{subject}, of which {unknown:,} {verb} no diagnosis"
    first, *others = found.groups
    if len(first.cases) == 1 < found.total:
        yield f"{subject}, each by itself"
        others = list(found.groups)
    elif len(first.cases) == found.total:
        yield f"{subject}: {'it parts' if found.total == 1 else 'they part'} {_why(first)}"
    else:
        yield f"{subject}: {len(first.cases):,} part {_why(first)}"
    for group in others[:_NAMED_CASES]:
        few = len(group.cases) == 1
        name = name_of(group.cases[0]) if few else count_of(len(group.cases), "case")
        yield f"{name} {'parts' if few else 'part'} {_why(group)}"
    if rest := sum(len(group.cases) for group in others[_NAMED_CASES:]):
        yield f"and {rest:,} more part elsewhere or for other reasons"


def _subject(found: Grouping, total: int) -> str:
    one, many = _HOW[found.kind]
    if found.total == 1:
        return f"1 case of {total:,} {one}" if total > 1 else f"the one case {one}"
    if found.total < total:
        return f"{found.total:,} of {total:,} cases {many}"
    return f"both cases {many}" if total == 2 else f"all {total:,} cases {many}"  # noqa: PLR2004


def _why(group: Group) -> str:
    where = f"at {place_of(group.stage, group.index)}"
    return (
        f"{where}, likely cause: {group.words}"
        if group.causes
        else f"{where}; the cause is not known"
    )
