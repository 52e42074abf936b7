"""Embeddings between two prompts: those of the two at the ends, and what lies on the line."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tiny_suites import one_case

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.between import encoded_between
from goldenseed.backends.diffusers.calling import PipelineCall
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.between import BetweenPrompts
from goldenseed.trace.stages import Stage

BALL, CUBE = "a red ball", "a large blue cube on sand"


def between(at: float) -> dict[str, Any]:
    return {"between": [BALL, CUBE], "at": at}


@pytest.mark.parametrize("kind", ["sd", "sdxl", "flux"])
def test_at_its_ends_are_the_images_of_the_two_prompts(models: Path, tmp_path: Path, kind: str):
    shutil.copytree(models / kind, tmp_path / kind)
    backend = DiffusersBackend()

    def made(prompt: Any) -> bytes:
        return backend.generate(one_case(tmp_path, kind, prompt=prompt)).image.tobytes()

    ends = [made(each) for each in (BALL, CUBE)]
    assert [made(between(at)) for at in (0, 1)] == ends
    middle = made(between(0.5))
    assert middle not in ends
    assert made(between(0.5)) == middle
    assert made(BALL) == ends[0]  # nothing of it is left behind


def test_it_is_what_the_pipeline_makes_of_the_mixed_embeddings(sd: Path):
    from diffusers import DiffusionPipeline

    from goldenseed.environment.determinism import settings
    from goldenseed.suite.model import Determinism

    call = {"num_inference_steps": 2, "height": 32, "width": 32, "negative_prompt": "grey"}
    case = one_case(sd.parent, "sd", prompt=between(0.25), call=call)
    made = DiffusersBackend().generate(case)
    pipeline = DiffusionPipeline.from_pretrained(sd, safety_checker=None)
    with settings(Determinism()), torch.no_grad():
        (one, negative), (two, _) = (
            pipeline.encode_prompt(each, "cpu", 1, True, "grey") for each in (BALL, CUBE)
        )
        mixed = (0.75 * one.double() + 0.25 * two.double()).float()
        output = pipeline(
            prompt_embeds=mixed,
            negative_prompt_embeds=negative,
            generator=torch.Generator().manual_seed(7),
            **{k: v for k, v in call.items() if k != "negative_prompt"},
        )
    assert made.image.tobytes() == output.images[0].tobytes()
    stages = {each.stage for each in made.recording.trace}
    assert {Stage.PROMPT_EMBEDDINGS, Stage.INITIAL_NOISE} <= stages


def test_what_somebody_put_on_the_pipeline_is_there_afterwards():
    case = SimpleNamespace(prompt=BetweenPrompts(between=(BALL, CUBE), at=0.5))
    pipeline = SimpleNamespace(encode_prompt=lambda prompt: torch.full((1, 2), float(len(prompt))))
    own = pipeline.encode_prompt
    with encoded_between(case, pipeline):
        found = pipeline.encode_prompt(BALL)
    assert found.tolist() == [[(len(BALL) + len(CUBE)) / 2] * 2]
    assert pipeline.encode_prompt is own


def test_a_pipeline_that_takes_no_embeddings_is_refused(sd: Path):
    case = one_case(sd.parent, "sd", prompt=between(0.5), call={})

    def without(prompt: str, generator: Any) -> Any:
        raise AssertionError(prompt)

    def untaken(prompt: str, generator: Any, prompt_embeds: Any = None) -> Any:
        raise AssertionError(prompt)

    for each in (without, untaken):
        with pytest.raises(GoldenseedError, match="takes no embeddings of a prompt"):
            PipelineCall(each, trace=False).generate(case)


class Encoding:
    """A pipeline that makes of each prompt what the test says."""

    def __init__(self, encoded: dict[str, Any], *, asks: bool = True) -> None:
        self._encoded, self._asks = encoded, asks
        self.components: dict[str, Any] = {}
        self.seen: Any = None

    def encode_prompt(self, prompt: Any) -> Any:
        return self._encoded[prompt if isinstance(prompt, str) else prompt[0]]

    def __call__(self, prompt: str, prompt_embeds: Any = None, generator: Any = None) -> Any:
        self.seen = self.encode_prompt([prompt]) if self._asks else None
        return SimpleNamespace(images=[torch.zeros(8, 8, 3).numpy()])


def called(pipeline: Encoding, folder: Path, at: float = 0.5) -> Any:
    case = one_case(folder, "sd", prompt=between(at), call={})
    PipelineCall(pipeline, trace=False).generate(case)
    return pipeline.seen


def test_parts_that_are_the_same_stay_and_others_are_mixed(sd: Path):
    ids = torch.arange(3)
    found = called(
        Encoding(
            {
                BALL: ([torch.zeros(2, dtype=torch.bfloat16)], None, ids, "clip"),
                CUBE: ([torch.ones(2, dtype=torch.bfloat16)], None, ids.clone(), "clip"),
            }
        ),
        sd.parent,
        at=0.25,
    )
    assert found[0][0].tolist() == [0.25, 0.25]
    assert found[0][0].dtype is torch.bfloat16
    assert found[1] is None
    assert found[2] is ids
    assert found[3] == "clip"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (torch.ones(1, 3), torch.ones(1, 4)),
        ((torch.ones(2), torch.tensor([1, 0])), (torch.ones(2), torch.tensor([1, 1]))),
        ((torch.ones(2),), (torch.ones(2), None)),
        ([torch.ones(2)], torch.ones(2)),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(sd: Path, one: Any, two: Any):
    with pytest.raises(GenerationError, match="not the same shape and mask"):
        called(Encoding({BALL: one, CUBE: two}), sd.parent)


def test_a_pipeline_that_never_asks_for_embeddings_is_an_error(sd: Path):
    with pytest.raises(GenerationError, match="nothing was mixed"):
        called(Encoding({}, asks=False), sd.parent)
