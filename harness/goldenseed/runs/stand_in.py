"""An image of a run in the place of an accepted one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from goldenseed.baselines.entry import AcceptedImage, BaselineEntry, ProfileBaseline
from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.suite.recipes import recipe_sha256

if TYPE_CHECKING:
    from PIL.Image import Image


def stand_in(case: CaseRecord, image: Image, run: RunRecord) -> BaselineEntry:
    """Make the document that accepts the image of ``case`` and nothing else."""
    when: datetime = run.finished or run.started
    try:
        accepted = AcceptedImage(
            pixels_sha256=case.pixels_sha256 or "",
            width=image.width,
            height=image.height,
            mode=image.mode,
            recipe=case.recipe,
            recipe_sha256=recipe_sha256(case.recipe),
            environment_sha256=case.environment_sha256 or "",
            run_id=run.run_id,
            accepted_at=when,
            accepted_by=f"run {run.run_id}",
            reason="in the baseline's place",
        )
        profiles = {case.profile or "": ProfileBaseline(accepted=(accepted,))}
        return BaselineEntry(suite=case.suite, case=case.id, profiles=profiles)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise GoldenseedError(
            f"the record of {case.id} in {run.run_id} was altered: {where}: {problem['msg']}",
            fix="run the suite again",
        ) from None
