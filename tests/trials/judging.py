"""What came out of the trial, against what was written down beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

QUIET = ("identical", "match")
BLAMED = frozenset(
    {
        "prompt",
        "tokenizer",
        "text_encoder_weights",
        "denoiser_weights",
        "vae_weights",
        "scheduler",
        "step_count",
        "seed",
        "guidance_scale",
        "lora",
    }
)
"""What a harmless change must never be explained with."""


@dataclass(frozen=True)
class Truth:
    """What was written down of one change."""

    causes: frozenset[str]
    also: frozenset[str]
    both: tuple[frozenset[str], ...]
    warn: bool

    @property
    def harmless(self) -> bool:
        return not self.causes and not self.both

    @property
    def strict(self) -> frozenset[str]:
        return self.causes.union(*self.both)


@dataclass(frozen=True)
class Outcome:
    """One image under one change."""

    model: str
    change: str
    image: str
    truth: Truth
    verdict: str
    passed: bool
    pixels: bool
    """Whether its decoded pixels are others than the accepted ones."""
    floats: bool
    """Whether the picture before it was rounded to levels is another one."""
    causes: tuple[str, ...]
    words: str
    """The first cause in this very case."""

    @property
    def missed(self) -> bool:
        return not self.truth.harmless and self.pixels and self.verdict in QUIET

    @property
    def false_alarm(self) -> bool:
        return self.truth.harmless and (self.verdict not in (*QUIET, "warn") or not self.passed)

    @property
    def needless_warning(self) -> bool:
        return self.truth.harmless and self.verdict == "warn" and not self.truth.warn

    @property
    def blamed(self) -> bool:
        return (
            self.truth.harmless
            and self.verdict != "identical"
            and bool(self.causes)
            and self.causes[0] in BLAMED
        )

    def named(self, first: int, *, also: bool = False) -> bool:
        """Whether a true cause is among the ``first`` ones."""
        true = self.truth.strict | (self.truth.also if also else frozenset())
        return bool(true.intersection(self.causes[:first]))

    def both_named(self, first: int | None = None) -> bool:
        """Whether each of two faults is among the ``first`` causes."""
        return all(one.intersection(self.causes[:first]) for one in self.truth.both)


def truth(change: dict[str, Any]) -> Truth:
    """Read one change's expectation."""
    return Truth(
        causes=frozenset(change.get("causes", ())),
        also=frozenset(change.get("also", ())),
        both=tuple(frozenset(one) for one in change.get("both", ())),
        warn=bool(change.get("warn", False)),
    )


def outcomes(
    model: str, change: str, expected: Truth, run: dict[str, Any], accepted: dict[str, Any]
) -> list[Outcome]:
    """Read the images of ``run``; ``accepted`` is the record of the run that was accepted."""
    before = {case["id"]: case for case in accepted["cases"]}
    return [_outcome(model, change, expected, case, before[case["id"]]) for case in run["cases"]]


def _outcome(
    model: str, change: str, expected: Truth, case: dict[str, Any], before: dict[str, Any]
) -> Outcome:
    causes = (case.get("diagnosis") or {}).get("causes") or ()
    return Outcome(
        model=model,
        change=change,
        image=case["id"],
        truth=expected,
        verdict=case["verdict"],
        passed=bool(case["passed"]),
        pixels=case["pixels_sha256"] != before["pixels_sha256"],
        floats=_floats(case) != _floats(before),
        causes=tuple(cause["cause"] for cause in causes),
        words=causes[0]["words"] if causes else "",
    )


def _floats(case: dict[str, Any]) -> list[str]:
    return [one["sha256"] for one in case["trace"] or () if one["stage"] == "float_image"]


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _of(found: list[Outcome], test: Callable[[Outcome], bool]) -> str:
    return f"{sum(map(test, found))} of {len(found)}"


def _figures(found: list[Outcome]) -> list[str]:
    harmless = [one for one in found if one.truth.harmless]
    faults = [one for one in found if not one.truth.harmless and one.pixels]
    pairs = [one for one in faults if one.truth.both]
    return [
        _of(harmless, lambda one: one.false_alarm),
        _of(harmless, lambda one: one.needless_warning),
        _of(harmless, lambda one: one.blamed),
        _of(faults, lambda one: one.missed),
        _of(faults, lambda one: one.named(1)),
        _of(faults, lambda one: one.named(1, also=True)),
        _of(faults, lambda one: one.named(3)),
        _of(faults, lambda one: one.named(3, also=True)),
        _of(pairs, lambda one: one.both_named(3)),
        _of(pairs, lambda one: one.both_named()),
    ]


def summary(found: list[Outcome]) -> str:
    """Return the table of figures: a line for each model, and all of them."""
    head = [
        "Model",
        "False alarms",
        "Needless warnings",
        "Harmless, a fault blamed",
        "Missed",
        "Cause first",
        "… or true beside it",
        "In the first three",
        "… or true beside it",
        "Both of a pair, first three",
        "Both, anywhere",
    ]
    models = list(dict.fromkeys(one.model for one in found))
    rows = [[name, *_figures([one for one in found if one.model == name])] for name in models]
    return _table(head, [*rows, ["**all**", *_figures(found)]])


def changes(found: list[Outcome]) -> str:
    """Return a line for each change: verdicts of its images, causes of the first that has any."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for one in found:
        groups.setdefault((one.model, one.change), []).append(one)
    return _table(
        ["Model", "Change", "Expected", "Pixels changed", "Verdicts", "Causes, best first", ""],
        [_change(group) for group in groups.values()],
    )


def _change(group: list[Outcome]) -> list[str]:
    one = next((each for each in group if each.causes), group[0])
    marks = {
        "false alarm": any(each.false_alarm for each in group),
        "needless warning": any(each.needless_warning for each in group),
        "blames a fault": any(each.blamed for each in group),
        "missed": any(each.missed for each in group),
        "another cause": any(
            not each.truth.harmless
            and each.pixels
            and not each.missed
            and not each.named(3, also=True)
            for each in group
        ),
        "one of two": any(
            each.truth.both and each.pixels and not each.both_named(3) for each in group
        ),
    }
    expected = " + ".join(
        "/".join(sorted(names)) for names in one.truth.both or ((one.truth.causes,))
    )
    return [
        one.model,
        one.change,
        "harmless" if one.truth.harmless else expected,
        _of(group, lambda each: each.pixels),
        ", ".join(each.verdict for each in group),
        ", ".join(one.causes[:3]),
        ", ".join(mark for mark, holds in marks.items() if holds),
    ]
