"""Where the noise of an image comes from, in place of the pipeline's own generator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.portable_normals import portable_normals
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, sha256_hex
from goldenseed.core.tensor_files import parsed_tensor
from goldenseed.suite.model import LARGEST_NOISE

if TYPE_CHECKING:
    import numpy as np
    import torch

    from goldenseed.suite.cases import Case
    from goldenseed.suite.model import NoiseSpec

    Values = np.ndarray[Any, np.dtype[np.float64]]

_STRAIGHT = 1e-6
"""Sines of angles below which the arc is a line, up to rounding."""
_FUNCTION = "randn_tensor"
"""``diffusers.utils.torch_utils.randn_tensor``: pipelines and schedulers draw through it."""


@dataclass
class Draws:
    """What a pipeline drew while it was watched."""

    shapes: list[tuple[int, ...]] = field(default_factory=list)


def generator_for(case: Case, device: str) -> torch.Generator:
    """Return a fresh generator with the case's seed: on ``device`` for ``noise: device``."""
    import torch

    place = device if case.noise.kind == "device" else "cpu"
    return torch.Generator(place).manual_seed(case.seed)


@contextmanager
def noise_of(case: Case) -> Iterator[Draws | None]:
    """Give the pipelines and schedulers of diffusers the noise that ``case`` asks for.

    For ``cpu`` and ``device``, which the generator decides, nothing is touched and None is yielded.
    ``portable`` answers every draw of an image from a stream of its own; ``file`` answers the first
    with the stored values and all later ones (of ancestral samplers) as ``portable`` does;
    ``between`` answers every draw with what lies between those of its two seeds. The
    values are float64 and rounded to the dtype that is asked for.

    Raises:
        GenerationError: on leaving, if the pipeline never drew through diffusers' own function.
        GoldenseedError: the file is not what it was when the suite was read, or of another shape.

    """
    if case.noise.kind in {"cpu", "device"}:
        yield None
        return
    first = None if case.noise.path is None else stored_noise(case.noise)
    between = None if case.noise.between is None else Between(case)
    draws = Draws()

    def draw(
        shape: Sequence[int],
        generator: Any = None,  # noqa: ARG001 - the signature is diffusers'
        device: Any = None,
        dtype: Any = None,
        layout: Any = None,
    ) -> torch.Tensor:
        wanted = tuple(shape)
        if between is not None:
            values = between.draw(len(draws.shapes), wanted, dtype)
        elif first is not None and not draws.shapes:
            values = _of_shape(first, wanted, case)
        else:
            values = portable_normals(case.seed, len(draws.shapes), wanted)
        draws.shapes.append(wanted)
        return _tensor(values, device, dtype, layout)

    from diffusers.utils.torch_utils import randn_tensor

    with instead_of(randn_tensor, draw):
        yield draws
    if not draws.shapes:
        raise GenerationError(
            f"the pipeline did not take the noise of `noise: {case.noise.kind}`: it draws its own",
            path=case.suite.path,
            line=case.line,
            fix="use `noise: cpu` for this pipeline",
        )


class Between:
    """Noise between that of two seeds, draw by draw."""

    def __init__(self, case: Case) -> None:
        import torch

        assert case.noise.between is not None  # noqa: S101 - only such noise is drawn here
        self._seeds = case.noise.between
        self._at = case.noise.at
        self._portable = case.suite.determinism.portable
        self._generators = [torch.Generator().manual_seed(seed) for seed in self._seeds]

    def draw(self, number: int, shape: tuple[int, ...], dtype: torch.dtype | None) -> Values:
        """Return the noise between the two seeds' draws of this number, image by image."""
        import numpy as np

        if self._portable:
            one, two = (portable_normals(seed, number, shape) for seed in self._seeds)
        else:
            one, two = (_drawn(generator, shape, dtype) for generator in self._generators)
        mixed = np.empty_like(one)
        for index in np.ndindex(shape[:1]):
            mixed[index] = slerp(one[index], two[index], self._at)
        return mixed


def _drawn(generator: torch.Generator, shape: tuple[int, ...], dtype: torch.dtype | None) -> Values:
    """Draw as ``randn_tensor`` does with a generator of the CPU, in the dtype that is asked for."""
    import torch

    drawn = torch.randn(shape, generator=generator, dtype=dtype)
    values: Values = drawn.to(torch.float64).numpy()
    return values


def slerp(one: Values, two: Values, at: float) -> Values:
    """Return the point between two arrays along the great circle through them.

    Shoemake, "Animating Rotation with Quaternion Curves" (SIGGRAPH 1985). A straight line would
    pass nearer to the origin than noise of this dimension ever lies. ``one`` at 0 and ``two`` at 1,
    bit for bit; where the two point alike or opposite, it is the straight line.
    """
    import numpy as np

    if at in {0.0, 1.0}:
        return two if at else one
    cosine = np.vdot(one, two) / (np.linalg.norm(one) * np.linalg.norm(two) or 1.0)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    if np.sin(angle) < _STRAIGHT:
        return (1 - at) * one + at * two
    mixed: Values = (np.sin((1 - at) * angle) * one + np.sin(at * angle) * two) / np.sin(angle)
    return mixed


def stored_noise(noise: NoiseSpec) -> Values:
    """Read the values of a noise file as float64.

    Raises:
        GoldenseedError: the file changed since the suite was read, or does not hold exactly one
            array of finite floating-point numbers.

    """
    import numpy as np

    path = noise.path
    assert path is not None  # noqa: S101 - only files are read here
    data = read_regular(path, LARGEST_NOISE)
    if sha256_hex(data) != noise.sha256:
        raise GoldenseedError(
            "changed after the suite was read", path=path, fix="run again when it is complete"
        )
    tensor = parsed_tensor(path, data, if_several="store the initial noise alone")
    if "float" not in tensor.dtype:
        raise GoldenseedError(
            f"holds {tensor.dtype} values", path=path, fix="store floating-point values"
        )
    return tensor.values().astype(np.float64)


def _of_shape(values: Values, wanted: tuple[int, ...], case: Case) -> Values:
    if values.shape != wanted:
        raise GoldenseedError(
            f"`{case.noise.source}` has the shape {values.shape}, and the pipeline draws {wanted}",
            path=case.suite.path,
            line=case.line,
            fix="store noise of that shape, or change height and width",
        )
    return values


def _tensor(values: Values, device: Any, dtype: Any, layout: Any) -> torch.Tensor:
    import torch

    wanted = torch.get_default_dtype() if dtype is None else dtype
    tensor = torch.from_numpy(values.copy()).to(device=device or "cpu", dtype=wanted)
    return tensor if layout in {None, torch.strided} else tensor.to_sparse()


def instead_of(
    own: Callable[..., torch.Tensor], draw: Callable[..., torch.Tensor]
) -> AbstractContextManager[None]:
    """Put ``draw`` wherever a module of diffusers holds ``own``, and take it away again."""
    return exchanged(_FUNCTION, own, draw)


@contextmanager
def exchanged(
    name: str, own: object, other: object, *, below: str = "diffusers."
) -> Iterator[None]:
    """Put ``other`` wherever a module of diffusers holds ``own`` under ``name``, for a while.

    ``below`` is how the names of those modules begin.
    Each module has imported it by name, so there is no one place. Modules that are imported
    meanwhile get ``other`` from its home, and lose it in the end like the others.
    """
    _put(name, own, other, below)
    try:
        yield
    finally:
        _put(name, other, own, below)


def _put(name: str, old: object, new: object, below: str) -> None:
    for place, module in tuple(sys.modules.items()):
        if place.startswith(below) and vars(module).get(name) is old:
            setattr(module, name, new)
