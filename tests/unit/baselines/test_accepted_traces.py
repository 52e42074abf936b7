from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from baselines_world import CASE, SUITE, World, a_trace
from PIL import Image

from goldenseed.baselines.candidate import Candidate
from goldenseed.baselines.changes import Outcome
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, sha256_hex
from goldenseed.core.pixels import encode_png
from goldenseed.trace.digesting import Recording, kept
from goldenseed.trace.files import SUFFIX, digest_of, encode_trace, read_trace
from goldenseed.trace.stages import Stage


def file_of(candidate: Candidate) -> Path:
    assert candidate.trace is not None
    return candidate.trace


def test_the_trace_of_an_accepted_image_can_be_read_again(world: World):
    candidate = world.traced(world.candidate())
    world.accept(candidate)
    (accepted,) = world.profile().accepted
    assert accepted.trace_sha256 == digest_of(file_of(candidate))
    assert world.store.trace(accepted.trace_sha256) == read_trace(file_of(candidate))


def test_an_image_without_a_trace_is_accepted_as_before(world: World):
    world.accept(world.candidate())
    assert world.profile().accepted[0].trace_sha256 is None
    assert not (world.store.root / "traces").exists()


def test_an_entry_from_before_traces_is_read(world: World):
    world.accept(world.candidate())
    path = world.store.entry_path(SUITE, CASE)
    text = path.read_text()
    assert '"trace_sha256": null' in text
    path.write_text(text.replace(',\n          "trace_sha256": null', ""))
    assert "trace_sha256" not in path.read_text()
    assert world.profile().accepted[0].trace_sha256 is None


def test_accepting_the_same_image_again_adds_the_trace_it_lacked(world: World):
    world.accept(world.candidate())
    candidate = world.traced(world.candidate())
    (result,) = world.accept(candidate, reason="now with a trace")
    (accepted,) = world.profile().accepted
    assert result.outcome is Outcome.TRACED
    assert accepted.trace_sha256
    assert accepted.reason == "it looks right"
    assert world.store.trace(accepted.trace_sha256) == read_trace(file_of(candidate))


def test_a_trace_that_is_there_already_is_not_exchanged(world: World):
    world.accept(world.traced(world.candidate(), 1))
    before = world.files()
    (result,) = world.accept(world.traced(world.candidate(), 2))
    assert result.outcome is Outcome.UNCHANGED
    assert world.files() == before


@pytest.mark.parametrize("damage", ["cut", "missing", "another"])
def test_a_trace_that_is_not_what_its_name_says_stops_the_accept(world: World, damage: str):
    candidate = world.traced(world.candidate())
    assert candidate.trace
    if damage == "missing":
        candidate.trace.unlink()
    elif damage == "cut":
        candidate.trace.write_bytes(candidate.trace.read_bytes()[:-20])
    else:
        other = file_of(world.traced(world.candidate(), 2))
        candidate.trace.write_bytes(other.read_bytes())
    with pytest.raises(GoldenseedError, match=str(candidate.trace)):
        world.accept(candidate)
    assert world.files() == {}


def test_a_damaged_stored_trace_is_named_and_written_again_by_the_next_accept(world: World):
    candidate = world.traced(world.candidate())
    world.accept(candidate)
    digest = world.profile().accepted[0].trace_sha256
    assert digest
    (stored,) = (world.store.root / "traces").rglob(f"*{SUFFIX}")
    stored.write_bytes(b"")
    with pytest.raises(GoldenseedError, match=str(stored)):
        world.store.trace(digest)
    world.accept(candidate)
    assert world.store.trace(digest) == read_trace(file_of(candidate))


def test_a_trace_that_no_entry_names_any_more_is_unreferenced(world: World):
    candidate = world.traced(world.candidate("red"), 1)
    world.accept(candidate)
    assert world.unreferenced("traces") == ()
    world.accept(world.traced(world.candidate("blue"), 2))
    assert world.unreferenced("traces") == (digest_of(file_of(candidate)),)


def test_the_folder_of_traces_is_no_suite(world: World, tmp_path: Path):
    world.accept(world.traced(world.candidate()))
    assert world.store.suites() == (SUITE,)
    with pytest.raises(GoldenseedError, match="is the name of a folder in the baseline store"):
        world.store.entry("traces", CASE)


def test_an_exact_image_is_kept_until_something_else_is_accepted(world: World):
    white = world.candidate("white")
    world.accept(white)
    exact = world.traced(white, 2.0).trace
    assert exact is not None
    world.measure(white, exact_trace=exact)
    kept = world.profile().exact
    assert kept is not None
    assert world.store.trace(kept.trace_sha256) == read_trace(exact)
    assert world.unreferenced("traces") == ()

    world.measure(white)
    world.accept(world.candidate("black"), add=True)
    assert world.profile().exact == kept
    world.accept(world.candidate("red"))
    assert (world.profile().exact, world.profile().tolerance) == (None, None)
    assert world.unreferenced("traces") == (kept.trace_sha256,)


def test_the_trace_of_another_image_is_refused(world: World):
    another = world.traced(world.candidate("blue")).trace

    with pytest.raises(GoldenseedError, match=r"ends in the pixels .*, and the image's are"):
        world.accept(replace(world.candidate("red"), trace=another))

    assert world.files() == {}


def test_a_trace_that_does_not_say_in_which_pixels_it_ends_is_refused(world: World):
    candidate = world.candidate()
    digest, data = encode_trace(a_trace(1.0, Image.new("RGB", (24, 16)))[:1])
    path = world.folder / "run" / f"{digest}{SUFFIX}"
    path.write_bytes(data)

    with pytest.raises(GoldenseedError, match="does not say in which pixels it ends"):
        world.accept(replace(candidate, trace=path))


@pytest.mark.parametrize("edit", ["digest", "order", "one missing", "source"])
def test_stages_that_are_not_those_of_the_runs_record_are_refused(world: World, edit: str):
    candidate = world.traced(world.candidate())
    first, last = ((s.stage, s.index, s.source, s.sha256) for s in read_trace(file_of(candidate)))
    world.accept(replace(candidate, stages=(first, last)), reason="as recorded")
    recorded = {
        "digest": ((*first[:3], "0" * 64), last),
        "order": (last, first),
        "one missing": (last,),
        "source": ((*first[:2], "unet", first[3]), last),
    }[edit]

    with pytest.raises(GoldenseedError, match=r"the stages of the trace .* are not those"):
        world.accept(replace(candidate, stages=recorded))


def test_stages_without_a_trace_are_refused(world: World):
    (*_, last) = read_trace(file_of(world.traced(world.candidate())))
    stages = ((last.stage, last.index, last.source, last.sha256),)

    with pytest.raises(GoldenseedError, match="lists a trace's stages and names no file"):
        world.accept(replace(world.candidate(), stages=stages))


def test_a_returned_file_holds_the_picture_before_the_steps_that_followed(world: World):
    """Steps made another picture of what was returned; only a trace tells which one it was."""
    made, other = (Image.new("RGB", (8, 8), colour) for colour in ("blue", "green"))
    candidate = world.candidate()
    with Image.open(candidate.image) as last:
        levels = [(Stage.UNPROCESSED, made), (Stage.PIXELS, last)]
        trace = Recording([kept(stage, 0, None, np.array(each)) for stage, each in levels]).trace
    digest, data = encode_trace(trace)
    file = world.folder / "run" / f"{digest}{SUFFIX}"
    file.write_bytes(data)

    def returning(picture: Image.Image, **fields: Any) -> Candidate:
        path = world.folder / "returned.png"
        path.write_bytes(encode_png(picture))
        recipe = {**candidate.recipe, "postprocess": [{"step": "resize"}]}
        given = {"recipe": recipe, "recipe_sha256": json_sha256(recipe), **fields}
        return replace(candidate, returned=((path, sha256_hex(path.read_bytes())),), **given)

    stages = tuple((each.stage, each.index, each.source, each.sha256) for each in trace)
    with pytest.raises(GoldenseedError, match="the returned file holds another picture"):
        world.accept(returning(other, trace=file, stages=stages))
    plain = {"recipe": candidate.recipe, "recipe_sha256": candidate.recipe_sha256}
    with pytest.raises(GoldenseedError, match="the returned file holds another picture"):
        world.accept(returning(made, **plain))
    world.accept(returning(made, trace=file, stages=stages))
    assert len(world.profile().accepted[0].returned) == 1
