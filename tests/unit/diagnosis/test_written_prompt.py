"""Why a language model wrote another prompt, by what is on record of it."""

from __future__ import annotations

import pytest
import torch
from toy_pipeline import ACCEPTED, ENVIRONMENT, RECIPE, Toy, recorded

from goldenseed.diagnosis.evidence import Side, Sides
from goldenseed.diagnosis.explain import explain
from goldenseed.diagnosis.model import Cause, RankedCause
from goldenseed.trace.digesting import kept, records
from goldenseed.trace.stages import Stage, Trace
from goldenseed.trace.written import TOLD, WRITTEN, WrittenPrompt

ASKED = {**RECIPE, "prompt": {"model": "llm", "template": "a house", "max_new_tokens": 4}}
FILES = {f"language_model_file.llm/{name}": "0" * 64 for name in
         ("model.safetensors", "tokenizer.json", "config.json", "chat_template.jinja")}  # fmt: skip


def side(ids: tuple[int, ...], told: tuple[int, ...], image: Trace, **more: object) -> Side:
    """Describe an image of a prompt with these token ids."""
    stages = ((TOLD, told), (WRITTEN, ids))
    written = records(
        [kept(Stage.WRITTEN_PROMPT, 0, name, torch.tensor(each).numpy()) for name, each in stages]
    )
    prompt = WrittenPrompt(text=" ".join(map(str, ids)), token_ids=ids, model="llm")
    given = {"environment": {**ENVIRONMENT, **FILES}, "recipe": ASKED, **more}
    return Side(trace=(*written, *image), written=prompt, **given)


def first(told: tuple[int, ...] = (1, 2), **more: object) -> RankedCause:
    """Explain a prompt that parts at its third token."""
    accepted = side((5, 6, 7), (1, 2), ACCEPTED)
    present = side((5, 6, 8, 9), told, recorded(Toy(negative=3)), **more)
    found = explain(Sides(accepted, present))
    assert found.first_divergence is not None
    assert found.first_divergence.stage is Stage.WRITTEN_PROMPT
    return found.causes[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("language_model_file.llm/model.safetensors", "because its weights differ"),
        ("language_model_file.llm/tokenizer.json", "because its tokenizer differs"),
        ("language_model_file.llm/config.json", "because its configuration differs"),
        ("language_model_file.llm/chat_template.jinja", "because its chat template differs"),
        ("package.transformers", "because transformers "),
    ],
)
def test_what_differs_of_it_is_named(name: str, said: str):
    cause = first(environment={**ENVIRONMENT, **FILES, name: "5.99.0"})
    assert cause.cause is Cause.LANGUAGE_MODEL
    assert "first differing token at 3 of 4" in cause.words
    assert said in cause.words
    assert name in cause.keys
    assert "accepted: '5 6 7'; now: '5 6 8 9'" in cause.evidence
    assert "it was told the same token ids" in cause.evidence


def test_another_template_is_named_as_such():
    recipe = {**ASKED, "prompt": {**ASKED["prompt"], "template": "a hut"}}
    cause = first(told=(1, 3), recipe=recipe)
    assert cause.cause is Cause.LANGUAGE_MODEL
    assert "its template differs" in cause.words
    assert any("told other token ids" in each for each in cause.evidence)


def test_where_nothing_on_record_differs_that_is_said_and_not_denied():
    cause = first()
    assert cause.cause is Cause.LANGUAGE_MODEL
    assert "nothing on record of it differs" in cause.words
    assert "because" not in cause.words


def test_the_same_prompt_is_no_cause():
    changed = {**ENVIRONMENT, **FILES, "language_model_file.llm/model.safetensors": "1" * 64}
    accepted = side((5, 6, 7), (1, 2), ACCEPTED)
    present = side((5, 6, 7), (1, 2), recorded(Toy(seed=2)), environment=changed)
    found = explain(Sides(accepted, present))
    assert found.causes[0].cause is Cause.SEED
    assert Cause.LANGUAGE_MODEL not in [each.cause for each in found.causes]
