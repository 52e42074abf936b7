"""One thing that may move pixels, as data: how it is made, what it acts on, where it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Protocol

from pydantic import JsonValue

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


def nothing_against(_suite: Suite, _cases: Sequence[Case]) -> str | None:
    """Say that nothing of a suite rules a change out."""
    return None


def needs_gpu(situation: Situation) -> str | None:
    """Say why a change is no use without a GPU."""
    return None if situation.on_gpu else "needs a GPU"


@dataclass(frozen=True)
class Change:
    """One thing that is done otherwise than the suite does it; everything else stays."""

    name: str
    """As it is asked for and shown: ``threads=2``, joined with others ``batch=2+position=last``."""
    what: str
    """What is otherwise, in a few words."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the process, set before it starts."""
    determinism: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the suite's ``determinism`` that get another value."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the suite's model that get another value."""
    exact: bool = False
    """Whether all is computed in float64, with the weights and the noise of the suite's dtype."""
    tweak: Tweak | None = None
    """What is done to the pipeline after it was loaded."""
    against: Callable[[Suite, Sequence[Case]], str | None] = nothing_against
    """Says what of suite and cases rules it out wherever it is tried, or None."""
    unfit: Callable[[Situation], str | None] = fits
    """Says why the change cannot be made here, or None if it can be tried."""
    alone: bool = False
    """Whether it takes a process of its own: what it acts on is settled before torch is there, or
    cannot be put back."""
    after: int = 0
    """How many other images are made in the process before each one."""
    parts: tuple[Change, ...] = ()
    """The changes that it is made of, where it is several at once."""
    vary: Mapping[str, JsonValue] = field(default_factory=dict)
    """The keys of the table and their values that ask for it."""

    @property
    def dtype(self) -> str | None:
        """The model's dtype, where it gets another."""
        found: str | None = self.model.get("dtype")
        return found

    @property
    def other_recipe(self) -> bool:
        """Whether the numbers are others by intent, so that rounding does not explain them."""
        return bool({"dtype", "quantization"} & self.model.keys())

    def reason_against(self, situation: Situation) -> str | None:
        """Return why the change is not tried here, or None if it is."""
        ruled_out = self.ruled_out(situation.suite, situation.cases)
        return ruled_out or self.unfit(situation)

    def ruled_out(self, suite: Suite, cases: Sequence[Case]) -> str | None:
        """Return why it can be tried of these cases nowhere, or None if it may be."""
        own = self.own_to(suite)
        if own and not self.exact:
            return f"is how the suite does it: {', '.join(own)}"
        backend = suite.model.backend
        if (self.exact or self.tweak or self.model) and backend != DIFFUSERS:
            return f"is known of diffusers only, and {backend} makes the images"
        return self.against(suite, cases)

    def own_to(self, suite: Suite) -> list[str]:
        """Return what of it the suite does already; of several changes where all are so."""
        parts = [each.own_to(suite) for each in self.parts]
        if parts:
            return [each for own in parts for each in own] if all(parts) else []
        return [
            f"{name} = {value}"
            for of, values in ((suite.determinism, self.determinism), (suite.model, self.model))
            for name, value in values.items()
            if getattr(of, name) == value
        ]

    def applied_to(self, suite: Suite) -> Suite:
        """Return the suite with the change's model and determinism; its cases keep their ids."""
        changes: dict[str, Any] = {}
        if self.model:
            changes["model"] = replace(suite.model, **self.model)
            changes["templates"] = tuple(
                replace(each, model={k: v for k, v in each.model.items() if k not in self.model})
                for each in suite.templates
            )
        return replace(
            suite,
            **changes,
            determinism=replace(suite.determinism, **self.determinism),
        )


def joined(changes: Sequence[Change], vary: Mapping[str, JsonValue]) -> Change:
    """Return all of several changes as one; the keys of none are those of another."""
    tweaks = [each.tweak for each in changes if each.tweak is not None]

    def all_tweaks(pipeline: Any) -> Check:
        checks = [check for tweak in tweaks if (check := tweak(pipeline)) is not None]
        return lambda: next(filter(None, (check() for check in checks)), None)

    def first_reason(situation: Situation) -> str | None:
        return next(filter(None, (each.unfit(situation) for each in changes)), None)

    def first_against(suite: Suite, cases: Sequence[Case]) -> str | None:
        return next(filter(None, (each.against(suite, cases) for each in changes)), None)

    if len(changes) == 1:
        return replace(changes[0], vary=vary)
    return Change(
        "+".join(each.name for each in changes),
        ", ".join(each.what for each in changes),
        environment={k: v for each in changes for k, v in each.environment.items()},
        determinism={k: v for each in changes for k, v in each.determinism.items()},
        model={k: v for each in changes for k, v in each.model.items()},
        tweak=all_tweaks if tweaks else None,
        against=first_against,
        unfit=first_reason,
        parts=tuple(changes),
        alone=any(each.alone for each in changes),
        after=max(each.after for each in changes),
        vary=vary,
    )


@dataclass(frozen=True)
class Way:
    """A row of the table: something that can be done otherwise, and the values it takes."""

    key: str
    values: str
    """In words: ``a whole number from 1``."""
    takes: Callable[[JsonValue], bool]
    change: Callable[[Any, Mapping[str, JsonValue]], Change] | None
    """Makes the change of a value, told of all keys that are asked for; None of a key that only
    says more of another one."""
    tried: tuple[Mapping[str, JsonValue], ...] = ()
    """What ``goldenseed probe`` tries of it."""
    needs: str | None = None
    """The key without which it means nothing."""


def is_true(value: JsonValue) -> bool:
    """Whether a key is just asked for."""
    return value is True


def is_word(*words: str) -> Callable[[JsonValue], bool]:
    """Return what takes one of ``words``."""
    return lambda value: value in words


def is_number(low: int, high: int) -> Callable[[JsonValue], bool]:
    """Return what takes a whole number from ``low`` to ``high``."""
    return lambda value: type(value) is int and low <= value <= high


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
