"""From what a source states to what a case of a suite can say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.recipes.defaults import not_stated
from goldenseed.recipes.fields import (
    Concept,
    Fidelity,
    Field,
    Recipe,
    Source,
    Stated,
    approximate,
    exact,
    unsupported,
)
from goldenseed.recipes.numbers import number, whole
from goldenseed.recipes.prompts import plain, tags_of
from goldenseed.recipes.samplers import canonical, scheduler_for
from goldenseed.suite.sections import LARGEST_SEED

_LARGEST_SIDE: Final = 100_000
_SIZE = re.compile(r"(\d{1,6})\s*[xX*\u00d7\u2715]\s*(\d{1,6})")
_DRAWING = frozenset({"euler a", "dpm2 a", "dpm++ 2s a", "ddpm", "lcm", "tcd"})
"""Samplers that draw noise in every step, from the generator of the initial noise."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the caller knows beside the source."""

    model: str | None = None
    """The suite's ``model.source``."""
    flow: bool = False
    """Whether that model's own scheduler is one of flow matching."""
    seed: int | None = None
    """In place of one that the source lacks or that is no fixed one."""
    loras: Mapping[str, str] = field(default_factory=dict)
    """LoRA files by their name without its ending, as a suite's ``source`` names them."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One field with all that may bear on it."""

    stated: Stated
    source: Source
    given: Given

    @property
    def sampler(self) -> str:
        """The sampler's name in the table, or ``""``."""
        stated = self.source.of(Concept.SAMPLER)
        return canonical(stated.value)[0] if stated else ""


_How = Callable[[_Asked], Field]


def interpret(source: Source, given: Given) -> Recipe:
    """Return the source as a recipe: each of its fields, and what became of it.

    Raises:
        GoldenseedError: neither the source nor the caller has a fixed seed.

    """
    fields = [one for stated in source.stated for one in _one(stated, source, given)]
    fields += not_stated(source, given)
    recipe = Recipe(source, tuple(fields))
    if "seeds" not in recipe.keys:
        raise GoldenseedError(
            "states no fixed seed, and a case needs one",
            path=source.name,
            fix="give it with --seed",
        )
    return recipe


def _one(stated: Stated, source: Source, given: Given) -> Iterator[Field]:
    if stated.concept in {Concept.PROMPT, Concept.NEGATIVE}:
        yield from _prompt(stated, source, given)
        return
    how = _HOW.get(stated.concept) if stated.concept else None
    if how is None:
        yield unsupported(stated, stated.known or "nothing here knows this field")
    else:
        yield how(_Asked(stated, source, given))


def _prompt(stated: Stated, source: Source, given: Given) -> Iterator[Field]:
    bare, tags = tags_of(stated.value)
    words, left_out = plain(bare, source.format)
    key = "prompt" if stated.concept is Concept.PROMPT else "call.negative_prompt"
    if left_out:
        yield approximate(stated, {key: words}, left_out)
    else:
        yield exact(stated, {key: words})
    adapters = []
    for tag in tags:
        said = Stated(tag.kind, tag.text)
        file = given.loras.get(tag.name) if tag.kind == "lora" else None
        scale = number(tag.scale)
        if file is None or scale is None or stated.concept is Concept.NEGATIVE:
            why = (
                "no file of this name is among --loras"
                if tag.kind == "lora"
                else f"a {tag.kind} has no place in a suite"
            )
            yield unsupported(said, why)
            continue
        adapters.append({"source": file, "scale": scale})
        yield approximate(
            said,
            {"model.adapters": list(adapters)},
            "the file is known by its name only",
        )


def _seed(asked: _Asked) -> Field:
    stated = asked.stated
    seed = whole(stated.value)
    if seed is None or not 0 <= seed <= LARGEST_SEED:
        if asked.given.seed is not None:
            why = f"is no fixed seed: {asked.given.seed} was given in its place"
            return approximate(stated, {"seeds": [asked.given.seed]}, why)
        return unsupported(stated, "is no fixed seed from 0 to 2^63 - 1")
    return exact(stated, {"seeds": [seed]})


def _size(asked: _Asked) -> Field:
    stated = asked.stated
    found = _SIZE.fullmatch(stated.value.strip())
    if found is None or not all(0 < int(side) <= _LARGEST_SIDE for side in found.groups()):
        return unsupported(stated, "is no width x height")
    return exact(stated, {"call.width": int(found[1]), "call.height": int(found[2])})


def _whole_above_zero(key: str) -> _How:
    def read(asked: _Asked) -> Field:
        stated = asked.stated
        value = whole(stated.value)
        if value is None or not 0 < value <= _LARGEST_SIDE:
            return unsupported(stated, "is no whole number above 0")
        return exact(stated, {key: value})

    return read


def _guidance(asked: _Asked) -> Field:
    stated = asked.stated
    value = number(stated.value)
    if value is None:
        return unsupported(stated, "is no number")
    if asked.source.of(Concept.DISTILLED):
        return approximate(
            stated, {"call.true_cfg_scale": value}, "taken for the true CFG of a distilled model"
        )
    return exact(stated, {"call.guidance_scale": value})


def _distilled(asked: _Asked) -> Field:
    stated = asked.stated
    value = number(stated.value)
    if value is None:
        return unsupported(stated, "is no number")
    return exact(stated, {"call.guidance_scale": value})


def _sampler(asked: _Asked) -> Field:
    stated = asked.stated
    if asked.given.flow or asked.source.of(Concept.DISTILLED):
        if asked.sampler == "euler":
            return approximate(
                stated, {}, "the model's own scheduler of flow matching is used, with its own times"
            )
        return unsupported(stated, "the model's own scheduler of flow matching is used")
    schedule = asked.source.of(Concept.SCHEDULE)
    steps = asked.source.of(Concept.STEPS)
    chosen = scheduler_for(
        stated.value,
        schedule.value if schedule else None,
        whole(steps.value) if steps else None,
    )
    keys = {} if chosen.scheduler is None else {"model.scheduler": dict(chosen.scheduler)}
    why = chosen.why
    fidelity = chosen.fidelity
    if asked.source.format == "comfyui" and asked.sampler in _DRAWING and keys:
        why = "; ".join(filter(None, (why, "ComfyUI draws the noise of the steps on the device")))
        fidelity = Fidelity.APPROXIMATE
    return Field(stated.name, stated.value, fidelity, why, keys)


def _schedule(asked: _Asked) -> Field:
    stated = asked.stated
    sampler = asked.source.of(Concept.SAMPLER)
    if sampler is None:
        return unsupported(stated, "there is no sampler beside it")
    done = _sampler(replace(asked, stated=sampler))
    return Field(stated.name, stated.value, done.fidelity, "part of the sampler: see there")


def _clip_skip(asked: _Asked) -> Field:
    stated = asked.stated
    layers = whole(stated.value)
    if layers is not None and asked.source.format == "invokeai":
        layers += 1  # it counts those that are left out, as diffusers does
    if layers is None or layers == 0 or abs(layers) > _LARGEST_SIDE:
        return unsupported(stated, "is no number of layers")
    # Both A1111's `Clip skip: 2` and ComfyUI's layer -2 leave out the last one.
    skipped = abs(layers) - 1
    return exact(stated, {"call.clip_skip": skipped} if skipped else {})


def _eta(asked: _Asked) -> Field:
    stated = asked.stated
    value, name = number(stated.value), asked.sampler
    if value is not None and name == "ddim":
        return exact(stated, {"call.eta": value})
    if value == 1 and name in _DRAWING:
        return exact(stated, {})
    return unsupported(stated, "diffusers' scheduler takes no eta")


def _noise_delta(asked: _Asked) -> Field:
    stated = asked.stated
    draws = asked.sampler in _DRAWING or not asked.sampler
    if whole(stated.value) == 0 or not draws:
        return exact(stated, {}, "has no effect here")
    return unsupported(stated, "diffusers draws the noise of the steps from the seed's generator")


def _rng(asked: _Asked) -> Field:
    stated = asked.stated
    where = stated.value.strip().casefold()
    if where == "cpu":
        return exact(stated, {"noise": "cpu"})
    if where in {"gpu", "cuda"}:
        return approximate(stated, {"noise": "device"}, "a GPU's numbers depend on the card")
    if where == "nv":
        return approximate(
            stated, {"noise": "device"}, "an NVIDIA GPU's numbers, as that card draws them here"
        )
    return unsupported(stated, "is no known source of random numbers")


def _denoise(asked: _Asked) -> Field:
    stated = asked.stated
    if number(stated.value) == 1:
        return exact(stated, {})
    return unsupported(
        stated, "it began with a picture: give that under `inputs`, and this as `strength`"
    )


def _model(asked: _Asked) -> Field:
    stated = asked.stated
    if asked.given.model is None:
        return unsupported(stated, "names no folder or hub id: give one with --model")
    return approximate(
        stated,
        {},
        f"{asked.given.model} was named for it, and nothing here shows that it is the same",
    )


def _made_by(asked: _Asked) -> Field:
    stated = asked.stated
    return unsupported(stated, "another program: libraries and their versions are the lock's")


_HOW: Mapping[Concept, _How] = {
    Concept.SEED: _seed,
    Concept.SIZE: _size,
    Concept.WIDTH: _whole_above_zero("call.width"),
    Concept.HEIGHT: _whole_above_zero("call.height"),
    Concept.STEPS: _whole_above_zero("call.num_inference_steps"),
    Concept.GUIDANCE: _guidance,
    Concept.DISTILLED: _distilled,
    Concept.SAMPLER: _sampler,
    Concept.SCHEDULE: _schedule,
    Concept.CLIP_SKIP: _clip_skip,
    Concept.ETA: _eta,
    Concept.RNG: _rng,
    Concept.NOISE_DELTA: _noise_delta,
    Concept.DENOISE: _denoise,
    Concept.MODEL: _model,
    Concept.FORMAT: _made_by,
}
