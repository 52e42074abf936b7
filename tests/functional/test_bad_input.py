"""Bad input in whole sessions: one clear message, a truthful record, other cases not lost."""

from __future__ import annotations

import json
import re
import shutil
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from goldenseed.runs.folder import load_run
from goldenseed.runs.record import CaseRecord, RunRecord

if TYPE_CHECKING:
    from conftest import Project

BLUE = "colours[blue,seed=0]"
OTHERS = ("red-apple[seed=1]", "red-apple[seed=2]", "colours[red,seed=0]")
CASES = (*OTHERS, BLUE)

PATCHED_CALL = """
    import diffusers, functools, os, signal, sys
    original = diffusers.StableDiffusionPipeline.__call__
    @functools.wraps(original)
    def patched(self, *args, **kwargs):
        output = original(self, *args, **kwargs)
        if "blue" in kwargs["prompt"]:
            {body}
        return output
    def pytest_configure(config):
        diffusers.StableDiffusionPipeline.__call__ = patched
    def pytest_unconfigure(config):
        diffusers.StableDiffusionPipeline.__call__ = original
"""


def said(result: pytest.RunResult) -> str:
    """Return all that a session said, having checked that it is no traceback."""
    text = result.stdout.str() + result.stderr.str()
    assert "Traceback" not in text, text
    assert "INTERNALERROR" not in text, text
    return text


def the_run(project: Project) -> RunRecord:
    return load_run(project.path / "reports" / "latest")


def the_case(project: Project, case: str = BLUE) -> CaseRecord:
    return next(each for each in the_run(project).cases if each.id == case)


def the_image_of(project: Project, case: str = BLUE) -> Path:
    """Return the file of the case's only accepted image."""
    entry = json.loads((project.path / "baselines" / "tiny" / f"{case}.json").read_text())
    (profile,) = entry["profiles"].values()
    digest = profile["accepted"][0]["pixels_sha256"]
    return project.path / "baselines" / "images" / digest[:2] / f"{digest}.png"


def assert_only_blue_is_an_error(project: Project, result: pytest.RunResult) -> CaseRecord:
    said(result)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=3, failed=1)
    assert project.verdicts() == {**dict.fromkeys(OTHERS, "identical"), BLUE: "error"}
    assert the_run(project).complete
    return the_case(project)


# Suite files


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("suite: tiny", "suite: [tiny", 2, "*"),
        ("id: red-apple", "id: ../red-apple", 8, "*"),
        ("id: red-apple", "id: red/apple", 8, "*"),
        ("id: red-apple", "id: red..apple", 8, "*leads out of a folder*"),
        ("suite: tiny", "suite: ../tiny", 1, "*"),
        ("source: model", "source: ../model", 2, "*leaves its folder*"),
        ("id: colours", "id: red-apple", 11, "*"),
        ("gates:", "gate:", 5, "*"),
        ("prompt: a red apple", "prompt: &a [*a, *a]", 9, "*"),
        ("seeds: [1, 2]", "seeds: [1, -1]", 10, "*"),
    ],
)
def test_a_bad_suite_file_is_one_message_with_file_and_line(
    project: Project, old: str, new: str, line: int, message: str
):
    project.edit(old, new)

    result = project.run()

    assert f"tiny.suite.yaml:{line}:" in said(result)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([message])
    assert not (project.path / "reports").exists()


def test_a_suite_that_is_not_utf8_is_one_message(project: Project):
    project.suite.write_bytes(project.suite.read_bytes().replace(b"red apple", b"r\xe9d apple"))
    result = project.run()
    assert "tiny.suite.yaml:9: " in said(result)
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_a_bad_suite_does_not_take_the_others_along_and_the_record_says_so(project: Project):
    (project.path / "bad.suite.yaml").write_text("suite: [")
    result = project.run("--continue-on-collection-errors")
    assert re.search(r"bad\.suite\.yaml:\d: is not valid YAML", said(result))
    result.assert_outcomes(failed=4, errors=1)
    assert len(the_run(project).cases) == 4
    assert not the_run(project).complete


# The model


def own_model(project: Project) -> Path:
    """Give the project a copy of the model, to be damaged."""

    link = project.path / "model"
    source = link.resolve()
    link.unlink()
    shutil.copytree(source, link)
    return link


def truncate(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])


def claim_too_much(file: Path) -> None:
    """Write a header length far beyond the file."""
    file.write_bytes(struct.pack("<Q", 1 << 62) + file.read_bytes()[8:])


def scramble(file: Path) -> None:
    """Spoil the JSON header, keeping the size."""
    data = bytearray(file.read_bytes())
    data[8:40] = bytes(32)
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("place", "damage"),
    [
        ("unet/diffusion_pytorch_model.safetensors", truncate),
        ("vae/diffusion_pytorch_model.safetensors", claim_too_much),
        ("text_encoder/model.safetensors", scramble),
        ("unet/diffusion_pytorch_model.safetensors", Path.unlink),
        ("unet/config.json", truncate),
        ("tokenizer", shutil.rmtree),
        ("model_index.json", Path.unlink),
        ("scheduler/scheduler_config.json", Path.unlink),
    ],
)
def test_a_damaged_model_is_an_error_of_each_case_that_names_the_file(
    project: Project, place: str, damage: Callable[[Path], None]
):
    project.accept_all()
    before = project.baselines()
    damage(own_model(project) / place)

    result = project.run()

    said(result)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=4)
    assert the_run(project).complete
    for case in CASES:
        record = the_case(project, case)
        assert record.verdict == "error"
        assert record.error is not None
        assert place.partition("/")[0] in record.error
        assert "fix: " in record.error
    assert project.baselines() == before


def test_a_model_that_does_not_load_is_tried_once(project: Project):
    project.conftest(
        """
        import diffusers
        calls = []
        def from_pretrained(*args, **kwargs):
            calls.append(args)
            raise RuntimeError("not on my watch")
        def pytest_configure(config):
            diffusers.StableDiffusionPipeline.from_pretrained = from_pretrained
        def pytest_unconfigure(config):
            del diffusers.StableDiffusionPipeline.from_pretrained  # it was the base class's
        def pytest_terminal_summary(terminalreporter):
            terminalreporter.write_line(f"loads: {len(calls)}")
        """
    )
    project.edit("seeds: [1, 2]", "seeds: {start: 0, count: 18}")

    result = project.run()

    result.stdout.fnmatch_lines(["loads: 1"])
    result.assert_outcomes(failed=20)
    errors = {case.error for case in the_run(project).cases}
    assert len(errors) == 1
    assert "not on my watch" in str(errors.pop())
    said(result)


# The pipeline's call


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise RuntimeError('no such shape')", "RuntimeError: no such shape"),
        ("raise MemoryError", "MemoryError"),
        ("sys.exit('enough')", "SystemExit: enough"),
        ("raise AssertionError", "AssertionError"),
        ("output.images[:] = float('nan')", "NaN in 100.0% of the image"),
        ("output.images[0, :8] = float('inf')", "infinite values in 25.0% of the image"),
        ("output.images = []", "returned no images"),
        ("output = None", "returned no images"),
        ("output.images = [{}]", "is no image"),
        ("output.images = ['a picture']", "the file that was returned is no picture"),
    ],
)
def test_a_call_that_goes_wrong_is_an_error_of_that_case_only(
    project: Project, body: str, message: str
):
    project.accept_all()
    before = project.baselines()
    project.conftest(PATCHED_CALL.format(body=body))

    record = assert_only_blue_is_an_error(project, project.run())

    assert record.error is not None
    assert message in record.error
    assert record.image is None
    assert project.baselines() == before


def test_the_message_names_the_case_in_its_file_and_the_fix(project: Project):
    project.accept_all()
    project.conftest(PATCHED_CALL.format(body="raise RuntimeError('no such shape')"))
    project.run().stdout.fnmatch_lines(
        [
            f"ERROR tiny.suite.yaml::{BLUE}".replace("[", "[[]"),
            "*tiny.suite.yaml:11: StableDiffusionPipeline raised RuntimeError: no such shape",
            "*fix: *",
        ]
    )


@pytest.mark.parametrize("option", ["--tb=long", "--full-trace"])
def test_the_original_traceback_is_shown_on_request(project: Project, option: str):
    project.conftest(PATCHED_CALL.format(body="raise RuntimeError('no such shape')"))
    result = project.run(option, "-k", "blue")
    result.stdout.fnmatch_lines(
        ["*- Captured traceback call -*", "*conftest.py*in patched", "RuntimeError: no such shape"]
    )


def test_an_image_of_a_kind_that_cannot_be_judged_is_an_error(project: Project):
    project.accept_all()
    body = "from PIL import Image; output.images = [Image.new('CMYK', (32, 32))]"
    project.conftest(PATCHED_CALL.format(body=body))
    record = assert_only_blue_is_an_error(project, project.run())
    assert record.reasons[0].code == "unusable_image"
    assert "CMYK" in str(record.error)


def test_a_hook_that_raises_before_a_case_is_an_error_of_that_case(project: Project):
    project.accept_all()
    project.conftest(
        """
        def pytest_runtest_setup(item):
            assert "blue" not in item.name, "no blue today"
        """
    )
    result = project.run()
    result.assert_outcomes(passed=3, errors=1)
    record = the_case(project)
    assert record.verdict == "error"
    assert "no blue today" in str(record.error)
    assert the_run(project).complete


def test_nothing_in_error_is_ever_accepted(project: Project):
    project.conftest(PATCHED_CALL.format(body="raise RuntimeError('no such shape')"))
    result = project.run("--golden-update=all")
    result.assert_outcomes(passed=3, failed=1)
    assert not (project.path / "baselines" / "tiny" / f"{BLUE}.json").exists()


# Baselines


def a_bomb(_image: Path) -> bytes:
    """Return a PNG of 50,000 x 50,000 grey pixels in 3 MB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    side = 50_000
    packer = zlib.compressobj(9)
    row = bytes(side + 1)
    packed = b"".join(packer.compress(row * 100) for _ in range(5)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def of_another_size(image: Path) -> bytes:
    Image.new("RGB", (48, 32)).save(image)
    return image.read_bytes()


@pytest.mark.parametrize("drifts", [False, True], ids=["same pixels", "other pixels"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda image: image.read_bytes()[: image.stat().st_size // 2],
        lambda image: b"",
        lambda image: b"<html>not found</html>",
        lambda image: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        of_another_size,
        a_bomb,
    ],
    ids=["truncated", "empty", "no image", "git lfs pointer", "another size", "bomb"],
)
def test_a_spoilt_baseline_image_is_an_error_that_names_it(
    project: Project, spoil: Callable[[Path], bytes], drifts: bool
):
    project.accept_all()
    image = the_image_of(project)
    spoilt = spoil(image)
    image.write_bytes(spoilt)
    before = project.baselines()
    if drifts:
        project.conftest(PATCHED_CALL.format(body="output.images = 1 - output.images"))

    record = assert_only_blue_is_an_error(project, project.run())

    assert image.name in str(record.error)
    fix = "git lfs pull" if b"git-lfs" in spoilt else "git checkout"
    assert f"fix: {fix}" in str(record.error)
    assert record.reasons[0].code == "unreadable_baseline"
    assert record.image is not None
    assert project.baselines() == before


def test_a_missing_baseline_image_is_an_error_that_names_it(project: Project):
    project.accept_all()
    image = the_image_of(project)
    image.unlink()
    record = assert_only_blue_is_an_error(project, project.run())
    assert f"{image}: the accepted image is missing" in str(record.error)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"seed": 0', '"seed": 7', r":\d+: the recipe does not fit its recipe_sha256"),
        ('"case": ', '"kase": ', r":2: .*kase"),
        ('"schema_version": 1', '"schema_version": 9', r":\d+: has the schema version 9"),
        ('"accepted": [', '"accepted": [[', r":\d+: is not JSON"),
        ('"suite": "tiny"', '"suite": "../tiny"', r":\d+: names the suite '../tiny'"),
        ('  "case"', '<<<<<<< HEAD\n  "case"', r":2: a merge conflict"),
    ],
)
def test_a_hand_edited_baseline_is_an_error_with_its_line(
    project: Project, old: str, new: str, message: str
):
    project.accept_all()
    entry = project.path / "baselines" / "tiny" / f"{BLUE}.json"
    project.edit(old, new, entry)
    before = project.baselines()

    record = assert_only_blue_is_an_error(project, project.run())

    assert re.search(re.escape(str(entry)) + message, str(record.error))
    assert "fix: " in str(record.error)
    assert project.baselines() == before


def test_a_baseline_edited_by_hand_stops_only_its_own_update(project: Project):
    project.accept_all()
    entry = project.path / "baselines" / "tiny" / f"{BLUE}.json"
    entry.write_text("{")
    before = project.baselines()
    result = project.run("--golden-update=all")
    result.assert_outcomes(passed=3, failed=1)
    assert project.baselines() == before


# The disk


@pytest.mark.parametrize("folder", ["reports", "baselines"])
def test_a_file_where_a_folder_should_be_is_a_message_with_the_fix(project: Project, folder: str):
    (project.path / folder).write_text("in the way")
    result = project.run("--golden-update=missing")
    text = said(result)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert str(project.path / folder) in text
    assert "fix: " in text
    assert (project.path / folder).read_text() == "in the way"
    if folder == "baselines":
        assert len(the_run(project).cases) == 4


def test_something_in_the_place_of_latest_costs_only_the_link(project: Project):
    (project.path / "reports").mkdir()
    (project.path / "reports" / "latest").write_text("in the way")
    result = project.run("--golden-update=missing")
    text = said(result)
    assert "is in the way: it should be a link to the newest run" in text
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    (folder,) = (path for path in (project.path / "reports").iterdir() if path.is_dir())
    run = load_run(folder)
    assert (run.complete, len(run.cases)) == (True, 4)
    assert (folder / "index.html").is_file()
    assert len(project.baselines()) > 4


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Any:
    """Return a function that mounts a file system of so many KiB."""
    import subprocess

    place = tmp_path_factory.mktemp("disk")

    def mount(kib: int) -> Path:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "goldenseed-test", place],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            pytest.skip(f"mounting is not permitted here: {made.stderr.strip()}")
        request.addfinalizer(lambda: subprocess.run(["umount", "-l", place], check=True))
        return place

    return mount


def test_a_disk_full_from_the_start_is_a_message(project: Project, small_disk: Any):
    disk = small_disk(64)
    (disk / "filler").write_bytes(bytes(60 * 1024))
    result = project.run(f"--golden-reports={disk}")
    text = said(result)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "No space left on device" in text
    assert "free some disk space" in text


def test_a_disk_that_fills_in_mid_run_leaves_what_ended_before(project: Project, small_disk: Any):
    project.edit("seeds: [1, 2]", "seeds: {start: 0, count: 40}")
    disk = small_disk(240)  # the environment's packages alone may take half of it
    result = project.run(f"--golden-reports={disk}")
    text = said(result)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "No space left on device" in text
    (folder,) = (path for path in disk.iterdir() if path.is_dir() and not path.is_symlink())
    run = load_run(folder)
    assert len(run.cases) > 3
    assert any(case.verdict == "new" for case in run.cases)


def test_a_full_disk_does_not_touch_the_baselines(project: Project, small_disk: Any):
    disk = small_disk(200)
    project.run(f"--golden-baselines={disk / 'baselines'}", "--golden-update=missing")
    before = {path: path.read_bytes() for path in disk.rglob("*.json")}
    assert before
    with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))
    project.edit("num_inference_steps: 3", "num_inference_steps: 2")

    result = project.run(f"--golden-baselines={disk / 'baselines'}", "--golden-update=all")

    assert "No space left on device" in said(result)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert {path: path.read_bytes() for path in disk.rglob("*.json")} == before
    assert the_run(project).complete
