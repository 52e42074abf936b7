"""The suite file's shape as pydantic models, taken strictly: ``"20"`` is text, never twenty."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from goldenseed.suite.before import BeforeSection
from goldenseed.suite.between import BetweenSection
from goldenseed.suite.content import ContentSection
from goldenseed.suite.inputs import Inputs
from goldenseed.suite.masking import Ignore, MaskFile
from goldenseed.suite.model_schema import (
    Call,
    CaseModelSection,
    ModelSection,
)
from goldenseed.suite.policy_schema import (
    PilotSection,
    PolicyChoice,
)
from goldenseed.suite.prompts import PromptSection
from goldenseed.suite.quarantine import QuarantineSection
from goldenseed.suite.relation_schema import RelationSection
from goldenseed.suite.sections import (
    BETWEEN,
    CHOICE,
    CHOICE_OF_NAMED,
    CHOICE_OF_PROMPTS,
    LIST,
    PLAIN,
    SECTION,
    ConsistencySection,
    DiversitySection,
    Marks,
    Name,
    NoiseChoice,
    NonEmpty,
    Section,
    Seeds,
    Vary,
)
from goldenseed.suite.step_schema import Steps

AttentionProcessor = Literal[
    "AttnProcessor",
    "AttnProcessor2_0",
    "XFormersAttnProcessor",
    "AttnAddedKVProcessor",
    "AttnAddedKVProcessor2_0",
    "XFormersAttnAddedKVProcessor",
    "JointAttnProcessor2_0",
    "XFormersJointAttnProcessor",
]


class DeterminismSection(Section):
    """The switches of torch that make it repeat itself; every default is the strict choice."""

    algorithms: bool = True
    """Use deterministic algorithms only."""
    float32_precision: Literal["ieee", "tf32"] = "ieee"
    """The precision of float32 products and convolutions."""
    cudnn_benchmark: bool = False
    """Let cuDNN choose its algorithms by timing them."""
    reduced_precision_gemm: bool = False
    """Let matrix products of float16 and bfloat16 add up in less than float32."""
    sdpa: Literal["repeatable", "math", "flash", "efficient", "cudnn", "default"] = "repeatable"
    """The kernel of torch's scaled dot product attention. `repeatable` lets torch choose among
    those whose results repeat themselves, and is `math` on a CPU; `default` lets it choose
    freely."""
    attention_backend: NonEmpty | None = None
    """A back end of diffusers' `set_attention_backend`; by default the model's own."""
    attention_processor: AttentionProcessor | None = None
    """A class of diffusers' `attention_processor`; by default the model's own."""
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    """How many CPU threads one operation uses; the number changes large sums."""
    cpu_isa: Literal["default", "avx2", "avx512"] | None = None
    """The instruction set that torch, oneDNN and MKL keep to; by default the processor's best."""


DeterminismChoice = Annotated[
    Annotated[DeterminismSection, SECTION] | Annotated[Literal["portable"], PLAIN], CHOICE
]


class DefaultsSection(Section):
    """What every case begins with."""

    call: Call = Field(default_factory=dict)
    """Keyword arguments of the pipeline's own call."""
    inputs: Inputs = Field(default_factory=dict)
    """Pictures and tensors that the pipeline is given, by its own keyword."""
    vary: Vary = Field(default_factory=dict)
    """Named alternatives that every case without `vary` expands over."""
    marks: Marks = ()
    """pytest marks."""


class GatesSection(Section):
    """How far an image may move from its baseline."""

    fail: dict[str, float] = Field(default_factory=dict)
    """The name of each gate and its limit, for example `min_ssim: 0.95`."""


_PromptList = Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
Prompt = Annotated[
    Annotated[str | None, PLAIN]
    | Annotated[_PromptList, LIST]
    | Annotated[PromptSection, SECTION]
    | Annotated[BetweenSection, BETWEEN],
    CHOICE_OF_PROMPTS,
]
NamedPrompt = Annotated[
    Annotated[str, PLAIN] | Annotated[PromptSection, SECTION] | Annotated[BetweenSection, BETWEEN],
    CHOICE_OF_NAMED,
]

_AS_THE_SUITE = CaseModelSection()
_NO_GATES = GatesSection()
_NO_CONTENT = ContentSection()


class CaseSection(Section):
    """One or several prompts, each with one or several seeds: a case for every pair."""

    model_config = ConfigDict(
        json_schema_extra={"not": {"required": ["prompt", "prompts"]}},
    )

    id: Name
    """The case's name, unique in the suite."""
    prompt: Prompt = None
    """The prompt, or a list that one call is given; none for a pipeline that takes none. Or what
    a language model is told that writes it; or two prompts, with how far it is between them."""
    prompts: Annotated[dict[Name, NamedPrompt], Field(min_length=1)] | None = None
    """Several prompts, each with a name, in place of `prompt`."""
    seeds: Seeds
    """A list of seeds from 0 to 2**63 - 1, or the `start` and `count` of consecutive ones."""
    call: Call = Field(default_factory=dict)
    """Keyword arguments of the pipeline's own call, over those of `defaults`, key by key."""
    inputs: Inputs = Field(default_factory=dict)
    """Pictures and tensors that the pipeline is given, by its own keyword, over those of
    `defaults`, key by key."""
    before: Annotated[tuple[BeforeSection, ...], Field(strict=False)] = ()
    """Methods of the pipeline that are called before its own call: inversion, a mask."""
    vary: Vary = Field(default_factory=dict)
    """Named alternatives: of `call`, `inputs`, `noise`, `model`, `call.<argument>` or a key of
    `model`. One image for every combination, in place of the alternatives of `defaults`."""
    model: CaseModelSection = Field(default_factory=lambda: _AS_THE_SUITE)
    """What differs from the suite's model."""
    noise: NoiseChoice | None = None
    """Where the initial noise comes from, in place of what the suite says."""
    postprocess: Steps | None = None
    """What is done to the picture afterwards, in place of what the suite says; `[]` is nothing."""
    gates: GatesSection = Field(default_factory=lambda: _NO_GATES)
    """Gates over those of the suite, name by name."""
    mask: MaskFile = None
    ignore: Ignore = None
    content: ContentSection = Field(default_factory=lambda: _NO_CONTENT)
    """Limits on what is in the image, over those of the suite, name by name."""
    marks: Marks = ()
    """pytest marks, besides those of `defaults`."""
    quarantine: QuarantineSection | None = None
    """Lets the case fail without failing the session, until a date."""


class SuiteFile(Section):
    """A golden suite: a model, and the images it is expected to make."""

    suite: Name
    """The suite's name, unique among the suites of a run."""
    model: ModelSection
    """The model that makes the images."""
    lock: NonEmpty | None = None
    """A lock file for the environment, relative to the suite file and inside its folder."""
    determinism: DeterminismChoice = DeterminismSection()
    """The switches of torch that make it repeat itself, or `portable`: the same bits everywhere."""
    noise: NoiseChoice | None = None
    """Where the initial noise comes from: `cpu`, `device`, `portable` or a file.

    By default a generator on the CPU; `portable` where determinism is.
    """
    postprocess: Steps = ()
    """What is done to each picture after the model made it, step by step, before it is judged."""
    defaults: DefaultsSection = DefaultsSection()
    """What every case begins with."""
    gates: GatesSection = GatesSection()
    """How far an image may move from its baseline."""
    mask: MaskFile = None
    ignore: Ignore = None
    content: ContentSection = ContentSection()
    """Limits on what is in an image, for example `min_sharpness: 20`, whatever was accepted."""
    safety: Literal["required", "off", "record"] | None = None
    """What a pipeline's safety checker is for: `required` and run, `off`, or its flags on `record`
    without failing a case. By default it runs where there is one, and what it flags fails."""
    selfcheck: Literal["required"] | None = None
    """`required`: a session fails where the gates would pass a wrong image."""
    consistency: Annotated[tuple[ConsistencySection, ...], Field(strict=False)] = ()
    """Sets of cases whose images have to be alike."""
    diversity: Annotated[tuple[DiversitySection, ...], Field(strict=False)] = ()
    """Sets of cases whose images have to differ."""
    relations: Annotated[tuple[RelationSection, ...], Field(strict=False)] = ()
    """Ways of making one image otherwise that have to agree with the suite's own."""
    policy: PolicyChoice | None = None
    """What its cases have to keep to, or a file that says it: `../policy.yaml`."""
    pilot: PilotSection | None = None
    """A few cases that run first; the others only if these hold."""
    cases: Annotated[tuple[CaseSection, ...], Field(strict=False, min_length=1)]
    """The cases, run in this order."""
