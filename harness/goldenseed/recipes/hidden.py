"""What NovelAI hides in the lowest bits of a picture's alpha channel."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Any, Final

from goldenseed.core.errors import GoldenseedError

LARGEST_TEXT: Final = 4 * 1024 * 1024
"""Bytes of a picture's parameters, unpacked."""
_LARGEST_SIDE: Final = 8192
_STEALTH: Final = b"stealth_pngcomp"


def hidden_texts(picture: Any, path: Path) -> dict[str, str]:
    """Return the texts in the lowest bits of the alpha channel, column by column; none: empty."""
    import numpy as np

    if max(picture.size) > _LARGEST_SIDE:
        return {}
    bits = np.asarray(picture.getchannel("A")).T.ravel() & 1
    head = len(_STEALTH) + 4
    packed = np.packbits(bits[: head * 8]).tobytes()
    if packed[:-4] != _STEALTH:
        return {}
    length = int.from_bytes(packed[-4:], "big") // 8
    body = np.packbits(bits[head * 8 : (head + length) * 8]).tobytes()[:length]
    try:
        unpacked = _unpacked(body)
        document = json.loads(unpacked)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise GoldenseedError(
            f"what is hidden in its alpha channel cannot be unpacked: {error}",
            path=path,
            fix="give the file as its program wrote it",
        ) from None
    if not isinstance(document, dict):
        return {}
    return {
        str(key): value if isinstance(value, str) else json.dumps(value)
        for key, value in document.items()
    }


def _unpacked(body: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
        text = stream.read(LARGEST_TEXT + 1)
    if len(text) > LARGEST_TEXT:
        raise ValueError(f"it is larger than {LARGEST_TEXT:,} bytes")
    return text
