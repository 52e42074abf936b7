"""An engine that knows neither torch nor goldenseed, held against a pipeline of diffusers."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from commands import goldenseed
from goldenseed.runs.folder import load_run
from goldenseed.runs.stored import stored_trace
from goldenseed.trace import writer
from goldenseed.verdict.model import Verdict

SUITE = """\
suite: mixed
model: {factory: "mixer:build", dtype: float32}
defaults:
  call: {num_inference_steps: 6, height: 16, width: 16}
cases:
  - {id: apple, prompt: an apple, seeds: [1, 2]}
"""
PIPELINE = """\
import numpy as np
import torch
from diffusers import ConfigMixin, DiffusionPipeline, FlowMatchEulerDiscreteScheduler, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from diffusers.utils.torch_utils import randn_tensor


class Mixer(ModelMixin, ConfigMixin):
    @register_to_config
    def __init__(self, columns=16):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.mix = torch.nn.Parameter(torch.randn(columns, columns, generator=generator) / 4)

    def forward(self, hidden_states, timestep):
        return (torch.tanh(hidden_states @ self.mix + timestep),)


class MixerPipeline(DiffusionPipeline):
    def __init__(self, transformer, scheduler):
        super().__init__()
        self.register_modules(transformer=transformer, scheduler=scheduler)

    @torch.no_grad()
    def __call__(self, prompt, num_inference_steps=6, height=16, width=16, generator=None,
                 output_type="pil"):
        sample = randn_tensor((1, 3, height, width), generator=generator)
        steps = np.linspace(1, 1 / num_inference_steps, num_inference_steps)
        self.scheduler.set_timesteps(sigmas=steps)
        for time in self.scheduler.timesteps:
            predicted = self.transformer(hidden_states=sample, timestep=time / 1000)[0]
            sample = self.scheduler.step(predicted, time, sample, return_dict=False)[0]
        image = (sample / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
        image = image if output_type == "np" else self.numpy_to_pil(image)
        return ImagePipelineOutput(images=image)


def build():
    pipeline = MixerPipeline(Mixer(), FlowMatchEulerDiscreteScheduler(shift=3.0))
    np.save("mix.npy", pipeline.transformer.mix.detach().numpy())
    return pipeline
"""
ENGINE = """\
import runpy, struct, sys, zlib

packages, writer, noise, shift, out = sys.argv[1:6]
sys.path.insert(0, packages)
import numpy as np

trace = runpy.run_path(writer)["Writer"]()
mix, sample, shift, steps = np.load("mix.npy"), np.load(noise), float(shift), 6
sigmas = np.linspace(1, 1 / steps, steps)
sigmas = np.append(shift * sigmas / (1 + (shift - 1) * sigmas), 0.0).astype("float32")
trace.add("timesteps", sigmas[:-1] * np.float32(1000), "scheduler")
trace.add("sigmas", sigmas, "scheduler")
trace.add("initial_noise", sample)
for step in range(steps):
    predicted = np.tanh(sample @ mix + sigmas[step])
    if step == 0:
        trace.add("denoiser_output", predicted, "transformer")
        trace.add("guided_output", predicted, "scheduler")
        trace.add("initial_latents", sample, "scheduler")
    elif step < 4:
        trace.add("later_output", predicted, "scheduler")
    sample = sample + (sigmas[step + 1] - sigmas[step]) * predicted
    trace.add("denoising_step", sample, "scheduler")
image = np.clip(sample / 2 + np.float32(0.5), 0, 1)[0].transpose(1, 2, 0)
trace.add("float_image", image)
levels = np.rint(image * 255).astype("uint8")
trace.add("pixels", levels)
trace.write(out + ".trace.json.gz")


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


rows = b"".join(b"\\0" + row.tobytes() for row in levels)
header = struct.pack(">IIBBBBB", *levels.shape[1::-1], 8, 2, 0, 0, 0)
with open(out + ".png", "wb") as file:
    file.write(b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", header)
               + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
assert not {"torch", "diffusers", "goldenseed", "PIL"} & set(sys.modules)
"""
CASE = "apple[seed=1]"


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, imported: None) -> Path:
    """A project in which diffusers made the images; no test changes it but by new runs."""
    folder = tmp_path_factory.mktemp("engines")
    (folder / "mixed.suite.yaml").write_text(SUITE)
    (folder / "mixer.py").write_text(PIPELINE)
    (folder / "engine.py").write_text(ENGINE)
    (folder / "pytest.ini").write_text("[pytest]\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CI", raising=False)
        patch.chdir(folder)
        assert pytest.main(["-p", "no:benchmark", "-p", "no:cacheprovider"]) == 1
    (folder / "reports" / "latest").resolve().rename(folder / "reference")
    packages = folder / "numpy-alone"
    packages.mkdir()
    installed = Path(np.__file__).parent
    for each in (installed, installed.with_name("numpy.libs")):
        if each.exists():
            (packages / each.name).symlink_to(each, target_is_directory=True)
    said = goldenseed(folder, "trace", "./reference", CASE, "--noise", "noise.npy")
    assert said.returncode == 0, said.stderr
    return folder


def made(project: Path, out: str, shift: float = 3.0) -> Path:
    """Let the engine make the case's image in a folder of its own, by NumPy alone."""
    (project / out).mkdir()
    arguments = ("numpy-alone", writer.__file__, "noise.npy", str(shift), f"{out}/{CASE}")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "engine.py", *arguments],
        cwd=project,
        env={"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return project / out


def imported_run(project: Path, out: str, *more: str, code: int = 0) -> tuple[str, str]:
    """Import what lies in a folder; return what was said, and the run's id."""
    said = goldenseed(project, "import", out, "--like", "./reference", "--engine", "numpy 2", *more)
    assert said.returncode == code, said.stderr
    (run,) = [line.split()[1] for line in said.stdout.splitlines() if line.startswith("run ")]
    return said.stdout, run


def compared(project: Path, run: str, *more: str) -> tuple[int, str]:
    report = f"compared-{run}"
    said = goldenseed(project, "diff", "./reference", run, "--report", report, *more)
    assert "Traceback" not in said.stdout + said.stderr
    return said.returncode, said.stdout + said.stderr


@pytest.fixture(scope="module")
def right(reference: Path) -> Path:
    return made(reference, "right")


def test_the_engine_s_own_images_hold_and_a_wrong_shift_is_named(reference: Path, right: Path):
    said, run = imported_run(reference, "right")
    assert "imported 1: 1 new" in said
    assert "left out 1 without a picture: mixed::apple[seed=2]" in said
    code, told = compared(reference, run, "--common")
    assert code == 0, told
    (case,) = load_run(reference / "reports" / run).cases
    trace = stored_trace(reference / "reports" / run, case)
    accepted = load_run(reference / "reference").cases[0]
    known = stored_trace(reference / "reference", accepted)
    assert trace is not None
    assert known is not None
    noise = [each.sha256 for each in (*trace, *known) if each.stage == "initial_noise"]
    assert len(noise) == 2
    assert len(set(noise)) == 1

    made(reference, "wrong", shift=1.0)
    _, run = imported_run(reference, "wrong")
    code, told = compared(reference, run, "--common")
    assert code == 1
    assert "scheduler: another shift of the sigmas, about 3 → 1 (0.9" in told
    (case,) = [each for each in load_run(reference / f"compared-{run}").cases if each.id == CASE]
    assert case.diagnosis is not None
    assert case.diagnosis.first_divergence is not None
    assert case.diagnosis.first_divergence.stage == "timesteps"
    page = (reference / f"compared-{run}" / "index.html").read_text()
    assert "another shift of the sigmas" in page


def test_what_an_engine_made_can_be_accepted_and_is_held_against_itself(
    reference: Path, right: Path
):
    _, run = imported_run(reference, "right", "--baselines", "own")
    accepted = goldenseed(
        reference, "accept", run, CASE, "--baselines", "own", "--reason", "as the reference"
    )
    assert accepted.returncode == 0, accepted.stderr
    said, _ = imported_run(reference, "right", "--baselines", "own")
    assert "imported 1: 1 identical" in said
    shown = goldenseed(reference, "show", CASE, "--baselines", "own")
    assert "engine-numpy" in shown.stdout


def edited(right: Path, folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Copy what the engine made, its trace's JSON edited."""
    shutil.copytree(right, folder)
    file = folder / f"{CASE}.trace.json.gz"
    document = json.loads(gzip.decompress(file.read_bytes()))
    edit(document)
    file.write_bytes(gzip.compress(json.dumps(document).encode()))


def lacking(document: dict[str, Any]) -> None:
    kept = [each for each in document["stages"] if each["stage"] in {"sigmas", "denoising_step"}]
    document["stages"] = kept


def first(document: dict[str, Any], which: str, /, **update: object) -> None:
    next(each for each in document["stages"] if each["stage"] == which).update(update)


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        ("lacks", lacking, "only the trace of the accepted image has it: initial noise, timesteps"),
        (
            "extra",
            lambda document: document["stages"].append(
                {**document["stages"][0], "stage": "vae_output", "source": "vae"}
            ),
            "only the trace of the present image has it: the VAE&#39;s output",
        ),
        (
            "renamed",
            lambda document: first(document, "sigmas", source="sampler"),
            "sigmas of sampler: the engine&#39;s, taken for that of scheduler",
        ),
        (
            "reshaped",
            lambda document: first(document, "initial_noise", shape=[3, 256]),
            "initial noise, shape 1 x 3 x 16 x 16 → 3 x 256",
        ),
    ],
)
def test_a_trace_that_is_unlike_the_reference_s_is_compared_as_far_as_it_goes(
    reference: Path,
    right: Path,
    name: str,
    edit: Callable[[dict[str, Any]], object],
    said: str,
):
    edited(right, reference / name, edit)
    image = Image.open(reference / name / f"{CASE}.png")
    image.putpixel((0, 0), (255, 0, 255))
    image.save(reference / name / f"{CASE}.png")
    file = reference / name / f"{CASE}.trace.json.gz"
    document = json.loads(gzip.decompress(file.read_bytes()))
    document["stages"] = [each for each in document["stages"] if each["stage"] != "pixels"]
    file.write_bytes(gzip.compress(json.dumps(document).encode()))
    _, run = imported_run(reference, name)
    code, _ = compared(reference, run, "--common")
    assert code == 1
    assert said in (reference / f"compared-{run}" / "index.html").read_text()


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        ("unknown", lambda document: first(document, "sigmas", stage="sigma"), "no stage 'sigma'"),
        ("negative", lambda document: first(document, "sigmas", shape=[-7]), "shape.0: Input"),
        ("huge", lambda document: first(document, "sigmas", shape=[10**40]), "shape.0: Input"),
        (
            "twice",
            lambda document: document["stages"].append(document["stages"][0]),
            "several records are number 0 of timesteps, scheduler",
        ),
        (
            "other-pixels",
            lambda document: first(document, "pixels", sha256="0" * 64),
            "ends in other pixels than apple[seed=1].png has",
        ),
        ("later", lambda document: document.update(schema_version=7), "schema version 7"),
    ],
)
def test_a_trace_that_is_none_is_one_sentence_in_run_report_and_diff(
    reference: Path,
    right: Path,
    name: str,
    edit: Callable[[dict[str, Any]], object],
    said: str,
):
    edited(right, reference / name, edit)
    told, run = imported_run(reference, name, code=1)
    (line,) = [each for each in told.splitlines() if each.startswith("error")]
    assert said in line
    (case,) = load_run(reference / "reports" / run).cases
    assert case.verdict is Verdict.ERROR
    assert said in (case.error or "")
    assert "Traceback" not in (reference / "reports" / run / "index.html").read_text()
    code, told = compared(reference, run)
    assert code == 1
    assert said in told
