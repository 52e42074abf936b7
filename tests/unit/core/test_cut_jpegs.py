"""A JPEG that was cut and given an end marker again does not pass for a picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import decode


def a_jpeg(mode: str, kind: str, **options: Any) -> bytes:
    values = np.random.default_rng(0).integers(0, 256, (48, 64, 4), dtype=np.uint8)
    if kind == "smooth":
        values = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8)[:, None], (48, 64, 4))
    image = Image.fromarray(np.ascontiguousarray(values[..., :3])).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


JPEGS = pytest.mark.parametrize(
    "options", [{}, {"subsampling": 0}, {"quality": 100}, {"restart_marker_blocks": 2}]
)


@JPEGS
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", ["noise", "smooth"])
def test_a_whole_jpeg_is_read_as_pillow_reads_it(mode: str, kind: str, options: dict[str, Any]):
    data = a_jpeg(mode, kind, **options)
    for whole in (data, data + b"what a camera writes behind it"):
        assert decode(whole).tobytes() == Image.open(io.BytesIO(data)).tobytes()


@JPEGS
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", ["noise", "smooth"])
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75])
def test_a_jpeg_that_was_cut_and_closed_again_is_refused(
    mode: str, kind: str, options: dict[str, Any], share: float
):
    data = a_jpeg(mode, kind, **options)
    begins = data.index(b"\xff\xda") + 16
    cut = data[: begins + int(share * (len(data) - begins))].rstrip(b"\xff") + b"\xff\xd9"
    Image.open(io.BytesIO(cut)).load()  # Pillow alone shows grey where pixels are missing
    with pytest.raises(GoldenseedError, match="is truncated"):
        decode(cut)


def test_of_a_progressive_jpeg_the_scans_that_are_there_count():
    data = a_jpeg("RGB", "noise", progressive=True)
    assert decode(data).tobytes() == Image.open(io.BytesIO(data)).tobytes()


@pytest.mark.parametrize("junk", [b"hello", b"\xff\x00\x00\x02", b"\x01", b"\xff" * 7])
def test_bytes_between_two_segments_make_no_jpeg_a_cut_one(junk: bytes):
    data = a_jpeg("RGB", "noise")
    at = data.index(b"\xff\xdb")
    sound = data[:at] + junk + data[at:]
    assert decode(sound).tobytes() == Image.open(io.BytesIO(data)).tobytes()
    with pytest.raises(GoldenseedError, match="is truncated"):
        decode(sound[:-300])
