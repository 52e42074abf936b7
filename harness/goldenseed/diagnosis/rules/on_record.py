"""What is on record of how the two images were made: fields of the recipe, keys of the fingerprint.

The suite declares the recipe; the environment's fingerprint is recorded. Both are looked at for
what differs and takes effect at the root.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from goldenseed.core.changes import changed
from goldenseed.diagnosis import effects, where
from goldenseed.diagnosis.effects import CAUSES_OF_WEIGHTS, Effect
from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.foreign import KEYS as FOREIGN
from goldenseed.diagnosis.foreign import foreign
from goldenseed.diagnosis.meaning import meaning_of
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.passed import field_of_key, is_passed_on
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.suspicion import DECLARED, RECORDED, Size, Suspicion, fit, is_rounding
from goldenseed.environment.fingerprint import KeyDifference
from goldenseed.suite.parts import role_of
from goldenseed.suite.recipes import FieldDifference

_ATTENTION: Final = where.DENOISER | where.TEXT | where.VAE
_LORA: Final = where.DENOISER | where.TEXT
_STEPS: Final = frozenset({Place.SCHEDULE, Place.LATER_STEP})
_LAYER: Final = where.TEXT | where.DENOISER | {Place.CONDITIONING}
"""The layers that are not recorded show where the denoiser is given one of them."""
_BEGUN: Final = where.SCHEDULE | where.NOISE | where.STARTED | where.BETWEEN_STEPS
"""How much of the schedule is passed, and with what it begins."""
_STEERED: Final = where.DENOISER | {Place.CONDITIONING}
_IMAGES: Final = where.IMAGE_ENCODER | {Place.LATENTS}
_FIELDS: Final = (
    (r"prompt\..*", Cause.LANGUAGE_MODEL, where.TEXT | {Place.WRITTEN, Place.TOKEN_IDS}),
    (r"prompt|call\.(negative_)?prompt(_\d)?", Cause.PROMPT, where.TEXT | {Place.TOKEN_IDS}),
    (r"safety", Cause.SAFETY_CHECKER, where.CONVERSION),
    (r"seed|noise(\..*)?|call\.latents", Cause.SEED, where.NOISE),
    (r"call\.generator", Cause.SEED, where.NOISE | {Place.LATER_STEP}),
    (r"call\.num_inference_steps", Cause.STEPS, _STEPS),
    (r"call\.(strength|denoising_(start|end))", Cause.CALL, _BEGUN),
    (r"call\.(control\w*|guess_mode|\w*_conditioning_(scale|factor))", Cause.CALL, _STEERED),
    (r"call\.(timesteps|sigmas|eta)(\..*)?", Cause.SCHEDULER, where.SCHEDULE),
    (r"model\.scheduler(\..*)?", Cause.SCHEDULER, where.SCHEDULE),
    (r"call\.\w*(guidance|cfg|pag_)\w*", Cause.GUIDANCE, where.GUIDANCE),
    (r"call\.clip_skip", Cause.TEXT_ENCODER, _LAYER),
    (r"call\.(height|width)", Cause.NOISE, where.SIZE),
    (r"call\.(padding_mask_crop|resiz\w*|resampl\w*)", Cause.CALL, where.STARTED),
    (r"call\.\w*(size|crop\w*|score|label\w*|fps|bucket_id)", Cause.CALL, where.TOLD_OF),
    (r"call\.\w*(length|caption|instruction|template|system\w*)", Cause.CALL, where.TOLD),
    (r"call\.(decode_\w+|\w*safety\w*)", Cause.CALL, where.VAE | where.CONVERSION),
    (r"call\.num_images_per_prompt", Cause.BATCH, where.EVERYWHERE),
    (r"model\.adapters(\..*)?", Cause.LORA, _LORA),
    (r"model\.ip_adapters(\..*)?", Cause.IP_ADAPTER, where.IMAGE_ENCODER),
    (r"model\.embeddings(\..*)?", Cause.EMBEDDING, where.TEXT | {Place.TOKEN_IDS}),
    (r"model\.vae(\..*)?", Cause.VAE_TILING, where.VAE | {Place.LATENTS}),
    (r"model\.(offload|device_map|compile)(\..*)?", Cause.KERNELS, where.COMPUTED),
    (r"model\.quantization(\..*)?", Cause.DTYPE, where.COMPUTED),
    (r"model\.component_dtypes(\..*)?", Cause.DTYPE, where.COMPUTED | where.NOISE),
    (r"call\.\w*attention_kwargs(\..*)?", Cause.LORA, _LORA),
    (r"inputs\.(negative_)?(pooled_)?prompt_embeds\w*(\..*)?", Cause.CASE_INPUT, _LAYER),
    (r"inputs\..*", Cause.CASE_INPUT, where.EVERYWHERE),
    (r"call\.\w*image\w*(\..*)?", Cause.IMAGE_ENCODER, _IMAGES),
    (r"model\.dtype|determinism", Cause.DTYPE, where.COMPUTED),
    (r"model\..*", Cause.MODEL, where.EVERYWHERE),
    (r"determinism\.(threads|cpu_isa)", Cause.CPU, where.COMPUTED),
    (r"determinism\.(sdpa|attention_\w+)", Cause.ATTENTION, _ATTENTION),
    (r"determinism\.(float32_precision|reduced_\w+)", Cause.MATMUL_PRECISION, where.COMPUTED),
    (r"determinism\..*", Cause.KERNELS, where.COMPUTED),
    (r"call\..*", Cause.CALL, where.EVERYWHERE),
)
"""Field, cause, and where it takes effect; the first that fits."""
_COMPILED: Final = tuple((re.compile(field), cause, places) for field, cause, places in _FIELDS)
_SAID_BY_THE_CAUSE: Final = frozenset({"prompt", "seed", "num_inference_steps", "guidance_scale"})
_SIZES: Final = tuple(
    (re.compile(field), size)
    for field, size in (
        (r"determinism\.sdpa", Size.ROUNDING),
        (r"determinism\.attention_\w+", Size.LOSSY),
        (r"determinism\.(float32_precision|reduced_\w+)", Size.REDUCED),
        (r"determinism\..+", Size.ROUNDING),
    )
)
"""How far a setting of the arithmetic moves a stage; any other field, as far as may be."""
_OF_A_PATCH: Final = 0.3
"""What remains of the weight of a patch where no more than rounding is seen."""
_VAGUE: Final = {Cause.CALL: 0.45, Cause.MODEL: 0.3}
"""What share of the weight remains where a field may act anywhere: an argument stays before what
the trace alone shows, and behind what is on record of a part."""


def declared(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Suspect every field of the recipe that differs and takes effect at ``root``."""
    for difference in findings.fields.values():
        found = _cause_of(difference)
        if found is None or not effects.touches(_where(difference, found[1]), root):
            continue
        cause, places = found
        field = difference.field.removeprefix("call.")
        change = changed(field, difference.old, difference.new)
        words = change.removeprefix(f"{field} ") if field in _SAID_BY_THE_CAUSE else change
        size = _size_of_field(difference)
        weight = DECLARED * _share(cause, places, findings) * fit(size, findings, root)
        if weight and (size is not Size.ROUNDING or root.beyond is None):
            yield Suspicion(cause, weight, words, (_said(difference.field, change, findings),))


def _said(field: str, change: str, findings: Findings) -> str:
    if is_passed_on(field, findings.keys):
        return f"a foreign call passes on another argument than it is given: {change}"
    return f"the recipe differs: {change}"


def places_of_field(field: str) -> frozenset[Place] | None:
    """Return where a field of the recipe takes effect; None for one that nothing is known of."""
    found = _cause_of(FieldDifference(field, None, None))
    return found[1] if found else None


def _where(difference: FieldDifference, places: frozenset[Place]) -> frozenset[Place]:
    """Say where a field takes effect: guidance encodes another text only where it is switched."""
    scales = (difference.old, difference.new)
    on = all(isinstance(each, int | float) and each > 1 for each in scales)
    scaled = on and difference.field == "call.guidance_scale"
    return places - where.SWITCHED if scaled else places


def _size_of_field(difference: FieldDifference) -> Size:
    found = (size for field, size in _SIZES if field.fullmatch(difference.field))
    return next(found, Size.ANY)


def _share(cause: Cause, places: frozenset[Place], findings: Findings) -> float:
    """Weigh how much a field says: another model where its parts are others says it all."""
    if cause is Cause.CALL and places != where.EVERYWHERE:
        return 1.0
    digests = (".sha256", ".weights_sha256")
    others = any(key.startswith("model.") and key.endswith(digests) for key in findings.keys)
    return 1.0 if cause is Cause.MODEL and others else _VAGUE.get(cause, 1.0)


def _cause_of(difference: FieldDifference) -> tuple[Cause, frozenset[Place]] | None:
    head, _, rest = difference.field.partition("model.components.")
    if rest and not head:
        part = rest.partition(".")[0]
        cause = CAUSES_OF_WEIGHTS.get(role_of(part), Cause.MODEL)
        return cause, effects.of_component(part)
    return next(
        (
            (cause, places)
            for field, cause, places in _COMPILED
            if field.fullmatch(difference.field)
        ),
        None,
    )


_SCHEDULER_IS = ("scheduler.class", "scheduler.config.")


def recorded(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Suspect every cause that a differing key stands for, if it takes effect at ``root``.

    What takes effect at the fewest places comes first: of several packages it tells the most.
    """
    meant = [(each, meaning_of(each, findings)) for each in findings.keys.values()]
    known = [(each, effect) for each, effect in meant if effect is not None]
    for difference, own in sorted(known, key=lambda each: len(each[1].places)):
        if not takes_effect(own, findings, root):
            continue
        key, effect = difference.key, own
        # What is switched inside the call is what was done, whoever's hook may have done it.
        switched = own.size is Size.REDUCED and findings.inside(key)
        weight = (RECORDED if switched else own.weight) * fit(own.size, findings, root)
        if key.startswith("scheduler.") and key.endswith("sha256"):
            if any(each.startswith(_SCHEDULER_IS) for each in findings.keys):
                continue  # its numbers and tables follow from these
            if key.endswith("_sha256"):
                effect, weight = _table(effect, findings, root)
        if effect.cause is Cause.PATCH and is_rounding(findings, root):
            weight *= _OF_A_PATCH
        if weight:
            yield _suspicion(effect, weight, difference, root, inside=findings.inside(key))


def patched(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Suspect methods and functions of others that are new on record, and can act at ``root``.

    A difference no larger than rounding is seldom what somebody's function makes.
    """
    weigh = _OF_A_PATCH if is_rounding(findings, root) else 1.0
    for each in foreign(findings):
        if effects.touches(each.effect.places, root):
            evidence = f"{each.key} in the fingerprint: {each.words}"
            weight = each.effect.weight * weigh
            yield Suspicion(each.effect.cause, weight, each.words, (evidence,), (each.key,))


def explains(key: str, findings: Findings, roots: Sequence[Root]) -> bool:
    """Say whether a key that differs can explain one of ``roots``; True where it is not known."""
    if key in FOREIGN:
        found = [each.effect for each in foreign(findings) if each.key == key]
        return any(effects.touches(each.places, root) for each in found for root in roots)
    if field := field_of_key(key):
        places = places_of_field(field) or where.EVERYWHERE
        return any(effects.touches(places, root) for root in roots)
    effect = meaning_of(findings.keys[key], findings) or effects.effect_of(key)
    return effect is None or any(takes_effect(effect, findings, root) for root in roots)


def takes_effect(effect: Effect, findings: Findings, root: Root) -> bool:
    """Say whether a difference in a key with this effect can explain ``root``."""
    if effect.cuda_only and _no_gpu(findings):
        return False
    return effects.touches(effect.places, root, effect.component)


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
    keys = (difference.key,)
    return Suspicion(effect.cause, weight, _short(words, effect), tuple(evidence), keys)


def _short(words: str, effect: Effect) -> str:
    """Leave out what goes without saying: that a digest differs."""
    if effect.cause in CAUSES_OF_WEIGHTS.values() and "sha256" in words and effect.component:
        its = ", its configuration" if "attributes" in words else ""
        return f"{effect.component}{its}"
    return words.removeprefix("package.")


def _no_gpu(findings: Findings) -> bool:
    sides = (findings.sides.accepted.environment, findings.sides.present.environment)
    return all(side is not None and side.get("device.type") == "cpu" for side in sides)


def _table(effect: Effect, findings: Findings, root: Root) -> tuple[Effect, float]:
    """Judge a table of a scheduler whose class and configuration are the same.

    It differs by what the processor makes of a cumulative product (6e-8), or was tampered with.
    """
    rounding = fit(Size.ROUNDING, findings, root)
    if root.beyond is not None and root.place is Place.LATER_STEP:
        return effect, 0.0
    if root.place is Place.SCHEDULE and not root.distance:
        rounding = 0.0
    if rounding > 0.5:  # noqa: PLR2004 - more likely than not
        return Effect(Cause.CPU, effect.places, 15.0, Size.ROUNDING), 15.0 * rounding
    return effect, effect.weight
