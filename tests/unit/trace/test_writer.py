"""The writer for other engines: by NumPy alone, and to the bit what the recorder writes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.trace import writer
from goldenseed.trace.files import read_foreign_trace
from goldenseed.trace.stages import Stage, StageRecord
from goldenseed.trace.writer import DTYPES, STAGES, Writer

PAGE = Path(__file__).parents[3] / "docs" / "trace-format.md"
ALONE = """
import runpy, sys
sys.path.insert(0, {packages!r})
import numpy as np
Writer = runpy.run_path({file!r})["Writer"]
trace = Writer()
trace.add("initial_noise", np.arange(6, dtype="float32").reshape(1, 2, 3))
trace.add("pixels", np.zeros((2, 2, 3), "uint8"))
print(trace.write("a.trace.json.gz"))
known = set(sys.stdlib_module_names) | {{"numpy"}}
print({{each.partition(".")[0] for each in sys.modules}} - known - {{"__main__"}})
"""


def recorded(folder: Path, values: Any, **more: Any) -> StageRecord:
    trace = Writer()
    trace.add("initial_noise", values, **more)
    trace.write(folder / "a.trace.json.gz")
    (found,) = read_foreign_trace(folder / "a.trace.json.gz")
    return found


def by_the_recorder(tensor: torch.Tensor) -> StageRecord:
    recorder = Recorder()
    recorder.add(Stage.INITIAL_NOISE, None, tensor)
    (found,) = recorder.trace
    return found


def test_its_stages_are_those_that_there_are():
    assert tuple(each.value for each in Stage) == STAGES


def test_it_runs_where_there_is_nothing_but_numpy(tmp_path: Path):
    packages = tmp_path / "packages"
    packages.mkdir()
    installed = Path(np.__file__).parent
    for each in (installed, installed.with_name("numpy.libs")):
        if each.exists():
            (packages / each.name).symlink_to(each, target_is_directory=True)
    code = ALONE.format(packages=str(packages), file=writer.__file__)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=tmp_path,
        env={"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    digest, others = done.stdout.split()
    assert others == "set()"
    assert len(digest) == 64
    noise, pixels = read_foreign_trace(tmp_path / "a.trace.json.gz")
    assert noise == by_the_recorder(torch.arange(6.0).reshape(1, 2, 3))
    assert (pixels.stage, pixels.shape, pixels.norm) == (Stage.PIXELS, (2, 2, 3), None)


SAME_IN_TORCH = [each for each in DTYPES if hasattr(torch, each) and each != "bfloat16"]


@settings(max_examples=80, deadline=None)
@given(data=st.data(), dtype=st.sampled_from(SAME_IN_TORCH))
def test_a_record_is_the_recorder_s_whatever_the_values(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, dtype: str
):
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6))
    values = data.draw(arrays.arrays(dtype, shape))
    tensor = torch.from_numpy(values.copy()).reshape(shape)
    assert recorded(tmp_path_factory.getbasetemp(), values) == by_the_recorder(tensor)


@pytest.mark.parametrize(
    "make",
    [
        lambda values: values.astype(">f4"),
        np.asfortranarray,
        lambda values: np.repeat(values, 2, axis=1)[:, ::2],
        lambda values: values[::-1][::-1],
        lambda values: values.tolist() and np.ma.array(values),
    ],
    ids=["big-endian", "columns first", "every second", "reversed twice", "masked"],
)
def test_how_the_values_lie_in_memory_changes_nothing(make: Any, tmp_path: Path):
    values = np.random.default_rng(1).standard_normal((3, 4, 5)).astype("float32")
    assert recorded(tmp_path, make(values)) == by_the_recorder(torch.from_numpy(values))


def test_bfloat16_is_given_as_its_bits(tmp_path: Path):
    tensor = torch.randn(2, 3, generator=torch.Generator().manual_seed(1)).bfloat16()
    bits = tensor.view(torch.uint16).numpy()
    assert recorded(tmp_path, bits, dtype="bfloat16") == by_the_recorder(tensor)


def test_records_of_one_part_are_counted(tmp_path: Path):
    trace = Writer()
    for source in ("prior", "scheduler", "prior"):
        trace.add("denoising_step", np.ones(2), source)
    trace.write(tmp_path / "a.trace.json.gz")
    read = read_foreign_trace(tmp_path / "a.trace.json.gz")
    assert [(each.source, each.index) for each in read] == [
        ("prior", 0),
        ("scheduler", 0),
        ("prior", 1),
    ]


@pytest.mark.parametrize(
    ("stage", "values", "more", "message"),
    [
        ("noise", np.ones(2), {}, "there is no stage 'noise'"),
        ("sigmas", np.array(["a"]), {}, "sigmas: the values are str"),
        ("sigmas", np.array([object()]), {}, "sigmas: the values are object"),
        ("sigmas", np.ones(2, np.longdouble), {}, "sigmas: the values are "),
        ("sigmas", np.ones(2), {"dtype": "float16"}, "float64, not float16"),
        ("sigmas", np.ones(2), {"source": 3}, "sigmas: a source is a name, not 3"),
        ("sigmas", np.ones(2, "float32"), {"dtype": "bfloat16"}, "float32, not bfloat16"),
    ],
)
def test_what_is_no_record_is_refused(stage: str, values: Any, more: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=re.escape(message)):
        Writer().add(stage, values, **more)


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path):
    (tmp_path / "a").mkdir()
    trace = Writer()
    trace.add("sigmas", np.ones(2))
    with pytest.raises(OSError, match="directory"):
        trace.write(tmp_path / "a")
    assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208


def test_the_page_s_example_writes_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "Writer()" in block]
    exec(compile(code, str(PAGE), "exec"), {})
    stages = [
        each.stage for each in read_foreign_trace(tmp_path / "red-apple[seed=1].trace.json.gz")
    ]
    assert stages == [
        Stage.SIGMAS,
        Stage.INITIAL_NOISE,
        *[Stage.DENOISING_STEP] * 4,
        Stage.PIXELS,
    ]
