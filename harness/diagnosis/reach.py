"""At which places a component, a key or a field can first be seen to take effect."""

from __future__ import annotations

from typing import Final

from harness.diagnosis.places import Place, Root

TEXT: Final = frozenset({Place.EMBEDDINGS})
SCHEDULE: Final = frozenset(
    {
        Place.SCHEDULE,
        Place.LATENTS,
        Place.CONDITIONING,
        Place.STEP,
        Place.FIRST_STEP,
        Place.LATER_NOISE,
        Place.LATER_STEP,
    }
)
DENOISER: Final = frozenset({Place.DENOISER, Place.FIRST_STEP, Place.LATER_STEP})
GUIDANCE: Final = frozenset(
    {
        # Guidance that is switched on or off adds or drops the encoding of the negative prompt.
        Place.TOKEN_IDS,
        Place.EMBEDDINGS,
        Place.CONDITIONING,
        Place.GUIDANCE,
        Place.FIRST_STEP,
        Place.LATER_STEP,
    }
)
NOISE: Final = frozenset({Place.NOISE, Place.LATENTS, Place.LATER_NOISE})
SIZE: Final = NOISE | {Place.SCHEDULE, Place.CONDITIONING}
"""Some schedules are shifted by the size of the image, and some denoisers are told of it."""
VAE: Final = frozenset({Place.BEFORE_VAE, Place.VAE, Place.IMAGE})
CONVERSION: Final = frozenset({Place.CONVERSION, Place.IMAGE, Place.PIXELS})
IMAGE_ENCODER: Final = frozenset({Place.CONDITIONING, Place.DENOISER, Place.FIRST_STEP})
EVERYWHERE: Final = frozenset(Place)
COMPUTED: Final = EVERYWHERE - {Place.TOKEN_IDS, Place.PIXELS}
"""Where floating-point numbers are computed: the levels follow from equal floats by one rule."""

_COMPONENTS: Final = {
    "text_encoder": TEXT,
    "tokenizer": frozenset({Place.TOKEN_IDS}),
    "unet": DENOISER,
    "transformer": DENOISER,
    "controlnet": DENOISER,
    "prior": DENOISER,
    "vae": VAE | {Place.LATENTS},
    "vqvae": VAE,
    "image_encoder": IMAGE_ENCODER,
    "feature_extractor": IMAGE_ENCODER,
    "safety_checker": CONVERSION,
}


def of_component(name: str) -> frozenset[Place]:
    """Return where a component of a pipeline, by its name, takes effect."""
    found = (places for prefix, places in _COMPONENTS.items() if name.startswith(prefix))
    return next(found, COMPUTED)


def touches(places: frozenset[Place], root: Root, component: str = "") -> bool:
    """Say whether what takes effect at ``places`` can explain ``root``.

    Of several text encoders or tokenizers only one whose own records differ can.
    """
    if root.place is Place.ANYWHERE:
        return True
    if root.place not in places:
        return bool(root.carried & places)
    if root.place in {Place.TOKEN_IDS, Place.EMBEDDINGS} and component:
        return any(source.split(".")[0] in {component, ""} for source in root.sources)
    return True
