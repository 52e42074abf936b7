"""What of an unchanged image is copied from the baselines, and what is made anew."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from judged_case import PENDING, PROFILE, candidate
from PIL import Image

from goldenseed.baselines.store import BaselineStore
from goldenseed.baselines.verified import Verified
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import sha256_hex
from goldenseed.core.pixels import SMALL, decode, encode_png, pixels_sha256
from goldenseed.runs.judging import Judging
from goldenseed.runs.made import Made
from goldenseed.runs.record import CaseRecord
from goldenseed.trace.digesting import Recording
from goldenseed.trace.files import SUFFIX, encode_trace, read_trace
from goldenseed.trace.stages import (
    Stage,
    StageRecord,
    Trace,
    stages_sha256,
)
from goldenseed.verdict.evidence import reference_to
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
        StageRecord(
            stage=Stage.PIXELS,
            index=0,
            shape=(16, 24, 3),
            dtype="uint8",
            sha256=sha256_hex(IMAGE.tobytes()),
        ),
    )


class Desk:
    """A store in which one image is accepted, and a run's folder to judge in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.run = root / "run"
        self.verified = Verified(root / "verified")
        self.store = BaselineStore(root / "baselines", verified=self.verified)
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
            recording=Recording(before=trace),
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
    assert [each.sha256 for each in record.trace] == [each.sha256 for each in a_trace()]


def test_a_picture_is_decoded_once_on_each_machine(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    decoded = []
    monkeypatch.setattr(
        "goldenseed.core.pixels.decode", lambda *a, **b: decoded.append(a) or decode(*a, **b)
    )
    for run in ("first", "second", "third"):
        desk.run = desk.root / run
        assert desk.judge(a_trace()).verdict is Verdict.IDENTICAL
    assert len(decoded) == 1


@pytest.mark.parametrize("known", [True, False])
def test_a_picture_that_was_exchanged_together_with_its_digest_is_an_error(desk: Desk, known: bool):
    if known:
        desk.judge(a_trace())
        desk.run = desk.root / "second"
    other = encode_png(Image.new("RGB", IMAGE.size, "blue"))
    desk.picture.write_bytes(other)
    entry = json.loads(desk.entry.read_text())
    (accepted,) = entry["profiles"][PROFILE]["accepted"]
    accepted["file_sha256"] = sha256_hex(other)
    desk.entry.write_text(json.dumps(entry))
    record = desk.judge(a_trace())
    assert record.verdict is Verdict.ERROR
    assert "does not hold the pixels that were accepted" in (record.error or "")
    assert record.image
    assert pixels_sha256(decode(desk.run / record.image)) == DIGEST


def test_where_nothing_can_be_remembered_it_is_verified_each_time(desk: Desk):
    desk.verified.folder.write_text("in the way")  # type: ignore[union-attr]
    assert desk.judge(a_trace()).verdict is Verdict.IDENTICAL
    desk.run = desk.root / "second"
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
    other = (a_trace()[0].model_copy(update={"sha256": "b" * 64, "norm": 4.0}), a_trace()[1])
    record = desk.judge(other)
    assert record.trace_file
    assert read_trace(desk.run / record.trace_file) == other


def test_where_the_accepted_trace_is_damaged_the_runs_own_is_whole(desk: Desk):
    desk.accepted_trace.write_bytes(desk.accepted_trace.read_bytes()[:-9])
    record = desk.judge(a_trace(norm=3.5))
    assert record.verdict is Verdict.IDENTICAL
    assert record.trace_file
    assert read_trace(desk.run / record.trace_file) == a_trace(norm=3.5)


def test_an_entry_that_names_the_trace_of_another_image_is_not_followed(desk: Desk):
    other = (a_trace()[0], a_trace()[1].model_copy(update={"sha256": "c" * 64}))
    digest, data = encode_trace(other)
    foreign = desk.root / "baselines" / "traces" / digest[:2] / f"{digest}{SUFFIX}"
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_bytes(data)
    entry = json.loads(desk.entry.read_text())
    (accepted,) = entry["profiles"][PROFILE]["accepted"]
    accepted["trace_sha256"] = digest
    desk.entry.write_text(json.dumps(entry))

    record = desk.judge(a_trace())
    assert record.trace_file
    assert read_trace(desk.run / record.trace_file) == a_trace()

    held = reference_to(desk.store, desk.store.entry("shapes", "apple"), PROFILE).accepted
    assert held
    with pytest.raises(GoldenseedError, match="has the trace of another image"):
        _ = held.images[0].trace


def test_an_entry_from_before_these_digests_is_judged_as_ever(desk: Desk):
    entry = json.loads(desk.entry.read_text())
    (accepted,) = entry["profiles"][PROFILE]["accepted"]
    del accepted["stages_sha256"]
    desk.entry.write_text(json.dumps(entry))
    record = desk.judge(a_trace())
    assert record.verdict is Verdict.IDENTICAL
    assert record.trace_file
    assert read_trace(desk.run / record.trace_file) == a_trace()


def test_the_digest_of_the_stages_is_kept_and_covers_their_shapes(desk: Desk):
    entry = desk.store.entry("shapes", "apple")
    assert entry
    (accepted,) = entry.profiles[PROFILE].accepted
    assert accepted.stages_sha256 == Recording(before=a_trace()).stages_sha256
    other = (replace(a_trace()[0].digest, shape=(1, 4, 4)), a_trace()[1].digest)
    assert stages_sha256(other) != accepted.stages_sha256
