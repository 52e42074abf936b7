"""What is on record of why two images differ: a difference of the bits needs a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from goldenseed.core.changes import changed
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.environment.fingerprint import KeyDifference, Value, recorded
from goldenseed.suite.parts import MADE_OF_NOTHING, given_as
from goldenseed.tolerance.mixtures import EPS
from goldenseed.tolerance.rounding import TABLE, distance
from goldenseed.trace.stages import WITHIN, Stage, StageName, StageRecord, Trace
from goldenseed.verdict.evidence import Evidence

_SHOWN = 4
_TIPS = re.compile(r"model\.([^.]+)\.tips")


@dataclass(frozen=True, slots=True)
class OnRecord:
    """Why rounding may, or may not, be what two images differ by."""

    others: tuple[str, ...] = ()
    """What is on record as another substance (weights, dtypes, inputs, …), in words."""
    moves_rounding: bool = False
    """Whether something on record differs that moves rounding."""
    unknown: str | None = None
    """Why it is not known what differs, where that is so."""
    tips: tuple[str, ...] = ()
    """The components with norms that leave only signs, and which norms those are."""

    @property
    def allows_rounding(self) -> bool:
        """Whether rounding has a reason, and nothing on record says that it is not rounding."""
        return self.moves_rounding and not self.others and self.unknown is None

    @property
    def tipped(self) -> bool:
        """Whether rounding has a reason, and may have tipped signs, which has no bound."""
        return self.allows_rounding and bool(self.tips)

    @property
    def named(self) -> str:
        """The first few of ``others``."""
        return first_of(self.others, _SHOWN, between="; ")


def on_record(before: Evidence, now: Evidence) -> OnRecord:
    """Hold what is on record of two images against each other: environments, then inputs."""
    try:
        old, new = before.surroundings, now.surroundings
    except GoldenseedError as error:
        return OnRecord(unknown=f"where the accepted image was made is not known: {error}")
    inputs = tuple(_other_inputs(before, now))
    if old is None or new is None:
        which = "the accepted image" if old is None else "this image"
        return OnRecord(inputs, unknown=f"where {which} was made is not on record")
    found = recorded(old, new)
    named = sorted(found.substance, key=lambda each: each.key.endswith("sha256"))
    others = (*map(_in_words, named), *inputs)
    return OnRecord(others, moves_rounding=bool(found.rounding), tips=tuple(_tips(new)))


def _tips(environment: Mapping[str, Value]) -> Iterator[str]:
    """Name the components that have norms which leave only signs, and these."""
    for key, value in environment.items():
        if (part := _TIPS.fullmatch(key)) and value:
            yield f"{part[1]} ({value})"


def _in_words(difference: KeyDifference) -> str:
    """Name a key and its values, shortened; of a digest there is nothing to read."""
    if difference.key.endswith("sha256"):
        return difference.key
    return changed(difference.key, difference.old, difference.new)


def _other_inputs(before: Evidence, now: Evidence) -> Iterator[str]:
    """Name what models were given, or returned, that is of another kind or is made of nothing."""
    try:
        old, new = _within(before.trace), _within(now.trace)
    except GoldenseedError:  # said where the traces are measured
        return
    for name, a in old.items():
        b = new.get(name)
        if b is None:
            continue
        if a.dtype != b.dtype:
            yield f"{a.stage.words}, {name.source}: {a.dtype} → {b.dtype}"
        elif a.stage in {Stage.DENOISER_INPUT, Stage.GIVEN_PICTURE} and _is_another(a, b):
            yield f"{a.stage.words}, {name.source}"


def _within(trace: Trace) -> dict[StageName, StageRecord]:
    """Return the records that tell causes apart."""
    return {each.key: each for each in trace if each.stage in WITHIN}


def _is_another(a: StageRecord, b: StageRecord) -> bool:
    """Say whether an input that no model and no noise goes into is another one."""
    if a.sha256 == b.sha256 or a.shape != b.shape:  # other shapes are another batch, or said before
        return False
    name = a.key.value
    whole = a.sketch is None and b.sketch is None
    made_of_nothing = a.stage is Stage.GIVEN_PICTURE or given_as(name) in MADE_OF_NOTHING
    if not whole and not made_of_nothing and "mask" not in name:
        return False
    return whole or distance(a, b) > TABLE * max(EPS.get(a.dtype, 0.0), EPS["float32"])
