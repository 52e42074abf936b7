"""A small runner for environments that this package cannot run in: one file, given to their Python.

It is run as a script (``python runner.py JOB MADE``) and needs torch, diffusers and NumPy, of any
release whose pipelines are called as today's are; Python 3.8 or newer. It imports nothing of this
package and judges nothing: it makes images and leaves what it saw of each stage as .npy files.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Keep = Callable[[str, str | None, Any], None]
    """Keeps a stage's values, by its name and source."""

_PR_SET_PDEATHSIG = 1
"""Of ``prctl``: the signal that this process is sent when its parent ends."""
_OPTIONS = {"output_type": "np"}
_SAMPLE = 2
"""Where a scheduler's step is given the sample."""


def main(job_file: str, made_file: str) -> None:
    """Make the images of the job; what was made, and what was not and why, is written as JSON."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    cases = [_made(case, Path(made_file).parent) for case in job["cases"]]
    made = {"environment": _environment(), "cases": cases}
    Path(made_file).write_text(json.dumps(made), encoding="utf-8")


def _environment() -> dict[str, str]:
    """Return what is known of this interpreter, by the keys of a fingerprint."""
    import platform

    import torch

    found = {"device.type": "cpu", "python.version": platform.python_version()}
    found["platform.machine"] = platform.machine()
    found["cpu.capability"] = torch.backends.cpu.get_cpu_capability()
    for name in ("torch", "diffusers", "transformers", "numpy", "scipy", "safetensors"):
        module = sys.modules.get(name)
        if module is not None:
            found["package." + name] = module.__version__.partition("+")[0]
    return found


def _made(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make one image; return its id with its stages, or with what went wrong."""
    try:
        stages = _stages(case)
    except Exception as error:  # noqa: BLE001 - told to whoever asked, with the other images
        traceback.print_exc()
        return {"id": case["id"], "error": f"{type(error).__name__}: {error}"}
    import numpy as np

    kept = []
    for number, (stage, source, values) in enumerate(stages):
        name = f"{case['name']}-{number}.npy"
        np.save(folder / name, values)
        kept.append([stage, source, name])
    return {"id": case["id"], "stages": kept}


def _stages(case: dict[str, Any]) -> list[tuple[str, str | None, Any]]:
    """Make one image as the suite's back end does; return stage, source and values in order."""
    import numpy as np
    import torch

    torch.set_num_threads(case["threads"])
    torch.use_deterministic_algorithms(case["algorithms"])
    for kernel in ("flash", "mem_efficient"):
        getattr(torch.backends.cuda, f"enable_{kernel}_sdp")(enabled=False)
    pipeline = _pipeline(case)
    stages: list[tuple[str, str | None, Any]] = []

    def keep(stage: str, source: str | None, values: Any) -> None:
        if torch.is_tensor(values):
            values = values.detach()
            values = values.float() if values.dtype is torch.bfloat16 else values
            stages.append((stage, source, values.cpu().numpy().copy()))

    _watch(pipeline, keep)
    generator = torch.Generator("cpu").manual_seed(case["seed"])
    with torch.no_grad():
        made = pipeline(case["prompt"], generator=generator, **dict(case["call"], **_OPTIONS))
    image = np.asarray(made.images)[0]
    if not np.isfinite(image).all():
        raise ValueError("the image is not finite")
    stages.append(("float_image", None, image))
    stages.append(("pixels", None, (image * 255).round().astype("uint8")))
    return stages


def _pipeline(case: dict[str, Any]) -> Any:
    """Load the model with the scheduler that the case names."""
    import diffusers
    import torch

    dtype = getattr(torch, case["dtype"])
    pipeline = diffusers.DiffusionPipeline.from_pretrained(
        case["model"], torch_dtype=dtype, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    if case["scheduler"]:
        cls = getattr(diffusers, case["scheduler"]["class"])
        config = case["scheduler"]["config"]
        pipeline.scheduler = cls.from_config(pipeline.scheduler.config, **config)
    return pipeline


def _watch(pipeline: Any, keep: Keep) -> None:
    """Have the stages of the next image kept, as far as a pipeline shows them."""
    for name, part in sorted(pipeline.components.items()):
        if name.startswith("text_encoder") and hasattr(part, "register_forward_hook"):
            part.register_forward_hook(functools.partial(_encoded, name, keep))
        if hasattr(part, "decode") and hasattr(part, "encoder"):
            _watch_method(part, "decode", functools.partial(_decoded, name, keep), None)
    scheduler = pipeline.scheduler
    _watch_method(scheduler, "set_timesteps", None, functools.partial(_scheduled, scheduler, keep))
    seen: list[bool] = []
    _watch_method(
        scheduler,
        "step",
        functools.partial(_given, seen, keep),
        lambda made: keep("denoising_step", "scheduler", _first(made)),
    )


def _watch_method(
    part: Any,
    name: str,
    before: Callable[..., None] | None,
    after: Callable[..., None] | None,
) -> None:
    """Call ``before`` with a method's arguments, and ``after`` with what it returned."""
    method = getattr(part, name)

    @functools.wraps(method)
    def watched(*args: Any, **kwargs: Any) -> Any:
        if before is not None:
            before(args, kwargs)
        made = method(*args, **kwargs)
        if after is not None:
            after(made)
        return made

    setattr(part, name, watched)


def _first(made: Any) -> Any:
    return made[0] if isinstance(made, tuple) else getattr(made, "prev_sample", None)


def _encoded(name: str, keep: Keep, _module: Any, _args: Any, made: Any) -> None:
    values = getattr(made, "last_hidden_state", None)
    keep("prompt_embeddings", name + ".last_hidden_state", made[0] if values is None else values)


def _decoded(name: str, keep: Keep, args: tuple[Any, ...], _kwargs: Any) -> None:
    keep("latents_before_vae", name, args[0] if args else None)


def _scheduled(scheduler: Any, keep: Keep, _made: Any) -> None:
    keep("timesteps", "scheduler", scheduler.timesteps)
    keep("sigmas", "scheduler", getattr(scheduler, "sigmas", None))


def _given(seen: list[bool], keep: Keep, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    sample = kwargs.get("sample", args[_SAMPLE] if len(args) > _SAMPLE else None)
    output = kwargs.get("model_output", args[0] if args else None)
    if not seen:
        keep("initial_latents", "scheduler", sample)
        keep("guided_output", "scheduler", output)
    seen.append(True)


if __name__ == "__main__":
    main(*sys.argv[1:])
