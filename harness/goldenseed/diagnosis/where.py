"""Sets of places: where what a part, a setting or a package does can take effect."""

from __future__ import annotations

from typing import Final

from goldenseed.diagnosis.places import Place

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
SWITCHED: Final = frozenset({Place.TOKEN_IDS, Place.EMBEDDINGS})
"""Where guidance takes effect only if it is switched on or off, and not if it is scaled."""
NOISE: Final = frozenset({Place.NOISE, Place.LATENTS, Place.LATER_NOISE})
SIZE: Final = NOISE | {Place.SCHEDULE, Place.CONDITIONING, Place.PICTURE}
"""Some schedules are shifted by the size of the image, some denoisers are told of it, and a given
picture is resized to it."""
TOLD: Final = frozenset({Place.TOKEN_IDS, Place.EMBEDDINGS, Place.CONDITIONING})
"""What becomes of a text before the first step."""
TOLD_OF: Final = frozenset({Place.CONDITIONING, Place.DENOISER, Place.FIRST_STEP})
"""Sizes, scores and class numbers: where a denoiser is told of them, or embeds them itself."""
STARTED: Final = frozenset({Place.PICTURE, Place.LATENTS, Place.CONDITIONING})
"""What becomes of a given picture before the first step."""
VAE: Final = frozenset({Place.BEFORE_VAE, Place.VAE, Place.IMAGE})
CONVERSION: Final = frozenset({Place.CONVERSION, Place.IMAGE, Place.UNPROCESSED, Place.PIXELS})
IMAGE_ENCODER: Final = frozenset({Place.CONDITIONING, Place.DENOISER, Place.FIRST_STEP})
POSTPROCESSED: Final = frozenset({Place.POSTPROCESSED})
EVERYWHERE: Final = frozenset(Place) - POSTPROCESSED
"""Wherever the model works."""
COMPUTED: Final = EVERYWHERE - {Place.TOKEN_IDS, Place.UNPROCESSED, Place.PIXELS}
"""Where floating-point numbers are computed: the levels follow from equal floats by one rule."""

BETWEEN_STEPS: Final = frozenset({Place.LATER_NOISE, Place.LATER_STEP, Place.BEFORE_VAE})
