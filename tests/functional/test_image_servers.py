"""A model behind a server: through HTTP the same pixels and verdicts as in the process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from goldenseed.runs.folder import load_run
from image_servers import Served, serving

if TYPE_CHECKING:
    from PIL.Image import Image

    from conftest import Project

CASES = """
defaults: {call: {num_inference_steps: 2, guidance_scale: 3.0, height: 32, width: 32}}
cases:
  - {id: cat, prompt: a cat, seeds: [1, 2]}
"""


@pytest.fixture
def served(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    import torch
    from diffusers import StableDiffusionPipeline

    monkeypatch.setenv("XDG_CACHE_HOME", str(project.path / "cache"))
    pipeline = StableDiffusionPipeline.from_pretrained(project.path / "model")
    pipeline.set_progress_bar_config(disable=True)

    def draw(prompt: str, seed: int, arguments: dict[str, Any]) -> Image:
        torch.set_num_threads(1)
        generator = torch.Generator("cpu").manual_seed(seed)
        image: Image = pipeline(prompt, generator=generator, **arguments).images[0]
        return image

    with serving(Served(draw=draw)) as each:
        yield each


def written(project: Project, server: str | None, more: str = "") -> None:
    model = f"{{server: {server}}}" if server else "{source: model}"
    project.suite.write_text(f"suite: tiny\nmodel: {model}\n{more}{CASES}")


def digests(project: Project) -> dict[str, str | None]:
    run = load_run(project.path / "reports" / "latest")
    return {case.id: case.pixels_sha256 for case in run.cases}


STEPS = "postprocess: [{step: resize, width: 48, height: 40, filter: box}]\n"


@pytest.mark.parametrize(("api", "steps"), [("openai", ""), ("a1111", STEPS)])
def test_the_same_pixels_and_verdicts_as_in_the_process(
    project: Project, served: Served, api: str, steps: str
):
    written(project, None, steps)
    project.run()
    here = digests(project)
    written(project, f"{{url: '{served.url}', api: {api}}}", steps)
    assert project.run("--golden-update=missing").ret == 0
    assert digests(project) == here
    result = project.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["golden: 2 identical"])


def test_behind_a_server_that_ignores_seeds_nothing_is_accepted(project: Project, served: Served):
    draw, count = served.draw, iter(range(100))
    served.draw = lambda prompt, _, arguments: draw(prompt, next(count), arguments)
    written(project, f"{{url: '{served.url}', api: openai}}")
    result = project.run("--golden-update=missing")
    assert result.ret != 0
    assert not list((project.path / "baselines").glob("tiny/*.json"))
    result.stdout.fnmatch_lines(["*seed is ignored*"])


def test_a_model_that_another_one_took_the_place_of_is_drift(project: Project, served: Served):
    written(project, f"{{url: '{served.url}', api: openai}}")
    project.run("--golden-update=missing")
    draw = served.draw
    served.draw = lambda prompt, seed, arguments: draw(prompt, seed + 5, arguments)
    result = project.run()
    assert result.ret == 1
    assert {case.verdict for case in load_run(project.path / "reports" / "latest").cases} == {
        "drift"
    }


def test_no_key_in_any_file_that_a_run_leaves(
    project: Project, served: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SERVER_KEY", "sk-of-nobody-5678")
    from fastapi import Response

    served.behaviour = lambda _: Response("sk-of-nobody-5678 is no key of ours", 401)
    written(project, f"{{url: '{served.url}', api: openai, key: SERVER_KEY}}")
    result = project.run()
    assert result.ret == 1
    assert "sk-of-nobody" not in result.stdout.str() + result.stderr.str()
    left = [path for path in project.path.rglob("*") if path.is_file()]
    assert left
    assert not [path for path in left if b"sk-of-nobody" in path.read_bytes()]


def test_the_recipe_says_what_decides_the_pixels(project: Project, served: Served):
    written(project, f"{{url: '{served.url}', api: openai, model: sd, request: {{quality: hd}}}}")
    project.run()
    case = json.loads((project.path / "reports" / "latest" / "run.json").read_text())["cases"][0]
    assert case["recipe"]["model"] == {
        "backend": "server",
        "server": {
            "api": "openai",
            "dialect": "openai",
            "model": "sd",
            "request": {"quality": "hd"},
        },
    }
    assert served.url not in Path(project.path / "reports" / "latest" / "run.json").read_text()
