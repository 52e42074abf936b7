"""The run record: everything a run leaves behind, as ``run.json`` describes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import (
    AwareDatetime,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.diagnosis.model import Diagnosis
from goldenseed.environment.freeze import Freeze
from goldenseed.environment.lock import LockDifference
from goldenseed.runs.parts import (
    AnswerRecord,
    Document,
    ElementRecord,
    Extent,
    GateInForce,
    GitState,
    InputUsed,
    MaskUsed,
    NotCompared,
    PilotRecord,
    ProvenanceRecord,
    Quarantined,
    ReturnedFile,
    Seconds,
    SetRecord,
    Try,
    VerbRecord,
)
from goldenseed.runs.relation_record import Attached, RelationRecord
from goldenseed.runs.shard_record import PartRecord, ShardRecord
from goldenseed.runs.shard_record import RunId as RunId  # noqa: PLC0414 - part of here
from goldenseed.trace.stages import Stage
from goldenseed.trace.written import WrittenPrompt
from goldenseed.verdict.model import CONTENT, PASSING, Reason, Verdict

SCHEMA_VERSION = 1
"""What ``RunRecord.schema_version`` says; raised when a field changes its meaning."""
_SELDOM = frozenset(
    {"answers", "elements", "flagged", "part", "provenance", "returned", "warnings", "written"}
)
EnvironmentValue = str | int | float | bool | None


class BaselineUsed(Document):
    """The accepted image a case was held against."""

    profile: str
    pixels_sha256: str
    accepted_at: AwareDatetime
    image: str | None = None
    """A copy inside the run's folder, relative to it, or None where it could not be copied."""
    run: str | None = None
    """The run whose image stands in for it, where two runs are compared."""
    accepted_by: str | None = None
    reason: str | None = None
    """Who accepted it and why; None of older records and of a run's image."""


@dataclass(frozen=True, slots=True)
class TraceStage:
    """The digest of one stage; the trace's file has norm and sketch too."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    stage: Stage
    index: int
    """From 0, among the records of the same stage and source."""
    source: str | None = field(default=None, kw_only=True)
    sha256: str


class CaseRecord(Document):
    """What happened to one case."""

    id: str
    """``red-apple[seed=1024]``"""
    suite: str
    """The suite's name."""
    path: str
    """The suite file (or test file), relative to pytest's root, with forward slashes."""
    line: int | None = None
    """Where the case stands in that file, from 1."""
    recipe: dict[str, JsonValue]
    recipe_sha256: str
    profile: str | None = None
    """Where the image was made; None if generation never began."""
    environment_sha256: str | None = None
    in_force: dict[str, EnvironmentValue] = Field(default_factory=dict)
    """What the environment has otherwise inside the pipeline's call; normally empty."""
    pixels_sha256: str | None = None
    image: str | None = None
    """The generated PNG, relative to the run's folder."""
    width: int | None = None
    height: int | None = None
    mode: str | None = None
    elements: tuple[ElementRecord, ...] = ()
    """All that the call returned, where that is not one picture; the record has the key then.

    ``pixels_sha256`` is the one digest of them all (``goldenseed.core.elements.sequence_sha256``);
    ``image``, ``difference``, ``metrics`` and the baseline's ``image`` are of the one that decided
    the verdict, else of the first; width, height and mode are the first one's.
    """
    verdict: Verdict
    passed: bool
    """Whether the verdict was good enough for ``--golden-require``."""
    reasons: tuple[Reason, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    """Metric name to value, against the baseline used; empty where nothing was compared.

    A metric that has no finite value (PSNR of equal images) is left out.
    """
    limits: dict[str, float] = Field(default_factory=dict)
    """Gate name to limit, as in force for this case: ``min_ssim`` → 0.95."""
    limit_sources: dict[str, str] = Field(default_factory=dict)
    """Gate name to where its limit is from: ``suite``, ``case``, ``default``, ``test``."""
    content: dict[str, float] = Field(default_factory=dict)
    """Content score to value, of the image by itself: ``sharpness`` → 31.2."""
    content_limits: dict[str, float] = Field(default_factory=dict)
    """Content limit to limit, as in force for this case: ``min_sharpness`` → 20."""
    returned: tuple[ReturnedFile, ...] = ()
    provenance: ProvenanceRecord | None = None
    answers: tuple[AnswerRecord, ...] = ()
    written: WrittenPrompt | None = None
    """The prompt, where a language model wrote it."""
    flagged: tuple[bool, ...] | None = None
    """What the pipeline's safety checker says of each image; None where none ran."""
    alternatives: dict[str, str] = Field(default_factory=dict)
    """Of a case of several by `vary`: which alternative of each axis it is, by name."""
    inputs: tuple[InputUsed, ...] = ()
    """The pictures and tensors that the pipeline was given."""
    masked: MaskUsed | None = None
    """Which pixels did not count; None where all did."""
    baseline: BaselineUsed | None = None
    difference: str | None = None
    """The difference picture, relative to the run's folder."""
    error: str | None = None
    """The message of what went wrong, for the verdict ``error``."""
    remarks: tuple[str, ...] = ()
    """What is odd of the image or its making and changes no verdict, a sentence each."""
    warnings: dict[str, int] = Field(default_factory=dict)
    """What other packages warned of while it was made, numbers left out, and how often.

    The record has the key where there was any.
    """
    xfail: str | None = None
    """The reason of the xfail mark that the case bears, where pytest went by it; may be empty."""
    quarantine: Quarantined | None = None
    """By whose leave it may fail; the verdict and ``passed`` are as ever."""
    retried: bool = False
    """Whether a plugin ran the case once more because of what came of it."""
    tries: tuple[Try, ...] = ()
    """Every try in order, this one among them, where the case was run more than once."""
    part: str | None = None
    """The run that made it, where that is another; the record has the key then."""
    seconds: Seconds = Seconds()
    trace: tuple[TraceStage, ...] = ()
    """The stages the image passed, in order; empty where none were recorded."""
    trace_file: str | None = None
    """The whole trace, relative to the run's folder: ``traces/<digest>.json.gz``."""
    layers_file: str | None = None
    """The deep trace, relative to the run's folder: ``traces/<digest>.deep.jsonl.gz``."""
    diagnosis: Diagnosis | None = None
    """Where the image parts from the baseline used; None where it does not, or without a trace."""

    @model_validator(mode="before")
    @classmethod
    def _passes_by_its_verdict(cls, data: Any) -> Any:
        """Believe no ``passed`` beside a verdict that never passes."""
        if isinstance(data, dict) and data.get("verdict") not in PASSING:
            return {**data, "passed": False}
        return data

    @model_serializer(mode="wrap")
    def _as_ever(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write no key of ``_SELDOM`` where there is nothing of it, as older records have it."""
        return {k: v for k, v in write(self).items() if v or k not in _SELDOM}

    @property
    def gates(self) -> tuple[GateInForce, ...]:
        """The gates in force, in the suite's order; of older records without their sources."""
        return tuple(
            GateInForce.named(name, limit, self.limit_sources.get(name))
            for name, limit in self.limits.items()
        )

    @property
    def content_gates(self) -> tuple[GateInForce, ...]:
        """The content limits in force, likewise; ``metric`` is then a content score."""
        return tuple(GateInForce.named(*limit) for limit in self.content_limits.items())

    @property
    def unstable(self) -> bool:
        """Whether its tries did not all come to the same verdict and the same pixels."""
        return len({(each.verdict, each.pixels_sha256) for each in self.tries}) > 1

    @property
    def in_quarantine(self) -> bool:
        """Whether it fails, and is to fail nothing: what somebody rejected is not spared."""
        spared = self.quarantine is not None and not self.quarantine.over
        return spared and not self.passed and self.verdict is not Verdict.REJECTED

    def failed(self, code: str, message: str) -> CaseRecord:
        """Return the record with the verdict ``error``, and what went wrong."""
        reasons = (Reason(code=code, detail=message),)
        update = {"verdict": Verdict.ERROR, "passed": False, "reasons": reasons, "error": message}
        return self.model_copy(update=update)

    def without_picture(
        self, verdict: Verdict, reason: Reason, error: str | None = None
    ) -> CaseRecord:
        """Return what is known of the case where it could not be held against another."""
        none = ("trace_file", "layers_file", "diagnosis", "image", "baseline", "difference")
        update = dict.fromkeys(none) | {"metrics": {}, "returned": (), "verdict": verdict}
        update |= {"passed": False, "reasons": (reason,), "error": error}
        return self.model_copy(update=update)

    @property
    def breaks_content(self) -> bool:
        """Whether the image breaks a content limit, or could not be scored."""
        return any(reason.code == CONTENT for reason in self.reasons)


class RunRecord(Document):
    """One run: the document behind ``reports/<run id>/run.json``."""

    schema_version: Literal[1] = 1
    run_id: RunId
    """UTC start to the second and eight random hex digits, four in runs of old."""
    started: AwareDatetime
    finished: AwareDatetime | None = None
    complete: bool = False
    """False while running, and for ever if the run was cut short."""
    git: GitState | None = None
    profile: str | None = None
    environment: dict[str, EnvironmentValue] = Field(default_factory=dict)
    """Where the first case ran."""
    other_environments: tuple[dict[str, EnvironmentValue], ...] = ()
    """Where other workers ran, if that differed."""
    freeze: Freeze | None = None
    """All packages that were installed, which rebuilds the environment; None of older records."""
    lock_differences: tuple[LockDifference, ...] = ()
    """What was not as the suites' locks have it."""
    options: dict[str, str] = Field(default_factory=dict)
    """The ``--golden-…`` options in force: ``require`` → ``warn``."""
    cases: tuple[CaseRecord, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    """The cases that were selected and gave no image that anything was held against."""
    sets: tuple[SetRecord, ...] = ()
    """The sets of the suites that ran, in the order of the suites."""
    relations: tuple[RelationRecord, ...] = ()
    """The relations of the suites that ran, each of one case."""
    pilots: tuple[PilotRecord, ...] = ()
    """The pilots of the suites that ran."""
    attached: tuple[Attached, ...] = ()
    """What is kept with it: see ``goldenseed lossless --attach``."""
    extent: Extent | None = None
    """How much of the project it ran; None where that is not on record."""
    shard: ShardRecord | None = None
    parts: tuple[PartRecord, ...] = ()
    """The runs that made its cases, where it did not make all itself."""
    verb: VerbRecord | None = None
    """What made it, if no test session did."""
    warnings: dict[str, int] = Field(default_factory=dict)
    """What other packages warned of while images were made, numbers left out, and how often."""

    def environment_of(self, case: CaseRecord) -> dict[str, EnvironmentValue]:
        """Return the environment in which ``case`` ran; raises ``GoldenseedError`` if unknown."""
        for each in (self.environment, *self.other_environments):
            if json_sha256(each) == case.environment_sha256:
                return each
        raise GoldenseedError(
            f"the run {self.run_id} does not say in which environment {case.id} ran: none that it "
            f"lists has the digest {case.environment_sha256}",
            fix="the record was altered: run the suite again",
        )

    def counts(self) -> dict[Verdict, int]:
        """How many cases have each verdict, in the verdicts' order, without the zeros."""
        found = [case.verdict for case in self.cases]
        return {verdict: found.count(verdict) for verdict in Verdict if verdict in found}
