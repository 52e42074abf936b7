"""From a suite file to a ``Suite``, or to one error that names everything wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue, ValidationError

from goldenseed.core.files import read_regular, sha256_hex
from goldenseed.core.garbage import no_garbage_collection
from goldenseed.suite.before import before_specs
from goldenseed.suite.cases import (
    Choice,
    Limit,
    Suite,
    Template,
    merged,
    varied,
)
from goldenseed.suite.checks import check
from goldenseed.suite.document import COUNTED, Document, Problem, failure, read_document
from goldenseed.suite.factory import factory_spec
from goldenseed.suite.inputs import InputValue, input_values
from goldenseed.suite.limits import content_at, gate_lines, limits_at
from goldenseed.suite.masking import mask_spec
from goldenseed.suite.model import (
    LARGEST_NOISE,
    Determinism,
    ModelSpec,
    NoiseSpec,
    SchedulerSpec,
    beside,
    model_folder_beside,
)
from goldenseed.suite.model_schema import CaseModelSection, ModelSection, SchedulerSection
from goldenseed.suite.postprocess import step_specs
from goldenseed.suite.prompts import prompts_of
from goldenseed.suite.put_together import parsed_adapters, parsed_parts, plain_dtype
from goldenseed.suite.quarantine import Quarantine
from goldenseed.suite.relations import resolve_relations
from goldenseed.suite.schema import (
    CaseSection,
    DefaultsSection,
    DeterminismSection,
    SuiteFile,
)
from goldenseed.suite.sections import NoiseSection, SeedRange
from goldenseed.suite.server import SERVER, server_spec
from goldenseed.suite.sets import resolve_sets, unknown_cases
from goldenseed.suite.varying import Alternative, alternatives, check_vary, is_of_model
from goldenseed.suite.wording import schema_problems


def load_suite(path: Path) -> Suite:
    """Read, check and resolve the suite file ``path``. Cases are expanded on ``Suite.cases``.

    Reads no weights and imports neither numpy nor torch.

    Raises:
        GoldenseedError: anything wrong with the file, with path, line and fix; the first ten
            problems at once.

    """
    with no_garbage_collection():
        return _load(path)


def _load(path: Path) -> Suite:
    document = read_document(path)
    problems = list(document.problems)
    section = None
    try:
        section = SuiteFile.model_validate(document.data)
    except ValidationError as error:
        problems += schema_problems(error, document)
    problems += islice(check(document), COUNTED)
    problems += islice(check_vary(document), COUNTED)
    problems = _without_consequences(problems, document)
    if section is None or problems:
        raise failure(path, problems)
    return _resolve(document, section)


def _without_consequences(problems: list[Problem], document: Document) -> list[Problem]:
    """Drop what was found on lines whose YAML is at fault already: it only follows from that."""
    faulty = {problem.line for problem in document.problems}
    others = [problem for problem in problems if problem.line not in faulty]
    return [*document.problems, *others]


def _resolve(document: Document, section: SuiteFile) -> Suite:
    path = document.path
    determinism = _determinism(section.determinism)
    model = _model(document, section.model, portable=determinism.portable)
    limits = limits_at(document, ("gates", "fail"), section.gates.fail, "suite", {})
    content = content_at(document, ("content",), section.content, "suite")
    noise = _noise(path, section.noise) or NoiseSpec("portable" if determinism.portable else "cpu")
    templates = _templates(
        document,
        section,
        model,
        noise,
        limits=limits,
        content=content,
        portable=determinism.portable,
    )
    sets, problems = resolve_sets(document, section, templates)
    relations, others = resolve_relations(document, section, templates)
    problems += others
    problems += unknown_cases(templates)
    if problems:
        raise failure(path, problems)
    return Suite(
        name=section.suite,
        path=path,
        model=model,
        determinism=determinism,
        lock=beside(path, section.lock) if section.lock else None,
        gate_lines=tuple(gate_lines(templates, limits)),
        templates=templates,
        sets=sets,
        relations=relations,
        selfcheck_required=section.selfcheck == "required",
        safety=section.safety,
    )


def _determinism(section: DeterminismSection | str) -> Determinism:
    if isinstance(section, str):
        return Determinism(portable=True)
    return Determinism(**section.model_dump())


def _noise(path: Path, section: NoiseSection | str | None) -> NoiseSpec | None:
    if section is None:
        return None
    if isinstance(section, str):
        return NoiseSpec(section)
    if section.between is not None:
        return NoiseSpec("between", between=section.between, at=section.at or 0.0)
    named = section.file or ""
    file = beside(path, named)
    return NoiseSpec("file", named, file, sha256_hex(read_regular(file, LARGEST_NOISE)))


def _model(document: Document, section: ModelSection, *, portable: bool) -> ModelSpec:
    path, named = document.path, "backend" in section.model_fields_set
    source, factory = section.source or "", None
    if section.factory is not None:
        source, factory = section.factory, factory_spec(section.factory, path, section.arguments)
    server = None
    if section.server is not None:
        server = server_spec(section.server, path, document.key_line_of(("model", "server")))
        source = server.model or server.dialect
    return ModelSpec(
        source=source,
        folder=None if factory or server else model_folder_beside(path, source, section.backend),
        factory=factory,
        server=server,
        revision=section.revision,
        variant=section.variant,
        pipeline=section.pipeline,
        dtype="float64" if portable else plain_dtype(section),
        device=section.device,
        scheduler=_scheduler(section.scheduler),
        adapters=parsed_adapters(path, section.adapters),
        allow_pickle=section.allow_pickle,
        allow_new_weights=section.allow_new_weights,
        backend=SERVER if server else section.backend,
        backend_line=document.line_of(("model", "backend")) if named else None,
        **parsed_parts(document, ("model",), section),
    )


def _changes(path: Path, section: CaseModelSection) -> Mapping[str, Any]:
    """Return the fields of ``ModelSpec`` that a case has in place of the suite's."""
    changes: dict[str, Any] = {}
    if section.scheduler is not None:
        changes["scheduler"] = _scheduler(section.scheduler)
    if section.adapters is not None:
        changes["adapters"] = parsed_adapters(path, section.adapters)
    return changes


def _scheduler(section: SchedulerSection | None) -> SchedulerSpec | None:
    if section is None:
        return None
    overrides = section.__pydantic_extra__
    return SchedulerSpec(section.class_name, MappingProxyType(dict(overrides)))


def _templates(
    document: Document,
    section: SuiteFile,
    model: ModelSpec,
    noise: NoiseSpec,
    *,
    limits: Mapping[str, Limit],
    content: Mapping[str, Any],
    portable: bool,
) -> tuple[Template, ...]:
    call: Mapping[str, JsonValue] = MappingProxyType(section.defaults.call)
    marks = tuple(dict.fromkeys(section.defaults.marks))
    lines = document.item_lines("cases")
    mask = mask_spec(document, (), section, None)
    inputs = _inputs(document, ("defaults",), section.defaults)
    choices = partial(_choices, document, model=model, portable=portable)
    inherited = choices(("defaults",)) if section.defaults.vary else ()
    steps = step_specs(document, ("postprocess",), section.postprocess)
    entries = (
        Template(
            id=case.id,
            prompts=prompts_of(document, index, case),
            seeds=_seeds(case),
            call=merged(call, case.call),
            model=_changes(document.path, case.model),
            noise=_noise(document.path, case.noise) or noise,
            limits=limits_at(
                document, ("cases", index, "gates", "fail"), case.gates.fail, "case", limits
            ),
            **content_at(document, ("cases", index, "content"), case.content, "case", content),
            marks=tuple(dict.fromkeys((*marks, *case.marks))) if case.marks else marks,
            line=lines[index],
            mask=mask_spec(document, ("cases", index), case, mask),
            inputs=merged(inputs, _inputs(document, ("cases", index), case)),
            before=before_specs(case.before),
            quarantine=Quarantine.of(case.quarantine),
            postprocess=steps
            if case.postprocess is None
            else step_specs(document, ("cases", index, "postprocess"), case.postprocess),
        )
        for index, case in enumerate(section.cases)
    )
    return tuple(
        template
        for index, (case, entry) in enumerate(zip(section.cases, entries, strict=True))
        for template in varied(
            entry, choices(("cases", index)) if "vary" in case.model_fields_set else inherited
        )
    )


def _choices(
    document: Document, place: tuple[str | int, ...], model: ModelSpec, *, portable: bool
) -> tuple[tuple[Choice, ...], ...]:
    """Resolve the alternatives of what stands at ``place``, axis by axis."""
    found = alternatives(document, place).values()
    return tuple(tuple(_choice(each, model, portable=portable) for each in axis) for axis in found)


def _choice(alternative: Alternative, model: ModelSpec, *, portable: bool) -> Choice:
    document, section = alternative.document, alternative.read()
    changes = {}
    if is_of_model(alternative.axis):
        other = _model(document, section.model, portable=portable)
        values = {each.name: getattr(other, each.name) for each in fields(ModelSpec)}
        # By what they say, since specs that hold a mapping are equal to themselves alone.
        changes = {k: v for k, v in values.items() if repr(v) != repr(getattr(model, k))}
    return Choice(
        axis=alternative.axis,
        name=alternative.name,
        call=section.defaults.call,
        inputs=_inputs(document, ("defaults",), section.defaults),
        model=changes,
        noise=_noise(document.path, section.noise),
        postprocess=None
        if section.postprocess is None
        else step_specs(document, ("postprocess",), section.postprocess),
    )


def _inputs(
    document: Document, place: tuple[str | int, ...], section: CaseSection | DefaultsSection
) -> Mapping[str, InputValue]:
    lines = {name: document.key_line_of((*place, "inputs", name)) for name in section.inputs}
    return MappingProxyType(input_values(document.path, section.inputs, lines))


def _seeds(case: CaseSection) -> range | tuple[int, ...]:
    seeds = case.seeds
    if isinstance(seeds, SeedRange):
        return range(seeds.start, seeds.start + seeds.count)
    return seeds
