"""Pictures in a terminal: as pixels where it can show them, else as half blocks in colour."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

ROWS = 16
"""How many lines of the terminal a picture takes at most."""
_CELL = (10, 20)
"""Pixels of a cell where they have to be known: those of the VT340, which brought Sixel."""
_CHUNK = 4096
_BAND = 6
_SIXEL = re.compile(r"\x1b\[\?([0-9]+;)*4(;[0-9]+)*c")


class Way(StrEnum):
    """How a terminal is shown pictures."""

    KITTY = "kitty"
    """kitty's graphics protocol: also Ghostty, Konsole."""
    ITERM2 = "iterm2"
    """iTerm2's inline images: also WezTerm."""
    SIXEL = "sixel"
    """DEC's: xterm, foot, mlterm, Windows Terminal, tmux."""
    BLOCKS = "blocks"
    """Half blocks in 24-bit colour, or in 256 colours."""
    NONE = "none"
    """None at all: the page has them."""


def way_of(environment: Mapping[str, str], ask: Callable[[], str]) -> Way:
    """Tell from the environment how the terminal shows pictures, else by asking it.

    ``ask`` returns the answer to ``ESC [ c``, in which the attribute 4 stands for Sixel (VT510
    reference, DA1). Inside tmux only what tmux itself shows counts.
    """
    if "TMUX" not in environment and not environment.get("TERM", "").startswith("screen"):
        term = environment.get("TERM", "")
        if "KITTY_WINDOW_ID" in environment or "kitty" in term or "ghostty" in term:
            return Way.KITTY
        if environment.get("TERM_PROGRAM") in {"iTerm.app", "WezTerm"}:
            return Way.ITERM2
        if environment.get("LC_TERMINAL") == "iTerm2":
            return Way.ITERM2
    return Way.SIXEL if _SIXEL.search(ask()) else Way.BLOCKS


def side_by_side(pictures: Sequence[Image]) -> Image:
    """Put pictures beside each other as RGB, of one height, on grey where they are transparent."""
    from PIL import Image as Pillow

    height = max(each.height for each in pictures)
    gap = max(1, height // 20)
    plain = [_opaque(each) for each in pictures]
    width = sum(each.width for each in plain) + gap * (len(plain) - 1)
    sheet = Pillow.new("RGB", (width, height), (64, 64, 64))
    left = 0
    for each in plain:
        sheet.paste(each, (left, 0))
        left += each.width + gap
    return sheet


def amplified(a: Image, b: Image) -> tuple[Image, int] | None:
    """Return the difference of two pictures, and by how much its levels were multiplied.

    None where sizes differ or nothing does. The largest difference becomes as bright as it can.
    """
    from PIL import ImageChops

    if a.size != b.size:
        return None
    found = ImageChops.difference(_opaque(a), _opaque(b))
    peak = max(high for _, high in _extrema(found))
    if not peak:
        return None
    factor = 255 // peak
    return found.point(lambda level: level * factor), factor


def _extrema(image: Image) -> Iterable[tuple[int, int]]:
    return [channel.getextrema() for channel in image.split()]  # type: ignore[misc]


def _opaque(image: Image) -> Image:
    from PIL import Image as Pillow

    if image.mode == "I;16":
        image = image.point(lambda level: level / 256).convert("L")
    if "A" not in image.mode:
        return image.convert("RGB")
    ground = Pillow.new("RGBA", image.size, (64, 64, 64, 255))
    return Pillow.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def drawn(image: Image, way: Way, columns: int, *, colours: int = 1 << 24) -> str:
    """Return the text that shows an RGB picture in at most ``columns`` and ``ROWS``.

    It ends in a newline; of half blocks ``colours`` says how many there are, 256 at least.
    """
    cells = _cells(image.size, columns)
    if way is Way.KITTY:
        return _kitty(image, *cells) + "\n"
    if way is Way.ITERM2:
        return _iterm2(image, *cells) + "\n"
    if way is Way.SIXEL:
        return sixel(_scaled(image, cells[0] * _CELL[0], cells[1] * _CELL[1])) + "\n"
    return _blocks(_scaled(image, cells[0], cells[1] * 2), colours) if way is Way.BLOCKS else ""


def _cells(size: tuple[int, int], columns: int) -> tuple[int, int]:
    """Return columns and rows for a picture of that size: a cell is twice as high as wide."""
    width, height = size
    wide = min(columns, max(1, round(ROWS * 2 * width / height)))
    return wide, max(1, min(ROWS, round(wide * height / width / 2)))


def _scaled(image: Image, width: int, height: int) -> Image:
    """Enlarge a picture with its pixels in sight, or shrink it by means."""
    from PIL import Image as Pillow

    enlarged = width >= image.width and height >= image.height
    how = Pillow.Resampling.NEAREST if enlarged else Pillow.Resampling.BOX
    return image.resize((width, height), how)


def _encoded(image: Image) -> str:
    from goldenseed.core.pixels import encode_png

    return base64.b64encode(encode_png(image)).decode()


def _kitty(image: Image, columns: int, rows: int) -> str:
    """Send a PNG in chunks (kitty's graphics protocol); ``q=2`` asks for no answer."""
    data = _encoded(image)
    chunks = [data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)]
    keys = [f"a=T,f=100,q=2,c={columns},r={rows},m={int(len(chunks) > 1)}"]
    keys += [f"m={int(number < len(chunks) - 1)}" for number in range(1, len(chunks))]
    return "".join(f"\x1b_G{key};{chunk}\x1b\\" for key, chunk in zip(keys, chunks, strict=True))


def _iterm2(image: Image, columns: int, rows: int) -> str:
    data = _encoded(image)
    size = len(base64.b64decode(data))
    what = f"inline=1;size={size};width={columns};height={rows};preserveAspectRatio=1"
    return f"\x1b]1337;File={what}:{data}\x07"


def sixel(image: Image) -> str:
    """Encode an RGB picture in 256 colours as DEC's Sixel (VT330/VT340 manual, chapter 14)."""
    import numpy as np

    flat = image.quantize(256)
    palette = flat.getpalette() or []
    values = np.asarray(flat)
    used = np.unique(values)
    head = [f'\x1bPq"1;1;{image.width};{image.height}']
    for number in map(int, used):
        levels = palette[3 * number : 3 * number + 3]
        head.append(f"#{number};2;{';'.join(str(round(each * 100 / 255)) for each in levels)}")
    bands = (_sixel_band(values[top : top + _BAND]) for top in range(0, image.height, _BAND))
    return "".join((*head, "-".join(bands), "\x1b\\"))


def _sixel_band(band: npt.NDArray[np.uint8]) -> str:
    """Write six rows, one colour after the other: a character has a bit for each of its rows."""
    import numpy as np

    weights = (1 << np.arange(len(band)))[:, None]
    return "$".join(
        f"#{colour}{_runs(((band == colour) * weights).sum(axis=0) + 63)}"
        for colour in np.unique(band)
    )


def _runs(codes: Iterable[int]) -> str:
    return re.sub(
        r"(.)\1{3,}",
        lambda run: f"!{len(run[0])}{run[1]}",
        "".join(map(chr, codes)),
        flags=re.DOTALL,
    )


def _blocks(image: Image, colours: int) -> str:
    """Draw two pixels a character: the upper is its colour, the lower its ground."""
    lines = []
    pixels = image.load()
    for top in range(0, image.height - 1, 2):
        cells = [
            (_colour(38, pixels[x, top], colours), _colour(48, pixels[x, top + 1], colours))  # type: ignore[index,arg-type]
            for x in range(image.width)
        ]
        lines.append("".join(_painted(cells)) + "\x1b[0m\n")
    return "".join(lines)


def _painted(cells: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield half blocks, each with its colours where they are not those of the one before."""
    before = None
    for cell in cells:
        yield "▀" if cell == before else f"\x1b[{cell[0]};{cell[1]}m▀"
        before = cell


def _colour(layer: int, level: tuple[int, int, int], colours: int) -> str:
    """Name a colour in 24 bits, or the nearest of the 6x6x6 cube of xterm's 256."""
    if colours > 256:  # noqa: PLR2004 - what a palette holds
        return f"{layer};2;{';'.join(map(str, level))}"
    red, green, blue = (max(0, (each - 35) // 40) if each > 48 else 0 for each in level)  # noqa: PLR2004
    return f"{layer};5;{16 + 36 * red + 6 * green + blue}"
