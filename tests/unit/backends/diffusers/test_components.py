"""Components of a pipeline from elsewhere: their classes, dtypes and places."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

import accelerator_double
from accelerator_double import needs_double
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.components import slots_of
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.loading import load_suite
from tiny_parts import tiny_controlnet
from tiny_pipelines import tiny_stable_diffusion, tiny_stable_diffusion_xl

CASES = """
cases:
  - {id: a, prompt: a cat, seeds: [1], call: {num_inference_steps: 1, height: 32, width: 32}}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    tiny_stable_diffusion(folder / "model")
    tiny_stable_diffusion(folder / "other", seed=9)
    tiny_stable_diffusion_xl(folder / "xl")
    tiny_controlnet(folder / "canny")
    return folder


def loaded(home: Path, model: str):
    """Load a model of these lines; return the pipeline and its fingerprint."""
    (home / "a.suite.yaml").write_text(f"suite: a\nmodel:\n  source: model\n{model}{CASES}")
    pipelines = []
    backend = DiffusersBackend(prepare=pipelines.append, device="cpu")
    backend.load(load_suite(home / "a.suite.yaml").cases[0])
    return pipelines[0], backend.fingerprint()


def test_each_part_has_the_class_that_its_own_folder_names(home: Path):
    components = (
        "  components: {vae: other/vae, scheduler: xl/scheduler, tokenizer: xl/tokenizer}\n"
    )
    pipeline, environment = loaded(home, components)
    assert type(pipeline.scheduler).__name__ == "EulerDiscreteScheduler"
    assert type(pipeline.vae).__name__ == "AutoencoderKL"
    assert environment["scheduler.class"] == "EulerDiscreteScheduler"
    plain = loaded(home, "")[1]
    changed = {key for key in plain if plain[key] != environment.get(key)}
    assert "model.vae.weights_sha256" in changed
    assert "model.unet.weights_sha256" not in changed
    assert "model_file.vae/diffusion_pytorch_model.safetensors" in changed


def test_dtypes_are_by_part_and_a_component_can_have_its_own(home: Path):
    _, environment = loaded(
        home,
        "  pipeline: StableDiffusionControlNetPipeline\n"
        "  dtype: {default: bfloat16, vae: float32}\n"
        "  components: {controlnet: {source: canny, dtype: float64}}\n",
    )
    found = {key.split(".")[1]: each for key, each in environment.items() if key[-6:] == ".dtype"}
    assert found == {
        "controlnet": "float64",
        "text_encoder": "bfloat16",
        "unet": "bfloat16",
        "vae": "float32",
    }


def test_dtypes_by_part_need_a_diffusers_that_knows_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    found = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "0.32.2" if name == "diffusers" else found(name)
    )
    with pytest.raises(GoldenseedError, match="loads all parts in one dtype"):
        loaded(home, "  dtype: {default: bfloat16, vae: float32}\n")


def test_a_model_need_not_have_what_is_replaced(home: Path, tmp_path: Path):
    import shutil

    shutil.copytree(home / "model", tmp_path / "model")
    shutil.copytree(home / "other" / "vae", tmp_path / "vae")
    shutil.rmtree(tmp_path / "model" / "vae")
    pipeline, environment = loaded(tmp_path, "  components: {vae: vae}\n")
    assert pipeline.vae.config.latent_channels == 4
    assert environment["model_file.vae/config.json"]


def test_a_hub_id_that_is_not_here_names_the_line_and_the_command(home: Path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    with pytest.raises(GoldenseedError) as caught:
        loaded(home, f"  components:\n    vae: {{source: org/vae, revision: {commit}}}\n")
    assert caught.value.line == 5
    assert caught.value.fix == f"hf download org/vae --revision {commit}"


@needs_double
def test_what_waits_on_the_cpu_makes_the_same_image_and_is_on_record(home: Path):
    images, records = [], []
    for offload in ("none", "model"):
        model = f"model: {{source: model, device: 'twin:1', offload: {offload}}}"
        (home / "a.suite.yaml").write_text(f"suite: a\n{model}{CASES}")
        with accelerator_double.in_use(current=0):
            backend = DiffusersBackend()
            made = backend.generate(load_suite(home / "a.suite.yaml").cases[0])
            records.append(backend.fingerprint()["pipeline.offload"])
            images.append(made.image.tobytes())
            backend.close()
    assert images[0] == images[1]
    assert records == ["none", "text_encoder: CpuOffload, unet: CpuOffload, vae: CpuOffload"]


def test_a_device_map_on_the_one_device_that_is_there_changes_no_bit(home: Path):
    images = []
    for more in ("", ", device_map: balanced"):
        model = f"model: {{source: model, device: cpu{more}}}"
        (home / "a.suite.yaml").write_text(f"suite: a\n{model}{CASES}")
        backend = DiffusersBackend()
        made = backend.generate(load_suite(home / "a.suite.yaml").cases[0])
        images.append((made.image.tobytes(), {each.stage for each in made.trace}))
    assert images[0] == images[1]


def test_slots_are_components_and_no_options():
    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

    assert "requires_safety_checker" not in slots_of(StableDiffusionPipeline)
    assert {"vae", "unet", "image_encoder", "scheduler"} <= {*slots_of(StableDiffusionXLPipeline)}
