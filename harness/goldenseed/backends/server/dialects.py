"""How servers of one API differ, as data; another package may offer more by an entry point.

Sources: the servers' own documentation and request models, as of 2026: vLLM-Omni and SGLang
(``/v1/images/generations`` with ``seed``, ``num_inference_steps``, ``guidance_scale``,
``negative_prompt``), LocalAI (``step``, the negative prompt behind a bar), A1111, Forge and SD.Next
(``/sdapi/v1/txt2img``), fal's queue, BFL's and Replicate's predictions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

GROUP: Final = "goldenseed.server_dialects"
"""The entry points of dialects; each names a ``Dialect``."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One server's way of speaking an API. Places in documents are dotted: ``result.sample``."""

    api: str
    """``openai``, ``a1111``, ``comfyui`` or ``poll``."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Where in the request's body an argument stands, by the name that diffusers gives it."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """What every request says besides: above all, that prompts are not to be rewritten."""
    seed: str | None = "seed"
    """Where the seed stands in the request; None where the server takes none."""
    returned_seed: tuple[str, ...] = ()
    """Where an answer may say which seed it used."""
    revised_prompt: tuple[str, ...] = ()
    """Where an answer may say which prompt it used."""
    submit: str = ""
    """The path that is posted to; ``{model}`` is what the suite calls the model."""
    status_url: str = ""
    """Of ``poll``: where the answer says at which URL its state is; or a path with ``{id}``."""
    status: str = "status"
    done: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    """Of ``poll``: states in which the image is not there yet; any other has failed."""
    result_url: str = ""
    """Of ``poll``: where the answer says at which URL the result is, if not in the state."""
    images: tuple[str, ...] = ()
    """Where an answer has the picture: in base64, or its URL."""
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "
    cannot: str = ""
    """What of this server breaks a seed and cannot be switched off."""


_OPENAI_ARGUMENTS: Final = {
    "negative_prompt": "negative_prompt",
    "num_inference_steps": "num_inference_steps",
    "guidance_scale": "guidance_scale",
    "true_cfg_scale": "true_cfg_scale",
}
_OPENAI: Final[dict[str, Any]] = {
    "api": "openai",
    "fixed": {"n": 1, "response_format": "b64_json"},
    "returned_seed": ("data.0.seed", "seed"),
    "revised_prompt": ("data.0.revised_prompt",),
    "submit": "/v1/images/generations",
    "images": ("data.0.b64_json", "data.0.url"),
}
_A1111: Final[dict[str, Any]] = {
    "api": "a1111",
    "arguments": {
        "negative_prompt": "negative_prompt",
        "num_inference_steps": "steps",
        "guidance_scale": "cfg_scale",
        "width": "width",
        "height": "height",
        "strength": "denoising_strength",
    },
    "fixed": {"batch_size": 1, "n_iter": 1, "send_images": True, "save_images": False},
    "submit": "/sdapi/v1/txt2img",
    "images": ("images.0",),
}
_POLLED: Final = {
    "negative_prompt": "negative_prompt",
    "num_inference_steps": "num_inference_steps",
    "guidance_scale": "guidance_scale",
}

DIALECTS: Final[Mapping[str, Dialect]] = {
    "openai": Dialect(**_OPENAI, arguments=_OPENAI_ARGUMENTS),
    "vllm-omni": Dialect(**_OPENAI, arguments=_OPENAI_ARGUMENTS),
    "sglang": Dialect(**_OPENAI, arguments=_OPENAI_ARGUMENTS),
    "localai": Dialect(**_OPENAI, arguments={"num_inference_steps": "step"}),
    "gpt-image": Dialect(
        **{**_OPENAI, "fixed": {"n": 1}},
        seed=None,
        cannot="it takes no seed, and rewrites prompts",
    ),
    "a1111": Dialect(**_A1111),
    "forge": Dialect(**_A1111),
    "sdnext": Dialect(**_A1111),
    "comfyui": Dialect("comfyui", submit="/prompt"),
    "fal": Dialect(
        "poll",
        arguments={**_POLLED, "width": "image_size.width", "height": "image_size.height"},
        fixed={"num_images": 1, "output_format": "png", "enable_prompt_expansion": False},
        returned_seed=("seed",),
        revised_prompt=("prompt",),
        submit="/{model}",
        status_url="status_url",
        done=("COMPLETED",),
        waiting=("IN_QUEUE", "IN_PROGRESS"),
        result_url="response_url",
        images=("images.0.url",),
        key_prefix="Key ",
    ),
    "bfl": Dialect(
        "poll",
        arguments={"num_inference_steps": "steps", "guidance_scale": "guidance"}
        | {"width": "width", "height": "height"},
        fixed={"prompt_upsampling": False, "output_format": "png"},
        returned_seed=("result.seed",),
        revised_prompt=("result.prompt",),
        submit="/v1/{model}",
        status_url="polling_url",
        done=("Ready",),
        waiting=("Pending", "Queued", "Processing"),
        images=("result.sample",),
        key_header="x-key",
        key_prefix="",
    ),
    "replicate": Dialect(
        "poll",
        arguments={name: f"input.{place}" for name, place in _POLLED.items()}
        | {"width": "input.width", "height": "input.height", "prompt": "input.prompt"},
        seed="input.seed",
        submit="/v1/models/{model}/predictions",
        status_url="urls.get",
        done=("succeeded",),
        waiting=("starting", "processing"),
        images=("output.0", "output"),
    ),
}


def put(body: dict[str, Any], place: str, value: Any) -> None:
    """Set what stands at a dotted place, making the mappings on the way."""
    *path, last = place.split(".")
    for name in path:
        body = body.setdefault(name, {})
    body[last] = value


def found_at(document: Any, *places: str) -> Any:
    """Return what stands at the first of the dotted places that there is; else None."""
    for place in places:
        value = document
        for name in place.split("."):
            if isinstance(value, Mapping):
                value = value.get(name)
            elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
                value = value[int(name)]
            else:
                value = None
        if value is not None:
            return value
    return None
