"""What a verdict means, in a sentence, also where a verb that is no test session gave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from goldenseed.reporting.words import MEANINGS
from goldenseed.runs.parts import VerbRecord
from goldenseed.verdict.model import Verdict

_OF_VERBS: Final[Mapping[str, Mapping[Verdict, str]]] = {
    "compare": {
        Verdict.DRIFT: "Beyond a gate.",
        Verdict.ERROR: "Only A has the file, or one of the two cannot be read.",
        Verdict.INCOMPARABLE: "Of another size, orientation or depth.",
        Verdict.NEW: "Only B has the file.",
        Verdict.WARN: "Something differs, and every gate holds.",
        Verdict.IDENTICAL: "Every pixel is the same.",
    },
    "diff": {
        Verdict.NEW: "Only run B has the case.",
        Verdict.DRIFT: "Farther from run A's image than a gate allows.",
        Verdict.IDENTICAL: "Both runs have the same pixels.",
    },
    "probe": {Verdict.IDENTICAL: "The change moved no pixel."},
    "calibrate": {Verdict.IDENTICAL: "The very pixels of the first run."},
    "selfcheck": dict.fromkeys(
        (Verdict.WARN, Verdict.MATCH), "A wrong image that passes every gate."
    ),
}


def meaning(verdict: Verdict, verb: VerbRecord | None) -> str:
    """Return what ``verdict`` means where ``verb``, or a session, gave it."""
    of_verb = _OF_VERBS.get(verb.name, {}) if verb else {}
    return of_verb.get(verdict, MEANINGS[verdict])
