"""What rounding explains of a picture: how a decoder's depth and size add up, and what follows it.

Nothing but the shapes of what a decoder was given and returned is needed, which are in the trace.

1. **Depth.** A decoder whose picture is ``2**k`` times as large as its latents has ``k + 1``
   levels. A level has three residual blocks of seven operations (two norms, activations and
   convolutions and a sum) and a convolution that enlarges: 24, as well with attention, which takes
   the place of a block's. The middle has two such blocks and attention (20). That is so for
   diffusers' ``AutoencoderKL``, ``VQModel`` and, about, ``AutoencoderDC``. Independent errors add
   up as ``sqrt(n)`` of one (``goldenseed.tolerance.rounding``), those of two evaluations, whose
   difference is measured, as ``sqrt(2 n)``.
2. **Size.** A group norm divides by the root of a variance over all pixels. Laid out channels last
   squares are added row after row: a sum of N positive numbers, each partial sum rounded by ``u /
   sqrt(3)`` of itself at random, is off by ``sqrt(N) u / 3`` of itself (the sum of ``(k / N)**2``).
   The square of the mean is then taken away, in all as large as the variance where the mean is as
   large as the spread: so the variance is off by twice that, and its root by as much again as the
   sum. With ``u = eps / 2`` and ``N = side**2`` that is ``side * eps / 6``. A whole group is off by
   it alike, so that no average takes it away. At the last level there are seven such norms, at each
   one before as many of half the side: 9 in all by their squares, together ``sqrt(9) side eps /
   6``, half of the side. In float32, also where the rest is in half precision: norms are taken in
   float32 there.
3. **What it is given** is passed on ``Decoder.gain`` times at most. In a decoder that
   normalises with the latents themselves (MoVQ: C. Zheng et al., "MoVQ: modulating quantized
   vectors for high-fidelity image generation", NeurIPS 2022) each norm multiplies and adds what is
   made of them, so that their difference enters at each anew, with other weights: as ``sqrt(1 +
   n)`` for n norms. Which decoder it was is not in the trace; a change of the decoder alone leaves
   its latents alone, and loses nothing by it.
4. **The float image** is the decoder's output (in pixel space: the last sample) times 1/2 plus 1/2,
   cut off: no farther apart than what it was made of, and the same where that is the same. The
   recorder looks whether it is just that, to the last bit (``Stage.DENORMALISED``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from goldenseed.tolerance.measures import (
    SKETCHED,
    Pairs,
    TraceMeasure,
    distance,
    error_of_one_operation,
    unexplained,
    worst,
)
from goldenseed.tolerance.mixtures import EPS
from goldenseed.trace.stages import Stage, StageRecord

_PICTURES, _IMAGE = 4, 3
"""How many dimensions a batch of pictures or latents has, at least, and a float image."""
_USUAL_LEVELS = 4
_PER_LEVEL, _MIDDLE = 24, 20
"""Operations one after the other."""
_NORMS_PER_LEVEL, _OTHER_NORMS = 6, 5
_SIZE = 1 / 2
"""Of the side, in eps of float32: what the sums of norms are off by."""
_ADDED_UP = 4.0
"""In eps of float32: what may be done to a picture in few operations, such as resizing it."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """What the shapes tell of a decoder."""

    levels: int
    side: int
    """Of the picture, in pixels: the longer one."""

    def own_error(self, dtype: str) -> float:
        """Return the relative error it makes of equal latents."""
        operations = _PER_LEVEL * self.levels + _MIDDLE
        depth = math.sqrt(2 * operations) * error_of_one_operation(dtype)
        return math.hypot(depth, _SIZE * self.side * EPS["float32"])

    @property
    def gain(self) -> float:
        """How many times it passes on, at most, what its latents differ by."""
        return math.sqrt(1 + _NORMS_PER_LEVEL * self.levels + _OTHER_NORMS)


def decoder_of(latents: StageRecord, picture: StageRecord) -> Decoder:
    """Read a decoder's size from the shapes of what it was given and returned."""
    if min(len(picture.shape), len(latents.shape)) < _PICTURES:
        return Decoder(_USUAL_LEVELS, 0)
    side, given = max(picture.shape[-2:]), max(latents.shape[-2:])
    return Decoder(1 + max(0, round(math.log2(side / given))), side)


def decoding_measures(pairs: Pairs, dtype: str) -> Iterator[TraceMeasure]:
    """Measure what became of the last latents: decoded, made a float image, made pixels."""
    pictures = (*pairs[Stage.VAE_OUTPUT], *pairs[Stage.FLOAT_IMAGE])
    before = worst(pairs, Stage.LATENTS_BEFORE_VAE)
    if pictures and math.isfinite(before):
        value = worst(pairs, Stage.VAE_OUTPUT, Stage.FLOAT_IMAGE)
        yield TraceMeasure("decoded_distance", value, _limit(pairs, before, dtype))
    if (reason := _made_otherwise(pairs)) is not None:
        yield unexplained("float_image", reason)
    same_floats = pairs[Stage.FLOAT_IMAGE] and not worst(pairs, Stage.FLOAT_IMAGE)
    if same_floats and any(a.sha256 != b.sha256 for a, b in pairs[Stage.PIXELS]):
        yield unexplained("pixels", "made of the same float image, and not the same")


def _limit(pairs: Pairs, before: float, dtype: str) -> float:
    """Return how far apart the pictures may be."""
    decoded, latents = pairs[Stage.VAE_OUTPUT], pairs[Stage.LATENTS_BEFORE_VAE]
    if decoded and latents:
        decoder = decoder_of(latents[-1][0], decoded[-1][0])
        return decoder.own_error(dtype) + decoder.gain * before
    shown = pairs[Stage.FLOAT_IMAGE]
    if not latents and shown and (steps := pairs[Stage.DENOISING_STEP]):
        return _ADDED_UP * EPS["float32"] + _passed_on(steps[-1], shown[-1][0])
    side = max(shown[-1][0].shape[:2]) if shown and len(shown[-1][0].shape) == _IMAGE else 0
    decoder = Decoder(_USUAL_LEVELS, side)
    return decoder.own_error(dtype) + decoder.gain * before


def _passed_on(made_of: tuple[StageRecord, StageRecord], shown: StageRecord) -> float:
    """Return how far apart float images may be, relative, if they are cut and shifted values."""
    return SKETCHED * distance(*made_of) * (made_of[0].norm or 0.0) / (shown.norm or math.inf)


def _made_otherwise(pairs: Pairs) -> str | None:
    """Say what is no rounding of how the float image was made of what was decoded."""
    if any(a.sha256 != b.sha256 for a, b in pairs[Stage.DENORMALISED]):
        return "made of what was decoded in another way"
    decoded, shown = pairs[Stage.VAE_OUTPUT], pairs[Stage.FLOAT_IMAGE]
    if not decoded or not shown:
        return None
    limit = _ADDED_UP * EPS["float32"] + _passed_on(decoded[-1], shown[-1][0])
    moved = distance(*shown[-1])
    return "moved by more than what was decoded" if moved > limit else None
