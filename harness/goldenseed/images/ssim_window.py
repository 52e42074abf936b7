"""SSIM's Gaussian window and constants, for whoever computes it."""

from __future__ import annotations

WINDOW = 11
"""The side of SSIM's Gaussian window in pixels: sigma 1.5, cut at 3.5 sigma."""
REACH = WINDOW // 2
BELL = (
    0.26601172486179436,
    0.2130055377112537,
    0.10936068950970002,
    0.03600077212843083,
    0.007598758135239185,
    0.00102838008447911,
)
"""The window's weights from its middle outwards: exp(-d² / (2 sigma²)), divided by their sum."""
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
