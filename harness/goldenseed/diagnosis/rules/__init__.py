"""The rules, one family a file, and those of other packages: each explains a root from findings.

A rule is a generator of suspicions, asked about every root. Another package offers one by an entry
point; a whole one is::

    # in pyproject.toml: [project.entry-points."goldenseed.rules"]
    #                    upscaler = "studio.rules:upscaler"
    def upscaler(findings: Findings, root: Root) -> Iterator[Suspicion]:
        if root.place is Place.CONVERSION and findings.value("pipeline.class") == "StudioPipeline":
            seen = "the VAE's output is the same, and only the upscaler comes after it"
            yield Suspicion(Cause.POST_PROCESSING, LIKELY, "the studio's upscaler", (seen,))
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.rules.arithmetic import batch, dtype, rounding
from goldenseed.diagnosis.rules.denoiser import denoiser
from goldenseed.diagnosis.rules.image import blank, image
from goldenseed.diagnosis.rules.later import later
from goldenseed.diagnosis.rules.noise import noise, schedule
from goldenseed.diagnosis.rules.on_record import declared, patched, recorded
from goldenseed.diagnosis.rules.postprocess import postprocess, steps_on_record
from goldenseed.diagnosis.rules.text import text
from goldenseed.diagnosis.rules.writer import writer
from goldenseed.diagnosis.suspicion import Rule, Suspicion

RULES: Final[tuple[Rule, ...]] = (
    declared,
    recorded,
    patched,
    writer,
    text,
    batch,
    dtype,
    schedule,
    noise,
    denoiser,
    later,
    image,
    blank,
    steps_on_record,
    postprocess,
    rounding,
)
"""All of this package; their order means nothing."""

ON_RECORD: Final[tuple[Rule, ...]] = (declared, recorded, patched, steps_on_record)
"""Those that read what the two images were made with, and not how far they are apart."""

GROUP: Final = "goldenseed.rules"
"""The entry points through which other packages offer rules; each names a ``Rule``."""
_HEAVIEST: Final = 1000
"""The greatest weight that a rule of another package may give: twice this package's own."""


@dataclass(frozen=True, slots=True)
class Offered:
    """The rules of other packages."""

    rules: tuple[tuple[str, Rule], ...] = ()
    """Each with how to name it and its package."""
    notes: tuple[str, ...] = ()
    """Which of them are left out, and why, as sentences."""


@cache
def offered() -> Offered:
    """Load the rules of other packages, once a process; a broken one is left out and named."""
    found = {(each.name, each.value): each for each in entry_points(group=GROUP)}.values()
    names = Counter(each.name for each in found)
    own = {rule.__name__ for rule in RULES}
    rules, notes = [], []
    for each in found:
        called = _called(each)
        if names[each.name] > 1 or each.name in own:
            notes.append(f"{called} is not asked: there is another rule of that name")
            continue
        try:
            rule = each.load()
        except Exception as error:  # noqa: BLE001 - other people's code, raising what it likes
            notes.append(f"{called} cannot be loaded: {type(error).__name__}: {error}")
            continue
        if callable(rule):
            rules.append((called, rule))
        else:
            notes.append(f"{called} is a {type(rule).__name__}, and no rule")
    return Offered(tuple(rules), tuple(notes))


def ask(given: Offered, findings: Findings) -> tuple[list[list[Suspicion]], list[str]]:
    """Ask the rules of other packages about every root; return suspicions by root, and notes.

    A rule that raises or returns nonsense about one root is left out about all of them, and named.
    """
    suspected: list[list[Suspicion]] = [[] for _ in findings.roots]
    notes = list(given.notes)
    for called, rule in given.rules:
        try:
            answers = [list(rule(findings, root)) for root in findings.roots]
        except Exception as error:  # noqa: BLE001 - other people's code, raising what it likes
            notes.append(f"{called} is left out: it raised {type(error).__name__}: {error}")
            continue
        problem = next((each for answer in answers for each in map(_fault, answer) if each), None)
        if problem:
            notes.append(f"{called} is left out: it returned {problem}")
            continue
        for about, answer in zip(suspected, answers, strict=True):
            about.extend(answer)
    return suspected, notes


def _called(entry: EntryPoint) -> str:
    package = f" of {entry.dist.name} {entry.dist.version}" if entry.dist else ""
    return f"the diagnosis rule {entry.name!r}{package} ({entry.value})"


def _fault(found: object) -> str:
    """Say what is wrong with something a rule returned; empty if nothing is."""
    if not isinstance(found, Suspicion):
        return f"a {type(found).__name__}, not a Suspicion"
    if not isinstance(found.cause, Cause):
        return f"the cause {found.cause!r}, which there is not"
    if not isinstance(found.weight, int | float) or not 0 <= found.weight <= _HEAVIEST:
        return f"the weight {found.weight!r}, which is not from 0 to {_HEAVIEST}"
    said = (found.words, *found.evidence) if isinstance(found.evidence, tuple) else (None,)
    return "" if all(isinstance(each, str) for each in said) else "words that are no sentences"
