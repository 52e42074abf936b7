"""Calling a loaded pipeline for one case, and making sure that what came out is sound."""

from __future__ import annotations

import inspect
import time
from contextlib import nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from goldenseed.backends.diffusers.arguments import as_python, given_input
from goldenseed.backends.diffusers.before import earlier_calls
from goldenseed.backends.diffusers.between import ENCODES, encoded_between
from goldenseed.backends.diffusers.failures import Situation, failure
from goldenseed.backends.diffusers.in_force import InForce
from goldenseed.backends.diffusers.layers import recorded_layers
from goldenseed.backends.diffusers.modular import (
    called,
    empty_parts,
    is_of_blocks,
    taken_by_blocks,
)
from goldenseed.backends.diffusers.noise import generator_for, noise_of
from goldenseed.backends.diffusers.outputs import (
    Returned,
    elements_of,
    flags_of,
    foreign_levels,
    returned_by,
)
from goldenseed.backends.diffusers.passed_on import passed_on
from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.backends.diffusers.remarks import TextWatch, remarks_of_sizes
from goldenseed.backends.diffusers.trace import Tracing
from goldenseed.backends.protocol import (
    Element,
    Generation,
    GenerationError,
    Progress,
    Unusable,
)
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import did_you_mean
from goldenseed.environment.device import forget_peak
from goldenseed.suite.between import BetweenPrompts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from PIL.Image import Image

    from goldenseed.backends.diffusers.layers import LayerRecorder
    from goldenseed.backends.diffusers.part import Reading
    from goldenseed.suite.cases import Case
    from goldenseed.trace.stages import StageName

Elements: TypeAlias = tuple[Element, ...]

OWN_KEYS = ("prompt", "generator", "output_type", "return_dict", "callback_on_step_end")
"""Arguments of a pipeline's call that the back end sets itself."""
_ANY = inspect.Parameter.VAR_KEYWORD


def parameters_of(pipeline: Any) -> dict[str, inspect.Parameter]:
    """Return what a pipeline's call takes by name.

    A class of the user's own that takes ``**options`` hands them to the class it is derived from.
    In one of diffusers they are for arguments it no longer has, and all others are ignored.
    """
    if is_of_blocks(pipeline):
        return dict(taken_by_blocks(pipeline))
    found: dict[str, inspect.Parameter] = dict(inspect.signature(pipeline).parameters)
    for base in type(pipeline).__mro__[1:]:
        own = not type(pipeline).__module__.startswith(("diffusers.", "goldenseed."))
        if own and _takes_any(found) and "__call__" in vars(base):
            inherited = dict(inspect.signature(base.__call__).parameters)
            inherited.pop("self", None)
            any_left = _takes_any(inherited)
            named = {k: each for k, each in found.items() if each.kind is not _ANY or any_left}
            found = {**inherited, **named}
    return {name: each for name, each in found.items() if each.kind is not _ANY}


def _takes_any(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(each.kind is _ANY for each in parameters.values())


class PipelineCall:
    """A loaded pipeline's call, with what its signature allows read once."""

    def __init__(
        self,
        pipeline: Any,
        device: str = "cpu",
        *,
        trace: bool = True,
        layers: bool = False,
        until: Mapping[str, StageName] = MappingProxyType({}),
    ) -> None:
        self._pipeline = pipeline
        self._tracing = Tracing(pipeline) if trace else None
        self._layers = layers
        self._until = until
        self._inside = InForce(pipeline, device) if trace else None
        self._text = TextWatch(pipeline)
        self._device = device
        self._name = getattr(pipeline, "__name__", type(pipeline).__name__)
        self._parameters = parameters_of(pipeline)

    def generate(
        self,
        case: Case,
        progress: Progress | None = None,
        noise: Callable[[Case], AbstractContextManager[object]] = noise_of,
    ) -> Generation:
        """Call the pipeline, which draws what ``noise`` gives it, and return what it made.

        ``GoldenseedError`` for an argument it does not have, ``OutOfMemoryError`` for too little
        memory, ``GenerationError`` if it raised, left given noise or made no image, or NaN.
        """
        inputs = {
            name: given_input(name, given, self._pipeline, self._device)
            for name, given in case.inputs.items()
        }
        arguments = self._arguments(case, inputs)
        shared = arguments.get("generator")
        known = self._parameters.keys()
        earlier = earlier_calls(case, self._pipeline, inputs, shared, known) if case.before else ()
        if progress is not None and "callback_on_step_end" in self._parameters:
            arguments["callback_on_step_end"] = _step_counter(case, progress)
        forget_peak(self._device)
        began = time.perf_counter()
        try:
            with (
                noise(case),
                encoded_between(case, self._pipeline),
                self._text.watched(),
                self._recording(case) as recorder,
                self._deeply() as layers,
                self._watching() as in_force,
            ):
                given: dict[str, Any] = {}
                for each in earlier:
                    given |= each.result(given)
                taken = {name: value for name, value in given.items() if name in known}
                arguments |= taken
                with passed_on(self._pipeline, arguments, self._parameters) as passed:
                    output = called(self._pipeline, arguments)
        except GoldenseedError:
            raise
        except Exception as error:
            raise self._told(case, error) from error
        seconds = time.perf_counter() - began
        try:
            returned = returned_by(output)
            flagged = flags_of(output)
            elements = _elements(case, flagged, returned, self._pipeline, self._name)
        except GenerationError as error:
            error.trace = recorder.finish().trace if recorder else ()
            error.in_force = (*in_force, *([passed] if passed else ()))
            raise
        if recorder is not None:
            recorder.add_elements(returned, elements)
        alone = elements[0].content if len(elements) == 1 and returned[0].is_picture else None
        return Generation(
            image=cast("Image | None", alone),
            elements=elements if alone is None else (),
            file=None if alone is None else elements[0].file,
            seconds=seconds,
            recording=None if recorder is None else recorder.finish(),
            layers=None if layers is None else layers.finish(),
            in_force=(*in_force, *([passed] if passed else ())),
            remarks=(
                *self._text.remarks(case),
                *remarks_of_sizes(inputs, alone),
                *_flagged_in_words(flagged),
            ),
            flagged=flagged,
        )

    def _told(self, case: Case, error: Exception) -> GoldenseedError:
        """Return what is said of an exception of the pipeline."""
        situation = Situation(case, self._device)
        return failure(error, situation, case.suite.path, case.line) or _failure(
            case,
            f"{self._name} raised {type(error).__name__}: {error}{empty_parts(self._pipeline)}",
            "correct the case's call, or see the original traceback with pytest --tb=long",
        )

    def settled(self) -> None:
        """Take the pipeline's models as they are now: a case's adapters were put on or off."""
        if self._inside is not None:
            self._inside.settled()

    def _recording(self, case: Case) -> AbstractContextManager[Recorder | None]:
        until = self._until.get(case.id)
        return nullcontext() if self._tracing is None else self._tracing.recorded(until)

    def _watching(self) -> AbstractContextManager[list[Reading]]:
        return nullcontext([]) if self._inside is None else self._inside.watched()

    def _deeply(self) -> AbstractContextManager[LayerRecorder | None]:
        return recorded_layers(self._pipeline) if self._layers else nullcontext()

    def _arguments(self, case: Case, inputs: Mapping[str, Any]) -> dict[str, Any]:
        arguments: dict[str, Any] = case.arguments()
        if case.before:  # what this call does not take, earlier ones do
            inputs = {name: each for name, each in inputs.items() if name in self._parameters}
        for key in (*arguments, *inputs):
            if key in OWN_KEYS:
                raise self._refusal(case, f"call.{key} is set by goldenseed itself", "remove it")
            if key not in self._parameters:
                raise self._refusal(
                    case,
                    f"{self._name} has no argument {key!r}",
                    did_you_mean(key, sorted(self._parameters.keys() - set(OWN_KEYS))),
                )
        arguments = {
            name: as_python(value, self._parameters[name]) for name, value in arguments.items()
        }
        arguments |= inputs
        self._give_prompt(case, arguments)
        if "generator" in self._parameters:
            arguments["generator"] = generator_for(case, self._device)
        if "output_type" in self._parameters:
            arguments["output_type"] = "np"
        return arguments

    def _give_prompt(self, case: Case, arguments: dict[str, Any]) -> None:
        own = self._parameters.get("prompt")
        if case.prompt is None:
            if own is not None and own.default is inspect.Parameter.empty:
                raise self._refusal(case, f"{self._name} needs a prompt", "add `prompt: …`")
            return
        if own is None:
            texts = ", ".join(name for name in self._parameters if "prompt" in name)
            named = f"name it under `call` by its own name: {texts}"
            fix = named if texts else "remove the prompt of the case"
            raise self._refusal(case, f"{self._name} takes no prompt", fix)
        if isinstance(case.prompt, BetweenPrompts):
            if "prompt_embeds" not in self._parameters or not hasattr(self._pipeline, ENCODES):
                what = f"{self._name} takes no embeddings of a prompt to mix"
                raise self._refusal(case, what, "write one prompt in place of `between`")
            arguments["prompt"] = case.prompt.between[0]
            return
        arguments["prompt"] = list(case.prompt) if isinstance(case.prompt, tuple) else case.prompt

    @staticmethod
    def _refusal(case: Case, what: str, fix: str) -> GoldenseedError:
        return GoldenseedError(what, path=case.suite.path, line=case.line, fix=fix)


def _flagged_in_words(flagged: tuple[bool, ...] | None) -> Iterator[str]:
    """Say of images that are judged although a safety checker flagged them that it blanks them."""
    if any(flagged or ()):
        places = ", ".join(str(n) for n, each in enumerate(flagged or ()) if each)
        which = "the image" if len(flagged or ()) == 1 else f"the images {places}"
        yield f"the safety checker flagged {which}, and blanks what it flags"


def _elements(
    case: Case,
    flagged: tuple[bool, ...] | None,
    returned: tuple[Returned, ...],
    pipeline: Any,
    name: str,
) -> Elements:
    """Return what is kept of an output; ``GenerationError`` where there is nothing to judge."""
    if any(flagged or ()) and case.suite.safety != "record":
        raise _failure(
            case,
            f"the safety checker of {name} blanked the image",
            "use another prompt or seed, or a model without a safety checker; or keep what it says "
            "and judge the image all the same: safety: record",
            Unusable.BLANKED,
        )
    try:
        return elements_of(returned, name, case.model.dtype, foreign_levels(pipeline))
    except GenerationError as error:
        raise _failure(case, error.what, error.fix or "", error.unusable) from None


def _failure(case: Case, what: str, fix: str, unusable: Unusable | None = None) -> GenerationError:
    path: Path = case.suite.path
    error = GenerationError(what, path=path, line=case.line, fix=fix)
    error.unusable = unusable
    return error


def _step_counter(case: Case, progress: Progress) -> Any:
    """Make the callback that says ``red-apple[seed=1]: step 3 of 20``."""

    def after_step(pipeline: Any, step: int, _time: Any, values: dict[str, Any]) -> dict[str, Any]:
        total = getattr(pipeline, "num_timesteps", None) or "?"
        progress(f"{case.id}: step {step + 1} of {total}", step=True)
        return values

    return after_step
