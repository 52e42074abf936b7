"""A loaded model, and what a case exchanges of it: the scheduler and the LoRA adapters."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from copy import copy, deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.adapters import put_on, take_off
from goldenseed.backends.diffusers.conditioning import check_inputs
from goldenseed.backends.diffusers.failures import absent_packages_fault
from goldenseed.backends.diffusers.foreign import replaced_on
from goldenseed.backends.diffusers.loading import quietly
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import canonical_json
from goldenseed.core.names import did_you_mean
from goldenseed.environment.offline import offline
from goldenseed.suite.parts import Role, role_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from goldenseed.backends.diffusers.calling import PipelineCall
    from goldenseed.environment.keys import EnvironmentValue
    from goldenseed.suite.cases import Case
    from goldenseed.suite.model import AdapterSpec, SchedulerSpec


@dataclass
class Loaded:
    """A loaded pipeline and what it wears at the moment."""

    pipeline: Any
    call: PipelineCall
    device: str
    description: Mapping[str, EnvironmentValue]
    """What loading made of the model."""
    scheduler: Any
    """The model's own, used itself only where somebody put methods on the very object: a scheduler
    remembers its last run."""
    schedulers: dict[object, Any]
    """Those built from it, unused likewise."""
    adapters: tuple[AdapterSpec, ...] = ()
    remarks: tuple[str, ...] = ()
    """What is odd of the adapters that are on."""
    fitted: tuple[str, ...] = ()
    """What is odd of what is on for good."""

    def __post_init__(self) -> None:
        """Find who holds the scheduler: a combined pipeline hands it to those it is made of."""
        inner = (each for each in vars(self.pipeline).values() if hasattr(each, "scheduler"))
        self._guiders = {
            name: each
            for name, each in getattr(self.pipeline, "components", {}).items()
            if role_of(name) is Role.GUIDER and each is not None
        }
        self._checker = getattr(self.pipeline, "safety_checker", None)
        # What was put on the object may call the object it was put on: no copy will do.
        self._first_state = fresh_copy(self.scheduler) if _has_own_methods(self.scheduler) else None
        self._holders = [
            self.pipeline,
            *(each for each in inner if each.scheduler is self.scheduler),
        ]

    def wear(self, case: Case) -> None:
        """Give the pipeline a fresh scheduler, fresh guiders and the adapters of the case alone.

        And its safety checker, or none.
        """
        self._wear_checker(case)
        if self.scheduler is not None:
            pristine = self.pristine(case)
            used_itself = self._first_state is not None and pristine is self.scheduler
            fresh = pristine if used_itself else fresh_copy(pristine)
            for holder in self._holders:
                holder.scheduler = fresh
        elif case.scheduler is not None:
            raise GoldenseedError(
                f"{type(self.pipeline).__name__} has no scheduler to exchange",
                path=case.suite.path,
                line=case.line,
                fix="remove the scheduler",
            )
        for name, guider in self._guiders.items():
            setattr(self.pipeline, name, fresh_copy(guider))
        check_inputs(self.pipeline, case)
        wanted = tuple(each for each in case.adapters if not each.fused)
        if wanted == self.adapters:
            return
        if self.adapters:
            take_off(self.pipeline)
            self.adapters, self.remarks = (), ()
        if wanted:
            self.remarks = put_on(self.pipeline, wanted, case.suite.path, case.line)
            self.adapters = wanted
        self.call.settled()

    def _wear_checker(self, case: Case) -> None:
        """Take off the safety checker where a suite has it off; ask for one where it needs it."""
        if self._checker is None and case.suite.safety == "required":
            raise GoldenseedError(
                f"`safety` is required, and this {type(self.pipeline).__name__} has no safety "
                "checker",
                path=case.suite.path,
                line=case.line,
                fix="add one to the model's folder, or remove `safety`",
            )
        wanted = None if case.suite.safety == "off" else self._checker
        if self._checker is not None and self.pipeline.safety_checker is not wanted:
            self.pipeline.safety_checker = wanted

    def pristine(self, case: Case) -> Any:
        """Return the scheduler that an image of the case is given a copy of; None without one.

        One with methods of its own is given itself, put back here into the state it was loaded in.
        """
        wanted: SchedulerSpec | None = case.scheduler
        if wanted is None:
            if self._first_state is not None:
                held = vars(self.scheduler)
                own = {name: each for name, each in held.items() if callable(each)}
                held.clear()
                held.update(vars(fresh_copy(self._first_state)) | own)
            return self.scheduler
        key = scheduler_key(wanted)
        if key not in self.schedulers:
            self.schedulers[key] = build_scheduler(
                self.scheduler,
                wanted.class_name,
                wanted.config,
                path=case.suite.path,
                line=case.line,
            )
        return self.schedulers[key]


def scheduler_key(wanted: SchedulerSpec | None) -> object:
    """Return what tells schedulers of cases apart."""
    return None if wanted is None else (wanted.class_name, canonical_json(dict(wanted.config)))


_IMMUTABLE = frozenset({bool, int, float, str})


def build_scheduler(
    base: Any,
    class_name: str | None,
    overrides: Mapping[str, Any],
    *,
    path: Path | None = None,
    line: int | None = None,
) -> Any:
    """Make a scheduler of that class, or the same, from ``base`` with overrides, or raise."""
    refusal = partial(GoldenseedError, path=path, line=line)
    cls = type(base) if class_name is None else _scheduler_class(class_name, path, line)
    known = [name for name in inspect.signature(cls.__init__).parameters if name != "self"]
    for key in overrides:
        if key not in known:
            what = f"{cls.__name__} has no option {key!r}"
            raise refusal(what, fix=did_you_mean(key, known))
    try:
        with offline(), quietly():
            return cls.from_config(base.config, **deepcopy(dict(overrides)))
    except Exception as error:
        what = f"{cls.__name__} refuses {dict(overrides)}: {type(error).__name__}: {error}"
        raise refusal(what, fix="correct the scheduler's options") from error


def fresh_copy(scheduler: Any) -> Any:
    """Copy a scheduler deeply, but for its frozen configuration; in a tenth of the time."""
    import torch

    twin = copy(scheduler)
    memo: dict[int, Any] = {id(scheduler): twin}
    config = getattr(scheduler, "_internal_dict", None)
    if isinstance(config, OrderedDict):
        memo[id(config)] = config  # diffusers' FrozenDict: it refuses every change
    for name, value in vars(scheduler).items():
        if value is None or type(value) in _IMMUTABLE:
            continue
        if type(value) is torch.Tensor and id(value) not in memo and not value.requires_grad:
            memo[id(value)] = value.clone()
        vars(twin)[name] = deepcopy(value, memo)
    return twin


def _has_own_methods(scheduler: Any) -> bool:
    """Say whether methods were put on the object itself, as ``scheduler.step = patched`` does."""
    return scheduler is not None and any(True for _ in replaced_on(scheduler))


def _scheduler_class(name: str, path: Path | None, line: int | None) -> Any:
    import diffusers

    found = getattr(diffusers, name, None)
    if isinstance(found, type) and issubclass(found, diffusers.SchedulerMixin):
        return found
    if fault := absent_packages_fault(found, name):
        raise GoldenseedError(fault[0], path=path, line=line, fix=fault[1])
    names = [each for each in dir(diffusers) if each.endswith("Scheduler")]
    raise GoldenseedError(
        f"diffusers {diffusers.__version__} has no scheduler {name!r}",
        path=path,
        line=line,
        fix=did_you_mean(name, names),
    )
