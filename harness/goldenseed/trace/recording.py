"""For the code of users: tell a golden run what a stage of an image was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_TAKEN: ContextVar[Callable[[str, Any, str | None], None] | None] = ContextVar(
    "goldenseed_taken", default=None
)


def record(stage: str, values: Any, source: str | None = None) -> None:
    """Record ``values`` as what a stage of the image that is being made was.

    Costs a look at one variable where no golden image is being made. The values are copied.

    Args:
        stage: a ``goldenseed.Stage``, or its name: ``initial_noise``, ``denoising_step``, …
        values: a tensor of torch or an array of NumPy, any shape and dtype.
        source: the part that made them, where there are several: ``refiner``.

    Raises:
        GoldenseedError: there is no such stage; only while a golden image is made.

    """
    taken = _TAKEN.get()
    if taken is not None:
        taken(stage, values, source)


@contextmanager
def recorded_by(taken: Callable[[str, Any, str | None], None]) -> Iterator[None]:
    """Give ``taken`` what is recorded in the block: stage's name, values, source."""
    before = _TAKEN.set(taken)
    try:
        yield
    finally:
        _TAKEN.reset(before)
