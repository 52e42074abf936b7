"""What is known of the parts of diffusers' pipelines, by name and without torch: the one list.

``text_encoder_2``, ``prior_scheduler`` and ``image_unet`` do what ``text_encoder``, ``scheduler``
and ``unet`` do. A part of ``Role.OTHER`` is neither watched nor tried out, nor named as a cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from goldenseed.core.errors import GoldenseedError


class Side(StrEnum):
    """Of what kind the values are that a part or a stage makes."""

    TEXT = "text"
    SCHEDULE = "schedule"
    LATENT = "latent"
    IMAGE = "image"


class Role(StrEnum):
    """What a part of a pipeline does: its side, whether it is called in each step, its output."""

    side: Side | None
    each_step: bool
    """Whether it is called in every denoising step, not once or twice an image."""
    outputs: tuple[str, ...]
    """What its output is called where it is no tuple: the first that is there. Empty for many."""

    def __new__(cls, value: str, side: Side | None, each_step: bool, *outputs: str) -> Role:  # noqa: FBT001 - the members' own columns
        """Make a member of its value and what is known of it."""
        made = str.__new__(cls, value)
        made._value_ = value
        made.side, made.each_step, made.outputs = side, each_step, outputs
        return made

    TOKENIZER = "tokenizer", Side.TEXT, False, "input_ids"
    TEXT_ENCODER = "text_encoder", Side.TEXT, False
    IMAGE_ENCODER = "image_encoder", Side.IMAGE, False
    """What encodes a picture that is given, or prepares one for that."""
    SCHEDULER = "scheduler", Side.SCHEDULE, True, "prev_sample"
    CONTROL = "control", Side.LATENT, True
    """What steers the denoiser beside the prompt."""
    DENOISER = "denoiser", Side.LATENT, True, "sample"
    PRIOR = "prior", Side.LATENT, True, "predicted_image_embedding", "sample"
    """A denoiser whose result is given to another one."""
    GUIDER = "guider", Side.LATENT, True
    """What mixes the denoiser's predictions."""
    DECODER = "decoder", Side.IMAGE, False, "sample"
    """What makes an image of latents, and latents of an image that is given."""
    SAFETY_CHECKER = "safety_checker", Side.IMAGE, False
    WATERMARKER = "watermarker", Side.IMAGE, False
    OTHER = "other", None, False


_NAMES: Final[Mapping[str, Role]] = MappingProxyType(
    {
        "tokenizer": Role.TOKENIZER,
        "text_encoder": Role.TEXT_ENCODER,
        "bert": Role.TEXT_ENCODER,
        "vision_language_encoder": Role.TEXT_ENCODER,
        "image_encoder": Role.IMAGE_ENCODER,
        "image_embedder": Role.IMAGE_ENCODER,
        "image_normalizer": Role.IMAGE_ENCODER,
        "image_processor": Role.IMAGE_ENCODER,
        "image_project": Role.IMAGE_ENCODER,
        "feature_extractor": Role.IMAGE_ENCODER,
        "depth_estimator": Role.IMAGE_ENCODER,
        "qformer": Role.IMAGE_ENCODER,
        "siglip": Role.IMAGE_ENCODER,
        "scheduler": Role.SCHEDULER,
        "controlnet": Role.CONTROL,
        "adapter": Role.CONTROL,
        "unet": Role.DENOISER,
        "transformer": Role.DENOISER,
        "decoder": Role.DENOISER,  # unCLIP's and Stable Cascade's denoise; their VAEs are others
        "super_res_first": Role.DENOISER,
        "super_res_last": Role.DENOISER,
        "prior": Role.PRIOR,
        "guider": Role.GUIDER,
        "vae": Role.DECODER,
        "vae_decoder": Role.DECODER,
        "vqvae": Role.DECODER,
        "vqgan": Role.DECODER,
        "movq": Role.DECODER,
        "safety_checker": Role.SAFETY_CHECKER,
        "watermarker": Role.WATERMARKER,
        "text_decoder": Role.OTHER,  # writes a text
    }
)
_SOUNDS: Final = ("audio_", "sound_")


@lru_cache(maxsize=256)
def role_of(name: str) -> Role:
    """Return what a part does: as the longest known name that its own ends with, or begins with."""
    if name.startswith(_SOUNDS):
        return Role.OTHER
    words = [word for word in name.split("_") if not word.isdigit()]
    ends = ("_".join(words[start:]) for start in range(len(words)))
    begins = ("_".join(words[:end]) for end in range(len(words), 0, -1))
    return next((_NAMES[each] for each in (*ends, *begins) if each in _NAMES), Role.OTHER)


def is_denoiser(name: str) -> bool:
    """Say whether a part of this name predicts the noise, be it as a prior."""
    return role_of(name) in {Role.DENOISER, Role.PRIOR}


def named(names: Iterable[str], *roles: Role) -> tuple[str, ...]:
    """Return those of ``names`` that have one of the roles: by role, then as they are given."""
    given = tuple(names)
    return tuple(name for role in roles for name in given if role_of(name) is role)


LONGEST_NAME = 100
"""Characters that the name of a part or of its library may have."""


def check_names(index: Path, component: str, *others: object) -> None:
    """Refuse a component of ``index`` whose name, library or class is no plain word.

    It becomes a folder's name and a module's.
    """
    for each in (component, *others):
        if not isinstance(each, str) or not each.isidentifier() or len(each) > LONGEST_NAME:
            raise GoldenseedError(
                f"component {component[:LONGEST_NAME]!r} has a name, or a library, that is no "
                "plain word",
                path=index,
                fix="save the model again with save_pretrained",
            )


def made_by(role: Role, output: Any) -> Any:
    """Return the values in what a part returned: a tuple's first, or what the role calls them."""
    if isinstance(output, tuple):
        return output[0]
    found = (getattr(output, name) for name in role.outputs if hasattr(output, name))
    return next(found, output)


class Given(StrEnum):
    """What a denoiser is given, by what it is made of."""

    SAMPLE = "sample"
    TIME = "time"
    TEXT = "text"
    IMAGE = "image"
    """What an image encoder made."""
    CONTROL = "control"
    """What a ControlNet or T2I adapter made, to be added to the denoiser's own."""
    GUIDANCE = "guidance"
    """A scale that the model was taught to follow."""
    SIZE = "size"
    """The image's size, or where in it each row lies."""
    TEXT_POSITIONS = "text_positions"
    LABEL = "label"
    """The number of a class of pictures."""
    OTHER = "other"


MADE_OF_NOTHING: Final = frozenset({Given.GUIDANCE, Given.SIZE, Given.TEXT_POSITIONS, Given.LABEL})
"""What is made of no embedding and no latents: another value is a change of its own."""
BY_POSITION: Final[Mapping[str, str]] = MappingProxyType({"0": "sample", "1": "timestep"})
"""What the arguments are called that denoisers are given by position."""
_GIVEN_WITHIN: Final = (
    (Given.TEXT, ("encoder_hidden_states", "text_embeds", "pooled_projections")),
    (Given.IMAGE, ("image_embeds", "ip_hidden_states", "image_embeddings")),
    (Given.CONTROL, ("control", "additional_residual")),
)
"""Names that may have a part before or after them."""
_GIVEN_WHOLE: Final = (
    (Given.SAMPLE, ("sample", "hidden_states", "latent_model_input")),
    (Given.TIME, ("timestep", "timestep_cond")),
)
_GIVEN_AT_LAST: Final = (
    (Given.GUIDANCE, ("guidance",)),
    (
        Given.SIZE,
        (
            *("time_ids", "img_ids", "size", "image_meta_size"),
            *("original_size", "target_size", "crop_coords"),
        ),
    ),
    (Given.TEXT_POSITIONS, ("txt_ids",)),
    (Given.LABEL, ("class_labels",)),
)


def given_as(name: str) -> Given:
    """Return what an argument of a denoiser's call is: by name, dotted within, or by position."""
    name = BY_POSITION.get(name, name)
    last = name.rpartition(".")[2]
    found = (
        *(kind for kind, names in _GIVEN_AT_LAST if last in names),
        *(kind for kind, names in _GIVEN_WHOLE if name in names),
        *(kind for kind, names in _GIVEN_WITHIN if any(each in name for each in names)),
    )
    return next(iter(found), Given.OTHER)
