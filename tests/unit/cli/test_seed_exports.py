"""Files of seeds: written and read a seed at a time, and looked at before they are believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from goldenseed.cli.seed_exports import export_lines, exported
from goldenseed.core.errors import GoldenseedError
from goldenseed.images.looks import PLAIN, plain_vector
from goldenseed.seeds.entry import Seed
from goldenseed.seeds.making import thumbnail
from kept_seeds import picture, seed

LOOKS = {PLAIN: plain_vector(picture(1)).tobytes()}
Change = Callable[[dict[str, Any]], object]


def test_what_is_exported_can_be_read_again_however_much_it_is(tmp_path: Path) -> None:
    first = seed(1, note="x" * 100_000)
    count = 700  # more than the 64 MiB that are read of other JSON

    def seeds() -> Iterator[tuple[Seed, dict[str, bytes]]]:
        for number in range(count):
            yield first.model_copy(update={"rating": number % 6}), LOOKS

    path = tmp_path / "seeds.json"
    with path.open("wb") as file:
        file.writelines(export_lines(seeds()))
    assert path.stat().st_size > 64 * 2**20
    read = 0
    for given, (found, vectors) in zip(seeds(), exported(path), strict=True):
        assert found == given[0]
        assert vectors[PLAIN].tobytes() == LOOKS[PLAIN]
        read += 1
    assert read == count


def test_a_file_is_json_to_others_and_of_earlier_releases_is_read(tmp_path: Path) -> None:
    path = tmp_path / "seeds.json"
    given = [(seed(number, "ein Küchlein"), LOOKS) for number in (1, 2)]
    path.write_bytes(b"".join(export_lines(given)))
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps(document, indent=2))
    assert [each for each, _ in exported(path)] == [each for each, _ in given]
    path.write_bytes(b"".join(export_lines([])))
    assert json.loads(path.read_bytes()) == {"goldenseed_seeds": 1, "seeds": []}
    assert not list(exported(path))


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seeds.json"
    whole = b"".join(export_lines([(seed(1), LOOKS), (seed(2), LOOKS)]))
    for length in (len(whole) - 4, len(whole) // 2, 40):
        path.write_bytes(whole[:length])
        with pytest.raises(GoldenseedError, match=r"is cut off|is not JSON"):
            list(exported(path))


def _as_text(vector: Any) -> str:
    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: e["recipe"].update(seed=99), "recipe: its digest is another"),
        (lambda e: e.update(recipe_sha256="0" * 64), "recipe: its digest is another"),
        (lambda e: e["looks"].update({"../../x": e["looks"][PLAIN]}), "'../../x' is no vector"),
        (lambda e: e["looks"].update({PLAIN: _as_text([0.6, 0.8])}), "is no vector of length 1"),
        (lambda e: e["looks"].update({"clip-1": _as_text([3, 4])}), "is no vector of length 1"),
        (lambda e: e["looks"].update({"clip-1": _as_text([np.nan])}), "is no vector of length 1"),
        (lambda e: e["looks"].update({"clip-1": ""}), "is no vector of length 1"),
        (lambda e: e.update(thumbnail="AAAA"), "thumbnail: no WebP picture"),
        (lambda e: e.update(thumbnail="?"), "thumbnail: "),
        (lambda e: e.update(thumbnail=_large()), "of at most 160 pixels"),
        (lambda e: e.update(place="x"), "place: "),
    ],
)
def test_a_seed_that_is_not_sound_is_refused(tmp_path: Path, change: Change, said: str) -> None:
    path = tmp_path / "seeds.json"
    document = json.loads(b"".join(export_lines([(seed(1), LOOKS)])))
    change(document["seeds"][0])
    path.write_text(json.dumps(document))
    with pytest.raises(GoldenseedError, match=f"seed 1: .*{said}"):
        list(exported(path))


def _large() -> str:
    import io

    file = io.BytesIO()
    Image.new("RGB", (161, 10)).save(file, "WEBP")
    assert len(thumbnail(Image.new("RGB", (300, 10)))) < 1000
    return base64.b64encode(file.getvalue()).decode()
