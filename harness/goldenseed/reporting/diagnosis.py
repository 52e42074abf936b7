"""Where images part from the accepted ones, and why: what is said of one case, and of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from goldenseed.diagnosis.divergence import changed
from goldenseed.diagnosis.model import Cause, ChangedKey, Diagnosis, FirstDivergence, GrowthKind
from goldenseed.reporting.words import count_of, place_of, stage_name
from goldenseed.runs.grouping import Group, Grouping, grouped
from goldenseed.runs.record import CaseRecord
from goldenseed.trace.stages import Stage

_KEYS = 4
_EVIDENCE = 2
_WORTH_NAMING = 0.1
"""Confidence from which a cause is named beside the likeliest."""
_NAMED_CASES = 3
_IMPLIED_BY_TORCH = ("torch.version", "torch.git_version", "torch.build.")
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
    causes: tuple[str, ...]
    """The likeliest cause, then those worth naming: ``guidance scale: about 4 → 6 (0.98)``."""
    evidence: tuple[str, ...]
    remarks: tuple[str, ...]
    points: tuple[tuple[str, float], ...]
    """Each stage whose relative distance is known, in the order of the flow."""


def why(diagnosis: Diagnosis) -> Why:
    """Put a diagnosis in words."""
    found = diagnosis.first_divergence
    unknown = f"unknown, since {diagnosis.note}" if diagnosis.note else None
    first, *others = diagnosis.causes or (None,)
    named = [each for each in others if each and each.confidence >= _WORTH_NAMING]
    causes = [each for each in (first, *named) if each]
    return Why(
        divergence=found.words if found else unknown,
        distances=distances_in_words(found) if found else None,
        environment=environment_in_words(diagnosis.environment),
        causes=tuple(
            f"{'unknown' if each.cause is Cause.UNKNOWN else each.words} ({each.confidence:.2f})"
            for each in causes
        ),
        evidence=first.evidence[:_EVIDENCE] if first else (),
        remarks=diagnosis.remarks,
        points=tuple(
            (stage_name(each.stage, each.index), each.distance)
            for each in (found.distances if found else ())
            if each.distance is not None
        ),
    )


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


def environment_in_words(keys: Iterable[ChangedKey]) -> str | None:
    """Return the keys that can explain a difference, and how many cannot; None without any."""
    known = list(dict.fromkeys(keys))
    explaining = [each for each in known if each.explains]
    named = {(each.key, each.old, each.new) for each in explaining}
    ruled_out = sum((each.key, each.old, each.new) not in named for each in known)
    if any(each.key == "package.torch" for each in explaining):
        explaining = [each for each in explaining if not each.key.startswith(_IMPLIED_BY_TORCH)]
    explaining.sort(key=lambda each: not each.key.startswith("package."))
    parts = [
        changed(each.key.removeprefix("package."), each.old, each.new)
        for each in explaining[:_KEYS]
    ]
    if len(explaining) > _KEYS:
        parts.append(f"{len(explaining) - _KEYS} more")
    if ruled_out:
        other = "other " if parts else ""
        takes = count_of(ruled_out, f"{other}difference takes", f"{other}differences take")
        parts.append(f"{takes} no effect where the images part")
    return ", ".join(parts) or None


def environment_sentence(cases: Sequence[CaseRecord]) -> str | None:
    """Say of all cases that moved how their environments differ from the accepted images'."""
    moved = [case for group in grouped(cases).groups for case in group.cases]
    return environment_in_words(
        key for case in moved if case.diagnosis for key in case.diagnosis.environment
    )


def grouping_sentence(cases: Sequence[CaseRecord]) -> str | None:
    """Say of all cases that moved why, in a sentence; None where none did or nothing is known."""
    found = grouped(cases)
    return f"{_subject(found, len(cases))} {_rest(found)}" if found.groups else None


def _subject(found: Grouping, total: int) -> str:
    how = "moved" if found.beyond_tolerance else "moved within the tolerance"
    if found.moved == 1:
        return f"1 case of {total:,} {how}:" if total > 1 else f"the one case {how}:"
    if found.moved < total:
        return f"{found.moved:,} of {total:,} cases {how}:"
    return f"both cases {how}:" if total == 2 else f"all {total:,} cases {how}:"  # noqa: PLR2004


def _rest(found: Grouping) -> str:
    first, *others = found.groups
    if found.moved == 1:
        return f"it parts {_where_and_why(first)}"
    if len(first.cases) == found.moved:
        return f"they part {_where_and_why(first)}"
    if len(first.cases) == 1:
        parts = [f"each by itself: {'; '.join(_one_by_one(found.groups))}"]
    else:
        parts = [f"{len(first.cases):,} part {_where_and_why(first)}"]
        if others:
            alone = count_of(sum(len(group.cases) for group in others), "stands", "stand")
            parts.append(f"{alone} apart: {'; '.join(_one_by_one(others))}")
    if found.undiagnosed:
        parts.append(f"{count_of(len(found.undiagnosed), 'has', 'have')} no diagnosis")
    return "; ".join(parts)


def _one_by_one(groups: Sequence[Group]) -> Iterator[str]:
    for group in groups[:_NAMED_CASES]:
        cases = group.cases
        name = cases[0].id if len(cases) == 1 else count_of(len(cases), "case")
        yield f"{name} {_where_and_why(group, brief=True)}"
    if len(groups) > _NAMED_CASES:
        rest = sum(len(group.cases) for group in groups[_NAMED_CASES:])
        yield f"and {rest:,} more"


def _where_and_why(group: Group, *, brief: bool = False) -> str:
    where = f"at {place_of(group.stage, group.index)}"
    if group.cause is Cause.UNKNOWN:
        return f"{where} (cause unknown)" if brief else f"{where}; the cause is not known"
    why = f"{group.words} ({group.confidence:.2f})"
    return f"{where} ({group.words})" if brief else f"{where}, likely cause: {why}"
