"""The embedded model's suite: it holds on this machine, and sees what it must see.

Each fault is one that the suite file cannot see: the recipe stays the same, the pixels move. It has
to be ``drift`` for exactly the cases it touches and ``identical`` for the others. Where it touches
all, all are made; elsewhere ``SOME`` of both kinds.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.baselines.store import BaselineStore
from goldenseed.runs.candidates import candidates_of
from goldenseed.runs.folder import load_run

REPOSITORY = Path(__file__).parents[2]
SUITES = REPOSITORY / "suites"
BASELINES = REPOSITORY / "baselines"
SOME = (
    "red-apple[seed=9999]",
    "red-apple[seed=1024]",
    "euler[cat,seed=1024]",
    "euler[cat,seed=3]",
    "balls[red,seed=0]",
    "balls[red,seed=1]",
    "balls[blue,seed=0]",
    "balls[blue,seed=1]",
)
"""Of two schedulers, with the seed 0 and others, with the word "red" and without."""


class Shapes:
    """A copy of the suite and its model that may be broken."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        pytester.makeini("[pytest]\n")
        for name in ("shapes.suite.yaml", "shapes.lock.json"):
            shutil.copy(SUITES / name, self.path)
        shutil.copytree(SUITES / "shapes-sd", self.path / "shapes-sd")

    def verdicts(self, baselines: Path, *arguments: str) -> dict[str, str]:
        self.pytester.runpytest_inprocess(
            "-p",
            "no:benchmark",
            f"--golden-baselines={baselines}",
            "--golden-environment=report",  # the lock sees faults before any image is made
            *arguments,
        )
        run = json.loads((self.path / "reports" / "latest" / "run.json").read_text())
        assert run["complete"]
        return {case["id"]: case["verdict"] for case in run["cases"]}

    def some_verdicts(self, baselines: Path) -> dict[str, str]:
        """Run ``SOME`` of the suite's cases."""
        return self.verdicts(baselines, *(f"shapes.suite.yaml::{name}" for name in SOME))

    def change_weights(self, component: str, change: Callable[[str, object], object]) -> None:
        """Rewrite a component's weights in place: ``change`` gets each name and tensor."""
        from safetensors.torch import load_file, save_file

        (file,) = (self.path / "shapes-sd" / component).glob("*.safetensors")
        tensors = {name: change(name, tensor) for name, tensor in load_file(file).items()}
        save_file(tensors, file, metadata={"format": "pt"})

    def conftest(self, source: str) -> None:
        (self.path / "conftest.py").write_text(source)


@pytest.fixture
def shapes(
    pytester: pytest.Pytester,
    tiny_model: Path,  # imports the libraries
    monkeypatch: pytest.MonkeyPatch,
) -> Shapes:
    monkeypatch.delenv("CI", raising=False)
    return Shapes(pytester)


@pytest.fixture(scope="module")
def own_baselines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this machine's own images are accepted, so that untouched cases are identical."""
    return tmp_path_factory.mktemp("own") / "baselines"


@pytest.fixture
def undisturbed(shapes: Shapes, own_baselines: Path) -> dict[str, str]:
    """Every case's verdict against the committed baselines; its image is accepted as its own."""
    kept = own_baselines.with_name("verdicts.json")
    if not kept.exists():
        verdicts = shapes.verdicts(BASELINES)
        folder = shapes.path / "reports" / "latest"
        run = load_run(folder)
        candidates = candidates_of(run, folder, run.cases)
        BaselineStore(own_baselines).accept(candidates, by="Ada", reason="as this machine has it")
        kept.write_text(json.dumps(verdicts))
    return dict(json.loads(kept.read_text()))


@pytest.fixture
def accepted(undisturbed: dict[str, str]) -> dict[str, str]:
    """Every case, as it is judged by this machine's own images where nothing is broken."""
    return dict.fromkeys(undisturbed, "identical")


def prompts_of(shapes: Shapes) -> dict[str, str]:
    from goldenseed.suite.loading import load_suite

    return {case.id: case.prompt for case in load_suite(shapes.path / "shapes.suite.yaml").cases}


def test_the_committed_baselines_hold_on_this_machine(undisturbed: dict[str, str]):
    assert len(undisturbed) >= 24
    assert set(undisturbed.values()) <= {"identical", "match"}


def test_under_the_lock_a_changed_weight_is_an_error_before_any_image(shapes: Shapes):
    shapes.change_weights("unet", lambda _name, tensor: tensor * 1.01)
    verdicts = shapes.verdicts(BASELINES, "--golden-environment=strict", "-k", "apple")
    assert set(verdicts.values()) == {"error"}
    run = json.loads((shapes.path / "reports" / "latest" / "run.json").read_text())
    assert "model.unet" in run["cases"][0]["error"] or "unet/" in run["cases"][0]["error"]


def test_one_percent_of_noise_on_the_weights_is_drift_everywhere(
    shapes: Shapes, accepted: dict[str, str], own_baselines: Path
):
    import torch

    generator = torch.Generator().manual_seed(0)

    def noisy(_name: str, tensor: torch.Tensor) -> torch.Tensor:
        return tensor + 0.01 * tensor.std() * torch.randn(tensor.shape, generator=generator)

    shapes.change_weights("unet", noisy)
    assert shapes.verdicts(own_baselines) == dict.fromkeys(accepted, "drift")


def test_another_vae_is_drift_everywhere(
    shapes: Shapes, accepted: dict[str, str], own_baselines: Path
):
    import torch

    torch.manual_seed(0)
    shapes.change_weights(
        "vae",
        lambda name, tensor: tensor * 1.01 if name.startswith("decoder") else tensor,
    )
    assert shapes.verdicts(own_baselines) == dict.fromkeys(accepted, "drift")


@pytest.mark.parametrize("other", ["EulerDiscreteScheduler", "DPMSolverMultistepScheduler"])
def test_another_scheduler_in_the_model_is_drift_where_the_suite_names_none(
    shapes: Shapes, accepted: dict[str, str], own_baselines: Path, other: str
):
    config = shapes.path / "shapes-sd" / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("DDIMScheduler", other))
    index = shapes.path / "shapes-sd" / "model_index.json"
    index.write_text(index.read_text().replace("DDIMScheduler", other))
    assert shapes.some_verdicts(own_baselines) == {
        name: "identical" if name.startswith("euler") else "drift" for name in SOME
    }


def test_a_step_count_patched_underneath_is_drift_where_that_scheduler_runs(
    shapes: Shapes, accepted: dict[str, str], own_baselines: Path
):
    shapes.conftest(
        """
import diffusers, functools
original = diffusers.DDIMScheduler.set_timesteps
@functools.wraps(original)
def one_fewer(self, num_inference_steps, device=None):
    return original(self, num_inference_steps - 1, device)
def pytest_configure(config):
    diffusers.DDIMScheduler.set_timesteps = one_fewer
def pytest_unconfigure(config):
    diffusers.DDIMScheduler.set_timesteps = original
"""
    )
    assert shapes.some_verdicts(own_baselines) == {
        name: "identical" if name.startswith("euler") else "drift" for name in SOME
    }


def test_a_pipeline_that_ignores_the_seed_is_drift_for_every_other_seed(
    shapes: Shapes, accepted: dict[str, str], own_baselines: Path
):
    shapes.conftest(
        """
import diffusers, functools, torch
original = diffusers.StableDiffusionPipeline.prepare_latents
@functools.wraps(original)
def always_zero(self, *args, **kwargs):
    args = [torch.Generator().manual_seed(0) if isinstance(a, torch.Generator) else a for a in args]
    return original(self, *args, **kwargs)
def pytest_configure(config):
    diffusers.StableDiffusionPipeline.prepare_latents = always_zero
def pytest_unconfigure(config):
    diffusers.StableDiffusionPipeline.prepare_latents = original
"""
    )
    assert shapes.some_verdicts(own_baselines) == {
        name: "identical" if "seed=0]" in name else "drift" for name in SOME
    }


def test_a_changed_word_of_the_vocabulary_is_drift_for_prompts_that_use_it(
    shapes: Shapes, accepted: dict[str, str], own_baselines: Path
):
    vocabulary = json.loads((shapes.path / "shapes-sd" / "tokenizer" / "vocab.json").read_text())
    word = vocabulary["red</w>"]

    def turned(name: str, tensor: object) -> object:
        if name.endswith("token_embedding.weight"):
            tensor[word] = -tensor[word]
        return tensor

    shapes.change_weights("text_encoder", turned)
    prompts = prompts_of(shapes)
    assert shapes.some_verdicts(own_baselines) == {
        name: "drift" if "red" in prompts[name].split() else "identical" for name in SOME
    }
