"""The shape of a suite's ``model`` section as pydantic models: see ``schema``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from goldenseed.suite.factory import PATTERN as FACTORY
from goldenseed.suite.sections import (
    CHOICE,
    CHOICE_OR_LIST,
    LIST,
    PLAIN,
    SECTION,
    Name,
    NonEmpty,
    Section,
)
from goldenseed.suite.server import ServerSection

ClassName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
ClassPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]
Dtype = Literal["float16", "bfloat16", "float32", "float64"]
Revision = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Device = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(:(0|[1-9][0-9]*))?$")]
Call = dict[str, JsonValue]
_Scales = Annotated[dict[ClassName, float], Field(min_length=1)]
Scale = Annotated[Annotated[_Scales, SECTION] | Annotated[float, PLAIN], CHOICE]
BlockScales = Annotated[Annotated[dict[str, JsonValue], SECTION] | Annotated[float, PLAIN], CHOICE]
_Dtypes = Annotated[dict[ClassName, Dtype], Field(min_length=1)]


class SchedulerSection(Section):
    """A scheduler of diffusers; every key but `class` overrides one field of its configuration."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    class_name: ClassName = Field(alias="class")
    """The scheduler's class in diffusers, for example `DDIMScheduler`."""


class AdapterSection(Section):
    """A LoRA adapter."""

    source: NonEmpty
    """A `.safetensors` file, relative to the suite file and inside its folder."""
    scale: Scale = 1.0
    """How strongly the adapter acts, 1 as it was trained; or by component: `{unet: 0.8}`."""
    fused: bool = False
    """Merge it into the weights, which moves the rounding of sums."""


Adapters = Annotated[tuple[AdapterSection, ...], Field(strict=False)]


class ComponentSection(Section):
    """A part of the pipeline from elsewhere than the model's folder."""

    source: NonEmpty
    """A folder beside the suite file (relative, inside its folder) or a hub id `org/name`.

    Or a `.gguf` file beside it.
    """
    revision: Revision | None = None
    """The commit of the hub repository, 40 hexadecimal digits; required for a hub id."""
    file: NonEmpty | None = None
    """The `.gguf` file in that folder or repository: quantised weights alone."""
    subfolder: NonEmpty | None = None
    """The folder within the repository or the folder."""
    variant: NonEmpty | None = None
    """The weights' variant, for example `fp16`."""
    dtype: Dtype | None = None
    """The data type of its weights; by default what `model.dtype` says."""
    class_name: ClassName | None = Field(default=None, alias="class")
    """Its class in diffusers or transformers; by default what its configuration says."""


_Component = Annotated[Annotated[ComponentSection, SECTION] | Annotated[NonEmpty, PLAIN], CHOICE]
_ComponentList = Annotated[tuple[_Component, ...], Field(strict=False, min_length=1)]
Components = dict[
    ClassName,
    Annotated[
        Annotated[ComponentSection, SECTION]
        | Annotated[NonEmpty, PLAIN]
        | Annotated[_ComponentList, LIST],
        CHOICE_OR_LIST,
    ],
]


class IpAdapterSection(Section):
    """An IP-Adapter: attention to what a picture shows."""

    source: NonEmpty
    """A `.safetensors` file or a folder beside the suite file, or a hub id `org/name`."""
    revision: Revision | None = None
    """The commit of the hub repository, 40 hexadecimal digits; required for a hub id."""
    file: NonEmpty | None = None
    """The file in that folder or repository: `models/ip-adapter_sd15.safetensors`."""
    scale: BlockScales = 1.0
    """How strongly it acts; or by block, as diffusers' `set_ip_adapter_scale` takes it."""


class EmbeddingSection(Section):
    """A textual inversion: a word that stands for what was learned."""

    source: NonEmpty
    """A `.safetensors` file, relative to the suite file and inside its folder."""
    token: NonEmpty
    """The word, as prompts write it."""
    text_encoder: ClassName = "text_encoder"
    """The text encoder that learns it: `text_encoder_2` for the second of SDXL."""
    key: NonEmpty | None = None
    """The tensor's name where the file has several: `clip_l`, `clip_g`."""


IpAdapters = Annotated[tuple[IpAdapterSection, ...], Field(strict=False)]
Embeddings = Annotated[tuple[EmbeddingSection, ...], Field(strict=False)]


class VaeSection(Section):
    """How the VAE works on large images, and on several."""

    tiling: bool = False
    """Work on large images in tiles: less memory, and other pixels."""
    slicing: bool = False
    """Work on several images one by one."""


class CompileSection(Section):
    """What of `torch.compile` is asked for."""

    components: Annotated[tuple[ClassName, ...], Field(strict=False)] = ()
    """Which parts are compiled; by default those that denoise."""
    mode: NonEmpty | None = None
    """`default`, `reduce-overhead`, `max-autotune`, …"""
    backend: NonEmpty | None = None
    """The compiler's back end; by default torch's own, `inductor`."""
    fullgraph: bool | None = None
    """Refuse what cannot be compiled as one graph."""
    dynamic: bool | None = None
    """Compile for shapes that change."""
    force_eager: bool = False
    """Leave the compiled code aside: `torch.compiler.set_stance("force_eager")`."""


Compile = Annotated[Annotated[CompileSection, SECTION] | Annotated[bool, PLAIN], CHOICE]


class QuantizationSection(Section):
    """How weights are quantised; every other key is an argument of diffusers' configuration."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    backend: Literal["torchao", "bitsandbytes", "quanto"]
    """The package that quantises."""
    components: Annotated[tuple[ClassName, ...], Field(strict=False)] = ()
    """Which parts are quantised; by default those that denoise."""


class CaseModelSection(Section):
    """What a case may change of the model: only what needs no second load."""

    scheduler: SchedulerSection | None = None
    """The case's scheduler, in place of the suite's."""
    adapters: Adapters | None = None
    """The case's adapters, in place of the suite's; an empty list uses none."""


class ModelSection(Section):
    """The model that makes the images."""

    backend: Name = "diffusers"
    """What makes the images: `diffusers`, or the name of a back end of another package."""
    source: NonEmpty | None = None
    """A folder beside the suite file (relative, inside its folder) or a hub id `org/name`.

    For a back end of another package whatever that takes.
    """
    factory: Annotated[str, StringConstraints(pattern=FACTORY)] | None = None
    """In place of `source`: your own function that makes a pipeline, `package.module:function`."""
    arguments: Call = Field(default_factory=dict)
    """What the factory is called with."""
    server: ServerSection | None = None
    """In place of `source`: a server that makes the images."""
    revision: Revision | None = None
    """The commit of the hub repository, 40 hexadecimal digits; required for a hub id."""
    variant: NonEmpty | None = None
    """The weights' variant, for example `fp16`."""
    pipeline: ClassPath | None = None
    """The pipeline's class in diffusers; by default what the model's `model_index.json` says.

    Or one of your own: `package.module.Class`.
    """
    components: Components = Field(default_factory=dict)
    """Parts of the pipeline from elsewhere, by its keyword: `controlnet`, `vae`; or a list."""
    dtype: Annotated[Annotated[_Dtypes, SECTION] | Annotated[Dtype, PLAIN], CHOICE] = "float32"
    """The data type of weights and arithmetic; or by part: `{default: bfloat16, vae: float32}`."""
    device: Device = "auto"
    """Where to run: `cpu`, `cuda`, `cuda:1`, `mps`, `xpu`, …; not part of the recipe.

    `auto` takes a GPU if there is one.
    """
    device_map: NonEmpty | None = None
    """How diffusers spreads the parts over several devices: `balanced`."""
    offload: Literal["none", "model", "sequential", "group"] = "none"
    """What waits on the CPU until it computes: whole parts, layers one by one, or their groups."""
    compile: Compile = False
    """Whether parts are compiled by `torch.compile`, and how."""
    quantization: QuantizationSection | None = None
    """How weights are quantised as they are loaded."""
    vae: VaeSection = VaeSection()
    """How the VAE works on large images, and on several."""
    scheduler: SchedulerSection | None = None
    """The scheduler; by default the model's own."""
    adapters: Adapters = ()
    """LoRA adapters, applied in this order."""
    ip_adapters: IpAdapters = ()
    """IP-Adapters, one for each picture of `inputs.ip_adapter_image`."""
    embeddings: Embeddings = ()
    """Textual inversions, learned in this order."""
    allow_pickle: Annotated[tuple[NonEmpty, ...], Field(strict=False)] = ()
    """Weight files in pickle format that may be loaded, by name; such a file can run code."""
    allow_new_weights: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    """Components whose files may lack weights; those are filled at random with a fixed seed."""
