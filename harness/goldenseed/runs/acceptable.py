"""Whether images of a run may be accepted: the run is complete, and the suite still asks for them.

That the files are those of the record is verified by the store, which decodes each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.core.names import SUITE_SUFFIX
from goldenseed.runs.inputs import names_cases, with_accepted_inputs
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.suite.document import read_document
from goldenseed.suite.loading import load_suite
from goldenseed.suite.model import is_hub_id
from goldenseed.suite.recipes import recipe_differences, recipe_of

if TYPE_CHECKING:
    from goldenseed.baselines.store import BaselineStore
    from goldenseed.suite.cases import Case

_NAMED = 3
"""How many fields of a recipe a message names."""


def check_acceptable(
    run: RunRecord, cases: Iterable[CaseRecord], store: BaselineStore, here: Path
) -> tuple[str, ...]:
    """Refuse what must not be accepted; return a line on each suite that is not there to ask.

    Suites are looked for from ``here`` upwards, as their paths in the record are from pytest's
    root. The images of tests have no suite.

    Raises:
        GoldenseedError: the run is incomplete, a suite cannot be read, or it has no such case any
            more, or one of another recipe.

    """
    ordered = sorted(cases, key=lambda each: each.path)
    if ordered and not run.complete:
        raise GoldenseedError(
            f"the run {run.run_id} is incomplete: nothing of it is accepted",
            fix="run the suite to its end, and accept from that run",
        )
    return tuple(_lines(ordered, store, here))


def _lines(ordered: Iterable[CaseRecord], store: BaselineStore, here: Path) -> Iterator[str]:
    for path, cases in groupby(ordered, lambda each: each.path):
        if not path.endswith(SUITE_SUFFIX):
            continue
        file = suite_file(path, here)
        if file is None or _lacks_model(file):
            what = "is not found from here" if file is None else "cannot be read without its model"
            yield f"{path} {what}: nobody asked whether it still has these recipes"
        else:
            _check(file, cases, store)


def suite_file(path: str, here: Path) -> Path | None:
    """Return the file that a record calls ``path``, in ``here`` or the next folder above."""
    return next((each / path for each in (here, *here.parents) if (each / path).is_file()), None)


def _lacks_model(file: Path) -> bool:
    """Whether the suite's model lies on another machine; a suite cannot be read without it."""
    data = read_document(file).data
    model = data.get("model") if isinstance(data, dict) else None
    source = model.get("source") if isinstance(model, dict) else None
    if not isinstance(source, str) or is_hub_id(file, source):
        return False
    return not (file.parent / source).exists()


def _check(file: Path, cases: Iterable[CaseRecord], store: BaselineStore) -> None:
    suite = load_suite(file)
    known = {case.id: case for case in suite.cases}
    for record in cases:
        case = known.get(record.id)
        if case is None or suite.name != record.suite:
            raise GoldenseedError(
                f"the suite has no case {record.suite}::{record.id} any more",
                path=file,
                fix="run the suite again, and accept from that run",
            )
        _check_recipe(file, case, record, store)


def _check_recipe(file: Path, case: Case, record: CaseRecord, store: BaselineStore) -> None:
    if names_cases(case.inputs) and record.profile:
        case = with_accepted_inputs(case, store, record.profile)
    changed = recipe_differences(record.recipe, recipe_of(case))
    if changed:
        fields = first_of([each.field for each in changed], _NAMED)
        raise GoldenseedError(
            f"{record.suite}::{record.id} has another recipe now than in the run: {fields} changed",
            path=file,
            line=case.line,
            fix="run the suite again, and accept from that run",
        )
