"""The parameters that a picture carries: A1111, Forge, ComfyUI, InvokeAI, Fooocus, NovelAI.

``sd-parsers`` reads them, but for two things: A1111's, which it cuts at commas inside quotes, are
read by ``infotext``; and what NovelAI hides in the lowest bits of the alpha channel is taken out
here, since the library unpacks it without a limit.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular
from goldenseed.recipes.fields import Concept, Source, Stated, by_name, refuse_nothing
from goldenseed.recipes.hidden import LARGEST_TEXT, hidden_texts
from goldenseed.recipes.infotext import read_infotext

LARGEST_PICTURE: Final = 256 * 1024 * 1024
"""Bytes of a file."""
_EXTRA: Final = "pip install 'pytest-goldenseed[recipes]'"

_CONCEPTS: Final = {
    "steps": Concept.STEPS,
    "cfg_scale": Concept.GUIDANCE,
    "seed": Concept.SEED,
    "noise_seed": Concept.SEED,
    "scheduler": Concept.SCHEDULE,
    "denoise": Concept.DENOISE,
    "width": Concept.WIDTH,
    "height": Concept.HEIGHT,
    "clip_skip": Concept.CLIP_SKIP,
    "stop_at_clip_layer": Concept.CLIP_SKIP,
    "version": Concept.FORMAT,
    "app_version": Concept.FORMAT,
    "eta": Concept.ETA,
    "rand_device": Concept.RNG,
    "ckpt_name": Concept.MODEL,
    "unet_name": Concept.MODEL,
    "resolution": Concept.SIZE,
    "strength": Concept.DENOISE,
}
_KNOWN: Final = {
    "sharpness": "Fooocus sharpens inside the sampler; diffusers has nothing like it",
    "adm_guidance": "Fooocus scales the sizes that SDXL is told; diffusers has nothing like it",
    "styles": "Fooocus adds words to the prompt: `full_prompt` has them where it was kept",
    "performance": "its steps are stated beside it",
    "upscale_method": "an upscale: a second case, with the first's image as input",
    "batch_size": "a batch: each image is a case here",
    "lora_name": "give it under `model.adapters`, with strength_model as its scale",
    "strength_model": "the scale of the LoRA beside it",
    "strength_clip": "the LoRA's scale on the text encoder: `scale: {text_encoder: …}`",
    "vae_name": "give it under `model.components`",
    "filename_prefix": "where the program put the file",
    "noise": "NovelAI's extra noise has no counterpart",
}


def read_picture(path: Path) -> Source:
    """Return what the picture's parameters state.

    Raises:
        GoldenseedError: no picture, none of the known formats, parameters that are larger than
            ``LARGEST_TEXT`` or not what their program writes, or no ``sd-parsers``.

    """
    try:
        from PIL import Image, UnidentifiedImageError
        from PIL.PngImagePlugin import PngImageFile
    except ImportError:
        raise GoldenseedError("Pillow is needed to read pictures", fix=_EXTRA) from None
    data = read_regular(path, LARGEST_PICTURE)
    try:
        with Image.open(io.BytesIO(data)) as picture:
            found = _texts_of(picture)
            if not found and isinstance(picture, PngImageFile) and picture.mode == "RGBA":
                found = hidden_texts(picture, path)
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
    ) as error:
        raise GoldenseedError(
            f"cannot be read as a picture with parameters: {error}",
            path=path,
            fix="give the file as its program wrote it",
        ) from None
    if sum(len(text) for text in found.values()) > LARGEST_TEXT:
        raise GoldenseedError(
            f"its parameters are larger than {LARGEST_TEXT:,} characters",
            path=path,
            fix="give the parameters as a text file without what surrounds them",
        )
    return from_texts(found, str(path))


def from_texts(texts: Mapping[str, str], name: str) -> Source:
    """Return what a picture's texts, by their keywords, state."""
    parameters = texts.get("parameters", "")
    if parameters and not parameters.lstrip().startswith("{"):
        return read_infotext(parameters, name)
    info = _parsed(texts, name)
    if info is None:
        raise GoldenseedError(
            "carries no parameters of a program that is known here",
            path=name,
            fix="give a picture as A1111, Forge, ComfyUI, InvokeAI, Fooocus or NovelAI wrote it; "
            "messengers and editors drop what it carried",
        )
    return _source(info, name)


def from_graph(graph: Mapping[str, Any], name: str) -> Source:
    """Return what a graph of ComfyUI states, in its API's form: nodes by their numbers."""
    return from_texts({"prompt": json.dumps(graph)}, name)


def _texts_of(picture: Any) -> dict[str, str]:
    """Return the texts of a PNG, or the comment of a JPEG or WebP, by keyword."""
    found = {
        str(key): value for key, value in picture.info.items() if isinstance(value, str) and value
    }
    if picture.format == "PNG":
        return {**found, **{str(key): str(value) for key, value in picture.text.items()}}
    comment = picture.getexif().get_ifd(0x8769).get(0x9286)  # EXIF's UserComment
    if isinstance(comment, bytes) and comment[:8] == b"UNICODE\0":
        found["parameters"] = comment[8:].decode("utf-16-be", "replace")
    elif isinstance(comment, bytes):
        found["parameters"] = comment[8:].decode("utf-8", "replace").strip("\0")
    return found


def _parsed(texts: Mapping[str, str], name: str) -> Any:
    """Return what ``sd-parsers`` makes of the texts; None where it knows none of them."""
    try:
        from sd_parsers.exceptions import ParserError
        from sd_parsers.parsers import (
            ComfyUIParser,
            FooocusParser,
            InvokeAIParser,
            NovelAIParser,
        )
    except ImportError:
        raise GoldenseedError(
            "sd-parsers is needed to read what this picture carries", path=name, fix=_EXTRA
        ) from None
    given: dict[str, Any] = dict(texts)
    if "prompt" in given:
        given = _with_links(given, name)
    for parser in (FooocusParser, ComfyUIParser, InvokeAIParser, NovelAIParser):
        try:
            return parser().parse(given)
        except ParserError:
            continue
        except (
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
            IndexError,
            RecursionError,
        ) as error:
            raise GoldenseedError(
                f"its parameters are not what their program writes ({type(error).__name__})",
                path=name,
                fix="give the file as its program wrote it",
            ) from None
    return None


def _with_links(texts: dict[str, Any], name: str) -> dict[str, Any]:
    """Give a graph the list of its links, which pictures made through ComfyUI's API do not have."""
    try:
        graph = json.loads(texts["prompt"])
    except (ValueError, RecursionError):
        return texts
    if not isinstance(graph, dict):
        return texts
    nodes = {str(key): node for key, node in graph.items() if isinstance(node, dict)}
    if not nodes:
        return texts
    links: list[list[Any]] = []
    for number, node in nodes.items():
        inputs = node.get("inputs")
        for key, value in inputs.items() if isinstance(inputs, dict) else ():
            if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int):  # noqa: PLR2004 (a node and its output)
                if str(value[0]) not in nodes:
                    raise GoldenseedError(
                        f"half a graph: node {number} takes its {key} from node {value[0]}, which "
                        "is not in it",
                        path=name,
                        fix="export the whole workflow in the API's form",
                    )
                kind = "CLIP" if key == "clip" else "*"
                links.append([len(links), str(value[0]), value[1], number, 0, kind])
    return {**texts, "prompt": nodes, "workflow": {"links": links}}


def _source(info: Any, name: str) -> Source:
    """Return what the library found as fields, what it did not make sense of too."""
    made_by = info.generator.value.casefold()
    if not info.samplers:
        raise GoldenseedError(
            "no node of its graph samples an image" if made_by == "comfyui" else "names no sampler",
            path=name,
            fix="give a picture or a graph that makes an image",
        )
    first, *others = info.samplers
    stated: list[Stated] = []
    stated += [Stated("prompt", prompt.value, Concept.PROMPT) for prompt in first.prompts[:1]]
    stated += [
        Stated("negative prompt", prompt.value, Concept.NEGATIVE)
        for prompt in first.negative_prompts[:1]
    ]
    more = [*first.prompts[1:], *first.negative_prompts[1:]]
    stated += [Stated("prompt", each.value, None, "a case has one prompt") for each in more]
    stated.append(Stated("sampler", str(first.name), Concept.SAMPLER))
    # Behind a LoRA's node the library takes that node's input, a link, for the model's name.
    if first.model is not None and isinstance(first.model.name or first.model.hash, str):
        stated.append(Stated("model", str(first.model), Concept.MODEL))
        if first.model.name and first.model.hash:
            pinned = "the suite pins the files of a folder"
            stated.append(Stated("model hash", str(first.model.hash), None, pinned))
    pairs = [*_flat("", first.parameters), *_flat("", info.metadata)]
    for prompt in (*first.prompts, *first.negative_prompts):
        pairs += _flat("", prompt.metadata)
    if first.model is not None:
        pairs += _flat("", first.model.metadata)
    seen = {each.concept for each in stated if each.concept}
    for one in _named(pairs):
        repeated = one.concept in seen
        stated.append(
            Stated(one.name, one.value, None, "another node's; the first is taken")
            if repeated
            else one
        )
        if one.concept:
            seen.add(one.concept)
    stated += [
        Stated(
            f"sampler {other.sampler_id or ''}".strip(),
            other.name,
            None,
            "a second pass: a case of its own",
        )
        for other in others
    ]
    refuse_nothing(name, stated)
    return Source(name, made_by, tuple(stated))


def _named(pairs: list[tuple[str, str]]) -> Iterator[Stated]:
    """Give the last part of each dotted name its concept, and keep the whole name."""
    for whole, value in pairs:
        short = whole.rpartition(".")[2]
        if short == "id":
            continue
        (stated,) = by_name([(short, value)], _CONCEPTS, _KNOWN)
        said = value
        if stated.concept is Concept.SIZE:
            said = value.strip("() ").replace(", ", "x").replace(",", "x")
        if stated.concept is Concept.RNG:
            said = "cpu" if value == "cpu" else "gpu"
        yield Stated(whole, said, stated.concept, stated.known)


def _flat(prefix: str, value: Any) -> list[tuple[str, str]]:
    """Return nested values by dotted name, in words."""
    if isinstance(value, Mapping):
        return [
            pair
            for key, inner in value.items()
            for pair in _flat(f"{prefix}.{key}" if prefix else str(key), inner)
        ]
    if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        return [pair for each in value for pair in _flat(prefix, each)]
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return [(prefix, text)]
