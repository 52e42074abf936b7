"""Files that somebody else wrote: what they name is not run, not followed and not waited for."""

from __future__ import annotations

import http.server
import json
import os
import socketserver
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any, ClassVar

import pytest

from commands import goldenseed
from goldenseed.backends.diffusers.description import files_of
from goldenseed.backends.diffusers.weights import check_model
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_json
from goldenseed.runs.folder import load_run
from goldenseed.suite.pipelines import size_multiple

RECORD: dict[str, Any] = {
    "schema_version": 1,
    "run_id": "20261120T151233Z-3f9a",
    "started": "2026-11-20T15:12:33Z",
    "finished": "2026-11-20T15:12:40Z",
    "complete": True,
    "cases": [
        {
            "id": "a[seed=1]",
            "suite": "s",
            "path": "s.suite.yaml",
            "recipe": {"call": {}},
            "recipe_sha256": "0" * 64,
            "verdict": "drift",
            "passed": False,
        }
    ],
}


def written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(text)
    return folder


def edited(folder: Path, **fields: Any) -> Path:
    return written(folder, json.dumps({**RECORD, **fields}))


def with_case(folder: Path, **fields: Any) -> Path:
    return edited(folder, cases=[{**RECORD["cases"][0], **fields}])


@pytest.mark.parametrize(
    "run_id", ["x/../../../PWN", "..", "/tmp/x", "a\\b", "a\0b", "a\nb", "", ".hidden", "x" * 300]
)
def test_no_name_of_a_run_leads_out_of_the_reports(tmp_path: Path, run_id: str):
    good = edited(tmp_path / "good")
    bad = edited(tmp_path / "bad", run_id=run_id)
    done = goldenseed(tmp_path, "diff", str(good), str(bad), "--reports", str(tmp_path / "r"))
    assert done.returncode == 2
    assert "run_id" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"2026-11-20T15:12:33Z"', '"2026-11-20T15:12:33"', "timezone"),
        ('"complete": true', '"complete": 1e999', "too large"),
        ('"complete": true', f'"complete": 1{"0" * 400}', "too large"),
        ('"s.suite.yaml"', '"\\ud800"', "surrogate"),
        ('"call"', '"\\udfff"', "surrogate"),
        ('"drift"', '"\\ud83d"', "surrogate"),
    ],
)
def test_a_record_that_nobody_can_compute_with_is_one_error(
    tmp_path: Path, old: str, new: str, said: str
):
    text = json.dumps(RECORD)
    assert old in text
    done = goldenseed(tmp_path, "report", str(written(tmp_path, text.replace(old, new))))
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_whole_surrogate_pairs_and_large_numbers_are_read(tmp_path: Path):
    file = tmp_path / "a.json"
    file.write_text('["\\ud83c\\udf4e", 1e308, -1e-999, 123456789012345678901234567890]')
    assert read_json(file) == ["🍎", 1e308, 0.0, 123456789012345678901234567890]


@pytest.mark.parametrize("verdict", ["error", "new", "incomparable", "rejected", "drift"])
def test_passed_is_not_believed_beside_a_verdict_that_fails(tmp_path: Path, verdict: str):
    folder = with_case(tmp_path, verdict=verdict, passed=True)
    assert not load_run(folder).cases[0].passed
    assert goldenseed(tmp_path, "report", str(folder)).returncode == 0
    assert "cases pass" not in (folder / "summary.md").read_text()
    assert "the one case passes" not in (folder / "summary.md").read_text()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("place", ["run.json", "images/a.png"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, place: str):
    folder = with_case(tmp_path / "run", image="images/a.png")
    (folder / "images").mkdir()
    (folder / place).unlink(missing_ok=True)
    os.mkfifo(folder / place)
    done = goldenseed(tmp_path, "report", str(folder))
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if place == "run.json" else 0), done.stderr


@pytest.fixture
def model(tmp_path: Path) -> Path:
    from tiny_pipelines import tiny_stable_diffusion

    tiny_stable_diffusion(tmp_path / "model")
    return tmp_path / "model"


def index(model: Path, **parts: object) -> None:
    file = model / "model_index.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **parts}))


@pytest.mark.parametrize("library", ["mymodel", "os", "json", "diffusers_modules", "conftest"])
def test_a_part_from_any_other_module_is_refused_before_it_is_imported(model: Path, library: str):
    index(model, scheduler=[library, "XScheduler"])
    with pytest.raises(GoldenseedError, match="whose code is never run"):
        check_model(model)


def test_parts_of_diffusers_own_pipelines_are_taken(model: Path):
    (model / "safety_checker").mkdir()
    index(model, safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"])
    with pytest.raises(GoldenseedError, match=r"config\.json"):  # only its files are missing
        check_model(model)


@pytest.mark.parametrize("name", ["../../../outside", "/etc", "a/b", "aa" * 1500])
@pytest.mark.parametrize("value", [[1], [1, 2], ["diffusers", "XScheduler"], [True, "x", {}]])
def test_no_name_of_a_part_leads_out_of_the_model(model: Path, name: str, value: list[object]):
    index(model, **{name: value})
    if all(isinstance(each, str) for each in value):
        with pytest.raises(GoldenseedError, match="no plain word"):
            check_model(model)
        return
    files = files_of(check_model(model)).values()
    assert all(file.is_relative_to(model) and ".." not in file.parts for file in files)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("place", ["model_index.json", "unet/config.json"])
def test_a_pipe_in_a_model_is_not_waited_for(model: Path, place: str):
    (model / place).unlink()
    os.mkfifo(model / place)
    with pytest.raises(GoldenseedError, match="not a regular file"):
        check_model(model)


def test_an_endless_file_in_a_model_is_not_read(model: Path):
    (model / "unet" / "config.json").unlink()
    (model / "unet" / "config.json").symlink_to("/dev/zero")
    with pytest.raises(GoldenseedError, match="not a regular file"):
        check_model(model)


@pytest.mark.parametrize(
    "config",
    [
        {"_class_name": []},
        {"_class_name": {}},
        {"_class_name": "AutoencoderKL", "block_out_channels": [1] * 14_500},
        {"_class_name": "AutoencoderKL", "block_out_channels": []},
    ],
)
def test_a_decoder_of_which_nothing_can_be_told_asks_for_no_size(
    model: Path, config: dict[str, object]
):
    (model / "vae" / "config.json").write_text(json.dumps(config))
    assert size_multiple(model) is None


def png_with(orientation: bytes) -> bytes:
    """Return a PNG of one pixel whose EXIF data is as given."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    parts = [
        (b"IHDR", head),
        (b"eXIf", orientation),
        (b"IDAT", zlib.compress(b"\0\0")),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in parts)


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"x",
        b"II*\0\x08\0\0\0",
        # one entry: orientation as text
        b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHI4s", 0x112, 2, 2, b"6\0\0\0") + b"\0\0\0\0",
        # as the number 9, which is none of the eight
        b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x112, 3, 1, 9, 0) + b"\0\0\0\0",
    ],
    ids=["none", "one-byte", "no-entries", "text", "nine"],
)
def test_broken_exif_data_is_no_reason_to_stop(tmp_path: Path, exif: bytes):
    (tmp_path / "a.png").write_bytes(png_with(exif))
    (tmp_path / "b.png").write_bytes(png_with(b"MM"))
    done = goldenseed(tmp_path, "compare", "a.png", "b.png")
    assert "Traceback" not in done.stderr + done.stdout
    assert done.returncode in (0, 2), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        ('cases: [{id: a, prompt: p, seeds: [1], marks: ["__class__"]}]', "is no mark"),
        (f"mask: {'a' * 5000}\ncases: [{{id: a, prompt: p, seeds: [1]}}]", "cannot be a file"),
        ("cases: [{id: a, prompt: p, seeds: [1], marks: [_x]}]", "is no mark"),
    ],
)
def test_a_hostile_suite_is_an_error_of_its_collection(
    pytester: pytest.Pytester, suite: str, said: str
):
    (pytester.path / "m").mkdir()
    (pytester.path / "x.suite.yaml").write_text(f"suite: x\nmodel: {{source: m}}\n{suite}\n")
    result = pytester.runpytest("-q")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    output = result.stdout.str()
    assert said in output
    assert "Traceback" not in output
    assert "INTERNALERROR" not in output


ASKS_A_HUB = """
import sys
from pathlib import Path
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "x.suite.yaml"]))
"""


@pytest.mark.parametrize("part", ["text_encoder", "unet"])
def test_no_configuration_makes_a_model_ask_a_hub(tmp_path: Path, model: Path, part: str):
    config = model / part / "config.json"
    backbone = {"use_pretrained_backbone": True, "backbone": "evil/backbone"}
    asks = {"model_type": "detr", "use_timm_backbone": False, "backbone_config": None, **backbone}
    config.write_text(json.dumps({**json.loads(config.read_text()), **asks}))
    if part == "text_encoder":
        index(model, text_encoder=["transformers", "DetrModel"])
    (tmp_path / "x.suite.yaml").write_text(
        "suite: x\nmodel: {source: model}\ncases: [{id: a, prompt: p, seeds: [1]}]\n"
    )
    with socketserver.TCPServer(("127.0.0.1", 0), Refusing) as server:
        Refusing.seen.clear()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        here = {key: value for key, value in os.environ.items() if "OFFLINE" not in key}
        done = subprocess.run(
            [sys.executable, "-c", ASKS_A_HUB],
            cwd=tmp_path,
            env={**here, "HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "hub")},
            capture_output=True,
            text=True,
            check=False,
        )
        server.shutdown()
    assert done.returncode == 1, done.stdout + done.stderr  # an error, or new
    assert Refusing.seen == []


class Refusing(http.server.BaseHTTPRequestHandler):
    seen: ClassVar[list[str]] = []

    def do_GET(self):
        self.seen.append(self.path)
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def log_message(self, *_: object):
        """Say nothing."""


def test_no_escape_sequence_reaches_the_terminal(tmp_path: Path):
    folder = edited(tmp_path / "run", options={"\x1b[31m": "\x1b]0;x\x07"}, surprise="\x1b[2J")
    for verb in ("report", "accept", "runs"):
        given = ["--reports", str(tmp_path)] if verb == "runs" else [str(folder)]
        done = goldenseed(tmp_path, verb, *given)
        assert "\x1b" not in done.stdout + done.stderr
    done = goldenseed(tmp_path, "report", "\x1b[31mred")
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
