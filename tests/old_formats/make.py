"""Make the files of this folder again with the release that wrote them first.

``PYTHON tests/old_formats/make.py``, where ``PYTHON`` has the checkout of commit d8b9c2e installed
(the last one whose package was called ``harness``) with its ``goldenseed`` beside it. It takes
about two minutes and needs an x86 processor with AVX2; digests, times and run ids are others each
time. Every session runs in ``SURROUNDINGS``, so that any x86 processor makes the same pixels.

What is kept is a project as its owner left it: suites and a lock, ``baselines``, and in ``reports``
two runs that have every verdict between them, one with a deep trace, one that was killed, and one
compared with itself. The models are left out: ``make.py models FOLDER`` makes them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ARCHIVE = HERE / "project.tar.xz"
SURROUNDINGS = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
}

CALL = "call: {num_inference_steps: 2, height: 16, width: 16, guidance_scale: 3.0}"
MOVED = f"""\
suite: moved
model: {{source: model}}
lock: moved.lock.json
defaults:
  {CALL}
gates:
  fail: {{min_ssim: 0.9999, max_phash_distance: 6, max_peak_difference: 4}}
cases:
  - {{id: blue-cup, prompt: a blue cup, seeds: [3]}}
  - id: loose
    prompt: a green ball
    seeds: [3]
    gates: {{fail: {{min_ssim: -1, max_phash_distance: 64, max_peak_difference: 255}}}}
  - {{id: three-ears, prompt: "a cat's face, close up", seeds: [5]}}
"""
LATER = """\
  - {id: at-night, prompt: a red ball at night, seeds: [3]}
  - {id: odd, prompt: a yellow cat, seeds: [7], call: {clip_skip: 9}}
consistency:
  - id: balls
    cases: [loose, at-night]
    within: {max_mean_difference: 1}
"""
TRACED = f"""\
suite: traced
model: {{source: model}}
defaults:
  {CALL}
cases:
  - {{id: red-apple, prompt: a red apple, seeds: [1024]}}
"""
HALVES = f"""\
suite: halves
model: {{source: other, dtype: bfloat16}}
defaults:
  {CALL}
cases:
  - {{id: inside, prompt: a yellow ball inside, seeds: [1]}}
"""
STEADY = f"""\
suite: steady
model: {{source: other}}
defaults:
  {CALL}
gates:
  fail: {{max_peak_difference: 200}}
cases:
  - id: table
    prompts: {{red: a red ball on a table}}
    seeds: [1, 2]
    mask: mask.png
    ignore: [[0, 0, 4, 2]]
    content: {{min_sharpness: 0.001}}
diversity:
  - id: tables
    cases: [table]
    within: {{min_mean_difference: 0.5}}
"""
EVERYWHERE = f"""\
suite: everywhere
model: {{source: other}}
determinism: portable
defaults:
  {CALL}
cases:
  - {{id: ball, prompt: a red ball, seeds: [1]}}
"""
DEEP = """\
suite: deep
model: {source: small}
defaults:
  call: {num_inference_steps: 1, height: 16, width: 16, guidance_scale: 1.0}
cases:
  - {id: ball, prompt: a red ball, seeds: [1]}
"""
CONFTEST = '''\
"""Computes in another memory format inside the pipeline's call, for one prompt alone."""
import functools

import diffusers
import torch

original = diffusers.StableDiffusionPipeline.__call__


@functools.wraps(original)
def call(self, prompt=None, **kwargs):
    for model in (self.unet, self.vae) if "inside" in str(prompt) else ():
        model.to(memory_format=torch.channels_last)
    return original(self, prompt=prompt, **kwargs)


diffusers.StableDiffusionPipeline.__call__ = call
'''
KILLED_WITH = 9
KILLED = f'''\
"""Ends the process before the second case is made."""
import os


def pytest_runtest_call(item):
    if "seed=2" in item.name:
        os._exit({KILLED_WITH})
'''
SUITES = {
    "moved": MOVED,
    "traced": TRACED,
    "halves": HALVES,
    "steady": STEADY,
    "everywhere": EVERYWHERE,
    "deep": DEEP,
}
TRACED_SUITES = [f"{name}.suite.yaml" for name in ("traced", "halves", "steady", "everywhere")]
UNTRACED = ("--golden-trace=off", "--golden-environment=report")


def unpack(folder: Path) -> Path:
    """Unpack the kept project into ``folder``, which is returned."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


def make_models(project: Path) -> None:
    """Save the models of the suites in ``project``, in a process of ``SURROUNDINGS``.

    Random weights are then the same on every x86 processor: torch draws them by its instructions.
    """
    _run(project, [sys.executable, str(Path(__file__).resolve()), "models", str(project)], {})


def _models(project: Path) -> None:
    sys.path.insert(0, str(HERE.parent))
    from tiny_pipelines import tiny_stable_diffusion

    for seed, name in enumerate(("model", "other")):
        tiny_stable_diffusion(project / name, seed=seed)
    _small_model(project / "other", project / "small")


def change_weights(project: Path, factor: float) -> None:
    """Multiply the denoiser's weights of ``model``."""
    from safetensors.torch import load_file, save_file

    weights = project / "model" / "unet" / "diffusion_pytorch_model.safetensors"
    save_file({name: value * factor for name, value in load_file(weights).items()}, weights)


def _small_model(like: Path, folder: Path) -> None:
    """Save a model of so few layers that its deep trace is small."""
    import torch
    from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel

    torch.manual_seed(2)
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8,),
        layers_per_block=1,
        down_block_types=("DownBlock2D",),
        mid_block_type=None,
        up_block_types=("UpBlock2D",),
        cross_attention_dim=32,
        norm_num_groups=4,
    )
    vae = AutoencoderKL(block_out_channels=(8,), latent_channels=4, norm_num_groups=4).eval()
    pipeline = StableDiffusionPipeline.from_pretrained(like, unet=unet, vae=vae)
    config = pipeline.text_encoder.config
    config.num_hidden_layers = 1
    pipeline.text_encoder = CLIPTextModel(config).eval()
    pipeline.save_pretrained(folder)


def main() -> None:
    """Run the sessions in a folder of their own, then keep what they wrote."""
    with tempfile.TemporaryDirectory() as made:
        project = Path(made) / "project"
        project.mkdir()
        make_models(project)
        (project / "pytest.ini").write_text("[pytest]\n")
        for name, text in SUITES.items():
            (project / f"{name}.suite.yaml").write_text(text)
        _mask(project / "mask.png")
        _accept(project)
        shutil.rmtree(project / "reports")
        _session(project, "--golden-trace=deep", "deep.suite.yaml")
        suite = MOVED.replace("seeds: [3]}", "seeds: [3], call: {num_inference_steps: 3}}", 1)
        (project / "moved.suite.yaml").write_text(suite + LATER)
        _session(project, *UNTRACED, "moved.suite.yaml")
        (project / "conftest.py").write_text(CONFTEST)
        _session(project, *TRACED_SUITES)
        _command(project, "diff", "latest", "latest")
        (project / "conftest.py").write_text(KILLED)
        _session(project, *UNTRACED, "steady.suite.yaml", ends_with=KILLED_WITH)
        (project / "conftest.py").unlink()
        _keep(project)


def _accept(project: Path) -> None:
    """Accept images, one case with two and one on two kinds of machine; calibrate, reject."""
    by = ("--by", "Ada")
    _command(project, "lock", "moved.suite.yaml")
    _session(project, "--golden-update=missing", *TRACED_SUITES)
    _session(project, "--golden-update=missing", *UNTRACED, "moved.suite.yaml")
    of_avx2 = ("steady.suite.yaml::table[red,seed=2]", *UNTRACED)
    _session(project, *of_avx2, ATEN_CPU_CAPABILITY="avx2")
    _command(project, "accept", "latest", "table*seed=2*", "--reason", "another machine", *by)
    how = ("-n", "2", "--harmless", "threads=2", "--exact", *by)
    _command(project, "calibrate", "steady.suite.yaml", "table*seed=1*", *how)
    change_weights(project, 1.1)
    _session(project, "traced.suite.yaml")
    _command(project, "accept", "latest", "red-apple*", "--add", "--reason", "as good", *by)
    change_weights(project, 1.2)
    _session(project, *UNTRACED, "moved.suite.yaml")
    _command(project, "reject", "latest", "three-ears*", "--reason", "the cat has three ears", *by)


def _mask(path: Path) -> None:
    from PIL import Image

    mask = Image.new("L", (16, 16), 255)
    mask.paste(0, (12, 12, 16, 16))
    mask.save(path)


def _keep(project: Path) -> None:
    """Pack everything but the models and the reports' pages."""
    with tarfile.open(ARCHIVE, "w:xz", preset=9) as archive:
        for path in sorted(project.rglob("*")):
            name = path.relative_to(project)
            left_out = name.parts[0] in ("model", "other", "small") or path.suffix == ".html"
            if not left_out and "__pycache__" not in name.parts and not path.is_dir():
                archive.add(path, str(name), filter=_plain)
    print(f"{ARCHIVE}: {ARCHIVE.stat().st_size:,} bytes")


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _session(project: Path, *arguments: str, ends_with: int = 1, **variables: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    _run(project, command, variables, ends_with)


def _command(project: Path, *arguments: str, **variables: str) -> None:
    _run(project, [str(Path(sys.executable).with_name("goldenseed")), *arguments], variables)


def _run(project: Path, command: list[str], variables: dict[str, str], ends_with: int = 1) -> None:
    others = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(command, cwd=project, env=others | SURROUNDINGS | variables, check=False)
    if done.returncode not in (0, ends_with):  # 1: some cases fail, as planted
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")


if __name__ == "__main__":
    _models(Path(sys.argv[2])) if sys.argv[1:2] == ["models"] else main()
