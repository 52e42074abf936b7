"""The cases of a run by what befell them: what shares where it parts and why is one decision."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldenseed.reporting.meanings import meaning
from goldenseed.reporting.words import WORST_FIRST, capitalised, place_of, shortened
from goldenseed.runs.grouping import Group, Kind, grouped
from goldenseed.runs.parts import VerbRecord
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from goldenseed.reporting.view import CaseView

_LONGEST = 160
_HOW = {
    Kind.MOVED: "Moved",
    Kind.WITHIN: "Moved within the tolerance",
    Kind.INCOMPARABLE: "Incomparable",
    Kind.UNMOVED: "Incomparable, and the pixels are the accepted ones",
    Kind.ERROR: "Failed",
}


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """Cases that ask for one decision."""

    title: str
    """``Moved at denoising step 1, likely cause: denoiser weights: unet (0.85)``."""
    cases: tuple[CaseView, ...]
    """The worst first."""


def cause_groups(
    cases: Sequence[CaseView], verb: VerbRecord | None = None
) -> tuple[CauseGroup, ...]:
    """Group all cases, given worst first; the group with the worst case comes first.

    Cases with a diagnosis are grouped as the headline groups them, the others by what is said of
    them; ``verb`` is what judged them, if no session did.
    """
    diagnosed = {
        id(case): title for title, alike in _diagnosed(cases) for case in alike
    }  # by identity: a record may hold one case twice
    found: dict[str, list[CaseView]] = {}
    for case in cases:
        found.setdefault(diagnosed.get(id(case.record)) or _title(case, verb), []).append(case)
    order = {id(case): place for place, case in enumerate(cases)}
    groups = [CauseGroup(title, tuple(alike)) for title, alike in found.items()]
    groups.sort(
        key=lambda each: (
            WORST_FIRST.index(each.cases[0].record.verdict),
            -len(each.cases),
            order[id(each.cases[0])],
        )
    )
    return tuple(groups)


def _diagnosed(cases: Sequence[CaseView]) -> Iterator[tuple[str, Sequence[object]]]:
    for found in grouped(case.record for case in cases):
        how = _HOW[found.kind]
        if found.kind is Kind.UNMOVED:
            yield how, [case for group in found.groups for case in group.cases]
            yield how, found.undiagnosed
            continue
        for group in found.groups:
            yield f"{how} {_why(group)}", group.cases


def _why(group: Group) -> str:
    where = f"at {place_of(group.stage, group.index)}"
    return f"{where}, likely cause: {group.words}" if group.causes else f"{where}, cause not known"


def _title(case: CaseView, verb: VerbRecord | None) -> str:
    """Say what is known of a case without a diagnosis, its numbers left out."""
    record = case.record
    if record.error:
        return f"Failed: {_alike(record.error)}"
    if record.verdict is Verdict.REJECTED and case.others:
        return capitalised(_alike(case.others[0].words))
    if record.verdict is Verdict.INCOMPARABLE and case.others:
        return f"Incomparable: {_alike(case.others[0].words)}"
    if record.breaks_content:
        return "Breaks a limit on its content"
    return meaning(record.verdict, verb).removesuffix(".")


def _alike(text: str) -> str:
    """Return the first line of a message without places and numbers, in which cases differ."""
    line = text.strip().partition("\n")[0][: 4 * _LONGEST]
    line = re.sub(r"^\S*:\d+: ", "", line)
    return shortened(re.sub(r"\d+(\.\d+)?", "…", line), _LONGEST)
