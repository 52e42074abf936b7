"""The tables of a scheduler, as importing it gives them: no weights are read, no picture made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.model import DIFFUSERS
from goldenseed.trace.stages import Stage

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case
    from goldenseed.trace.digesting import Recording

TABLES = frozenset({Stage.TIMESTEPS, Stage.SIGMAS})
"""The stages that a scheduler computes before any model is called."""
_STEPS = "num_inference_steps"


def may_be_set(case: Case) -> bool:
    """Whether a case's tables are likely to follow from its scheduler and number of steps alone."""
    model = case.model
    usual = model.backend == DIFFUSERS and not model.factory and not model.server
    return usual and _STEPS in case.call and not {"timesteps", "sigmas"} & case.call.keys()


def set_tables(case: Case) -> Recording:
    """Give the case's scheduler its timesteps on the CPU, and return what is recorded of it.

    Raises ``GoldenseedError`` where the model has no scheduler that can be made by itself.
    """
    import diffusers

    from goldenseed.backends.diffusers.denoising import scheduler_watchers
    from goldenseed.backends.diffusers.loaded import build_scheduler, fresh_copy
    from goldenseed.backends.diffusers.places import local_folder
    from goldenseed.backends.diffusers.recorder import Recorder
    from goldenseed.backends.diffusers.watching import MethodWatch
    from goldenseed.environment.determinism import settings

    folder = local_folder(case.model, case.suite.path) / "scheduler"
    try:
        config = json.loads((folder / "scheduler_config.json").read_text(encoding="utf-8"))
        own = getattr(diffusers, config["_class_name"]).from_config(config)
        wanted = case.scheduler
        scheduler = (
            own if wanted is None else build_scheduler(own, wanted.class_name, wanted.config)
        )
        recorder = Recorder()
        watch = MethodWatch(scheduler_watchers(recorder, "scheduler", type(scheduler)))
        scheduler = fresh_copy(scheduler)
        with settings(case.suite.determinism), watch.on(scheduler):
            scheduler.set_timesteps(case.call[_STEPS])
    except GoldenseedError:
        raise
    except Exception as error:
        what = f"the scheduler cannot be given its timesteps: {type(error).__name__}: {error}"
        raise GoldenseedError(what, path=case.suite.path, line=case.line) from error
    return recorder.finish()
