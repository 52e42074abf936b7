"""What the trace shows of the denoiser's inputs: each is named as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.foreign import acts_at
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.rules.arithmetic import recast
from goldenseed.diagnosis.rules.computed import computed_otherwise
from goldenseed.diagnosis.rules.noise import rounded_to
from goldenseed.diagnosis.rules.pictures import encoded_the_same
from goldenseed.diagnosis.suspicion import (
    LIKELY,
    POSSIBLE,
    SHOWN,
    Suspicion,
    is_rounding,
)
from goldenseed.suite.parts import BY_POSITION, MADE_OF_NOTHING, Given, Role, given_as
from goldenseed.tolerance.mixtures import common_factor
from goldenseed.trace.distances import either

_CAUSES = {
    Given.SAMPLE: Cause.SCHEDULER,
    Given.TIME: Cause.SCHEDULER,
    Given.IMAGE: Cause.IMAGE_ENCODER,
    Given.GUIDANCE: Cause.GUIDANCE,
}
"""Who makes what the denoiser is given: a scheduler scales the sample and sets the time."""
_MEANINGS = {
    "timestep": "the time it is told",
    "guidance": "the guidance it is told",
    "image_embeds": "the embedding of an image",
    "time_ids": "the sizes it is told of",
    "img_ids": "where in the image each row lies",
    "txt_ids": "where in the text each row lies",
    "text_embeds": "the pooled embedding of the text",
    "pooled_projections": "the pooled embedding of the text",
    "encoder_hidden_states": "the embeddings of the text",
}
"""What inputs of denoisers are, by the last part of their names."""


_ALTERS: Final = ("hooks", "forwards")
"""What on record of a denoiser may alter what it is given."""
_SCALED: Final = 0.02
"""How far, of themselves, the factors of a ControlNet's outputs may lie apart and be one."""


def given(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain that the denoiser is given something else, made of the same."""
    switched = _switched(root)
    if switched:
        yield Suspicion(Cause.GUIDANCE, SHOWN, "switched on or off", (switched,))
    if switched or recast(root):
        return
    parts = {either(pair).key.value for pair in root.one_sided or root.differing}
    if root.one_sided:
        evidence = f"the denoiser is given {', '.join(sorted(parts))} for one of the images alone"
    else:
        names = ", ".join(sorted(BY_POSITION.get(part, part) for part in parts))
        evidence = f"the denoiser is given another {names}"
        evidence += (
            "; one of the traces lacks the embeddings"
            if Place.EMBEDDINGS in root.carried
            else ", though what it is made of is the same"
        )
    if {given_as(part) for part in parts} == {Given.CONTROL} and not root.one_sided:
        yield from _controlled(findings, root, evidence)
        return
    yield from _fewer_digits(findings, root)
    for part in sorted(parts):
        kind = given_as(part)
        if kind is Given.TEXT:
            yield from _given_text(findings, root, part, evidence)
        elif kind is Given.SAMPLE and _of_a_later_call(root):
            yield Suspicion(Cause.GUIDANCE, LIKELY, "in a second pass", (evidence,))
        elif kind is Given.SAMPLE and findings.scheduler_same and encoded_the_same(findings):
            beside = "what of a given picture or mask lies beside the latents"
            weight = LIKELY if any(map(findings.changed, findings.parts(Role.DECODER))) else SHOWN
            yield Suspicion(Cause.CASE_INPUT, weight, beside, (evidence,))
            yield Suspicion(Cause.SCHEDULER, POSSIBLE, "", (evidence,))
        elif kind in _CAUSES:
            yield from _made_by(findings, root, part, evidence)
        else:
            weight = _unless_declared(findings, part)
            yield Suspicion(Cause.INPUT, weight, _input(part), (evidence,))


def _controlled(findings: Findings, root: Root, evidence: str) -> Iterator[Suspicion]:
    """Explain that only what a ControlNet makes differs: by its weights, its scale, its picture."""
    factors = [common_factor(a, b) for a, b in root.differing if a and b]
    known = [each for each in factors if each is not None]
    alike = len(known) == len(factors) and max(known) - min(known) < _SCALED * abs(max(known))
    words = f"what it adds, scaled by {known[0]:.4g}" if alike else "what it adds"
    digests = [findings.digest_key(each) for each in findings.parts(Role.CONTROL)]
    acquitted = bool(digests) and all(each and findings.same_key(each) for each in digests)
    denoisers = findings.parts(Role.DENOISER)
    altered = any(f"model.{each}.{by}" in findings.keys for each in denoisers for by in _ALTERS)
    weight = LIKELY if acquitted and (altered or not alike) else SHOWN
    yield Suspicion(Cause.CONTROL, weight, words, (evidence,))
    weight = SHOWN if acquitted and altered else LIKELY / 2
    yield Suspicion(Cause.INPUT, weight, words.replace("it", "a ControlNet"), (evidence,))


def _passed_on(findings: Findings) -> bool:
    """Say whether something is known to stand between who makes an input and the denoiser."""
    return bool(findings.parts(Role.PRIOR)) or acts_at(findings, Place.CONDITIONING)


def _fewer_digits(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain that the denoiser is given what it was given, as a narrower dtype rounds it."""
    for pair in root.differing:
        if given_as(either(pair).key.value) is Given.CONTROL:
            continue
        if dtype := rounded_to(pair):
            evidence = f"what the denoiser is given differs as far as rounding to {dtype} moves it"
            words = f"{_input(either(pair).key.value)}, rounded to {dtype} on its way"
            weight = SHOWN if _passed_on(findings) else LIKELY / 2
            yield Suspicion(Cause.DTYPE, weight, words, (evidence,))


def _made_by(findings: Findings, root: Root, part: str, evidence: str) -> Iterator[Suspicion]:
    """Suspect who makes an input, unless all that is on record of it is what it was.

    Then it was altered on its way, and is named as what it is.
    """
    kind = given_as(part)
    cause = _CAUSES[kind]
    encoders = findings.parts(Role.IMAGE_ENCODER)
    digests = [key for each in encoders if (key := findings.digest_key(each))]
    acquitted = {
        Cause.SCHEDULER: findings.scheduler_same,
        Cause.IMAGE_ENCODER: bool(digests)
        and all(map(findings.same_key, digests))
        and _passed_on(findings),
    }
    if not acquitted.get(cause, False):
        yield Suspicion(cause, SHOWN, "", (evidence,))
        return
    told = acts_at(findings, root.place)
    if kind is Given.SAMPLE:
        yield Suspicion(cause, LIKELY / 2 if told else SHOWN, "", (evidence,))
        return
    yield Suspicion(cause, POSSIBLE if told else LIKELY, "", (evidence,))
    yield Suspicion(Cause.INPUT, _unless_declared(findings, part), _input(part), (evidence,))


def _unless_declared(findings: Findings, part: str = "") -> float:
    """Weigh that nobody asked for another input: what is on record of who did says more.

    But for times, sizes, masks and the like, which are made of nothing: they are what was done,
    whoever's method did it.
    """
    if any(field.startswith("call.") for field in findings.fields):
        return LIKELY / 2
    kind = given_as(part)
    itself = kind in MADE_OF_NOTHING or kind is Given.TIME or part.endswith("mask")
    return SHOWN if itself or not acts_at(findings, Place.CONDITIONING) else LIKELY / 2


def _input(part: str) -> str:
    """Name an input of the denoiser, and what it is."""
    part = BY_POSITION.get(part, part)
    last = part.rpartition(".")[2]
    meaning = "the attention mask" if last.endswith("mask") else _MEANINGS.get(last)
    return f"{last} ({meaning})" if meaning else part


def _of_a_later_call(root: Root) -> bool:
    """Say whether the first call of the step was given the same."""
    return all(either(pair).index for pair in root.differing)


def _switched(root: Root) -> str:
    """Say how one sees that guidance is on for one of the images alone; empty if it is not.

    Guidance predicts with and without the prompt: by two rows for an image in one call, or by two
    calls in a step.
    """
    rows = [(a.shape[0], b.shape[0]) for a, b in root.reshaped if a.shape and b.shape]
    if rows and all(set(pair) == {1, 2} for pair in rows):
        return f"the denoiser is given {rows[0][1]} rows for an image instead of {rows[0][0]}"
    if any(either(pair).index for pair in root.one_sided):
        return "the denoiser is called more or fewer times in a step"
    return ""


def _given_text(findings: Findings, root: Root, part: str, evidence: str) -> Iterator[Suspicion]:
    """Explain another text that the denoiser is given.

    The embeddings that the encoders returned are the same: so another of their layers is taken, or
    the call makes something else of them. Where a trace lacks them (a compiled encoder has no
    hook), nothing is known of what lies between the token ids and here.
    """
    if Place.EMBEDDINGS not in root.carried:
        told = 0.5 if acts_at(findings, root.place) else 1.0
        yield Suspicion(Cause.INPUT, LIKELY * told, _input(part), (evidence,))
        yield Suspicion(Cause.TEXT_ENCODER, LIKELY / 2 * told, "which of its layers", (evidence,))
        yield Suspicion(Cause.PROMPT, LIKELY / 4 * told, "", (evidence,))
    elif not is_rounding(findings, root):
        encoders = findings.parts(Role.TEXT_ENCODER)
        yield from computed_otherwise(Cause.TEXT_ENCODER, findings, root, encoders, evidence)
