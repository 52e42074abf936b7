"""A first divergence in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.generation.stages import Stage, StageRecord

_NAMES = {
    Stage.TOKEN_IDS: "token ids",
    Stage.PROMPT_EMBEDDINGS: "prompt embeddings",
    Stage.TIMESTEPS: "timesteps",
    Stage.SIGMAS: "sigmas",
    Stage.INITIAL_NOISE: "initial noise",
    Stage.LATER_NOISE: "later noise",
    Stage.INITIAL_LATENTS: "initial latents",
    Stage.DENOISING_STEP: "denoising steps",
    Stage.LATENTS_BEFORE_VAE: "latents before the VAE",
    Stage.FLOAT_IMAGE: "float image",
    Stage.PIXELS: "pixels",
}
_WITH_SOURCE = (Stage.TOKEN_IDS, Stage.PROMPT_EMBEDDINGS)
_GOES_WITHOUT_SAYING = {
    Stage.TOKEN_IDS: Stage.PROMPT_EMBEDDINGS,
    Stage.SIGMAS: Stage.TIMESTEPS,
    Stage.INITIAL_LATENTS: Stage.INITIAL_NOISE,
    Stage.INITIAL_NOISE: Stage.DENOISING_STEP,
    Stage.TIMESTEPS: Stage.DENOISING_STEP,
    Stage.PROMPT_EMBEDDINGS: Stage.DENOISING_STEP,
    Stage.DENOISING_STEP: Stage.LATENTS_BEFORE_VAE,
    Stage.LATENTS_BEFORE_VAE: Stage.FLOAT_IMAGE,
}
"""Where the second of a pair is identical, that the first is needs no words."""

Pairs = Sequence[tuple[StageRecord | None, StageRecord | None]]


def divergence_in_words(pairs: Pairs, place: int) -> str:
    """Say which stage differs and what before it is identical.

    ``pairs`` are the stages in the order of the flow, ``place`` is the first that differs.
    """
    text = _named(pairs, place) + _change(*pairs[place])
    same = _identical_before(pairs, place)
    if not same:
        return text
    *others, last = same
    listed = f"{', '.join(others)} and {last}" if others else last
    verb = "is" if same in (["initial noise"], ["float image"]) else "are"
    return f"{text}; {listed} {verb} identical"


def _named(pairs: Pairs, place: int) -> str:
    record = _either(*pairs[place])
    alike = [each for each in (_either(*pair) for pair in pairs) if each.key[:2] == record.key[:2]]
    if record.stage is Stage.DENOISING_STEP:
        return f"denoising step {record.index + 1} of {len(alike)}"
    name = _NAMES[record.stage]
    if record.stage in _WITH_SOURCE and record.source:
        name = f"{name} of {record.source}"
    return f"{name} ({record.index + 1} of {len(alike)})" if len(alike) > 1 else name


def _change(accepted: StageRecord | None, present: StageRecord | None) -> str:
    if accepted is None:
        return ", which the accepted image's trace lacks"
    if present is None:
        return ", which only the accepted image's trace has"
    if accepted.dtype != present.dtype:
        return f", {accepted.dtype} → {present.dtype}"
    if accepted.shape != present.shape:
        return f", shape {_shape(accepted)} → {_shape(present)}"
    return ""


def _shape(record: StageRecord) -> str:
    return " x ".join(map(str, record.shape)) or "()"


def _identical_before(pairs: Pairs, place: int) -> list[str]:
    """Name the kinds of stages that lie wholly before ``place`` and are therefore identical."""
    before = dict.fromkeys(_either(*pair).stage for pair in pairs[:place])
    whole = [stage for stage in before if stage not in set(_stages(pairs[place:]))]
    return [_NAMES[each] for each in whole if not _implied(each, whole)]


def _stages(pairs: Pairs) -> Iterator[Stage]:
    return (_either(*pair).stage for pair in pairs)


def _implied(stage: Stage, whole: Sequence[Stage]) -> bool:
    later = _GOES_WITHOUT_SAYING.get(stage)
    return later is not None and (later in whole or _implied(later, whole))


def _either(accepted: StageRecord | None, present: StageRecord | None) -> StageRecord:
    record = present or accepted
    assert record is not None  # noqa: S101 - a pair is of at least one record
    return record
