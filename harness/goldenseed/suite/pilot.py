"""``pilot:``: a few cases, spread over models and prompts, that run before the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from goldenseed.core.files import sha256_hex
from goldenseed.suite.cases import Case
from goldenseed.suite.recipes import model_key

_SPARING: Final = frozenset({"skip", "skipif", "xfail"})


def drawn(cases: Sequence[Case], count: int) -> frozenset[str]:
    """Return the ids of ``count`` cases, the same for the same cases: one of each model in turn.

    Of a model one of each prompt in turn, and of a prompt by the digests of the ids, which spreads
    seeds and alternatives. Cases that may fail or be left out, in quarantine or by a mark of
    pytest, are taken last: they tell nothing of the others.
    """
    rows: dict[tuple[str, str], list[Case]] = {}
    for case in sorted(cases, key=_place):
        rows.setdefault((model_key(case.model), f"{case.case_id} {case.prompt}"), []).append(case)
    models: dict[str, int] = {}
    ranked = []
    for (model, _), alike in rows.items():
        number = models[model] = models.get(model, -1) + 1
        ranked += [((place, number), case) for place, case in enumerate(alike)]
    ranked.sort(key=lambda each: (_is_spared(each[1]), each[0]))
    return frozenset(case.id for _, case in ranked[:count])


def _is_spared(case: Case) -> bool:
    return case.quarantine is not None or not _SPARING.isdisjoint(case.marks)


def _place(case: Case) -> str:
    return sha256_hex(case.id.encode())
