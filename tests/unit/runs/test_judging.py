"""What of an unchanged image is copied from the baselines, and what is made anew."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from judged_case import PENDING, PROFILE, candidate
from PIL import Image

from goldenseed.baselines.store import BaselineStore
from goldenseed.core.pixels import SMALL, encode_png, pixels_sha256
from goldenseed.runs.judging import Judging
from goldenseed.runs.made import Made
from goldenseed.runs.record import CaseRecord
from goldenseed.trace.digesting import Recording
from goldenseed.trace.files import SUFFIX, encode_trace, read_trace
from goldenseed.trace.sketch import Sketcher
from goldenseed.trace.stages import (
    Stage,
    StageRecord,
    Trace,
    stages_sha256,
)
from goldenseed.verdict.model import Verdict

IMAGE = Image.linear_gradient("L").resize((24, 16)).convert("RGB")
DIGEST = pixels_sha256(IMAGE)


def a_trace(norm: float = 3.0) -> Trace:
    return (
        StageRecord(
            stage=Stage.LATENTS_BEFORE_VAE,
            index=0,
            source="vae",
            shape=(1, 4, 2, 2),
            dtype="float32",
            sha256="a" * 64,
            norm=norm,
        ),
    )


class Desk:
    """A store in which one image is accepted, and a run's folder to judge in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.run = root / "run"
        self.store = BaselineStore(root / "baselines")
        digest, data = encode_trace(a_trace())
        self.trace = root / "made" / f"{digest}{SUFFIX}"
        self.trace.parent.mkdir()
        self.trace.write_bytes(data)
        accepted = candidate(root / "made", IMAGE, {"torch.version": "2.13.0"}, self.trace)
        self.store.accept([accepted], by="ada", reason="it looks right")
        self.entry = self.store.entry_path("shapes", "apple")
        self.picture = self.store.image_path(DIGEST)
        (self.accepted_trace,) = (root / "baselines" / "traces").rglob(f"*{SUFFIX}")

    def judge(self, trace: Trace) -> CaseRecord:
        made = Made(
            image=IMAGE,
            profile=PROFILE,
            recording=Recording(trace, [], Sketcher()),
        )
        judging = Judging(self.run, self.store, frozenset({Verdict.IDENTICAL}))
        return judging.judge(PENDING, made, limits={}, dtype="float32")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_picture_and_trace_of_an_unchanged_image_are_the_accepted_files(desk: Desk):
    record = desk.judge(a_trace())
    assert record.verdict is Verdict.IDENTICAL
    assert record.image
    assert record.trace_file
    assert (desk.run / record.image).read_bytes() == desk.picture.read_bytes()
    assert (desk.run / record.trace_file).read_bytes() == desk.accepted_trace.read_bytes()
    assert [each.sha256 for each in record.trace] == ["a" * 64]


def test_a_picture_whose_bytes_are_the_accepted_ones_is_not_decoded(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    def decode(*_args: object, **_more: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("goldenseed.core.pixels.decode", decode)
    assert desk.judge(a_trace()).verdict is Verdict.IDENTICAL


def test_a_picture_that_was_encoded_anew_is_decoded_and_taken(desk: Desk):
    again = encode_png(IMAGE, compress_level=0)
    assert again != desk.picture.read_bytes() == encode_png(IMAGE, compress_level=SMALL)
    desk.picture.write_bytes(again)
    assert desk.judge(a_trace()).verdict is Verdict.IDENTICAL


def test_another_picture_in_the_place_of_the_accepted_one_is_an_error(desk: Desk):
    desk.picture.write_bytes(encode_png(Image.new("RGB", IMAGE.size, "blue")))
    record = desk.judge(a_trace())
    assert record.verdict is Verdict.ERROR
    assert "does not hold the pixels that were accepted" in (record.error or "")


def test_a_trace_with_other_values_is_kept_as_it_is(desk: Desk):
    other = (a_trace()[0].model_copy(update={"sha256": "b" * 64, "norm": 4.0}),)
    record = desk.judge(other)
    assert record.trace_file
    assert read_trace(desk.run / record.trace_file) == other


def test_where_the_accepted_trace_is_damaged_the_runs_own_is_whole(desk: Desk):
    desk.accepted_trace.write_bytes(desk.accepted_trace.read_bytes()[:-9])
    record = desk.judge(a_trace(norm=3.5))
    assert record.verdict is Verdict.IDENTICAL
    assert record.trace_file
    assert read_trace(desk.run / record.trace_file) == a_trace(norm=3.5)


def test_an_entry_from_before_these_digests_is_judged_as_ever(desk: Desk):
    entry = json.loads(desk.entry.read_text())
    (accepted,) = entry["profiles"][PROFILE]["accepted"]
    del accepted["file_sha256"], accepted["stages_sha256"]
    desk.entry.write_text(json.dumps(entry))
    record = desk.judge(a_trace())
    assert record.verdict is Verdict.IDENTICAL
    assert record.trace_file
    assert read_trace(desk.run / record.trace_file) == a_trace()


def test_the_kept_digests_are_those_of_the_stored_files(desk: Desk, tmp_path: Path):
    entry = desk.store.entry("shapes", "apple")
    assert entry
    (accepted,) = entry.profiles[PROFILE].accepted
    assert desk.store.image_file(DIGEST, accepted.file_sha256) == desk.picture.read_bytes()
    assert accepted.stages_sha256 == Recording(a_trace(), [], Sketcher()).stages_sha256
    other = (replace(a_trace()[0].digest, shape=(1, 4, 4)),)
    assert stages_sha256(other) != accepted.stages_sha256
