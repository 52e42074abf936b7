"""Calling methods of a pipeline before its own call, as a case's ``before`` says."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.arguments import as_python
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from goldenseed.suite.before import BeforeSpec
    from goldenseed.suite.cases import Case


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """One call, its arguments ready but for what calls before it give."""

    spec: BeforeSpec
    method: Any
    arguments: Mapping[str, Any]
    takes: frozenset[str]

    def result(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Call it with what it takes of ``given``; return what it gives to the calls after it."""
        more = {name: value for name, value in given.items() if name in self.takes}
        output = self.method(**{**self.arguments, **more})
        return {
            keyword: output if part is None else _part(output, part, self.spec)
            for keyword, part in self.spec.gives.items()
        }


def earlier_calls(
    case: Case, pipeline: Any, inputs: Mapping[str, Any], generator: Any, known: Collection[str]
) -> tuple[EarlierCall, ...]:
    """Make a case's calls ready; they share ``generator``, as in a script that makes one.

    ``known`` are the arguments of the pipeline's own call.

    Raises:
        GoldenseedError: the pipeline's class has no such method of its own, the method lacks an
            argument, or nothing takes an input or a result.

    """
    calls = tuple(_ready(case, pipeline, spec, inputs, generator) for spec in case.before)
    for name in inputs:
        if name not in known and not any(name in each.takes for each in calls):
            raise _untaken(case, f"the input {name!r}", known)
    for place, each in enumerate(calls, 1):
        for name in each.spec.gives:
            later = (name in other.takes for other in calls[place:])
            if name not in known and not any(later):
                raise _untaken(case, f"{name!r}, which {each.spec.method} gives", known)
    return calls


def _untaken(case: Case, what: str, known: Collection[str]) -> GoldenseedError:
    return GoldenseedError(
        f"no call takes {what}",
        path=case.suite.path,
        line=case.line,
        fix=f"the pipeline's own call takes {', '.join(sorted(known))}",
    )


def _ready(
    case: Case, pipeline: Any, spec: BeforeSpec, inputs: Mapping[str, Any], generator: Any
) -> EarlierCall:
    methods = _own_methods(pipeline)
    if spec.method not in methods:
        raise GoldenseedError(
            f"{type(pipeline).__name__} has no method {spec.method!r} of its own",
            path=case.suite.path,
            line=case.line,
            fix=did_you_mean(spec.method, sorted(methods)),
        )
    method = getattr(pipeline, spec.method)
    parameters = inspect.signature(method).parameters
    for name in spec.call:
        if name not in parameters or name == "generator":
            raise GoldenseedError(
                f"{type(pipeline).__name__}.{spec.method} has no argument {name!r} for `before`",
                path=case.suite.path,
                line=case.line,
                fix=did_you_mean(name, sorted(parameters.keys() - {"generator"})),
            )
    arguments = {name: as_python(value, parameters[name]) for name, value in spec.call.items()}
    given = {name: value for name, value in inputs.items() if name in parameters}
    own = {"generator": generator} if "generator" in parameters else {}
    return EarlierCall(spec, method, {**given, **arguments, **own}, frozenset(parameters))


def _own_methods(pipeline: Any) -> frozenset[str]:
    """Name the methods that pipelines' classes have beside those of all pipelines.

    What all have loads, saves and moves models: no suite calls that.
    """
    from diffusers import DiffusionPipeline

    classes = [
        each
        for each in type(pipeline).__mro__
        if issubclass(each, DiffusionPipeline) and each is not DiffusionPipeline
    ]
    common = set(dir(DiffusionPipeline))
    return frozenset(
        name
        for each in classes
        for name, value in vars(each).items()
        if not name.startswith("_") and inspect.isfunction(value) and name not in common
    )


def _part(output: Any, part: str, spec: BeforeSpec) -> Any:
    found = getattr(output, part, None)
    if found is None:
        names = [str(name) for name in getattr(output, "keys", list)()]
        raise GoldenseedError(
            f"what {spec.method} returned has no {part!r}, which `before` gives on",
            fix=f"it has {', '.join(names)}" if names else "give its result whole",
        )
    return found
