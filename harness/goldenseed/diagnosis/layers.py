"""Where two deep traces part: the first layer that was given the same and returned another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from goldenseed.trace.files import LayerRecord
from goldenseed.trace.sketch import relative_distance


class LayerDivergence(BaseModel):
    """The layer at which two images part, or the news that there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    module: str | None = None
    """``unet.down_blocks.0.resnets.1.conv2``; None where no layer differs."""
    call: int = Field(default=0, ge=0)
    """From 0, among the calls of that module."""
    of: int = Field(default=0, ge=0)
    """How often the module was called."""
    same_inputs: bool = True
    """Whether what it was given is the same; False where the difference came from outside."""
    distance: float | None = None
    """Estimated relative L2 distance of what it returned."""
    compared: int = Field(default=0, ge=0)
    """How many calls both traces have."""
    only_in_one: int = Field(default=0, ge=0)
    """How many calls one of the traces lacks: another model, another number of steps."""


def first_differing_layer(
    before: Iterable[LayerRecord], now: Iterable[LayerRecord]
) -> LayerDivergence:
    """Compare two deep traces, calls matched by module and number, in the order of ``now``.

    The records come in the order in which calls ended, so that inner layers come before those they
    are in. Named is the first call whose output differs although its inputs agree: the layer itself
    computes otherwise. Where a function between the layers does (attention that is no module of its
    own), that is the innermost layer around it. If every differing call was given other inputs, the
    difference came from outside, and the first of them is named.
    """
    known = {(each.module, each.call): each for each in before}
    calls: Counter[str] = Counter()
    first: tuple[LayerRecord, LayerRecord] | None = None
    culprit: tuple[LayerRecord, LayerRecord] | None = None
    compared = extra = 0
    for record in now:
        calls[record.module] += 1
        other = known.get((record.module, record.call))
        if other is None:
            extra += 1
            continue
        compared += 1
        if culprit is None and other.sha256 != record.sha256:
            first = first or (other, record)
            if other.inputs == record.inputs:
                culprit = other, record
    lacking = len(known) - compared + extra
    found = culprit or first
    if found is None:
        return LayerDivergence(compared=compared, only_in_one=lacking)
    a, b = found
    return LayerDivergence(
        module=b.module,
        call=b.call,
        of=calls[b.module],
        same_inputs=culprit is not None,
        distance=relative_distance(a, b),
        compared=compared,
        only_in_one=lacking,
    )


def layer_in_words(found: LayerDivergence) -> str:
    """Say it in one line for people."""
    lacking = f"; {found.only_in_one:,} calls are in one trace only" if found.only_in_one else ""
    if found.module is None:
        if not found.compared:
            return f"the two deep traces have no layer in common{lacking}"
        return f"every layer is identical in all {found.compared:,} calls{lacking}"
    inputs = "its inputs are identical" if found.same_inputs else "its inputs differ already"
    distance = "" if found.distance is None else f"; relative distance {found.distance:.1e}"
    return (
        f"first differing layer: {found.module}, call {found.call + 1} of {found.of}; "
        f"{inputs}{distance}{lacking}"
    )
