"""What stops a pipeline, by its own cause: memory, determinism, attention, dtype, device."""

from __future__ import annotations

import importlib.metadata
import re
from dataclasses import dataclass
from traceback import walk_tb
from types import ModuleType
from typing import TYPE_CHECKING, Any

from goldenseed.backends.protocol import GenerationError
from goldenseed.environment.determinism import CUBLAS_WORKSPACE
from goldenseed.environment.device import peak_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from goldenseed.suite.cases import Case

_OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)
_UNREPEATABLE = re.compile(r"^(\S+) does not have a deterministic implementation")
_NO_ATTENTION = re.compile(r"No available kernel|No viable backend for scaled_dot_product")
_NO_DTYPE = re.compile(
    r"not implemented for '(Half|BFloat16|Double|Float)'|doesn't support (float64|bfloat16)"
)
_TWO_DTYPES = re.compile(r"should be the same|must have the same dtype|same dtype, but got")
_DEVICE_LOST = re.compile(r"\b(CUDA|HIP|XPU|MPS|cuDNN) error|\b(CUDNN|CUBLAS|NCCL)_STATUS")
_CHECK = re.compile(r"^\[enforce fail at [^]]*\][^.]*\.\s*")
_ABSENT_LIBRARY = re.compile(r"requires the ([\w.-]+) library|pip install ([\w.-]+)")
_LIBRARIES = ("diffusers", "transformers")
_OF_A_PLAIN_TYPE = re.compile(r"'(str|int|float|bool|list|dict|tuple|NoneType)' object")
_SENTENCE = re.compile(r"[^\n]*?(?<=\S)\.(?=\s|$)|[^\n]+")


class OutOfMemoryError(GenerationError):
    """The device's memory did not suffice; whoever catches it frees the model."""


@dataclass(frozen=True, slots=True)
class Situation:
    """In what a pipeline was stopped."""

    case: Case
    device: str


def failure(
    error: Exception, situation: Situation, path: Path, line: int | None = None
) -> GenerationError | None:
    """Say what ``error`` comes of and what helps, None if unknown; or ``OutOfMemoryError``."""
    if _is_out_of_memory(error):
        what, fix = _memory(error, situation)
        return OutOfMemoryError(what, path=path, line=line, fix=fix)
    known = _determinism(str(error), situation) or _device(error, situation) or _packages(error)
    return GenerationError(known[0], path=path, line=line, fix=known[1]) if known else None


def absent_packages_fault(cls: Any, name: str) -> tuple[str, str] | None:
    """Say of a class of diffusers which packages it lacks, and the fix; None where it is whole.

    For want of them diffusers has only a placeholder in its place.
    """
    from diffusers.utils.import_utils import BACKENDS_MAPPING

    needed = vars(cls).get("_backends", ()) if type(cls).__name__ == "DummyObject" else ()
    absent = [package for package in needed if not BACKENDS_MAPPING[package][0]()]
    if not absent:
        return None
    verb = "is" if len(absent) == 1 else "are"
    what = f"{name} needs {', '.join(absent)}, which {verb} not installed"
    return what, f"pip install {' '.join(absent)}"


def _packages(error: Exception) -> tuple[str, str] | None:
    """Explain what comes of a package that is missing, or of two that do not fit together."""
    said = " ".join(str(error).split())
    if isinstance(error, ImportError):
        named = _ABSENT_LIBRARY.search(said)
        package = next(filter(None, named.groups()), None) if named else error.name
        absent = named is not None or isinstance(error, ModuleNotFoundError)
        if absent and package:
            what = f"the package {package} is not installed: {said}"
            return what, f"pip install {package.partition('.')[0]}"
    if not _do_not_fit(error, said):
        return None
    versions = " and ".join(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES)
    what = f"{versions} do not fit together here: {type(error).__name__}: {said}"
    return what, "install releases of the two that were made for each other, as in the suite's lock"


def _do_not_fit(error: Exception, said: str) -> bool:
    """Say whether one of the two libraries lacks what the other asks it for.

    A name that is not where it is imported from, or an attribute of an object of the other's. What
    somebody else's code asks them for, or they of somebody else's object, is no doing of theirs;
    and what one of them lacks of its own is a fault of that release.
    """
    if isinstance(error, ImportError):
        asked_for = _top(error.name) if error.name else None
    elif not isinstance(error, AttributeError) or _OF_A_PLAIN_TYPE.search(said):
        return False
    else:
        asked = error.obj
        home = getattr(asked, "__name__" if isinstance(asked, ModuleType) else "__module__", "")
        asked_for = None if asked is None else _top(str(home))
    if asked_for is None:
        return isinstance(error, ImportError) or _raised_in(error) in _LIBRARIES
    return {asked_for, _raised_in(error)} == set(_LIBRARIES)


def _raised_in(error: Exception) -> str:
    """Name the package whose code raised; not torch's, or an object's own, that says for others."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    packages = [
        _top(str(frame.f_globals.get("__name__", "")))
        for frame in frames
        if frame.f_code.co_name not in {"__getattr__", "__getattribute__"}
    ]
    return next((each for each in reversed(packages) if each not in {"torch", "importlib"}), "")


def _top(module: str) -> str:
    return module.partition(".")[0]


def _is_out_of_memory(error: Exception) -> bool:
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_OUT_OF_MEMORY.search(str(error)))


def _memory(error: Exception, situation: Situation) -> tuple[str, str]:
    """Tell the peak, and name what this suite can change, the surest first."""
    model, determinism = situation.case.model, situation.case.suite.determinism
    advice = []
    if determinism.sdpa == "math":
        advice.append("leave out `determinism.sdpa: math`, which holds attention's scores whole")
    if model.dtype in {"float32", "float64"} and not determinism.portable:
        advice.append("`model.dtype: bfloat16`, which halves what is held")
    advice.append("smaller `call.height` and `call.width`")
    advice.append("a device with more memory free (`model.device`, --golden-device)")
    if model.offload == "none" and model.device_map is None:
        advice.append("`model.offload: model`, which keeps parts on the CPU until they compute")
    if not model.vae.tiling:
        advice.append("`model.vae: {tiling: true}`, where a large image is decoded")
    peak = peak_bytes(situation.device)
    held = f"; the peak was {peak / 2**30:.2f} GiB" if peak else ""
    what = f"{situation.device} has too little memory: {_in_short(error)}{held}"
    return what, f"try one of: {'; '.join(advice)}"


def _determinism(message: str, situation: Situation) -> tuple[str, str] | None:
    """Explain what comes of the suite's ``determinism``, and name its field."""
    case, device = situation.case, situation.device
    if unrepeatable := _UNREPEATABLE.search(message):
        what = f"{unrepeatable[1]} does not repeat itself on {device}"
        what += ", and `determinism.algorithms` allows only what does"
        fix = "allow it with `determinism: {algorithms: false}`, and calibrate; or use another "
        return what, f"{fix}scheduler, attention processor or pipeline"
    if "CUBLAS_WORKSPACE_CONFIG" in message:
        what = "cuBLAS cannot repeat itself: CUBLAS_WORKSPACE_CONFIG was not set before this "
        fix = f"export CUBLAS_WORKSPACE_CONFIG={CUBLAS_WORKSPACE} before pytest starts"
        return f"{what}process began to use CUDA", fix
    if _NO_ATTENTION.search(message):
        wanted, dtype = case.suite.determinism.sdpa, case.model.dtype
        what = f"`determinism.sdpa: {wanted}` leaves torch no kernel of attention for {dtype} "
        what += f"values of these shapes and masks on {device}"
        if wanted == "cudnn" and case.suite.determinism.algorithms:
            what += "; with `determinism.algorithms: true` it never uses cuDNN's"
        fix = "leave out `determinism.sdpa`: torch then chooses among those that repeat themselves"
        return what, f"{fix}; or change `model.dtype`"
    return None


def _device(error: Exception, situation: Situation) -> tuple[str, str] | None:
    """Explain what the device cannot do, or that it is lost."""
    message, device = str(error), situation.device
    model = situation.case.model
    if _TWO_DTYPES.search(message) and (model.dtypes or any(x.dtype for x in model.components)):
        what = "the pipeline does not convert between parts of these dtypes: "
        fix = "give the parts that stand next to each other one dtype (`model.dtype`)"
        return what + _in_short(error), fix
    if _NO_DTYPE.search(message):
        what = f"{device} cannot compute this in {situation.case.model.dtype}: {_in_short(error)}"
        return what, "change `model.dtype`, or the device"
    if type(error).__name__ == "AcceleratorError" or _DEVICE_LOST.search(message):
        what = f"{device} failed: {type(error).__name__}: {_in_short(error)}"
        fix = "run again: this process cannot use the device any more; if it fails again, see with "
        return what, f"{fix}its driver's tools (nvidia-smi, dmesg) whether the device is sound"
    return None


def _in_short(error: Exception) -> str:
    """Return the first two sentences of what torch says, which are followed by much advice."""
    sentences = _SENTENCE.findall(_CHECK.sub("", str(error).strip()))
    return " ".join(each.strip() for each in sentences[:2]).rstrip(".") or type(error).__name__
