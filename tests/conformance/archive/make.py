"""Make ``good-2.zip`` again: ``python tests/conformance/archive/make.py``.

Two suites of tiny models are accepted; then one model's weights and a case's steps change, an image
is rejected, cases are added of which one cannot be made and one is skipped; pytest runs both once
more, and that run is archived and signed with a key that is thrown away. It takes about a minute.
Digests, run id and key are others each time, and the key is added to ``signer.pub``: take the line
of the one before away. The file is kept, one for each version of the format: a verifier has to
answer for all of them for ever.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1]
VERSION = 2

MOVED = """\
suite: moved
model: {source: model}
lock: moved.lock.json
defaults:
  call: {num_inference_steps: 2, height: 32, width: 32, guidance_scale: 3.0}
gates:
  fail: {max_peak_difference: 4, min_ssim: 0.999}
content: {min_sharpness: 0.0001}
cases:
  - {id: apple, prompt: a red apple, seeds: [1]}
  - {id: masked, prompt: a red ball, seeds: [3], mask: masks/corner.png}
  - {id: strict, prompt: a green ball, seeds: [3], gates: {fail: {max_mean_difference: 0.0001}}}
  - {id: steps, prompt: a blue ball, seeds: [4]}
consistency:
  - {id: balls, cases: [masked, strict], within: {max_mean_difference: 200}}
"""
LATER = """\
  - {id: fresh, prompt: a cat, seeds: [9]}
  - {id: odd, prompt: a cat, seeds: [9], call: {clip_skip: 9}}
  - {id: skipped, prompt: a cat, seeds: [10], marks: [skip]}
"""
STEADY = """\
suite: steady
model: {source: other, pipeline: StableDiffusionImg2ImgPipeline}
defaults:
  call: {num_inference_steps: 4, strength: 0.5, guidance_scale: 3.0}
  inputs: {image: inputs/disc.png}
cases:
  - {id: table, prompt: a red ball on a table, seeds: [1, 2]}
"""
MARKED = """\
suite: marked
model: {factory: service:build}
content: {provenance: {png_text: {parameters: "Seed: 1"}, exif: [Software]}}
cases:
  - {id: disc, prompt: a red disc, seeds: [1]}
"""
SERVICE = """\
from io import BytesIO

from PIL import Image, PngImagePlugin


def make(prompt):
    info, exif, file = PngImagePlugin.PngInfo(), Image.Exif(), BytesIO()
    info.add_text("parameters", "Steps: 4, Seed: 1")
    exif[0x0131] = "a service of the tests"
    Image.radial_gradient("L").resize((32, 32)).save(file, "PNG", pnginfo=info, exif=exif)
    return file.getvalue()


def build():
    return make
"""


def main() -> None:
    """Run the sessions in a folder of their own, then archive the last one."""
    sys.path[:0] = [str(TESTS), str(TESTS.parent / "harness")]
    with tempfile.TemporaryDirectory() as made:
        project = Path(made) / "project"
        _write(project)
        _run("goldenseed", project, "lock", "suites/moved.suite.yaml")
        _run("pytest", project, "-q", "suites", "--golden-update=missing")
        _change(project)
        why = ("--reason", "three ears", "--by", "Ada")
        _run("goldenseed", project, "reject", "latest", "steady::table[seed=2]", *why)
        _run("pytest", project, "-q", "suites", "--golden-environment=report", code=1)
        key = Path(made) / "signer"
        _run("goldenseed", project, "archive", "keygen", "--output", str(key))
        _run("goldenseed", project, "archive", "create", "--key", str(key), "--output", "made")
        with (HERE / "signer.pub").open("a") as file:
            file.write(f"{key.with_name('signer.pub').read_text().strip()}-{VERSION}\n")
        _pack(project / "made", HERE / f"good-{VERSION}.zip")


def _write(project: Path) -> None:
    from PIL import Image, ImageDraw

    from tiny_pipelines import tiny_stable_diffusion

    suites = project / "suites"
    for name in ("masks", "inputs"):
        (suites / name).mkdir(parents=True)
    tiny_stable_diffusion(suites / "model")
    tiny_stable_diffusion(suites / "other", seed=7)
    mask = Image.new("L", (32, 32), 255)
    mask.paste(0, (0, 0, 8, 8))
    mask.save(suites / "masks" / "corner.png")
    disc = Image.new("RGB", (32, 32), "white")
    ImageDraw.Draw(disc).ellipse((8, 8, 24, 24), fill="red")
    disc.save(suites / "inputs" / "disc.png")
    (suites / "moved.suite.yaml").write_text(MOVED)
    (suites / "steady.suite.yaml").write_text(STEADY)
    (suites / "marked.suite.yaml").write_text(MARKED)
    (suites / "service.py").write_text(SERVICE)
    (project / "pytest.ini").write_text("[pytest]\n")


def _change(project: Path) -> None:
    from safetensors.torch import load_file, save_file

    suite = project / "suites" / "moved.suite.yaml"
    steps = "seeds: [4], call: {num_inference_steps: 3}"
    text = MOVED.replace("seeds: [4]", steps).replace("consistency:", f"{LATER}consistency:")
    suite.write_text(text)
    weights = project / "suites" / "model" / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    name = min(tensors)
    save_file({**tensors, name: tensors[name] + 0.01}, weights, metadata={"format": "pt"})


def _run(command: str, folder: Path, *arguments: str, code: int = 0) -> None:
    words = {"pytest": ["-m", "pytest", "-p", "no:cacheprovider"]}
    words["goldenseed"] = ["-c", "from goldenseed.cli.main import main; main()"]
    environment = {k: v for k, v in os.environ.items() if k != "CI"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
    done = subprocess.run(
        [sys.executable, *words[command], *arguments], cwd=folder, env=environment, check=False
    )
    if done.returncode != code:
        raise SystemExit(f"{command} ended with {done.returncode}")


def _pack(folder: Path, target: Path) -> None:
    """Pack small, as whoever sends an archive may: the members are what counts."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                member = zipfile.ZipInfo(file.relative_to(folder).as_posix())
                member.compress_type = zipfile.ZIP_DEFLATED
                packed.writestr(member, file.read_bytes())


if __name__ == "__main__":
    main()
