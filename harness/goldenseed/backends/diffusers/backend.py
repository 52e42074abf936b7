"""The back end that makes images with a diffusers pipeline in this process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.attention import attention_backend, attention_processor
from goldenseed.backends.diffusers.calling import PipelineCall
from goldenseed.backends.diffusers.checked import check_all
from goldenseed.backends.diffusers.description import (
    describe_as_loaded,
    describe_images,
    describe_surroundings,
)
from goldenseed.backends.diffusers.failures import OutOfMemoryError
from goldenseed.backends.diffusers.fitting import check_placement, fit, stance
from goldenseed.backends.diffusers.loaded import Loaded, scheduler_key
from goldenseed.backends.diffusers.loading import load_pipeline
from goldenseed.backends.diffusers.noise import noise_of
from goldenseed.backends.diffusers.places import dtype_for
from goldenseed.backends.diffusers.portable import (
    EXACT,
    PORTABLE,
    Float64,
    check_float64,
    float64_only,
    round_weights,
    widened_noise_of,
)
from goldenseed.backends.diffusers.quantising import check_quantization
from goldenseed.backends.protocol import (
    Generation,
    GenerationError,
    Progress,
    silent,
)
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.determinism import seeded, set_before_torch, settings
from goldenseed.environment.device import cap_cpu, check_cpu, device_for, empty_cache
from goldenseed.environment.file_digests import FileDigests
from goldenseed.environment.fingerprint import EnvironmentValue
from goldenseed.suite.recipes import model_key

if TYPE_CHECKING:
    import torch

    from goldenseed.suite.cases import Case
    from goldenseed.trace.stages import StageName


SLOW_SECONDS = 5.0
"""From here on an image takes long enough for its steps to be told; a model's first one may."""


class DiffusersBackend:
    """Makes images with one diffusers pipeline at a time: see ``Backend``, and ``Settings`` of it.

    ``prepare`` is given each pipeline right after it was loaded, to change it as it likes;
    ``exact`` computes in float64 what the suite says, with the weights and the noise of its dtype.
    """

    def __init__(
        self,
        *,
        device: str = "auto",
        gpu_index: int = 0,
        progress: Progress = silent,
        prepare: Callable[[Any], None] | None = None,
        verify_files: bool = False,
        trace: bool = True,
        layers: bool = False,
        exact: bool = False,
        until: Mapping[str, StageName] | None = None,
    ) -> None:
        self._device = device
        self._exact = exact
        self._until = until or {}
        self._gpu_index = gpu_index
        self._progress = progress
        self._slow = True
        self._prepare = prepare
        self._trace = trace
        self._layers = layers
        self._loaded: Loaded | None = None
        self._key: tuple[object, ...] | None = None
        self._failures: dict[tuple[object, ...], GoldenseedError] = {}
        self._case: Case | None = None
        self._digests = FileDigests(verify=verify_files)
        self._environments: dict[tuple[object, ...], Mapping[str, EnvironmentValue]] = {}
        self._around: dict[tuple[object, ...], Mapping[str, EnvironmentValue]] = {}
        """What of them no case exchanges: the process and the files of the model."""
        self.note = set_before_torch()
        """What could not be pinned, as a sentence for people; None if all is well."""

    def load(self, case: Case) -> float:
        """Make the case's model ready, as ``Backend.load``; what failed once raises at once."""
        key = (model_key(case.model), case.model.allow_pickle, _portable(case))
        if self._loaded is not None and self._key == key:
            self._case = case
            return 0.0
        if key in self._failures:
            raise copy(self._failures[key])
        self.close()
        began = time.perf_counter()
        self._progress(f"loading {case.model.source}")
        try:
            cap_cpu(case.suite.determinism.cpu_isa, case.suite.path)
            _need_libraries(case)
            check_cpu(case.suite.determinism.cpu_isa, case.suite.path)
            with settings(case.suite.determinism, self._device_of(case)):
                self._loaded, self._key, self._case = self._load(case), key, case
                self._environments, self._around = {}, {}
                self._slow = True
        except GoldenseedError as error:
            # A copy, since the traceback of the original keeps what was loaded so far in memory.
            self._failures[key] = copy(error)
            if not isinstance(error, OutOfMemoryError):
                raise
        except Exception as error:  # diffusers imports its parts when they are first asked for
            what = f"the model cannot be loaded: {type(error).__name__}: {error}"
            fix = "see the traceback with pytest --tb=long; install releases that fit each other"
            self._failures[key] = GenerationError(what, path=case.suite.path, fix=fix)
            raise copy(self._failures[key]) from error
        else:
            return time.perf_counter() - began
        self._free(self._device_of(case))
        raise copy(self._failures[key])

    def generate(self, case: Case) -> Generation:
        """Make the case's image, as ``Backend.generate``; out of memory, the model is freed."""
        load_seconds = self.load(case)
        try:
            return replace(self._generate(case), load_seconds=load_seconds)
        except OutOfMemoryError as error:
            failure = copy(error)  # the traceback of the original keeps the model in memory
        self.close()
        raise failure

    def _generate(self, case: Case) -> Generation:
        loaded = self._loaded
        assert loaded is not None  # noqa: S101 - load() has just seen to it
        progress = self._progress if self._slow and self._progress is not silent else None
        with seeded(case.seed, loaded.device):
            if self._wide(case):
                with self._in_force(case, loading=True):
                    loaded.wear(case)
            if self._exact:
                dtype_of = case.model.dtype_of
                round_weights(loaded.pipeline, lambda name: dtype_for(dtype_of(name)))
            with self._in_force(case) as float64:
                if float64 is None:
                    loaded.wear(case)
                noise = noise_of
                if self._exact and float64 is not None:
                    noise = partial(widened_noise_of, outside=float64.left_out)
                generation = loaded.call.generate(case, progress, noise)
        self._slow = generation.seconds >= SLOW_SECONDS
        return replace(generation, remarks=(*loaded.fitted, *loaded.remarks, *generation.remarks))

    def surroundings(self, case: Case) -> Mapping[str, EnvironmentValue]:
        """Return what is known before the model is loaded: see ``Backend.surroundings``."""
        cap_cpu(case.suite.determinism.cpu_isa, case.suite.path)
        _need_libraries(case)
        device = self._device_of(case)
        with settings(case.suite.determinism, device):
            return describe_surroundings(case, device, self._digests)

    def fingerprint(self) -> Mapping[str, EnvironmentValue]:
        """Return where images of the case loaded last are made: see ``Backend.fingerprint``."""
        loaded, case = self._loaded, self._case
        if loaded is None or case is None:
            raise GoldenseedError(
                "no model is loaded, so there is no environment to describe",
                fix="load a case's model first",
            )
        around = (self._key, case.suite.path, case.model.source, case.suite.determinism)
        key = (*around, scheduler_key(case.scheduler))
        if key not in self._environments:
            with self._in_force(case):
                if around not in self._around:
                    self._around[around] = describe_surroundings(case, loaded.device, self._digests)
                self._environments[key] = describe_images(
                    self._around[around],
                    loaded.description,
                    loaded.pipeline,
                    loaded.pristine(case),
                )
        return self._environments[key]

    def close(self) -> None:
        """Free the model and its memory: see ``Backend.close``."""
        if self._loaded is None:
            return
        device = self._loaded.device
        self._loaded = self._key = self._case = None
        self._free(device)

    @staticmethod
    def _free(device: str) -> None:
        gc.collect()
        empty_cache(device)

    @contextmanager
    def _in_force(self, case: Case, *, loading: bool = False) -> Iterator[Float64 | None]:
        """Hold all that the suite pins, for an image or ``loading``; yields what widens, if any."""
        assert self._loaded is not None  # noqa: S101 - load() has just seen to it
        float64 = None
        with ExitStack() as while_generating:
            while_generating.enter_context(settings(case.suite.determinism, self._loaded.device))
            if self._wide(case):
                wide = float64_only(loading=loading, because=self._because)
                float64 = while_generating.enter_context(wide)
            while_generating.enter_context(stance(case.model.compile))
            for choose in (attention_processor, attention_backend):
                while_generating.enter_context(choose(self._loaded.pipeline, case.suite))
            yield float64

    def _wide(self, case: Case) -> bool:
        """Whether all is computed in float64."""
        return self._exact or _portable(case)

    @property
    def _because(self) -> str:
        return EXACT if self._exact else PORTABLE

    def _device_of(self, case: Case) -> str:
        own = case.model.device
        wanted = self._device if own == "auto" else own
        return device_for(wanted, self._gpu_index, dtype=self._dtype_of(case))

    def _dtype_of(self, case: Case) -> torch.dtype:
        """Return what the weights are loaded in."""
        return dtype_for("float64" if self._exact else case.model.dtype)

    def _load(self, case: Case) -> Loaded:
        model = case.model
        device = self._device_of(case)
        check_placement(model, device, case.suite.path)
        check_quantization(model, case.suite.path, wide=self._wide(case))
        checked = None if model.factory else check_all(model, case.suite.path)
        with ExitStack() as while_loading:
            if self._wide(case):
                wide = float64_only(loading=True, because=self._because)
                while_loading.enter_context(wide)
            if model.allow_new_weights:
                while_loading.enter_context(seeded(0))
            pipeline, reports = load_pipeline(
                checked, case, dtype=self._dtype_of(case), device=device
            )
            fitted = fit(pipeline, case, device)
        if self._wide(case):
            check_float64(pipeline, self._because)
        if self._prepare is not None:
            self._prepare(pipeline)
        return Loaded(
            pipeline=pipeline,
            call=PipelineCall(
                pipeline, device, trace=self._trace, layers=self._layers, until=self._until
            ),
            device=device,
            description=describe_as_loaded(pipeline, reports),
            scheduler=getattr(pipeline, "scheduler", None),
            schedulers={},
            fitted=fitted,
        )


def _portable(case: Case) -> bool:
    return case.suite.determinism.portable


def _need_libraries(case: Case) -> None:
    try:
        import diffusers  # noqa: F401
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except Exception as error:  # an installed library may raise anything while it is imported
        raise GenerationError(
            f"generating images needs torch, diffusers and transformers: {error}",
            path=case.suite.path,
            fix="pip install 'pytest-goldenseed[diffusers]', in releases that fit each other",
        ) from error
