"""Pictures in a terminal: what is sent, read back as a terminal reads it."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from goldenseed.review.pictures import ROWS, Way, amplified, drawn, side_by_side, sixel, way_of


@pytest.fixture
def picture() -> Image.Image:
    """Four quarters of plain colours, which no palette changes."""
    image = Image.new("RGB", (40, 26), (255, 0, 0))
    image.paste((0, 255, 0), (20, 0, 40, 13))
    image.paste((0, 0, 255), (0, 13, 20, 26))
    image.paste((255, 255, 255), (20, 13, 40, 26))
    return image


def read_sixel(text: str) -> Image.Image:
    """Draw as the VT330/VT340 manual says: registers, repeats, bands of six rows."""
    head = re.match(r'\x1bPq"1;1;(\d+);(\d+)', text)
    assert head is not None
    assert text.endswith("\x1b\\")
    width, height = int(head[1]), int(head[2])
    image = np.zeros((height, width, 3), np.uint8)
    palette: dict[int, tuple[int, ...]] = {}
    x = y = colour = 0
    for token in re.finditer(
        r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|([$-])", text[head.end() : -2]
    ):
        if token[1]:
            palette[int(token[1])] = tuple(round(int(token[n]) * 255 / 100) for n in (2, 3, 4))
        elif token[5]:
            colour = int(token[5])
        elif token[9]:
            x, y = 0, y + 6 * (token[9] == "-")
        else:
            bits = ord(token[7] or token[8]) - 63
            times = int(token[6] or 1)
            for row in (row for row in range(6) if bits >> row & 1):
                image[y + row, x : x + times] = palette[colour]
            x += times
    return Image.fromarray(image)


def test_a_sixel_terminal_draws_the_picture(picture: Image.Image):
    assert read_sixel(sixel(picture)).tobytes() == picture.tobytes()


def test_a_sixel_picture_of_many_colours_is_near_to_it():
    ramp = np.stack(np.meshgrid(np.arange(0, 240, 4), np.arange(0, 240, 5)), -1).astype(np.uint8)
    image = Image.fromarray(np.dstack([ramp, ramp[..., :1]]))
    drawn_again = np.asarray(read_sixel(sixel(image)), int)
    assert np.abs(drawn_again - np.asarray(image, int)).mean() < 8


def test_kitty_is_sent_the_png_in_chunks_of_4096():
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    image = Image.fromarray(noise)
    parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", drawn(image, Way.KITTY, 80))
    assert len(parts) > 2
    assert parts[0][0] == f"a=T,f=100,q=2,c={2 * ROWS},r={ROWS},m=1"
    assert [keys for keys, _ in parts[1:]] == [*["m=1"] * (len(parts) - 2), "m=0"]
    assert all(len(data) <= 4096 for _, data in parts)
    png = base64.b64decode("".join(data for _, data in parts))
    assert Image.open(io.BytesIO(png)).tobytes() == image.tobytes()


def test_a_small_picture_is_one_chunk_for_kitty(picture: Image.Image):
    (parts,) = re.findall(r"\x1b_G([^;]*);", drawn(picture, Way.KITTY, 80))
    assert parts.endswith("m=0")


def test_iterm2_is_sent_the_png_and_its_size(picture: Image.Image):
    found = re.fullmatch(r"\x1b\]1337;File=(.*):(.*)\x07\n", drawn(picture, Way.ITERM2, 80))
    assert found is not None
    png = base64.b64decode(found[2])
    assert f"size={len(png)};" in found[1]
    assert Image.open(io.BytesIO(png)).tobytes() == picture.tobytes()


@pytest.mark.parametrize(
    ("colours", "red", "white"), [(1 << 24, "2;255;0;0", "2;255;255;255"), (256, "5;196", "5;231")]
)
def test_half_blocks_have_two_pixels_a_character(
    picture: Image.Image, colours: int, red: str, white: str
):
    text = drawn(picture, Way.BLOCKS, 40, colours=colours)
    lines = text.splitlines()
    assert {line.count("▀") for line in lines} == {40}
    assert lines[0].startswith(f"\x1b[38;{red};48;{red}m▀▀")
    assert f"\x1b[38;{white};48;{white}m▀" in lines[-1]
    assert all(line.endswith("\x1b[0m") for line in lines)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (64, 64), (2000, 100), (7, 5)])
@pytest.mark.parametrize("columns", [10, 80])
@pytest.mark.parametrize("way", [Way.BLOCKS, Way.SIXEL, Way.KITTY])
def test_no_picture_is_wider_or_higher_than_there_is_room(
    size: tuple[int, int], columns: int, way: Way
):
    text = drawn(Image.new("RGB", size, "red"), way, columns)
    if way is Way.KITTY:
        found = re.search(r"c=(\d+),r=(\d+)", text)
        assert found is not None
        wide, high = int(found[1]), int(found[2])
    elif way is Way.SIXEL:
        wide, high = (a // b for a, b in zip(read_sixel(text[:-1]).size, (10, 20), strict=True))
    else:
        wide = max(line.count("▀") for line in text.splitlines())
        high = text.count("\n")
    assert 1 <= wide <= columns
    assert 1 <= high <= ROWS


def test_a_difference_of_one_level_is_made_visible():
    a, b = Image.new("RGB", (4, 4), (9, 9, 9)), Image.new("RGB", (4, 4), (9, 9, 9))
    b.putpixel((1, 1), (9, 10, 9))
    found = amplified(a, b)
    assert found is not None
    assert found[1] == 255
    assert found[0].getpixel((1, 1)) == (0, 255, 0)
    assert amplified(a, a) is None
    assert amplified(a, Image.new("RGB", (5, 4))) is None


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_every_mode_of_a_picture_can_be_shown(mode: str):
    sheet = side_by_side([Image.new(mode, (8, 8)), Image.new("RGB", (8, 6), "red")])
    assert (sheet.mode, sheet.size) == ("RGB", (17, 8))


@pytest.mark.parametrize(
    ("environment", "answer", "way"),
    [
        ({"TERM": "xterm-kitty"}, "", Way.KITTY),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "", Way.KITTY),
        ({"TERM": "xterm-ghostty"}, "", Way.KITTY),
        ({"TERM_PROGRAM": "iTerm.app"}, "", Way.ITERM2),
        ({"TERM_PROGRAM": "WezTerm"}, "", Way.ITERM2),
        ({"LC_TERMINAL": "iTerm2"}, "", Way.ITERM2),
        ({"TERM": "foot"}, "\x1b[?62;4;22c", Way.SIXEL),
        ({"TERM": "xterm"}, "\x1b[?63;1;2;4;6;9;15;22c", Way.SIXEL),
        ({"TERM": "xterm"}, "\x1b[?64;1;2;6;9;15;22c", Way.BLOCKS),
        ({"TERM": "xterm"}, "\x1b[?62;14;22c", Way.BLOCKS),
        ({"TERM": "dumb"}, "", Way.BLOCKS),
        ({"TERM": "screen", "KITTY_WINDOW_ID": "1"}, "", Way.BLOCKS),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, "\x1b[?1;2;4c", Way.SIXEL),
    ],
)
def test_what_a_terminal_can_show_is_told_by_its_environment_or_itself(
    environment: dict[str, str], answer: str, way: Way
):
    assert way_of(environment, lambda: answer) is way
