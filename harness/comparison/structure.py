"""Structural similarity."""

from __future__ import annotations

from harness.comparison.pair import Pair

WINDOW = 11
"""The side of SSIM's Gaussian window in pixels: sigma 1.5, cut at 3.5 sigma."""


def ssim(pair: Pair) -> float:
    """Return the mean structural similarity over pixels and channels, -1…1, 1 for equal images.

    As Wang et al. define it (IEEE Transactions on Image Processing 13(4), 2004): Gaussian weights
    with sigma 1.5, population covariance, 255 levels. It is scikit-image's
    ``structural_similarity``, which leaves out a border of half a window.

    In an image with a side below ``WINDOW`` nothing would be left. There the weights stay, mirrored
    at the edges, and the border shrinks to half the largest odd window that fits.
    """
    from skimage.metrics import structural_similarity

    side = min(WINDOW, *pair.current.size)
    value = structural_similarity(
        *pair.arrays,
        win_size=side - 1 + side % 2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=-1,
    )
    return float(value)
