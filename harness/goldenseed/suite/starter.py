"""A first suite for a model that somebody has: what ``goldenseed init`` writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import open_regular, read_json
from goldenseed.suite.nodes import plain_scalar
from goldenseed.suite.parts import Role, check_names, named
from goldenseed.suite.signatures import Signature, signature_of

_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_HEADER_LIMIT_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What can be read of a diffusers model's folder without loading it."""

    pipeline: str
    """The class named in ``model_index.json``."""
    dtype: str
    """The data type in which the denoiser's weights are stored."""
    size: int | None
    """The default height and width in pixels, where the configuration tells."""
    signature: Signature | None = None
    """How the pipeline is called, where the installed diffusers has its class."""


def read_model_facts(folder: Path) -> ModelFacts:
    """Read the facts of a diffusers model's folder; ``GoldenseedError`` if it is none."""
    modular = folder / "modular_model_index.json"
    index = folder / "model_index.json"
    index = index if index.is_file() or not modular.is_file() else modular
    if not index.is_file():
        raise GoldenseedError(
            "this is no diffusers model: it has no model_index.json",
            path=folder,
            fix="name the folder that `save_pretrained` wrote, or a hub id such as org/name",
        )
    described = read_json(index)
    name = described.get("_class_name") if isinstance(described, dict) else None
    if not isinstance(name, str):
        raise GoldenseedError(
            "names no pipeline class (_class_name)",
            path=index,
            fix="save the model again with save_pretrained",
        )
    denoisers = named(described, Role.DENOISER, Role.PRIOR)
    for each in denoisers:
        check_names(index, each)
    denoiser = next((each for each in denoisers if (folder / each).is_dir()), None)
    return ModelFacts(
        pipeline=name,
        dtype=_stored_dtype(folder / denoiser) if denoiser else "float32",
        size=_default_size(folder, denoiser) if denoiser else None,
        signature=signature_of(name),
    )


def _stored_dtype(component: Path) -> str:
    """Read the first tensor's dtype from the first safetensors header; float32 if there is none."""
    for file in sorted(component.glob("*.safetensors")):
        try:
            with open_regular(file) as stream:
                length = int.from_bytes(stream.read(8), "little")
                header = json.loads(stream.read(min(length, _HEADER_LIMIT_BYTES)))
        except (GoldenseedError, OSError, ValueError, RecursionError):
            break
        for name, tensor in header.items() if isinstance(header, dict) else ():
            if name != "__metadata__" and isinstance(tensor, dict):
                return _DTYPES.get(str(tensor.get("dtype")), "float32")
    return "float32"


def _default_size(folder: Path, denoiser: str) -> int | None:
    """Return the denoiser's sample size times the VAE's scale, as pipelines compute it."""
    sample = _config(folder / denoiser).get("sample_size")
    blocks = _config(folder / "vae").get("block_out_channels")
    if isinstance(sample, int) and isinstance(blocks, list) and blocks:
        return int(sample * 2 ** (len(blocks) - 1))
    return None


def _config(component: Path) -> dict[str, Any]:
    file = component / "config.json"
    found = read_json(file) if file.is_file() else {}
    return found if isinstance(found, dict) else {}


def _scalar(text: str) -> str:
    """Quote a text that YAML would read as a number or a word of its own."""
    return text if plain_scalar(text) == text else json.dumps(text)


_PLAIN = Signature(
    dict.fromkeys(("prompt", "num_inference_steps", "height", "width", "guidance_scale"), False),
    frozenset(),
)
"""What is taken for granted of a pipeline whose class is not known."""
_EXAMPLES = {
    "class_labels": "[207]",
    "control_mode": "0",
    "gligen_phrases": "[a red apple]",
    "gligen_boxes": "[[0.2, 0.2, 0.7, 0.8]]  # left, top, right, bottom as shares of the sides",
}
"""What has to be given and is neither a prompt nor a picture."""
_PICTURE_SIDE = 512
_SMALL = "original_image"
"""Beside it, ``image`` is the small picture that it was made of, or that is to be like it."""


def pictures_for(facts: ModelFacts) -> dict[str, int]:
    """Return the pictures that the suite names beside it, and their height and width in pixels."""
    named_so = (facts.signature or _PLAIN).pictures
    side = facts.size or _PICTURE_SIDE
    small = {"image": side // 4} if _SMALL in named_so else {}
    return {name: small.get(name, side) for name in named_so}


def needs_of(facts: ModelFacts) -> tuple[str, ...]:
    """Say what the pipeline needs that no suite can be written with: a sentence each."""
    signature = facts.signature or _PLAIN
    name = facts.pipeline
    needs = []
    if "hint" in signature.arguments or signature.unknown:
        tensors = [*signature.unknown, *(["hint"] if "hint" in signature.arguments else [])]
        needs.append(
            f"{name} needs {', '.join(dict.fromkeys(tensors))}: give tensors under `inputs` "
            "(a .safetensors or .npy file), numbers under `call`"
        )
    if "task_prompt" in signature.arguments:
        needs.append(
            f"{name} takes rows of pictures: give `image` under `inputs` as a list of lists, with "
            "`null` for what it is to draw"
        )
    if signature.refuses_plain_prompts:
        needs.append(
            f"{name} takes no plain text as its prompt, but JSON: write each case's prompt as "
            "diffusers' documentation of it shows"
        )
    if "invert" in signature.methods:
        needs.append(
            f"{name} is called twice, `invert` first: say under the case's `before` what that is "
            "given, and what of it the second call takes"
        )
    return tuple(needs)


def _call(facts: ModelFacts) -> str:
    """Return the lines under ``call``: what the pipeline has of what is worth pinning."""
    signature = facts.signature or _PLAIN
    arguments = signature.arguments
    all_steps = [name for name in arguments if name.endswith("num_inference_steps")]
    # What is given by default of every step is as long as the steps are by default.
    scheduled = any(name.endswith(("_schedule", "intermediate_timesteps")) for name in arguments)
    lines = [f"{'# ' if scheduled else ''}{name}: 20" for name in all_steps]
    sides = [name for name in ("height", "width") if name in arguments]
    lines += [f"{name}: {facts.size}" if facts.size else f"# {name}: 1024" for name in sides]
    lines += [f"{name}: a red apple on a white table" for name in signature.texts]
    lines += [f"{name}: {value}" for name, value in _EXAMPLES.items() if name in arguments]
    if "guidance_scale" in arguments:
        lines.append("# guidance_scale: 5.0")
    if all(line.startswith("#") for line in lines):
        return "  call: {}\n" + "".join(f"    {line}\n" for line in lines)
    return "  call:\n" + "".join(f"    {line}\n" for line in lines)


def _inputs(facts: ModelFacts, folder: str) -> str:
    pictures = pictures_for(facts)
    if not pictures:
        return ""
    written = "  # Neutral pictures; put your own in their place.\n  inputs:\n"
    for name in pictures:
        layered = "layers" in (facts.signature or _PLAIN).arguments
        mode = ", mode: L" if "mask" in name else ", mode: RGBA" if layered else ""
        one = f"{{file: {folder}/{name}.png{mode}}}"
        written += f"    {name}: {f'[{one}]' if name.endswith('images') else one}\n"
    return written


_CASES = """\
  - id: red-apple
    prompt: a red apple on a white table
    seeds: [1024, 9999]
  - id: night-city
    prompts:
      plain: a city street at night in the rain
      words: a neon sign that says OPEN
    seeds: {start: 0, count: 2}
"""
_WITHOUT_PROMPT = """\
  - id: first
    seeds: [1024, 9999]
"""


def starter_suite(
    *, name: str, source: str, revision: str | None, facts: ModelFacts, inputs: str = "inputs"
) -> str:
    """Return the text of a commented suite file for the model; its pictures lie in ``inputs``."""
    pinned = f"\n  revision: {_scalar(revision)}" if revision else ""
    needs = "".join(f"# {need}.\n" for need in needs_of(facts))
    prompted = "prompt" in (facts.signature or _PLAIN).arguments
    return f"""\
# A golden suite: what this model is expected to draw. Run it with `pytest {name}.suite.yaml`.
# Every key is explained by `goldenseed schema`.
{needs}suite: {_scalar(name)}

model:
  source: {json.dumps(source, ensure_ascii=False)}{pinned}
  dtype: {facts.dtype}          # the one the weights are stored in
  # scheduler: {{class: EulerDiscreteScheduler}}          # default: the model's own
  # adapters: [{{source: lora/style.safetensors, scale: 0.8}}]

defaults:
  # Keyword arguments of {facts.pipeline}.__call__, by their own names. Pin all that you rely on.
{_call(facts)}{_inputs(facts, inputs)}
gates:
  # Beyond one of these a case fails as drift. Inside them, but beyond rounding, it warns.
  fail:
    max_peak_difference: 8         # levels of 255, the worst pixel
    max_mean_difference: 0.1       # levels of 255, over the picture
    min_ssim: 0.999

cases:
  # One image for every seed. Few steps and small pictures keep a suite quick.
{_CASES if prompted else _WITHOUT_PROMPT}"""


def neutral_picture(name: str, side: int) -> bytes:
    """Return a PNG of ``side`` x ``side`` pixels: a disc on a slope of grey; of a mask a disc."""
    from io import BytesIO

    from PIL import Image, ImageDraw

    mask = "mask" in name
    slope = Image.linear_gradient("L").resize((side, side))
    picture = Image.new("L", (side, side)) if mask else Image.merge("RGB", [slope] * 3)
    inner = [side // 4, side // 4, side - side // 4, side - side // 4]
    ImageDraw.Draw(picture).ellipse(inner, fill=255 if mask else (180, 60, 50))
    written = BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()
