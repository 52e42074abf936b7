"""What a model is put together from beside its folder, resolved: components and what is put on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

GGUF = ".gguf"


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """A part of the pipeline that is loaded from elsewhere than the model's folder."""

    name: str
    """The pipeline's keyword: ``controlnet``, ``vae``."""
    number: int | None
    """Which of a list; None where the suite names one alone."""
    source: str
    """As the suite writes it: a folder relative to the suite file, or a hub id."""
    folder: Path | None
    """The local folder or GGUF file, absolute; None for a hub id."""
    revision: str | None = None
    file: str | None = None
    """The GGUF file in a folder or repository; None where ``source`` is the file, or for others."""
    subfolder: str | None = None
    variant: str | None = None
    dtype: str | None = None
    """None takes what the suite says for the part."""
    class_name: str | None = None
    """None takes what the folder says."""
    line: int = field(default=0, repr=False, compare=False)
    """Where the suite names it."""

    @property
    def gguf(self) -> bool:
        """Say whether it is a file of quantised weights in the format GGUF."""
        return (self.file or self.source).endswith(GGUF)

    @property
    def part(self) -> str:
        """Return its name among several, as diffusers saves them: ``controlnet_1``."""
        return f"{self.name}_{self.number}" if self.number else self.name


@dataclass(frozen=True, slots=True, eq=False)
class IpAdapterSpec:
    """An IP-Adapter."""

    source: str
    """As the suite writes it: a file or folder relative to the suite file, or a hub id."""
    folder: Path | None
    """The local file or folder, absolute; None for a hub id."""
    revision: str | None
    file: str | None
    """The file in a folder or repository; None where ``source`` is the file."""
    scale: JsonValue
    """A number, or numbers by block as diffusers' ``set_ip_adapter_scale`` takes them."""
    line: int = field(default=0, repr=False)


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """A textual inversion."""

    source: str
    """As the suite writes it."""
    path: Path
    """The ``.safetensors`` file, absolute."""
    token: str
    text_encoder: str = "text_encoder"
    """The text encoder that learns the token, by name; its tokenizer's name ends alike."""
    key: str | None = None
    """The tensor's name in a file of several."""
    line: int = field(default=0, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class CompileSpec:
    """What of ``torch.compile`` is asked for."""

    components: tuple[str, ...] = ()
    """By name; empty for the denoisers."""
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    """Arguments of ``torch.nn.Module.compile``."""
    force_eager: bool = False
    """Leave the compiled code aside for the images of this suite."""


@dataclass(frozen=True, slots=True)
class QuantizationSpec:
    """How weights are quantised as they are loaded."""

    backend: str
    """``torchao``, ``bitsandbytes`` or ``quanto``."""
    components: tuple[str, ...] = ()
    """By name; empty for the denoisers."""
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    """Arguments of the backend's configuration in diffusers."""


@dataclass(frozen=True, slots=True)
class VaeSpec:
    """How the VAE works on large images and on several."""

    tiling: bool = False
    slicing: bool = False
