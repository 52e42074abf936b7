"""Which section of the schema describes the mapping at a place of a suite file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel

from goldenseed.suite.answers import AnswerSection
from goldenseed.suite.before import BeforeSection
from goldenseed.suite.content import ContentLimitSection, ContentSection
from goldenseed.suite.inputs import InputSection
from goldenseed.suite.model_schema import (
    AdapterSection,
    CaseModelSection,
    CompileSection,
    ComponentSection,
    EmbeddingSection,
    IpAdapterSection,
    ModelSection,
    QuantizationSection,
    VaeSection,
)
from goldenseed.suite.policy_schema import PilotSection, PolicySection, PromptRule, Range, SeedRule
from goldenseed.suite.prompts import PromptSection
from goldenseed.suite.provenance import C2paSection, ProvenanceSection
from goldenseed.suite.quarantine import QuarantineSection
from goldenseed.suite.relation_schema import HoldSection, RelationSection
from goldenseed.suite.schema import (
    CaseSection,
    DefaultsSection,
    DeterminismSection,
    GatesSection,
    SuiteFile,
)
from goldenseed.suite.sections import (
    ConsistencySection,
    DiversitySection,
    NoiseSection,
    SeedRange,
)

SECTIONS: Mapping[tuple[str, ...], type[BaseModel]] = MappingProxyType(
    {
        (): SuiteFile,
        ("model",): ModelSection,
        ("model", "adapters"): AdapterSection,
        ("model", "components", "*"): ComponentSection,
        ("model", "ip_adapters"): IpAdapterSection,
        ("model", "embeddings"): EmbeddingSection,
        ("model", "compile"): CompileSection,
        ("model", "quantization"): QuantizationSection,
        ("model", "vae"): VaeSection,
        ("determinism",): DeterminismSection,
        ("noise",): NoiseSection,
        ("defaults",): DefaultsSection,
        ("defaults", "inputs", "*"): InputSection,
        ("gates",): GatesSection,
        ("content",): ContentSection,
        ("content", "answers"): AnswerSection,
        ("content", "provenance"): ProvenanceSection,
        ("content", "provenance", "c2pa"): C2paSection,
        ("content", "*"): ContentLimitSection,
        ("consistency",): ConsistencySection,
        ("diversity",): DiversitySection,
        ("relations",): RelationSection,
        ("relations", "hold"): HoldSection,
        ("relations", "quarantine"): QuarantineSection,
        ("policy",): PolicySection,
        ("policy", "steps"): Range,
        ("policy", "guidance"): Range,
        ("policy", "seeds"): SeedRule,
        ("policy", "prompts"): PromptRule,
        ("pilot",): PilotSection,
        ("cases",): CaseSection,
        ("cases", "prompt"): PromptSection,
        ("cases", "prompts", "*"): PromptSection,
        ("cases", "inputs", "*"): InputSection,
        ("cases", "before"): BeforeSection,
        ("cases", "seeds"): SeedRange,
        ("cases", "model"): CaseModelSection,
        ("cases", "model", "adapters"): AdapterSection,
        ("cases", "gates"): GatesSection,
        ("cases", "quarantine"): QuarantineSection,
        ("cases", "noise"): NoiseSection,
        ("cases", "content"): ContentSection,
        ("cases", "content", "answers"): AnswerSection,
        ("cases", "content", "provenance"): ProvenanceSection,
        ("cases", "content", "provenance", "c2pa"): C2paSection,
        ("cases", "content", "*"): ContentLimitSection,
    }
)
"""Which model describes the mapping at a place, list indices left out; `*` is any key."""
