from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch

from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import sha256_hex
from goldenseed.trace.files import SUFFIX, encode_trace, read_trace
from goldenseed.trace.stages import Stage, Trace


@pytest.fixture
def trace() -> Trace:
    recorder = Recorder()
    recorder.add(Stage.TOKEN_IDS, "tokenizer", torch.arange(77))
    recorder.add(Stage.DENOISING_STEP, "scheduler", torch.ones(4))
    recorder.add(Stage.FLOAT_IMAGE, None, torch.tensor([float("nan")]))
    recorder.add(Stage.PIXELS, None, torch.zeros(3, dtype=torch.uint8))
    return recorder.trace


def written(folder: Path, text: bytes, *, name: str | None = None) -> Path:
    path = folder / f"{name or sha256_hex(text)}{SUFFIX}"
    path.write_bytes(gzip.compress(text))
    return path


def test_a_trace_read_back_is_what_was_written(tmp_path: Path, trace: Trace):
    digest, data = encode_trace(trace)
    (tmp_path / f"{digest}{SUFFIX}").write_bytes(data)
    assert read_trace(tmp_path / f"{digest}{SUFFIX}") == trace


def test_equal_traces_are_one_file(trace: Trace):
    assert encode_trace(trace) == encode_trace(tuple(trace))


def test_another_trace_has_another_name(trace: Trace):
    assert encode_trace(trace)[0] != encode_trace(trace[:-1])[0]


def test_a_file_cut_short_is_refused(tmp_path: Path, trace: Trace):
    digest, data = encode_trace(trace)
    path = tmp_path / f"{digest}{SUFFIX}"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(GoldenseedError, match="is no whole gzip file"):
        read_trace(path)


def test_another_content_than_the_name_says_is_refused(tmp_path: Path):
    with pytest.raises(GoldenseedError, match="its name, a digest"):
        read_trace(written(tmp_path, b"{}", name="0" * 64))


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(GoldenseedError, match="cannot be read"):
        read_trace(tmp_path / f"{'0' * 64}{SUFFIX}")


def test_a_later_schema_is_refused(tmp_path: Path):
    with pytest.raises(GoldenseedError, match="schema version 2; this release reads 1"):
        read_trace(written(tmp_path, b'{"schema_version":2,"stages":[]}'))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("sha256", "abc", "stages.0.sha256"),
        ("stage", "dreaming", "stages.0.stage"),
        ("unknown", 1, "stages.0.unknown"),
        ("sketch", "AAAA", "a sketch cannot be read"),
        ("sketch", "!", "a sketch cannot be read"),
    ],
)
def test_a_record_that_is_none_is_refused(
    tmp_path: Path, trace: Trace, field: str, value: object, message: str
):
    document = json.loads(gzip.decompress(encode_trace(trace)[1]))
    document["stages"][0][field] = value
    with pytest.raises(GoldenseedError, match=message):
        read_trace(written(tmp_path, json.dumps(document).encode()))


def test_a_file_that_unpacks_to_far_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("goldenseed.trace.files._LIMIT_BYTES", 10_000)
    with pytest.raises(GoldenseedError, match="unpacks to more than 10,000 bytes"):
        read_trace(written(tmp_path, b" " * 1_000_000))
