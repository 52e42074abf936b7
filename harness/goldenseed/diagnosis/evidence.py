"""What a diagnosis is made from: plain data about two images, and what of it differs and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from pydantic import JsonValue

from goldenseed.diagnosis.beyond import beyond_rounding, image_beyond_rounding
from goldenseed.diagnosis.model import FirstDivergence, GrowthKind
from goldenseed.diagnosis.passed import differing_fields
from goldenseed.diagnosis.places import NOWHERE, Root, rounding_of
from goldenseed.diagnosis.roots import differing_places, hidden_places, roots_of
from goldenseed.diagnosis.untraced import with_what_is_not_traced
from goldenseed.environment.fingerprint import KeyDifference, Value, environment_differences
from goldenseed.environment.keys import ENGINE_KEY, UNREADABLE, VERSION_KEY, Kind, declaration_of
from goldenseed.suite.parts import Role, named
from goldenseed.suite.recipes import FieldDifference
from goldenseed.tolerance.rounding import TraceMeasure
from goldenseed.trace.distances import either
from goldenseed.trace.stages import Trace
from goldenseed.trace.written import WrittenPrompt


class Blank(StrEnum):
    """Ways in which an image shows nothing."""

    NOT_FINITE = "not_finite"
    """The pipeline returned NaN or infinite values; there may be no image for that reason."""
    BLANKED = "blanked"
    """The pipeline's own safety checker said that it blanked the image."""
    BLACK = "black"
    ONE_COLOUR = "one_colour"
    """Every pixel is the same, and not black."""


@dataclass(frozen=True, slots=True)
class Side:
    """What is known of how one of the two images was made."""

    environment: Mapping[str, Value] | None = None
    """The fingerprint, dotted keys to values; None where it is not on record."""
    recipe: Mapping[str, JsonValue] | None = None
    trace: Trace | None = None
    """None, or empty, where none was recorded or it cannot be read."""
    blank: Blank | None = None
    """None where the image shows something, and where that is not known."""
    in_force: Mapping[str, Value] = field(default_factory=dict)
    """What the fingerprint has otherwise inside the pipeline's call; it counts there."""
    written: WrittenPrompt | None = None
    """The prompt, where a language model wrote it."""

    @property
    def surroundings(self) -> Mapping[str, Value] | None:
        """The environment as it was where the models computed; None where it is not on record."""
        if self.environment is None or not self.in_force:
            return self.environment
        return {**self.environment, **self.in_force}


@dataclass(frozen=True, slots=True)
class Sides:
    """Everything a diagnosis rests on; no image and no tensor is needed any more."""

    accepted: Side
    present: Side
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Metric name to value, the present image against the accepted one; empty if not measured."""


_PUT_ON = ("adapter_file", "ip_adapter_file", "embedding_file")
_ABSENCE_TELLS = (
    *(f"{each}." for each in _PUT_ON),
    "model_file.",
    "language_model_file.",
    "scheduler.class",
    "tokenizer.",
)
"""Keys that a fingerprint lacks because there was nothing to describe, not because it is older."""
_OF_ROUNDING = (
    "sha256",
    ".memory_format",
    ".compiled",
    ".kernel",
    ".implementation",
    ".slicing",
)
"""Ends of a part's keys that say nothing of what it computes, but for the order of sums."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the rules work from."""

    sides: Sides
    roots: tuple[Root, ...]
    """Where the images part; ``NOWHERE`` alone where no trace tells."""
    hidden: tuple[Root, ...]
    """Places after them that differ as what feeds them does, by rounding: they rule nothing out."""
    later: tuple[Root, ...]
    """Places that differ as what feeds them does, by more than rounding: it may hide a change."""
    image: TraceMeasure | None
    """How far the images are apart, if they were made in different batches and that is too far."""
    keys: Mapping[str, KeyDifference]
    """The keys that differ, around a call or inside it, and can change an image."""
    fields: Mapping[str, FieldDifference]
    """The fields in which the recipes differ, or what a foreign call passed on of them."""
    adds_up: bool
    """Whether the difference grows from step to step as one does that is made anew in each."""
    environments_known: bool
    recipes_known: bool

    @property
    def alike(self) -> str:
        """How to say that what feeds a root is the same, where there may be rounding before it."""
        return "the same" if len(self.roots) == 1 else "the same but for rounding"

    def value(self, key: str) -> Value:
        """Return what the present fingerprint has under a key."""
        return (self.sides.present.surroundings or {}).get(key)

    def inside(self, key: str) -> bool:
        """Say whether a key has another value inside a call than around it."""
        return key in self.sides.accepted.in_force or key in self.sides.present.in_force

    def same_key(self, key: str) -> bool:
        """Say whether both fingerprints have the key, with one value that could be read."""
        sides = (self.sides.accepted, self.sides.present)
        values = [(side.surroundings or {}).get(key) for side in sides]
        return key not in self.keys and None not in values and all(map(_readable, values))

    def digest_key(self, part: str) -> str | None:
        """Return the key of the digest of a part's weights, if it is on record."""
        known = self.sides.present.surroundings or {}
        keys = (f"model.{part}.weights_sha256", f"model.{part}.sha256")
        return next((key for key in keys if key in known), None)

    def otherwise(self, part: str) -> bool:
        """Say whether something else than a part's weights is on record as changed around it."""
        own = (f"model.{part}.", f"attention.{part}.")
        return any(key.startswith(own) and not key.endswith(_OF_ROUNDING) for key in self.keys)

    def changed(self, part: str) -> bool:
        """Say whether something of a part that is no rounding is on record as changed."""
        own = (self.digest_key(part), f"model.{part}.attributes_sha256")
        return self.otherwise(part) or any(key in self.keys for key in own)

    def adapted(self, part: str) -> bool:
        """Say whether adapters are on record as put on a part."""
        return bool(self.value(f"model.{part}.adapters"))

    @property
    def scheduler_same(self) -> bool:
        """Whether the scheduler is on record, and nothing of it differs."""
        changed = any(key.startswith("scheduler.") for key in self.keys)
        return self.same_key("scheduler.class") and not changed

    @property
    def schedule_known(self) -> bool:
        """Whether rows and guidance of every step are on record, if only as what they were."""
        sides = (self.sides.accepted, self.sides.present)
        versions = [(side.environment or {}).get(VERSION_KEY) for side in sides]
        return None not in versions

    def parts(self, role: Role) -> tuple[str, ...]:
        """Return the names of the present pipeline's models of a role."""
        split = (key.split(".") for key in self.sides.present.surroundings or {})
        return named(dict.fromkeys(key[1] for key in split if key[0] == "model" and key[2:]), role)

    def rounding(self, root: Root) -> float:
        """Return up to which relative distance rounding in the coarsest dtype moves ``root``."""
        dtypes = {either(pair).dtype for pair in root.pairs}
        for side in (self.sides.accepted, self.sides.present):
            for key, value in (side.surroundings or {}).items():
                if key.startswith("model.") and key.endswith(".dtype"):
                    dtypes.update(str(value).split())
        return rounding_of(dtypes)


def findings_of(sides: Sides, divergence: FirstDivergence | None = None) -> Findings:
    """Lay out what differs between the two sides."""
    before, now = sides.accepted, sides.present
    growth = divergence.growth if divergence else None
    roots, hidden, later = _places(sides)
    keys: Mapping[str, KeyDifference] = {}
    if before.surroundings is not None and now.surroundings is not None:
        inside = before.in_force.keys() | now.in_force.keys()
        keys = _telling(before.surroundings, now.surroundings, inside)
    return Findings(
        sides=sides,
        roots=roots or (NOWHERE,),
        hidden=hidden,
        later=later,
        image=_image(sides, roots),
        keys=keys,
        fields=differing_fields(before, now),
        adds_up=growth is not None and growth.kind is GrowthKind.ADDS_UP,
        environments_known=bool(before.environment) and bool(now.environment),
        recipes_known=bool(before.recipe) and bool(now.recipe),
    )


def _places(sides: Sides) -> tuple[tuple[Root, ...], ...]:
    """Return the roots, the places after them that differ by rounding, and those by more."""
    before, now = sides.accepted.trace, sides.present.trace
    if not before or not now:
        return (), (), ()
    roots = roots_of(before, now, beyond_rounding(before, now, _dtype(sides)))
    roots = tuple(map(partial(with_what_is_not_traced, sides), roots))
    hidden = hidden_places(before, now, roots)
    known = {each.place for each in (*roots, *hidden)}
    later = tuple(each for each in differing_places(before, now) if each.place not in known)
    return roots, hidden, later


def _image(sides: Sides, roots: tuple[Root, ...]) -> TraceMeasure | None:
    before, now = sides.accepted.trace, sides.present.trace
    if not before or not now or not roots or not all(root.rows_alone for root in roots):
        return None
    return image_beyond_rounding(before, now, _dtype(sides))


def _dtype(sides: Sides) -> str | None:
    model = (sides.present.recipe or {}).get("model")
    found = model.get("dtype") if isinstance(model, dict) else None
    return found if isinstance(found, str) else None


def _telling(
    old: Mapping[str, Value], new: Mapping[str, Value], inside: Set[str]
) -> dict[str, KeyDifference]:
    return {
        each.key: each
        for each in environment_differences(old, new)
        if each.kind is not Kind.RECORDED
        and all(map(_readable, (each.old, each.new)))
        and not (each.kind is Kind.IDENTITY and ENGINE_KEY in old.keys() ^ new.keys())
        and (
            (each.key in old and each.key in new)
            or each.key in {ENGINE_KEY, *inside}
            or _absence_tells(each.key, old, new)
        )
    }


def _absence_tells(key: str, old: Mapping[str, Value], new: Mapping[str, Value]) -> bool:
    """Say whether that one side lacks ``key`` is a difference of the two pipelines."""
    declared = declaration_of(key)
    if declared is not None and declared.since > 1:
        return True
    family, _, rest = key.partition(".")
    if family not in {"model", "attention"} or "." not in rest:
        return key.startswith(_ABSENCE_TELLS) and _both_describe(family, old, new)
    component = f"{family}.{rest.partition('.')[0]}."
    return not all(any(each.startswith(component) for each in side) for side in (old, new)) and (
        _both_describe(family, old, new)
    )


def _both_describe(family: str, *sides: Mapping[str, Value]) -> bool:
    """Say whether both fingerprints are of a loaded model at all; adapters may be on one alone."""
    family = "model" if family in _PUT_ON else family
    return all(any(key.startswith(f"{family}.") for key in side) for side in sides)


def _readable(value: Value) -> bool:
    return not (isinstance(value, str) and value.startswith(UNREADABLE))


def unreadable(sides: Sides) -> Iterator[str]:
    """Yield the keys that one of the fingerprints could not read."""
    for side in (sides.accepted, sides.present):
        for key, value in (side.environment or {}).items():
            if not _readable(value):
                yield key
