"""What a back end is: something that makes the image of a case, whatever runs underneath.

A back end of another package needs ``generate`` only: see ``registry`` and docs/backends.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from goldenseed.core.errors import GoldenseedError
from goldenseed.trace.stages import Stage, Trace

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from goldenseed.backends.diffusers.layers import DeepTrace
    from goldenseed.core.elements import Content
    from goldenseed.environment.fingerprint import EnvironmentValue
    from goldenseed.suite.cases import Case
    from goldenseed.trace.digesting import Recording
    from goldenseed.trace.written import WrittenPrompt


@dataclass(frozen=True)
class Element:
    """One of several things that a call returned."""

    name: str
    """What the pipeline calls it: ``frames[17]``, ``images[1]``, ``depth``; no two share one."""
    content: Content
    """A picture as ``Generation.image``, or an array of float16, float32 or float64, any shape."""
    file: bytes | None = None
    """The file that the picture was decoded from, where one was returned."""


@dataclass(frozen=True)
class Generation:
    """What the pipeline made, which usually is one image, and how long that took."""

    image: Image | None
    """Mode ``L``, ``RGB`` or ``RGBA``, 8 bits a channel; None where there are ``elements``."""
    seconds: float
    """Wall-clock seconds of the pipeline call alone."""
    load_seconds: float = 0.0
    """Wall-clock seconds of loading the model; 0.0 where it was loaded already."""
    recording: Recording | None = None
    """What was recorded of the stages; None where that was not wanted."""
    in_force: tuple[Mapping[str, EnvironmentValue], ...] = ()
    """Switches by their keys, as they were when the models computed: see ``in_force``."""
    remarks: tuple[str, ...] = ()
    """What is odd and changes no verdict, a sentence each: words that were cut off, an adapter
    that does nothing."""
    elements: tuple[Element, ...] = ()
    """All that was made, where that is not one picture: several, a video's frames, tensors."""
    layers: DeepTrace | None = None
    """What every layer returned; None where that was not wanted, as is usual."""
    file: bytes | None = None
    """The file that ``image`` was decoded from, where one was returned: as it was."""
    written: WrittenPrompt | None = None
    """The prompt, where a language model wrote it."""
    flagged: tuple[bool, ...] | None = None
    """What the pipeline's safety checker says of each image; None where none was asked."""

    @property
    def trace(self) -> Trace:
        """The records of the stages; empty where none were wanted."""
        return () if self.recording is None else self.recording.trace


class Unusable(StrEnum):
    """Why what a pipeline returned is no image to judge, where it made one."""

    NOT_FINITE = "not_finite"
    """It holds NaN or infinite values."""
    BLANKED = "blanked"
    """The pipeline's safety checker blanked it."""


class GenerationError(GoldenseedError):
    """The model could not be loaded, or no usable image came out of it."""

    unusable: Unusable | None = None
    """Set where the pipeline ran to its end."""
    trace: Trace = ()
    """What was recorded until then, for whoever explains the failure."""
    in_force: tuple[Mapping[str, EnvironmentValue], ...] = ()
    """Switches as they were when the models computed."""
    code: str = "generation_failed"
    """Of the reason in the record; ``unusable_image`` where what came out is no image at all."""

    def __reduce__(self) -> tuple[object, ...]:
        kept = ("unusable", "trace", "in_force", "code")
        state = {name: getattr(self, name) for name in kept}
        return (_rebuild, (type(self), self.what, self.path, self.line, self.fix), state)


def _rebuild(
    cls: type[GenerationError],
    what: str,
    path: Path | str | None,
    line: int | None,
    fix: str | None,
) -> GenerationError:
    return cls(what, path=path, line=line, fix=fix)


class Progress(Protocol):
    """Says what takes long."""

    def __call__(self, text: str, *, step: bool = False) -> None:
        """Show ``text``; ``step`` marks one of many, which may be left out."""


def silent(text: str, *, step: bool = False) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a back end is made with; what it has no use for it leaves alone."""

    device: str = "auto"
    """Where to compute, for suites whose ``model.device`` is ``auto``: ``cpu``, ``cuda:1``, …"""
    trace: bool = True
    """Whether to record the stages of each image."""
    progress: Progress = silent
    """Told what takes long."""
    gpu_index: int = 0
    """Which GPU to take, modulo their number, where the device leaves that open."""
    layers: bool = False
    """Whether to record every layer as well."""
    verify_files: bool = False
    """Whether to read every byte of a model anew, whatever is remembered of its files."""
    prepare: Callable[[Any], None] | None = None
    """Of diffusers: changes each pipeline as it likes, right after it was loaded."""
    exact: bool = False
    """Of diffusers: whether to compute in float64, with weights and noise of the suite's dtype."""


class Backend(Protocol):
    """Makes images. One object serves one process; it holds at most one model at a time."""

    def load(self, case: Case) -> float:
        """Make the case's model ready, freeing another first; return the seconds it took.

        Returns 0.0 where the model was ready already.

        Raises:
            GoldenseedError: the model cannot be found or read, or is refused.

        """

    def generate(self, case: Case) -> Generation:
        """Make the case's image, loading the model if need be.

        The same case gives the same image whatever was generated before.

        Raises:
            GoldenseedError: the model cannot be loaded, or the case asks for what it cannot do.
            GenerationError: the pipeline raised, or returned no image, several, or NaN.

        """

    def surroundings(self, case: Case) -> Mapping[str, EnvironmentValue]:
        """Return all that can be known of the case's environment before its model is loaded.

        Raises:
            GoldenseedError: the model cannot be found or is refused.

        """

    def fingerprint(self) -> Mapping[str, EnvironmentValue]:
        """Return where images of the case loaded or generated last are made.

        The same object as long as nothing of it changes.
        """

    def close(self) -> None:
        """Free the model and its memory."""


def record_stages(values: Iterable[tuple[Stage, str | None, np.ndarray]]) -> Recording:
    """Record what an image passed while it was made, for ``Generation.recording``.

    Args:
        values: stage, source (the part that made them, or None) and values of each stage, in the
            order in which they came; arrays of numbers, any shape.

    """
    from goldenseed.trace.digesting import Recording, kept

    seen: Counter[tuple[Stage, str | None]] = Counter()
    stages = []
    for stage, source, array in values:
        stages.append(kept(stage, seen[stage, source], source, array.copy()))
        seen[stage, source] += 1
    return Recording(stages)
