"""The steps that a suite does to a picture after the model made it: which one made another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from goldenseed.core.changes import changed
from goldenseed.diagnosis.evidence import Findings, Side
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.suspicion import DECLARED, LIKELY, RECORDED, SHOWN, Suspicion
from goldenseed.suite.recipes import FieldDifference
from goldenseed.trace.distances import either
from goldenseed.trace.stages import Stage

_STEP: Final = re.compile(r"postprocess(?:\.(\d+))?(?:\.(.+))?")
_KEY: Final = "postprocess."
_CODECS: Final = {"jpeg": "libjpeg_turbo", "webp": "webp"}
SHOWN_AT: Final = frozenset({Place.POSTPROCESSED, Place.PIXELS, Place.ANYWHERE})
"""Where another step shows: in the pixels alone where one of the images had none."""


def steps_on_record(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Suspect every step that the suite has otherwise, and libraries of the first that differs."""
    if root.place not in SHOWN_AT:
        return
    for difference in findings.fields.values():
        if _STEP.fullmatch(difference.field):
            words = _in_words(difference, findings)
            evidence = f"the recipe differs: {words}"
            yield Suspicion(Cause.POST_PROCESSING, DECLARED, words, (evidence,))
    first = _first(root)
    for key, each in findings.keys.items():
        if not key.startswith(_KEY):
            continue
        change = changed(key.removeprefix(_KEY), each.old, each.new)
        if key.removeprefix(_KEY) in _computing(findings, first):
            evidence = f"{change}, which computes the step `{first}`"
            yield Suspicion(Cause.POST_PROCESSING, RECORDED, change, (evidence,), (key,))
        elif root.place is Place.ANYWHERE:
            evidence = f"{change}, which computes a step"
            yield Suspicion(Cause.POST_PROCESSING, LIKELY, change, (evidence,), (key,))


def postprocess(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Say which step made another picture of the same."""
    if root.place is Place.POSTPROCESSED and (first := _first(root)):
        evidence = f"{_before(findings)}, and the step `{first}` made another of it"
        yield Suspicion(Cause.POST_PROCESSING, SHOWN, f"the step `{first}`", (evidence,))


def unlike_before(accepted: Side, present: Side) -> Iterator[str]:
    """Say so where the model's images differed before any step, or did not."""
    sides = [
        [each.sha256 for each in side.trace or () if each.stage is Stage.UNPROCESSED]
        for side in (accepted, present)
    ]
    if all(sides) and sides[0] != sides[1]:
        yield "the model's image is another already before post-processing"


def _before(findings: Findings) -> str:
    known = any(
        each.stage is Stage.UNPROCESSED
        for side in (findings.sides.accepted, findings.sides.present)
        for each in side.trace or ()
    )
    return "the image before post-processing is the same" if known else "the image is the same"


def _first(root: Root) -> str:
    """Return the label of the first step that differs; empty where no trace tells."""
    if root.place is not Place.POSTPROCESSED:
        return ""
    return next((either(pair).source or "" for pair in root.differing), "")


def _in_words(difference: FieldDifference, findings: Findings) -> str:
    """Name the step and its parameter: ``sharpen: percent 120 → 150``."""
    match = _STEP.fullmatch(difference.field)
    number, parameter = match.groups() if match else (None, None)
    if number is None:
        return changed("postprocess", difference.old, difference.new)
    labels = _labels(findings.sides.present) or _labels(findings.sides.accepted)
    label = labels[int(number)] if int(number) < len(labels) else f"step {int(number) + 1}"
    if parameter is None:
        what = "left out" if difference.new is None else "added"
        others = _labels(findings.sides.accepted)
        name = (
            others[int(number)] if difference.new is None and int(number) < len(others) else label
        )
        return f"the step `{name}` is {what}"
    return f"the step `{label}`: {changed(parameter, difference.old, difference.new)}"


def _labels(side: Side) -> list[str]:
    """Return the labels of a recipe's steps, as ``StepSpec.label``."""
    seen: Counter[str] = Counter()
    found = []
    for step in _steps(side):
        kind = str(step.get("step"))
        seen[kind] += 1
        found.append(kind if seen[kind] == 1 else f"{kind}-{seen[kind]}")
    return found


def _steps(side: Side) -> list[Mapping[str, Any]]:
    steps = (side.recipe or {}).get("postprocess")
    return [each for each in steps if isinstance(each, dict)] if isinstance(steps, list) else []


def _computing(findings: Findings, label: str) -> frozenset[str]:
    """Name what computes a step, as the fingerprint's keys end: ``pillow``, ``libjpeg_turbo``."""
    side = findings.sides.present
    step = dict(zip(_labels(side), _steps(side), strict=True)).get(label)
    if step is None or "sha256" in step:
        return frozenset()
    if step["step"] == "upscale":
        return frozenset({"transformers", f"{label}.weights_sha256"})
    text = "freetype2" if "text" in step else ""
    codec = _CODECS.get(str(step.get("format")), text)
    return frozenset({str(step.get("library", "pillow")), codec} - {""})
