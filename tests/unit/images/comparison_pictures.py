"""Pairs of images of every kind that metrics must hold for."""

from collections.abc import Callable

import numpy as np
from PIL import Image

CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}

Maker = Callable[[np.random.Generator, int, int, int], np.ndarray]


def random(rng: np.random.Generator, height: int, width: int, channels: int) -> np.ndarray:
    return rng.integers(0, 256, (height, width, channels))


def natural(rng: np.random.Generator, height: int, width: int, channels: int) -> np.ndarray:
    """Waves of falling strength, as in photographs, with an edge and a little grain."""
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for _ in range(channels):
        plane = np.zeros((height, width))
        for frequency in (1, 2, 3, 5, 8, 13):
            angle, phase = rng.uniform(0, 2 * np.pi, 2)
            along = (x * np.cos(angle) + y * np.sin(angle)) * frequency / max(height, width)
            plane += np.sin(2 * np.pi * along + phase) / frequency
        planes.append(plane + (x > width // 3) + rng.normal(0, 0.02, plane.shape))
    return 128 + 50 * np.stack(planes, axis=-1)


def flat(rng: np.random.Generator, height: int, width: int, channels: int) -> np.ndarray:
    return np.broadcast_to(rng.integers(0, 256, channels), (height, width, channels))


def one_level(rng: np.random.Generator, height: int, width: int, channels: int) -> np.ndarray:
    """Half of the samples up by one: what arithmetic on another machine does."""
    return 100 + rng.integers(0, 2, (height, width, channels))


KINDS: dict[str, Maker] = {
    "random": random,
    "natural": natural,
    "flat": flat,
    "one-level": one_level,
}
SIZES = ((1, 1), (8, 8), (3, 40), (48, 33))


def picture(kind: str, mode: str, size: tuple[int, int], seed: int) -> Image.Image:
    width, height = size
    samples = KINDS[kind](np.random.default_rng(seed), height, width, CHANNELS[mode])
    clipped = np.ascontiguousarray(samples.round().clip(0, 255).astype(np.uint8))
    return Image.frombytes(mode, size, clipped.tobytes())
