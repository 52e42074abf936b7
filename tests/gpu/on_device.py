"""What only a device can show of the back end, one check a call; tests/gpu/session.py calls them.

    python tests/gpu/on_device.py CHECK --device cuda      # or cpu, to try it out

Prints what was found as JSON; exit code 1: something is not as it has to be, named under ``wrong``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.in_force import differing
from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.determinism import settings
from goldenseed.environment.device import device_for, forget_peak, module_of, peak_bytes
from goldenseed.suite.loading import load_suite
from goldenseed.suite.model import Determinism
from goldenseed.tools.probe.change import Change
from goldenseed.trace.stages import Stage

SUITE = Path(__file__).parents[2] / "suites" / "shapes.suite.yaml"
SDPA = ("repeatable", "math", "flash", "efficient", "cudnn", "default")
DTYPES = ("float32", "bfloat16", "float16")
SHAPES = {
    "SDXL, within the image": (10, 4096, 4096, 64),
    "SDXL, with the prompt": (10, 4096, 77, 64),
    "Flux": (24, 4608, 4608, 128),
    "VAE": (1, 16384, 16384, 512),
}
"""Heads, queries, keys and head size of attention at 1024 x 1024."""
MOST_COPIES = 10
Found = dict[str, Any]


def first_case(dtype: str = "float32", **determinism: Any) -> Any:
    """Return the suite's first case, with another dtype and other fields of ``determinism``."""
    changed = Change("", "", determinism=determinism, model={"dtype": dtype})
    return changed.applied_to(load_suite(SUITE)).cases[0]


def kernels(device: str) -> Found:
    """Which kernel of attention serves a whole pipeline, by setting, dtype and shape."""
    found: Found = {"wrong": []}
    for dtype in DTYPES:
        for sdpa in SDPA:
            name = f"{dtype}, {sdpa}"
            backend = DiffusersBackend(device=device)
            try:
                case = first_case(dtype, sdpa=sdpa)
                one, two = backend.generate(case), backend.generate(case)
            except GoldenseedError as error:
                found[name] = str(error)
                found["wrong"] += [name] if sdpa in {"repeatable", "math", "default"} else []
                continue
            finally:
                environment = backend.fingerprint() if backend._loaded else {}
                backend.close()
            told = differing(two.in_force, environment)
            repeats = one.image.tobytes() == two.image.tobytes()
            found[name] = {
                "repeats": repeats,
                "seconds": round(two.seconds, 3),
                "first": environment.get("attention.unet.kernel"),
                **{key: value for key, value in told.items() if ".kernel." in key},
            }
            found["wrong"] += [] if repeats else [name]
    return found


def attention(device: str) -> Found:
    """Kernel, time and memory of attention alone, at the sizes of large models."""
    found: Found = {"wrong": []}
    smaller = 16 if device == "cpu" else 1
    for what, (heads, queries, keys, size) in SHAPES.items():
        for dtype in DTYPES:
            for sdpa in SDPA:
                query, key = (
                    torch.randn(1, heads, max(1, tokens // smaller), size).to(
                        device, getattr(torch, dtype)
                    )
                    for tokens in (queries, keys)
                )
                name = f"{what}, {dtype}, {sdpa}"
                found[name] = told = _attended(device, query, key, sdpa)
                found["wrong"] += [name] if told.get("repeats") is False else []
    return found


def _attended(device: str, query: Any, key: Any, sdpa: str) -> Found:
    attend = torch.nn.functional.scaled_dot_product_attention
    forget_peak(device)
    try:
        with torch.no_grad(), settings(Determinism(sdpa=sdpa), device):
            choice = torch._fused_sdp_choice(query, key, key)
            one = attend(query, key, key).cpu()
            began = time.perf_counter()
            two = attend(query, key, key).cpu()
            seconds = time.perf_counter() - began
    except (RuntimeError, ValueError) as error:
        return {"refused": str(error).partition("\n")[0]}
    return {
        "kernel": torch.nn.attention.SDPBackend(choice).name,
        "repeats": bool(torch.equal(one, two)),
        "milliseconds": round(seconds * 1e3, 2),
        "peak_bytes": peak_bytes(device),
    }


def memory(device: str) -> Found:
    """After memory that does not suffice nothing is left of the model, and the next case runs."""
    backend, fails = DiffusersBackend(device=device, prepare=lambda p: _greedy(p, fails)), [False]
    case = first_case()
    before = backend.generate(case).image.tobytes()
    fails[0] = True
    found: Found = {"wrong": []}
    try:
        backend.generate(case)
        found["wrong"].append("more memory than there is was given")
    except GoldenseedError as error:
        found["error"] = str(error)
        if "too little memory" not in error.what:
            found["wrong"].append("the error does not speak of memory")
    if device.startswith("cuda"):
        torch._C._cuda_clearCublasWorkspaces()
    held = getattr(module_of(device), "memory_allocated", None)
    found["bytes_left"] = held(device) if held else None
    if found["bytes_left"]:
        found["wrong"].append("something of the model is still on the device")
    if backend.generate(case).image.tobytes() != before:
        found["wrong"].append("the next image is another one")
    return found


def _greedy(pipeline: Any, fails: list[bool]) -> None:
    """Let the denoiser ask once for a pebibyte."""

    def hook(module: Any, *_: Any) -> None:
        if fails[0]:
            fails[0] = False
            torch.empty(2**50, dtype=torch.uint8, device=next(module.parameters()).device)

    pipeline.unet.register_forward_hook(hook)


def devices(device: str) -> Found:
    """Every device makes the same image, whichever is the current one, from the same weights."""
    kind, module = device.partition(":")[0], module_of(device)
    names = [f"{kind}:{n}" for n in range(module.device_count())] if module else [device]
    on_cpu = DiffusersBackend(device="cpu")
    on_cpu.load(first_case())
    weights = _weights(on_cpu)
    found: Found = {"devices": names, "wrong": []}
    images = []
    for number, name in enumerate(names):
        if module and len(names) > 1:
            module.set_device((number + 1) % len(names))
        backend = DiffusersBackend(device=name)
        images.append(backend.generate(first_case()).image.tobytes())
        if _weights(backend) != weights:
            found["wrong"].append(f"{name} has other digests of the weights than the CPU")
        backend.close()
    if len(set(images)) != 1:
        found["wrong"].append("the devices make different images")
    return found


def _weights(backend: DiffusersBackend) -> Found:
    read = backend.fingerprint()
    return {key: read[key] for key in read if key.startswith("model.") and key.endswith(".sha256")}


def records(device: str) -> Found:
    """Digests, norms and sketches are the CPU's, for values of every dtype."""
    found: Found = {"wrong": []}
    for values in _values():
        here, there = _recorded(values), _recorded(values.to(device))
        name = f"{values.dtype} {tuple(values.shape)}"
        found[name] = here == there
        found["wrong"] += [] if here == there else [name]
    return found


def _values() -> Iterator[torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        for shape in ((1,), (2, 4, 16, 16), (1, 3, 257, 255)):
            yield torch.randn(shape, generator=random, dtype=torch.float64).to(dtype)
    yield torch.arange(77).reshape(1, 77)


def _recorded(values: torch.Tensor) -> Any:
    recorder = Recorder()
    recorder.add(Stage.DENOISING_STEP, None, values)
    return recorder.finish().trace


def copies(device: str) -> Found:
    """How often an image brings something off the device, for which the device has to wait."""
    backend = DiffusersBackend(device=device)
    case = first_case()
    backend.generate(case)
    kinds = torch.profiler.supported_activities()
    with torch.profiler.profile(activities=kinds) as profile:
        backend.generate(case)
    off = sum("DtoH" in event.name for event in profile.events())
    return {"copies_off": off, "wrong": ["too many"] if off > MOST_COPIES else []}


CHECKS: dict[str, Callable[[str], Found]] = {
    each.__name__: each for each in (kernels, attention, memory, devices, records, copies)
}


def main() -> int:
    """Make one check and print what it found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    found = CHECKS[options.check](device_for(options.device))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
