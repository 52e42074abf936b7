"""One thing that may move pixels, as data: how it is made, what it acts on, where it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Protocol

from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.record import EnvironmentValue
from goldenseed.suite.cases import Case, Suite
from goldenseed.suite.model import DIFFUSERS
from goldenseed.suite.parts import Role, named

UNCHANGED = "unchanged"
"""The run that all others are held against."""

EXACT = "exact"
"""The run in float64, which has no rounding to speak of."""

Check = Callable[[], str | None]
"""Asked after the images were made: why the change had no part in them, or None if it had."""


class Tweak(Protocol):
    """Changes a loaded pipeline, in a process of its own; ``memory.channels_last`` is an example.

    Raises ``Unfit`` where this pipeline does not have what is to be changed.
    """

    def __call__(self, pipeline: Any, /) -> Check | None:
        """Change ``pipeline``; may return what tells afterwards whether that mattered."""
        ...


class Unfit(GoldenseedError):  # noqa: N818 - not a fault: the change does not exist here
    """A change that cannot be made here, with the reason; its row of the table says so."""


@dataclass(frozen=True)
class Situation:
    """What is known before a change is tried."""

    suite: Suite
    cases: tuple[Case, ...]
    environment: Mapping[str, EnvironmentValue]
    """Of the unchanged run."""

    @property
    def on_gpu(self) -> bool:
        """Whether the images are made on a GPU."""
        return self.environment.get("device.type") != "cpu"


def fits(_situation: Situation) -> str | None:
    """Say that a change can be tried anywhere."""
    return None


def needs_gpu(situation: Situation) -> str | None:
    """Say why a change is no use without a GPU."""
    return None if situation.on_gpu else "needs a GPU"


@dataclass(frozen=True)
class Change:
    """One thing that is done otherwise than the suite does it; everything else stays."""

    name: str
    """As it is asked for and shown: ``threads-2``."""
    what: str
    """What is otherwise, in a few words."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the process, set before it starts."""
    determinism: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the suite's ``determinism`` that get another value."""
    dtype: str | None = None
    """The model's dtype, in place of the suite's."""
    exact: bool = False
    """Whether all is computed in float64, with the weights and the noise of the suite's dtype."""
    tweak: Tweak | None = None
    """What is done to the pipeline after it was loaded."""
    unfit: Callable[[Situation], str | None] = fits
    """Says why the change cannot be made here, or None if it can be tried."""

    def reason_against(self, situation: Situation) -> str | None:
        """Return why the change is not tried here, or None if it is."""
        determinism, model = situation.suite.determinism, situation.suite.model
        own = [
            f"{name} = {value}"
            for name, value in self.determinism.items()
            if getattr(determinism, name) == value
        ]
        own += [f"dtype = {self.dtype}"] if model.dtype == self.dtype else []
        if own and not self.exact:
            return f"is how the suite does it: {', '.join(own)}"
        if (self.exact or self.tweak is not None) and model.backend != DIFFUSERS:
            return f"is known of diffusers only, and {model.backend} makes the images"
        return self.unfit(situation)

    def applied_to(self, suite: Suite) -> Suite:
        """Return the suite with the change's dtype and determinism; its cases keep their ids."""
        changes: dict[str, Any] = {}
        if self.dtype:
            changes["model"] = replace(suite.model, dtype=self.dtype)
            changes["templates"] = tuple(
                replace(each, model={k: v for k, v in each.model.items() if k != "dtype"})
                for each in suite.templates
            )
        return replace(
            suite,
            **changes,
            determinism=replace(suite.determinism, **self.determinism),
        )


def denoiser_of(pipeline: Any) -> Any:
    """Return the model that is called once a step; ``Unfit`` where none has a known name."""
    for name in denoiser_names(pipeline):
        return getattr(pipeline, name)
    raise Unfit(f"{type(pipeline).__name__} has no denoiser of a known name")


def denoiser_names(pipeline: Any) -> list[str]:
    """Return the names under which the pipeline holds models that are called once a step."""
    return present(pipeline, Role.DENOISER, Role.PRIOR)


def decoder_of(pipeline: Any) -> Any:
    """Return the model that turns latents into the image; ``Unfit`` where there is none."""
    for name in present(pipeline, Role.DECODER):
        return getattr(pipeline, name)
    raise Unfit(f"{type(pipeline).__name__} has no VAE")


def present(pipeline: Any, *roles: Role) -> list[str]:
    """Return the names of the parts of these roles that the pipeline has."""
    given = getattr(pipeline, "components", vars(pipeline))
    return [name for name in named(given, *roles) if getattr(pipeline, name, None) is not None]


def call_otherwise(pipeline: Any, call: Callable[..., Any]) -> None:
    """Give this one pipeline a class whose ``__call__`` is ``call``, given its own at first."""
    own_class = type(pipeline)

    @wraps(own_class.__call__)
    def instead(self: Any, **arguments: Any) -> Any:
        return call(lambda **given: own_class.__call__(self, **given), **arguments)

    pipeline.__class__ = type(own_class.__name__, (own_class,), {"__call__": instead})
