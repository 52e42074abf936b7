"""What a differing key means where its values, or other keys, say more than its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from goldenseed.diagnosis.effects import Effect, effect_of
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place
from goldenseed.diagnosis.suspicion import LIKELY, RECORDED, Size
from goldenseed.diagnosis.where import DENOISER
from goldenseed.environment.keys import declaration_of
from goldenseed.suite.parts import Role, role_of
from goldenseed.trace.stages import Stage

if TYPE_CHECKING:
    from goldenseed.diagnosis.evidence import Findings
    from goldenseed.environment.fingerprint import KeyDifference, Value

_FOLLOWS: Final[Mapping[str, tuple[str, ...]]] = {
    ".sha256": (".dtype", ".quantisation", ".weights_sha256"),
    ".weights_sha256": (".dtype", ".quantisation"),
    ".parameters": (".class", ".quantisation", ".adapters"),
    ".memory_format": (".class",),
    ".training": (".adapters", ".parameters"),
    ".processors_sha256": (".processors",),
    ".switches": (".tiling", ".slicing"),
    ".hooks": (".dtype", ".quantisation"),
    ".attributes_sha256": (
        ".class",
        ".parameters",
        ".switches",
        ".hooks",
        ".forwards",
        ".adapters",
        ".tiling",
        ".slicing",
        ".dtype",
    ),
}
"""Digests of values follow from their dtype, and so on: what follows is no evidence of its own."""
_ADAPTED: Final = (".sha256", ".weights_sha256")
_FILES_PUT_ON: Final = {
    Role.TEXT_ENCODER: ("adapter_file.", "embedding_file."),
    Role.DENOISER: ("adapter_file.", "ip_adapter_file."),
}
"""Families of keys of files whose numbers are then among those of a part."""
_LATER: Final = frozenset({Place.LATER_STEP, Place.ANYWHERE})
_STARTED_ELSEWHERE: Final = _LATER | {Place.LATENTS, Place.CONDITIONING}
_CACHE: Final = re.compile(r"(?i)cache|FBC|broadcast|taylor")
"""How diffusers' caches of steps are called, and the hooks that they work by."""
_HOLDS_HOOKS: Final = re.compile(r"model\.[^.]+\.(hooks|forwards|switches)|pipeline\.offload")
_EXACT_ATTENTION: Final = re.compile(
    r"(Attn|SlicedAttn|FusedAttn|XFormersAttn|FluxAttn)(AddedKV)?Processor(2_0)?( x \d+)?"
)
"""Processors of diffusers that compute the same and differ in the order of sums alone."""
_LOSSY_ATTENTION: Final = re.compile(r"(?i)sage|fp8|int8|quant")
"""Processors and back ends that compute attention in fewer bits."""


def meaning_of(difference: KeyDifference, findings: Findings) -> Effect | None:
    """Return what this very difference does; None where it says nothing of its own."""
    key = difference.key
    effect = effect_of(key)
    if effect is None or _follows(key, findings):
        return None
    return _by_values(difference, effect, findings)


def _by_values(difference: KeyDifference, effect: Effect, findings: Findings) -> Effect | None:
    key, old, new = difference.key, str(difference.old), str(difference.new)
    same = old.removesuffix(" (asked)") == new.removesuffix(" (asked)")
    if same or (key == "package.scipy" and _without_scipy(findings)):
        return None
    if key.startswith("call."):
        return _in_the_call(effect, difference, findings)
    if _HOLDS_HOOKS.fullmatch(key) and _CACHE.search(f"{old} {new}"):
        places = DENOISER | {Place.LATER_STEP}
        return replace(effect, cause=Cause.CACHE, places=places, weight=RECORDED, size=Size.ANY)
    if key.startswith("attention.") and key.endswith(".processors"):
        return replace(effect, size=_size_of_attention(difference))
    return _of_a_part(difference, effect, findings)


def _of_a_part(difference: KeyDifference, effect: Effect, findings: Findings) -> Effect:
    """Tell adapters from layers that are gone, and files that matter from those written anew."""
    key, part = difference.key, effect.component
    if key.endswith(".parameters") and _grew(difference) and _same_files(part, findings):
        # More numbers than its files have, and the files are what they were.
        return replace(effect, cause=Cause.LORA)
    if key.startswith("model_file.") and f"model.{part}.attributes_sha256" in findings.keys:
        # What is loaded is another too: not a field that says with which release it was written.
        return replace(effect, weight=RECORDED)
    adapted = part is not None and key.endswith(_ADAPTED)
    if adapted and _same_files(part, findings) and _other_files(part, findings):
        # It holds modules of the part whose file is another: the ControlNet of Z-Image does.
        return replace(effect, weight=LIKELY)
    if key.endswith(".attributes_sha256") and role_of(part) is Role.DECODER:
        return replace(effect, cause=Cause.VAE_WEIGHTS)
    return effect


def _without_scipy(findings: Findings) -> bool:
    """Say whether the scheduler is known, and none of those whose tables SciPy makes."""
    name = findings.value("scheduler.class")
    integrates = name is None or str(name).startswith("LMS")
    return not integrates and findings.value("scheduler.config.use_beta_sigmas") is not True


def _in_the_call(effect: Effect, difference: KeyDifference, findings: Findings) -> Effect | None:
    old, new = str(difference.old), str(difference.new)
    if difference.key.endswith(".rows"):
        return _of_rows(effect, old, new)
    if old.count(" x ") == new.count(" x ") == 1 and _first_of(old) == _first_of(new):
        # One scale throughout, in more or fewer steps: a scheduler's, or they are left out.
        if any(key.startswith("scheduler.") for key in findings.keys):
            return None
        if _as_many_steps(findings):  # in some of them guidance is left out
            return replace(effect, places=_LATER)
        return replace(effect, cause=Cause.STEPS, places=_STARTED_ELSEWHERE, weight=3 * LIKELY)
    same = _first_of(old) == _first_of(new)
    return replace(effect, places=_LATER) if same else effect


def _as_many_steps(findings: Findings) -> bool:
    """Say whether both traces have the same number of denoising steps, one at least."""
    sides = (findings.sides.accepted.trace or (), findings.sides.present.trace or ())
    counts = {sum(each.stage is Stage.DENOISING_STEP for each in side) for side in sides}
    return len(counts) == 1 and counts != {0}


def rows_of(value: object) -> list[tuple[int, int]]:
    """Parse how many rows a denoiser is given in how many steps: ``2 x 8, 1 x 12``."""
    parts = [each.partition(" x ") for each in str(value).split(", ")]
    if not all(rows.isdigit() and steps.isdigit() for rows, _, steps in parts):
        return []
    return [(int(rows), int(steps)) for rows, _, steps in parts]


def _of_rows(effect: Effect, old: str, new: str) -> Effect | None:
    """Tell guidance, which takes rows of its own, from a batch and from another number of steps."""
    before, now = rows_of(old), rows_of(new)
    if not before or not now:
        return effect
    if [rows for rows, _ in before] == [rows for rows, _ in now] and len(before) == 1:
        return None
    if len(before) == len(now) == 1:
        guided = {before[0][0], now[0][0]} == {1, 2}
        cause = Cause.GUIDANCE if guided else Cause.BATCH
        return replace(effect, cause=cause, weight=LIKELY)
    return replace(effect, places=_LATER if before[0][0] == now[0][0] else effect.places)


def _first_of(schedule: object) -> str:
    """Return the first value of ``4.0 x 8, 1.0 x 12``."""
    return str(schedule).partition(" x ")[0]


def _size_of_attention(difference: KeyDifference) -> Size:
    """Say how far processors move a stage: a class that diffusers does not ship, anywhere."""
    values = (str(difference.old), str(difference.new))
    if any(map(_LOSSY_ATTENTION.search, values)):
        return Size.LOSSY
    parts = {part for value in values for part in value.split(", ")}
    common = set(values[0].split(", ")) & set(values[1].split(", "))
    return Size.ROUNDING if all(map(_EXACT_ATTENTION.fullmatch, parts - common)) else Size.ANY


def _follows(key: str, findings: Findings) -> bool:
    for end, reasons in _FOLLOWS.items():
        if key.endswith(end) and any(
            key.removesuffix(end) + reason in findings.keys for reason in reasons
        ):
            return True
    if key == "pipeline.attributes_sha256":
        return any(each.startswith("pipeline.attributes.") for each in findings.keys)
    declared = declaration_of(key)
    if declared is not None and not findings.keys.keys().isdisjoint(declared.follows):
        of_libraries = key.startswith("pipeline.attributes.")
        return of_libraries or key.endswith((".attributes_sha256", ".processors_sha256"))
    if key.endswith(".attributes_sha256"):
        component = key.split(".")[1]
        reasons = (f"model_file.{component}/config.json", "pipeline.fused_loras")
        return any(each in findings.keys for each in reasons)
    return key.endswith(_ADAPTED) and _adapted(key, findings)


def _adapted(key: str, findings: Findings) -> bool:
    """Say whether a digest differs for what was put on, or merged into, the same weights."""
    component = key.split(".")[1]
    own = f"model.{component}"
    adapters = (f"{own}.adapters", f"{own}.parameters", "pipeline.fused_loras")
    changed = [findings.keys[each] for each in adapters if each in findings.keys]
    added = any(not each.key.endswith(".parameters") or _grew(each) for each in changed)
    put_on = _FILES_PUT_ON.get(role_of(component), ("adapter_file.",))
    added = added or any(key.startswith(put_on) for key in findings.keys)
    return added and _same_files(component, findings)


def _grew(parameters: KeyDifference) -> bool:
    """Say whether a part has more numbers than it had: adapters add some, and take none away."""
    old, new = parameters.old, parameters.new
    return isinstance(old, int) and isinstance(new, int) and new > old


def _same_files(component: str, findings: Findings) -> bool:
    """Say whether the files of a component are on record on both sides, and the same."""
    known = findings.sides.present.environment or {}
    own = {key for key in known if _is_file_of(component, key, known)}
    return bool(own) and own.isdisjoint(findings.keys)


def _other_files(component: str, findings: Findings) -> bool:
    """Say whether the weights' file of another component is another."""
    known = findings.sides.present.environment or {}
    return any(
        key.startswith("model_file.")
        and key.endswith((".safetensors", ".bin"))
        and not _is_file_of(component, key, known)
        for key in findings.keys
    )


def _is_file_of(component: str, key: str, known: Mapping[str, Value]) -> bool:
    """Say whether a key is of a file of the component: ``controlnet_1`` is the second of a list."""
    head, _, path = key.partition(".")
    folder = path.partition("/")[0]
    if head != "model_file" or not folder.startswith(component):
        return False
    number = folder.removeprefix(component).removeprefix("_")
    return not number or (number.isdigit() and f"model.{folder}.class" not in known)
