from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from baselines_world import CASE, SUITE, World, edit
from PIL import Image

import goldenseed
from goldenseed.core.errors import GoldenseedError


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        ('"run_id"', '"runid"', r"accepted\.0\.runid: is no key of a baseline entry"),
        ('"width": 24', '"width": "24"', "should be a valid integer"),
        ('"width": 24', '"width": 0', "greater than or equal to 1"),
        ('"accepted_by": "ada"', '"accepted_by": null', "should be a valid string"),
        ('"pixels_sha256": ".', '"pixels_sha256": "X', "should match pattern"),
        ('"recipe_sha256": ".{64}', '"recipe_sha256": "' + "0" * 64, "edited by hand"),
        ("2026-11-20T12:00:00Z", "yesterday", "should be a valid datetime"),
        ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00", "no time zone"),
        ('"schema_version": 1', '"schema_version": 2', "this goldenseed reads version 1"),
        ('"suite": "shapes"', '"suite": "forms"', "'forms', but lies where 'shapes' belongs"),
        ('"case": "red', '"case": "green', "but lies where"),
        ('"mode": "RGB"', '"mode": "RGB", "mode": "L"', "appears twice"),
        ('"mode": "RGB"', '"mode": NaN', "NaN is not JSON"),
        ('"height": 16,', '"height": 16', "is not JSON"),
    ],
)
def test_a_hand_edit_is_an_error_that_names_file_line_and_fix(
    world: World, pattern: str, replacement: str, message: str
):
    world.accept(world.candidate())
    path = world.store.entry_path(SUITE, CASE)
    line = edit(path, pattern, replacement)

    with pytest.raises(GoldenseedError, match=message) as caught:
        world.store.entry(SUITE, CASE)

    assert caught.value.path == path
    assert caught.value.line in {line, line + 1}
    assert caught.value.fix


def test_what_was_measured_is_read_under_its_old_name_and_written_under_its_new_one(world: World):
    world.accept(world.candidate())
    world.measure(world.candidate())
    path = world.store.entry_path(SUITE, CASE)
    measured = world.profile().tolerance
    edit(path, '"tolerance": {', '"noise": {')
    assert measured is not None
    assert world.profile().tolerance == measured

    world.measure(world.candidate())
    assert '"tolerance": {' in path.read_text()
    assert '"noise": {' not in path.read_text()


@pytest.mark.parametrize("name", ["noise", "tolerance"])
def test_what_was_measured_is_checked_under_either_name(world: World, name: str):
    world.accept(world.candidate())
    world.measure(world.candidate())
    path = world.store.entry_path(SUITE, CASE)
    edit(path, '"tolerance": {', f'"{name}": {{')
    line = edit(path, '"images": 4', '"images": 1')
    with pytest.raises(GoldenseedError, match="greater than or equal to 2") as caught:
        world.profile()
    assert caught.value.line == line


def test_what_was_measured_under_both_names_at_once_is_refused(world: World):
    world.accept(world.candidate())
    world.measure(world.candidate())
    edit(world.store.entry_path(SUITE, CASE), '"tolerance": {', '"noise": null, "tolerance": {')
    with pytest.raises(GoldenseedError, match="noise: is no key of a baseline entry"):
        world.profile()


def test_an_edited_recipe_is_an_error_that_names_the_hand_edit(world: World):
    world.accept(world.candidate())
    path = world.store.entry_path(SUITE, CASE)
    edit(path, '"num_inference_steps": 20', '"num_inference_steps": 19')

    with pytest.raises(GoldenseedError, match="the recipe does not fit its recipe_sha256"):
        world.store.entry(SUITE, CASE)


def test_a_recipe_that_another_tool_formatted_is_the_same_recipe(world: World):
    world.accept(world.candidate())
    path = world.store.entry_path(SUITE, CASE)
    edit(path, '"num_inference_steps": 20', '"num_inference_steps":\n  20.0')

    assert world.accepted() == [world.candidate().pixels_sha256]


def test_a_missing_key_points_at_what_should_hold_it(world: World):
    world.accept(world.candidate())
    path = world.store.entry_path(SUITE, CASE)
    edit(path, r'"mode": "RGB",\n\s*', "")

    with pytest.raises(GoldenseedError, match=r"accepted\.0\.mode: field required") as caught:
        world.store.entry(SUITE, CASE)

    assert caught.value.line is not None


def test_an_image_both_accepted_and_rejected_is_an_error(world: World):
    world.accept(world.candidate("red"))
    world.store.reject([world.candidate("blue")], by="ada", reason="too blue")
    edit(
        world.store.entry_path(SUITE, CASE),
        world.candidate("blue").pixels_sha256,
        world.candidate("red").pixels_sha256,
    )

    with pytest.raises(GoldenseedError, match="more than once"):
        world.store.entry(SUITE, CASE)


def test_an_unresolved_merge_conflict_is_called_that(world: World):
    world.accept(world.candidate())
    path = world.store.entry_path(SUITE, CASE)
    line = edit(path, '( *"mode": "RGB",)', '<<<<<<< HEAD\n"mode": "RGB",\n=======\n>>>>>>> x')

    with pytest.raises(GoldenseedError, match="merge conflict") as caught:
        world.store.entry(SUITE, CASE)

    assert caught.value.line == line
    assert "--theirs" in str(caught.value.fix)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff\xfe", b"{", b"[" * 100_000])
def test_what_is_no_entry_at_all_is_an_error(world: World, content: bytes):
    path = world.store.entry_path(SUITE, CASE)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    with pytest.raises(GoldenseedError) as caught:
        world.store.entry(SUITE, CASE)

    assert caught.value.path == path


@pytest.mark.parametrize(
    "make",
    [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")],
    ids=["a folder", "a pipe", "a link to nothing"],
)
def test_an_entry_that_is_no_file_is_an_error_and_not_absent(
    world: World, make: Callable[[Path], None]
):
    path = world.store.entry_path(SUITE, CASE)
    path.parent.mkdir(parents=True)
    make(path)

    with pytest.raises(GoldenseedError):
        world.store.entry(SUITE, CASE)


def test_reading_an_entry_loads_no_image_library(world: World):
    world.accept(world.candidate())
    program = (
        "import sys; from pathlib import Path\n"
        "from goldenseed.baselines.store import BaselineStore\n"
        f"assert BaselineStore(Path({str(world.store.root)!r})).entry({SUITE!r}, {CASE!r})\n"
        "print([name for name in ('PIL', 'numpy', 'torch', 'yaml') if name in sys.modules])"
    )

    out = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(Path(goldenseed.__file__).parents[1])},
        capture_output=True,
        check=True,
        text=True,
    ).stdout

    assert out == "[]\n"


def other_size(path: Path) -> None:
    Image.new("RGB", (12, 8), "red").save(path)


def other_mode(path: Path) -> None:
    Image.new("L", (24, 16), 76).save(path)


def other_pixel(path: Path) -> None:
    image = Image.open(path)
    image.load()
    image.putpixel((3, 3), (254, 0, 0))
    image.save(path)


def other_format(path: Path) -> None:
    image = Image.open(path)
    image.load()
    image.save(path, format="WEBP", lossless=True)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (Path.unlink, "the accepted image is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-8]), "truncated"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (other_size, "an image of 12 x 8 pixels in mode RGB"),
        (other_mode, "in mode L"),
        (other_pixel, "does not hold the pixels that were accepted"),
        (other_format, "is in the format WEBP"),
    ],
)
def test_a_damaged_stored_image_is_an_error_that_names_file_and_fix(
    world: World, damage: Callable[[Path], object], message: str
):
    candidate = world.candidate()
    world.accept(candidate)
    path = world.store.image_path(candidate.pixels_sha256)
    damage(path)

    with pytest.raises(GoldenseedError, match=message) as caught:
        world.store.image(candidate.pixels_sha256)

    assert caught.value.path == path
    assert "git checkout" in str(caught.value.fix)


def test_the_file_of_an_accepted_image_is_handed_out_verified(world: World):
    candidate = world.candidate()
    world.accept(candidate)
    path = world.store.image_path(candidate.pixels_sha256)
    assert world.store.image_file(candidate.pixels_sha256) == path.read_bytes()
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(GoldenseedError) as caught:
        world.store.image_file(candidate.pixels_sha256)
    assert caught.value.path == path


def test_an_edited_environment_is_an_error(world: World):
    world.accept(world.candidate())
    digest = world.profile().accepted[0].environment_sha256
    edit(world.store.root / "environments" / f"{digest}.json", "2.13.0", "2.12.0")

    with pytest.raises(GoldenseedError, match="it was edited"):
        world.store.environment(digest)
