"""The exact image of a case: what its recipe says, without the rounding of its arithmetic.

It is computed in float64, from the very numbers that the case itself computes with: its weights as
they are in the case's dtype, and the noise that is drawn in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from harness.generation.noise import instead_of, noise_of
from harness.generation.sources import dtype_for

if TYPE_CHECKING:
    import torch

    from harness.suites.expansion import Case

EXACT = "the exact image is computed in float64"
"""Why all is float64, for messages."""


def round_weights(pipeline: Any, dtype: torch.dtype) -> None:
    """Round the stored numbers of a float64 pipeline to those they are in ``dtype``, in float64."""
    for component in pipeline.components.values():
        for weight in component.state_dict().values() if hasattr(component, "parameters") else ():
            if weight.is_floating_point():
                weight.copy_(weight.to(dtype))


@contextmanager
def widened_noise_of(
    case: Case, *, outside: Callable[[], AbstractContextManager[None]]
) -> Iterator[None]:
    """Give a pipeline that computes in float64 the noise that it draws in the case's own dtype.

    Args:
        case: whose noise and dtype.
        outside: leaves the drawing out of what makes all float64.

    Raises:
        GenerationError, GoldenseedError: as ``noise_of``.

    """
    import torch
    from diffusers.utils import torch_utils

    narrow = dtype_for(case.suite.model.dtype)
    with noise_of(case):
        own = torch_utils.randn_tensor

        def draw(
            shape: Sequence[int],
            generator: Any = None,
            device: Any = None,
            dtype: Any = None,
            layout: Any = None,
        ) -> torch.Tensor:
            wanted = torch.get_default_dtype() if dtype is None else dtype
            with outside():
                drawn: torch.Tensor = own(shape, generator, device, narrow, layout)
                return drawn.to(torch.float64 if wanted.is_floating_point else wanted)

        with instead_of(own, draw):
            yield
