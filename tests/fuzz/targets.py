"""What reads a file of each kind, and good files of it to begin with.

A target takes edits and a folder, and returns whatever it likes: it passes unless something else
than ``GoldenseedError`` comes out, or it takes too long.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fuzz.mutations import Edit, as_json, edited_bytes, edited_json
from goldenseed.backends.diffusers.description import files_of
from goldenseed.backends.diffusers.noise import stored_noise
from goldenseed.backends.diffusers.weights import check_model
from goldenseed.baselines.entry import MeasuredTolerance
from goldenseed.baselines.reading import read_entry
from goldenseed.cli.env import _difference_lines, _other
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, sha256_hex
from goldenseed.core.pixels import decode
from goldenseed.diagnosis.divergence import first_divergence
from goldenseed.environment.fingerprint import environment_differences
from goldenseed.environment.lock import lock_differences, lock_table, read_lock
from goldenseed.images.compare import compare
from goldenseed.images.terms import read_gates
from goldenseed.reporting.html import render
from goldenseed.reporting.markdown import summary_markdown
from goldenseed.reporting.view import run_view
from goldenseed.reporting.words import visible
from goldenseed.runs.folder import load_run
from goldenseed.suite.loading import load_suite
from goldenseed.suite.model import NoiseSpec
from goldenseed.suite.pipelines import size_multiple
from goldenseed.suite.recipes import recipe_of
from goldenseed.suite.starter import read_model_facts, starter_suite
from goldenseed.tolerance.calibrated import calibration_of
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.trace.files import LAYERS_SUFFIX, SUFFIX, read_layers, read_trace

ROOT = Path(__file__).parents[2]
Changes = Sequence[Edit]
Target = Callable[[Changes, Path], object]

SUITE = b"""\
suite: shapes
model:
  source: m
  scheduler: &s {class: DDIMScheduler, eta: 1e-3}
determinism: {algorithms: true, float32_precision: ieee, threads: 1}
defaults:
  call: {num_inference_steps: 20, height: 64, width: 64, note: "caf\\u00e9"}
gates:
  fail: {min_ssim: 0.95}
content: {min_sharpness: 0.1}
cases:
  - &first
    id: apple
    prompt: a red apple
    seeds: [9999, 1024]
    ignore: [[0, 0, 1, 1]]
  - <<: *first
    id: ball
    model: {scheduler: *s}
    marks: [slow]
    seeds: {start: 0, count: 8}
  - {id: c, prompts: {a: x, b: y}, seeds: [1], gates: {fail: {max_psnr: 1}}}
consistency:
  - {id: s, cases: ["apple*", ball], within: {min_ssim: 0.1}, between: {max_ssim: 0.9}}
  - {id: t, cases: ["c[*"], within: {min_ssim: 0.1}}
"""


def put(folder: Path, name: str, data: bytes) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def suite(changes: Changes, folder: Path) -> None:
    (folder / "m").mkdir(exist_ok=True)
    found = load_suite(put(folder, "x.suite.yaml", edited_bytes(SUITE, changes)))
    for case in found.cases[:20]:
        recipe_of(case)


def gates(changes: Changes, folder: Path) -> None:
    good = b"gates:\n  fail:\n    min_ssim: 0.95\n    max_peak_difference: 3\n"
    read_gates(put(folder, "gates.yaml", edited_bytes(good, changes)))


@cache
def a_run() -> Any:
    file = ROOT / "tests/unit/reporting/records/every_verdict/run.json.gz"
    return json.loads(gzip.decompress(file.read_bytes()))


def few_cases(changes: Changes) -> Any:
    run = a_run()
    first = changes[0][0] % len(run["cases"])
    return {**run, "cases": run["cases"][first : first + 2]}


def run(changes: Changes, folder: Path) -> None:
    load_run(put(folder, "run.json", as_json(few_cases(changes), changes)))


def report(changes: Changes, folder: Path) -> None:
    """Read a record of a run and write all that is written of it."""
    put(folder, "run.json", json.dumps(edited_json(few_cases(changes), changes)).encode())
    view = run_view(load_run(folder), folder)
    render(view).encode()
    summary_markdown(view).encode()


def journal(changes: Changes, folder: Path) -> None:
    unfinished = {**few_cases(changes), "finished": None, "complete": False, "cases": []}
    put(folder, "run.json", json.dumps(unfinished).encode())
    lines = b"".join(json.dumps(case).encode() + b"\n" for case in few_cases(changes)["cases"])
    put(folder, "cases.jsonl", edited_bytes(lines, changes))
    load_run(folder)


@cache
def an_entry() -> Any:
    file = min((ROOT / "baselines/shapes").glob("*.json"))
    return json.loads(file.read_text("utf-8"))


def entry(changes: Changes, folder: Path) -> None:
    good = an_entry()
    read_entry(
        put(folder, "a.json", as_json(good, changes)), suite=good["suite"], case=good["case"]
    )


def calibration(changes: Changes, folder: Path) -> None:
    """Put a calibration into an entry that is otherwise sound, read it and use it."""
    good = an_entry()
    profile, baseline = next(iter(good["profiles"].items()))
    recipe = baseline["accepted"][0]["recipe_sha256"]
    measured = MeasuredTolerance(
        pattern="envelope",
        images=5,
        harmless=("threads-1",),
        limits={"peak_difference": 1.0, "mean_difference": 0.1},
        recipe_sha256=recipe,
        environment_sha256="0" * 64,
        harmless_environments=("1" * 64,),
        measured_at=datetime.now(UTC),
        measured_by="a",
    ).model_dump(mode="json")
    laid = {**baseline, "tolerance": edited_json(measured, changes)}
    document = {**good, "profiles": {profile: laid}}
    file = put(folder, "a.json", json.dumps(document).encode())
    found = read_entry(file, suite=good["suite"], case=good["case"])
    if found is not None:
        measured = calibration_of(
            found.profiles[profile], recipe, lambda digest: {"torch.version": digest[:1]}
        )
        if measured is not None:
            present = {"torch.version": "1"}
            tolerance = measured.tolerance(present, assumed_tolerance("float32"), elsewhere=False)
            tolerance.explains(defaultdict(float))


@cache
def a_trace() -> Any:
    file = min((ROOT / "baselines/traces").glob("*/*.json.gz"))
    return json.loads(gzip.decompress(file.read_bytes())), read_trace(file)


def trace(changes: Changes, folder: Path) -> None:
    document, accepted = a_trace()
    text = as_json(document, changes)
    packed = gzip.compress(text, compresslevel=1)
    if changes[-1][1] % 7 == 0:
        packed = edited_bytes(packed, changes)
    found = read_trace(put(folder, f"{sha256_hex(text)}{SUFFIX}", packed))
    first_divergence(accepted, found)
    first_divergence(found, accepted)


def layers(changes: Changes, folder: Path) -> None:
    good = {
        "module": "unet.conv_in",
        "call": 0,
        "inputs": "0" * 64,
        "sha256": "1" * 64,
        "shape": [1, 4, 8, 8],
        "dtype": "float32",
        "norm": 1.5,
    }
    text = as_json(good, changes) + b"\n" + json.dumps(good).encode() + b"\n"
    packed = gzip.compress(text, compresslevel=1)
    if changes[-1][1] % 7 == 0:
        packed = edited_bytes(packed, changes)
    list(read_layers(put(folder, f"{sha256_hex(text)}{LAYERS_SUFFIX}", packed)))


@cache
def an_environment() -> Any:
    file = min((ROOT / "baselines/environments").glob("*.json"))
    return json.loads(file.read_text("utf-8"))


def environment(changes: Changes, folder: Path) -> None:
    """Read an environment and say how it differs, as ``env --diff`` does."""
    file = put(folder, "env.json", as_json(an_environment(), changes))
    found = _other(str(file), folder)
    for line in _difference_lines(environment_differences(found, an_environment())):
        visible(line).encode()


def lock(changes: Changes, folder: Path) -> None:
    """Edit a lock, sign it anew in most cases, and hold it against an environment."""
    good = json.loads((ROOT / "suites/shapes.lock.json").read_text("utf-8"))
    data = as_json(good, changes)
    with contextlib.suppress(ValueError, AttributeError, TypeError, GoldenseedError):
        document = json.loads(data)
        content = {key: value for key, value in document.items() if key != "sha256"}
        data = json.dumps({**content, "sha256": json_sha256(content)}).encode()
    found = read_lock(put(folder, "a.lock.json", data), good["suite"])
    for line in lock_table(lock_differences(found, an_environment())):
        visible(line).encode()


def npy(changes: Changes, folder: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((1, 4, 2, 2), dtype=np.float32))
    data = edited_bytes(buffer.getvalue(), changes)
    file = put(folder, "n.npy", data)
    stored_noise(NoiseSpec("file", "n.npy", file, sha256_hex(data)))


@cache
def pictures() -> tuple[bytes, ...]:
    return tuple(_pictures())


def _pictures() -> Iterator[bytes]:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0xA001] = 1
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        grey = Image.new("I;16", (7, 9), 300) if mode == "I;16" else image.convert(mode)
        yield _encoded(grey, "PNG")
    yield _encoded(image, "PNG", exif=exif)
    yield _encoded(image.convert("P"), "PNG", transparency=3)
    yield _encoded(image, "JPEG", exif=exif)
    yield _encoded(image, "JPEG", progressive=True)
    yield _encoded(image.convert("CMYK"), "JPEG")
    yield _encoded(image, "WEBP", lossless=True, exif=exif)
    yield _encoded(image.convert("RGBA"), "WEBP")


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(changes: Changes, folder: Path) -> None:
    """Decode a damaged picture, and compare it with its copy and with the sound one."""
    good = pictures()[changes[0][2] % len(pictures())]
    data = edited_bytes(good, changes)
    a, b = put(folder, "a.png", data), put(folder, "b.png", data)
    sound = put(folder, "c.png", good)
    for reader in (lambda: decode(data), lambda: compare(a, b), lambda: compare(a, sound)):
        with contextlib.suppress(GoldenseedError):
            reader()


def _png_with_checksums(data: bytes) -> bytes:
    """Give each chunk of a PNG the checksum of what it holds now."""
    import zlib

    out, at = data[:8], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + length]
        out += data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return out


def png(changes: Changes, folder: Path) -> None:
    """Damage a PNG below its checksums, where Pillow and our own parsers come to see it."""
    good = pictures()[changes[0][2] % 9]
    data = _png_with_checksums(edited_bytes(good, changes))
    a, b = put(folder, "a.png", data), put(folder, "b.png", data)
    sound = put(folder, "c.png", good)
    for reader in (lambda: decode(data), lambda: compare(a, b), lambda: compare(a, sound)):
        with contextlib.suppress(GoldenseedError):
            reader()


MODEL: dict[str, Any] = {
    "model_index.json": {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.42.1",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "safety_checker": [None, None],
    },
    "scheduler/scheduler_config.json": {"_class_name": "DDIMScheduler", "clip_sample": False},
    "tokenizer/tokenizer_config.json": {"model_max_length": 77, "added_tokens_decoder": {}},
    "unet/config.json": {"_class_name": "UNet2DConditionModel", "sample_size": 16},
    "vae/config.json": {"_class_name": "AutoencoderKL", "block_out_channels": [32, 64]},
    "vae/model.safetensors.index.json": {"weight_map": {"w": "model-1.safetensors"}},
}


def safetensors_file(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + bytes(16)


def model(changes: Changes, folder: Path) -> None:
    """Damage one file of a model's folder; check it, list it, and write a suite for it."""
    header: dict[str, Any] = {"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
    names = [*MODEL, "unet/diffusion_pytorch_model.safetensors"]
    chosen = names[changes[0][2] % len(names)]
    for name, document in MODEL.items():
        data = as_json(document, changes) if name == chosen else json.dumps(document).encode()
        put(folder, name, data)
    whole = safetensors_file(json.dumps(header).encode())
    put(folder, "vae/model-1.safetensors", whole)
    damaged = (
        edited_bytes(whole, changes)
        if changes[0][1] % 2
        else safetensors_file(as_json(header, changes))
    )
    put(
        folder,
        "unet/diffusion_pytorch_model.safetensors",
        damaged if chosen == names[-1] else whole,
    )
    with contextlib.suppress(GoldenseedError):
        files_of(check_model(folder))
    with contextlib.suppress(GoldenseedError):
        facts = read_model_facts(folder)
        starter_suite(name="x", source="m", revision=None, facts=facts).encode()
    size_multiple(folder)


TARGETS: dict[str, Target] = {
    each.__name__: each
    for each in (
        *(suite, gates, run, report, journal, entry, calibration, trace, layers),
        *(environment, lock, npy, picture, png, model),
    )
}
