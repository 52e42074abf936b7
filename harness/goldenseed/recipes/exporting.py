"""A case of a suite as a recipe that other people and programs read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.recipes.fields import Concept, Fidelity, Field
from goldenseed.recipes.infotext import read_infotext
from goldenseed.recipes.sampler_names import names_for
from goldenseed.recipes.text_block import read_block, write_block
from goldenseed.suite.between import texts_of
from goldenseed.suite.cases import Case
from goldenseed.suite.recipes import recipe_of, recipe_sha256


class Format(StrEnum):
    """What a recipe can be written as."""

    TEXT = "text"
    A1111 = "a1111"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Exported:
    """A recipe as text, and what of the case is not in it."""

    text: str
    left_out: tuple[Field, ...]


def export(case: Case, form: Format) -> Exported:
    """Return the case's recipe in the format; in ``json`` it is whole.

    Raises:
        GoldenseedError: the format cannot hold the prompt to the letter.

    """
    recipe = recipe_of(case)
    if form is Format.JSON:
        whole = {"format": "goldenseed-recipe", "sha256": recipe_sha256(recipe), "recipe": recipe}
        return Exported(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", ())
    call = dict(case.arguments())
    scheduler = recipe["model"].get("scheduler")  # type: ignore[union-attr]
    names = names_for(scheduler) if isinstance(scheduler, dict) else None
    text, said = (_block if form is Format.TEXT else _infotext)(case, call, names)
    _check(text, case, form)
    return Exported(text, tuple(_left_out(recipe, call, said, names, form)))


_Written = tuple[str, frozenset[str]]
_Names = tuple[str, str | None] | None


def _block(case: Case, call: Mapping[str, Any], names: _Names) -> _Written:
    fields: list[tuple[str, str, bool]] = [("Seed", str(case.seed), False)]
    said = set()
    if isinstance(case.prompt, str):
        fields.append(("Prompt", case.prompt, True))
    if isinstance(call.get("negative_prompt"), str):
        fields.append(("Negative", call["negative_prompt"], True))
        said.add("negative_prompt")
    if _has_size(call):
        fields.append(("Size", f"{call['width']}x{call['height']}", False))
        said |= {"width", "height"}
    for key, label in (("num_inference_steps", "Steps"), ("guidance_scale", "CFG")):
        if _is_number(call.get(key)):
            fields.append((label, repr(call[key]), False))
            said.add(key)
    fields += [(name, value, False) for name, value in _sampler(names)]
    if isinstance(call.get("clip_skip"), int):
        fields.append(("Clip skip", str(call["clip_skip"] + 1), False))
        said.add("clip_skip")
    return write_block(fields), frozenset(said)


def _sampler(names: _Names) -> Iterator[tuple[str, str]]:
    if names is not None:
        yield "Sampler", names[0]
        if names[1] is not None:
            yield "Schedule type", names[1]


def _infotext(case: Case, call: Mapping[str, Any], names: _Names) -> _Written:
    said = set()
    lines = [case.prompt if isinstance(case.prompt, str) else ""]
    if isinstance(call.get("negative_prompt"), str):
        lines.append(f"Negative prompt: {call['negative_prompt']}")
        said.add("negative_prompt")
    pairs: list[tuple[str, str]] = []
    if _is_number(call.get("num_inference_steps")):
        pairs.append(("Steps", repr(call["num_inference_steps"])))
        said.add("num_inference_steps")
    pairs += _sampler(names)
    if _is_number(call.get("guidance_scale")):
        pairs.append(("CFG scale", repr(call["guidance_scale"])))
        said.add("guidance_scale")
    pairs.append(("Seed", str(case.seed)))
    if _has_size(call):
        pairs.append(("Size", f"{call['width']}x{call['height']}"))
        said |= {"width", "height"}
    if isinstance(call.get("clip_skip"), int):
        pairs.append(("Clip skip", str(call["clip_skip"] + 1)))
        said.add("clip_skip")
    if case.noise.kind == "cpu":
        pairs.append(("RNG", "CPU"))
    lines.append(", ".join(f"{name}: {value}" for name, value in pairs))
    return "\n".join(lines) + "\n", frozenset(said)


def _check(text: str, case: Case, form: Format) -> None:
    """Read back what was written: the prompts have to come out to the letter."""
    read = read_block if form is Format.TEXT else read_infotext
    try:
        source = read(text, "")
    except GoldenseedError as error:
        raise GoldenseedError(
            f"{case.id} states too little for the format {form}: {error.what}",
            path=case.suite.path,
            line=case.line,
            fix="export it with --format json",
        ) from None
    kept = {each.concept: each.value for each in source.stated if each.concept}
    negative = case.arguments().get("negative_prompt")
    wanted = {Concept.PROMPT: case.prompt, Concept.NEGATIVE: negative}
    for concept, value in wanted.items():
        if isinstance(value, str) and kept.get(concept, "") != value:
            raise GoldenseedError(
                f"the {concept} of {case.id} cannot be written as {form} to the letter",
                path=case.suite.path,
                line=case.line,
                fix="export it with --format json",
            )


def _why_no_text(prompt: object) -> str:
    if texts_of(prompt):
        return "embeddings between those of two prompts"
    written = isinstance(prompt, dict)
    return "a prompt that a language model writes" if written else "a call with several prompts"


def _left_out(
    recipe: Mapping[str, Any],
    call: Mapping[str, Any],
    said: frozenset[str],
    names: _Names,
    form: Format,
) -> Iterator[Field]:
    for key, value in call.items():
        if key not in said:
            yield _not_said(f"call.{key}", value, form)
    model = recipe["model"]
    for key, value in model.items():
        if key == "scheduler" and names is not None:
            continue
        if key == "scheduler":
            yield _not_said("model.scheduler", value, form, "no sampler is the same")
        else:
            yield _not_said(f"model.{key}", value, form)
    for key in ("inputs", "before", "postprocess", "determinism"):
        if recipe.get(key):
            yield _not_said(key, recipe[key], form)
    if form is Format.TEXT or recipe["noise"] != "cpu":
        yield _not_said("noise", recipe["noise"], form)
    if not isinstance(recipe.get("prompt", ""), str):
        yield _not_said("prompt", recipe["prompt"], form, _why_no_text(recipe["prompt"]))


def _not_said(name: str, value: Any, form: Format, why: str = "") -> Field:
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Field(name, words, Fidelity.UNSUPPORTED, why or f"the format {form} has no place for it")


def _has_size(call: Mapping[str, Any]) -> bool:
    return all(isinstance(call.get(side), int) for side in ("width", "height"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
