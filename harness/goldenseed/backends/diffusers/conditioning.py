"""What a pipeline is taught beside its weights: words of textual inversions, and IP-Adapters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.part_files import check_safetensors
from goldenseed.backends.diffusers.places import local_folder
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import did_you_mean
from goldenseed.suite.parts import Role, is_denoiser, named

if TYPE_CHECKING:
    import torch

    from goldenseed.suite.cases import Case
    from goldenseed.suite.model import ModelSpec
    from goldenseed.suite.part_specs import EmbeddingSpec, IpAdapterSpec

_IP_ADAPTER = ("image_proj.", "ip_adapter.")
"""How the names of an IP-Adapter's weights begin; diffusers reads no others."""


def learn(pipeline: Any, embedding: EmbeddingSpec, suite: Path) -> None:
    """Teach a text encoder and its tokenizer one token.

    Raises:
        GoldenseedError: the pipeline has no such encoder, or the token is known already.
        GenerationError: the file holds no vectors for it, or such that are not finite.

    """
    encoder_name = embedding.text_encoder
    tokenizer_name = encoder_name.replace("text_encoder", "tokenizer")
    encoder, tokenizer = (getattr(pipeline, name, None) for name in (encoder_name, tokenizer_name))
    refusal = _at(suite, embedding.line)
    if not hasattr(pipeline, "load_textual_inversion") or encoder is None or tokenizer is None:
        what = f"{type(pipeline).__name__} takes no textual inversion for its {encoder_name}"
        known = named(pipeline.components, Role.TEXT_ENCODER)
        raise refusal(what, did_you_mean(encoder_name, [*known]) if known else "remove it")
    if embedding.token in tokenizer.get_vocab():
        what = f"the {tokenizer_name} knows the token {embedding.token!r} already"
        raise refusal(what, "choose a word of your own, such as `<cat-toy>`")
    vectors = _vectors(embedding)
    width = encoder.get_input_embeddings().weight.shape[-1]
    if vectors.shape[-1] != width:
        raise GenerationError(
            f"is made for a text encoder of {vectors.shape[-1]} numbers a token; "
            f"the {encoder_name} has {width}",
            path=embedding.path,
            fix="use one made for this model, or name another `text_encoder` or `key`",
        )
    pipeline.load_textual_inversion(
        vectors, token=embedding.token, text_encoder=encoder, tokenizer=tokenizer
    )


def _vectors(embedding: EmbeddingSpec) -> torch.Tensor:
    """Read the vectors of a textual inversion, one row each; or raise."""
    from safetensors.torch import load_file

    check_safetensors(embedding.path)
    tensors = load_file(embedding.path)
    names = ", ".join(sorted(tensors))
    key = embedding.key or (next(iter(tensors)) if len(tensors) == 1 else None)
    if key is None or key not in tensors:
        wrong = "holds several tensors" if embedding.key is None else f"has no {embedding.key!r}"
        raise GenerationError(wrong, path=embedding.path, fix=f"set `key` to one of {names}")
    found: torch.Tensor = tensors[key]
    if not found.is_floating_point() or not 1 <= found.dim() <= 2 or not found.numel():  # noqa: PLR2004
        what = f"{key!r} is no list of vectors: its shape is {tuple(found.shape)}"
        raise GenerationError(what, path=embedding.path, fix="use a textual inversion")
    if not bool(found.isfinite().all()):
        what = f"holds NaN or infinite values in {key!r}"
        raise GenerationError(what, path=embedding.path, fix="restore or train it again")
    return found


def attend(pipeline: Any, adapters: tuple[IpAdapterSpec, ...], suite: Path) -> Iterator[str]:
    """Put IP-Adapters on the denoiser, each with its scale; yield what is odd of them.

    Raises:
        GoldenseedError: the pipeline takes none, or the scale is refused.
        GenerationError: a file is none, does not fit, or is not finite.

    """
    refusal = _at(suite, adapters[0].line)
    if not hasattr(pipeline, "load_ip_adapter"):
        what = f"{type(pipeline).__name__} takes no IP-Adapters"
        raise refusal(what, "remove `ip_adapters`")
    files = [ip_adapter_file(each, suite) for each in adapters]
    for file in files:
        _check_ip_adapter(file)
    try:
        pipeline.load_ip_adapter(
            [str(file.parent) for file in files],
            subfolder=[""] * len(files),
            weight_name=[file.name for file in files],
            image_encoder_folder=None,
            local_files_only=True,
        )
    except Exception as error:
        what = f"cannot be loaded into the {type(pipeline).__name__}: "
        what += f"{type(error).__name__}: {in_short(error)}"
        raise GenerationError(what, path=files[0], fix="use one made for this model") from error
    _settle(pipeline)
    scales = [each.scale for each in adapters]
    try:
        pipeline.set_ip_adapter_scale(scales)
    except Exception as error:
        what = f"the scale of the IP-Adapters is refused: {type(error).__name__}: {error}"
        raise refusal(
            what, "write numbers, or blocks as `set_ip_adapter_scale` has them"
        ) from error
    for each in adapters:
        if each.scale == 0:
            yield f"the IP-Adapter {each.source} has the scale 0: it changes no bit"


def _settle(pipeline: Any) -> None:
    """Bring what an IP-Adapter added to the denoiser to its device."""
    for name in filter(is_denoiser, pipeline.components):
        component = getattr(pipeline, name)
        if hasattr(component, "attn_processors"):
            component.to(component.device)


def ip_adapter_file(adapter: IpAdapterSpec, suite: Path) -> Path:
    """Return the file of an IP-Adapter; ``GoldenseedError`` if it is not on this machine."""
    place = local_folder(adapter, suite)
    file = place if adapter.file is None else place / adapter.file
    if not file.is_file():
        raise _at(suite, adapter.line)(
            f"there is no file {adapter.file or adapter.source!r} of an IP-Adapter", "correct it"
        )
    return file


def _check_ip_adapter(file: Path) -> None:
    """Refuse a file that holds no IP-Adapter, or numbers that are not finite."""
    from safetensors import safe_open

    check_safetensors(file)
    with safe_open(file, framework="pt") as opened:
        names = [each for each in opened.keys() if each.startswith(_IP_ADAPTER)]  # noqa: SIM118
        absent = [each for each in _IP_ADAPTER if not any(n.startswith(each) for n in names)]
        if absent:
            what = f"is no IP-Adapter: it has no weights of {' and '.join(absent)}"
            raise GenerationError(what.rstrip("."), path=file, fix="name the adapter's own file")
        for name in names:
            if not bool(opened.get_tensor(name).isfinite().all()):
                what = f"holds NaN or infinite values in {name}"
                raise GenerationError(what, path=file, fix="restore or download it again")


def check_inputs(pipeline: Any, case: Case) -> None:
    """Refuse a picture for an IP-Adapter that is not there, and an IP-Adapter without one."""
    given = {"ip_adapter_image", "ip_adapter_image_embeds"} & {*case.inputs, *case.call}
    refusal = _at(case.suite.path, case.line)
    name = min(given, default="ip_adapter_image")
    if given and not case.model.ip_adapters and case.model.factory is None:
        what = f"`inputs.{name}` is given, and no IP-Adapter is loaded"
        raise refusal(what, "name it under `model.ip_adapters`")
    if case.model.ip_adapters and not given:
        what = "an IP-Adapter is loaded, and the case gives it no picture"
        raise refusal(what, "add `inputs: {ip_adapter_image: …}`, or remove `model.ip_adapters`")
    encoder = pipeline.components.get("image_encoder", True)
    if "ip_adapter_image" in given and encoder is None:
        what = "`inputs.ip_adapter_image` needs an image encoder, and the pipeline has none"
        fix = "name one under `model.components.image_encoder`; for h94/IP-Adapter it lies in "
        raise refusal(what, f"{fix}the subfolder models/image_encoder")


def conditioning_files(model: ModelSpec, suite: Path) -> Mapping[str, Path]:
    """Return the files of embeddings and IP-Adapters by the fingerprint's keys."""
    return {
        **{f"embedding_file.{each.source}": each.path for each in model.embeddings},
        **{
            f"ip_adapter_file.{'/'.join(filter(None, (each.source, each.file)))}": ip_adapter_file(
                each, suite
            )
            for each in model.ip_adapters
        },
    }


def _at(suite: Path, line: int | None) -> Any:
    def refusal(what: str, fix: str) -> GoldenseedError:
        return GoldenseedError(what, path=suite, line=line, fix=fix)

    return refusal


def in_short(error: Exception) -> str:
    """Return what an error says on one line, in 300 characters at most."""
    return " ".join(str(error).split())[:300]
