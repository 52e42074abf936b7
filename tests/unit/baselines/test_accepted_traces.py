from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from baselines_world import CASE, SUITE, World

from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.baselines.changes import Outcome
from goldenseed.baselines.store import Candidate
from goldenseed.core.errors import GoldenseedError
from goldenseed.trace.files import SUFFIX, encode_trace
from goldenseed.trace.stages import Stage, Trace


def a_trace(value: float = 1.0) -> Trace:
    recorder = Recorder()
    recorder.add(Stage.LATENTS_BEFORE_VAE, "vae", torch.full((8,), value))
    return recorder.trace


def traced(world: World, candidate: Candidate, trace: Trace) -> Candidate:
    digest, data = encode_trace(trace)
    path = world.folder / "run" / f"{digest}{SUFFIX}"
    path.write_bytes(data)
    return replace(candidate, trace=path)


def test_the_trace_of_an_accepted_image_can_be_read_again(world: World):
    world.accept(traced(world, world.candidate(), a_trace()))
    (accepted,) = world.profile().accepted
    assert accepted.trace_sha256 == encode_trace(a_trace())[0]
    assert world.store.trace(accepted.trace_sha256) == a_trace()


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
    (result,) = world.accept(traced(world, world.candidate(), a_trace()), reason="now with a trace")
    (accepted,) = world.profile().accepted
    assert result.outcome is Outcome.TRACED
    assert accepted.trace_sha256
    assert accepted.reason == "it looks right"
    assert world.store.trace(accepted.trace_sha256) == a_trace()


def test_a_trace_that_is_there_already_is_not_exchanged(world: World):
    world.accept(traced(world, world.candidate(), a_trace(1)))
    before = world.files()
    (result,) = world.accept(traced(world, world.candidate(), a_trace(2)))
    assert result.outcome is Outcome.UNCHANGED
    assert world.files() == before


@pytest.mark.parametrize("damage", ["cut", "missing", "another"])
def test_a_trace_that_is_not_what_its_name_says_stops_the_accept(world: World, damage: str):
    candidate = traced(world, world.candidate(), a_trace())
    assert candidate.trace
    if damage == "missing":
        candidate.trace.unlink()
    elif damage == "cut":
        candidate.trace.write_bytes(candidate.trace.read_bytes()[:-20])
    else:
        candidate.trace.write_bytes(encode_trace(a_trace(2))[1])
    with pytest.raises(GoldenseedError, match=str(candidate.trace)):
        world.accept(candidate)
    assert world.files() == {}


def test_a_damaged_stored_trace_is_named_and_written_again_by_the_next_accept(world: World):
    world.accept(traced(world, world.candidate(), a_trace()))
    digest = world.profile().accepted[0].trace_sha256
    assert digest
    (stored,) = (world.store.root / "traces").rglob(f"*{SUFFIX}")
    stored.write_bytes(b"")
    with pytest.raises(GoldenseedError, match=str(stored)):
        world.store.trace(digest)
    world.accept(traced(world, world.candidate(), a_trace()))
    assert world.store.trace(digest) == a_trace()


def test_a_trace_that_no_entry_names_any_more_is_unreferenced(world: World):
    world.accept(traced(world, world.candidate("red"), a_trace(1)))
    assert world.store.unreferenced_traces() == ()
    world.accept(traced(world, world.candidate("blue"), a_trace(2)))
    assert world.store.unreferenced_traces() == (encode_trace(a_trace(1))[0],)


def test_the_folder_of_traces_is_no_suite(world: World, tmp_path: Path):
    world.accept(traced(world, world.candidate(), a_trace()))
    assert world.store.suites() == (SUITE,)
    with pytest.raises(GoldenseedError, match="is reserved"):
        world.store.entry("traces", CASE)


def test_an_exact_image_is_kept_until_something_else_is_accepted(world: World):
    white = world.candidate("white")
    world.accept(white)
    exact = traced(world, white, a_trace(2.0)).trace
    assert exact is not None
    world.measure(white, exact_trace=exact)
    kept = world.profile().exact
    assert kept is not None
    assert world.store.trace(kept.trace_sha256) == a_trace(2.0)
    assert world.store.unreferenced_traces() == ()

    world.measure(white)
    world.accept(world.candidate("black"), add=True)
    assert world.profile().exact == kept
    world.accept(world.candidate("red"))
    assert (world.profile().exact, world.profile().tolerance) == (None, None)
    assert world.store.unreferenced_traces() == (kept.trace_sha256,)
