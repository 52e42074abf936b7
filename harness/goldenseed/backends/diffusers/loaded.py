"""A loaded model, and what a case exchanges of it: the scheduler and the LoRA adapters."""

from __future__ import annotations

import importlib.util
import inspect
from collections import OrderedDict
from copy import copy, deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.loading import did_you_mean, quietly
from goldenseed.backends.diffusers.weights import check_safetensors
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import canonical_json
from goldenseed.environment.offline import offline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    """The model's own, never used itself: a scheduler remembers its last run."""
    schedulers: dict[object, Any]
    """Those built from it, unused likewise."""
    adapters: tuple[AdapterSpec, ...] = ()

    def wear(self, case: Case) -> None:
        """Give the pipeline a fresh scheduler and the adapters of the case, and no others."""
        if self.scheduler is not None:
            self.pipeline.scheduler = fresh_copy(self.pristine(case))
        elif case.scheduler is not None:
            raise GoldenseedError(
                f"{type(self.pipeline).__name__} has no scheduler to exchange",
                path=case.suite.path,
                line=case.line,
                fix="remove the scheduler",
            )
        if case.adapters == self.adapters:
            return
        if self.adapters:
            take_off(self.pipeline)
            self.adapters = ()
        if case.adapters:
            put_on(self.pipeline, case.adapters, case.suite.path, case.line)
            self.adapters = case.adapters
        self.call.settled()

    def pristine(self, case: Case) -> Any:
        """Return the scheduler that an image of the case is given a copy of; None without one."""
        wanted: SchedulerSpec | None = case.scheduler
        if wanted is None:
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


def _scheduler_class(name: str, path: Path | None, line: int | None) -> Any:
    import diffusers

    found = getattr(diffusers, name, None)
    if isinstance(found, type) and issubclass(found, diffusers.SchedulerMixin):
        return found
    names = [each for each in dir(diffusers) if each.endswith("Scheduler")]
    raise GoldenseedError(
        f"diffusers {diffusers.__version__} has no scheduler {name!r}",
        path=path,
        line=line,
        fix=did_you_mean(name, names),
    )


def put_on(pipeline: Any, adapters: Sequence[AdapterSpec], suite: Path, line: int | None) -> None:
    """Switch the adapters on, each with its scale, where none is on, or say at ``line`` why not."""
    refusal = partial(GoldenseedError, path=suite, line=line)
    if importlib.util.find_spec("peft") is None:
        raise refusal("adapters need the package peft", fix="pip install peft")
    if not hasattr(pipeline, "load_lora_weights"):
        what = f"{type(pipeline).__name__} takes no LoRA adapters"
        raise refusal(what, fix="remove the adapters")
    for adapter in adapters:
        if adapter.path.suffix != ".safetensors":
            what = f"the adapter {adapter.path.name} is no safetensors file"
            raise refusal(what, fix="save it as safetensors")
        check_safetensors(adapter.path)
    names = [f"adapter_{number}" for number in range(len(adapters))]
    try:
        for name, adapter in zip(names, adapters, strict=True):
            _load(pipeline, name, adapter.path)
        pipeline.set_adapters(names, adapter_weights=[adapter.scale for adapter in adapters])
    except BaseException:
        take_off(pipeline)
        raise


def take_off(pipeline: Any) -> None:
    """Remove every adapter, so that the pipeline computes as if none had ever been there."""
    pipeline.unload_lora_weights()


def _load(pipeline: Any, name: str, file: Path) -> None:
    with offline(), quietly():
        try:
            pipeline.load_lora_weights(
                str(file.parent),
                weight_name=file.name,
                adapter_name=name,
                use_safetensors=True,
                local_files_only=True,
            )
        except Exception as error:
            raise GenerationError(
                f"cannot be loaded into the {type(pipeline).__name__}: "
                f"{type(error).__name__}: {error}",
                path=file,
                fix="use an adapter made for this model",
            ) from error
    if not any(name in found for found in pipeline.get_list_adapters().values()):
        raise GenerationError(
            f"holds nothing for the {type(pipeline).__name__}; diffusers would ignore it",
            path=file,
            fix="use an adapter made for this model",
        )
