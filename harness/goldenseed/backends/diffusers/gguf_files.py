"""Components that are GGUF files: quantised weights alone, whose configuration lies elsewhere."""

from __future__ import annotations

import importlib.util
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.as_loaded import LoadingReport, names_in_words
from goldenseed.backends.diffusers.part_files import check_large_file, read_object
from goldenseed.backends.diffusers.places import dtype_argument, local_folder
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError

if TYPE_CHECKING:
    import torch

    from goldenseed.backends.diffusers.weights import CheckedModel
    from goldenseed.suite.part_specs import ComponentSpec

_NEEDED = ("gguf", "accelerate")
_CONFIG = "config.json"


def checked_gguf(spec: ComponentSpec, suite: Path, whole: CheckedModel) -> tuple[Path, Path]:
    """Find a component's GGUF file and the folder of its ``config.json``; check that both are so.

    The configuration lies beside the file or in the folder of the part of ``whole``.

    Raises:
        GoldenseedError: a package is not installed, there is no such file or no configuration,
            or the file is cut short, or no GGUF file.

    """
    for package in _NEEDED:
        if importlib.util.find_spec(package) is None:
            what = f"the GGUF file of `{spec.name}` needs the package {package}"
            fix = f"pip install {package}"
            raise GoldenseedError(what, path=suite, line=spec.line, fix=fix)
    place = local_folder(spec, suite)
    file = place if spec.file is None else place / spec.file
    if not file.is_file():
        what = f"there is no file {spec.file or spec.source!r} for `{spec.name}`"
        raise GoldenseedError(what, path=suite, line=spec.line, fix="correct it, or put it there")
    tensor_names(file)
    own = whole.folder_of(spec.name)
    folders = (file.parent, own)
    config = next((each for each in folders if (each / _CONFIG).is_file()), None)
    if config is None:
        what = f"nothing tells how the `{spec.name}` in {spec.source!r} is built"
        near = get_close_matches(spec.name, whole.classes, n=1)
        fix = f"put its {_CONFIG} beside the file, or at {own / _CONFIG}"
        fix = f"did you mean {near[0]}?" if near else fix
        raise GoldenseedError(what, path=suite, line=spec.line, fix=fix)
    read_object(config / _CONFIG, missing="")
    return file, config


def tensor_names(file: Path) -> frozenset[str]:
    """Return the names of a GGUF file's tensors, or raise; their values are not read."""
    from gguf import GGUFReader

    check_large_file(file)
    try:
        return frozenset(each.name for each in GGUFReader(file).tensors)
    except Exception as error:  # the package checks little: it fails where the bytes lead it
        what = f"is truncated or no GGUF file: {type(error).__name__}: {error}"
        raise GoldenseedError(what, path=file, fix="download or copy it again") from error


def loaded_gguf(
    cls: Any, file: Path, config: Path, dtype: torch.dtype
) -> tuple[Any, LoadingReport]:
    """Load a model of a GGUF file, which computes in ``dtype``, and say what of it nothing uses.

    Names that a file of another program has are diffusers' to translate; of such a file nobody
    tells what was left over.

    Raises:
        GenerationError: weights are missing.

    """
    from diffusers import GGUFQuantizationConfig

    if not hasattr(cls, "from_single_file"):
        raise TypeError(f"{cls.__name__} is not loaded from single files")
    fix = "use a whole file made for this class"
    try:
        model = cls.from_single_file(
            str(file),
            config=str(config),
            quantization_config=GGUFQuantizationConfig(compute_dtype=dtype),
            local_files_only=True,
            **{dtype_argument(cls): dtype},
        )
    except (LookupError, AttributeError) as error:  # while it looks for names of another program
        what = (
            f"lacks weights of a {cls.__name__}, or has other names for them than diffusers knows"
        )
        raise GenerationError(what, path=file, fix=fix) from error
    weights = model.state_dict(keep_vars=True)
    missing = tuple(sorted(name for name, each in weights.items() if each.is_meta))
    if missing:
        what = f"lacks weights of a {cls.__name__}: {names_in_words(missing)}"
        raise GenerationError(what, path=file, fix=fix)
    held = tensor_names(file)
    left = tuple(sorted(held - weights.keys())) if held >= weights.keys() else ()
    return model, LoadingReport(file.name, (), left)
