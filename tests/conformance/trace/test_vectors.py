"""Test vectors of trace files, and the formula of docs/trace-format.md, held against the code."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from goldenseed.cli.schema import trace_json_schema
from goldenseed.core.errors import GoldenseedError
from goldenseed.trace.files import read_foreign_trace
from goldenseed.trace.writer import DTYPES, STAGES, Writer, hashed, measure

HERE = Path(__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "trace-format.md"
VECTORS = json.loads((HERE / "values.json").read_text(encoding="utf-8"))
REFUSED = json.loads((HERE / "refused.json").read_text(encoding="utf-8"))
Formula = Callable[[list[float], bool], tuple[float | None, list[float]]]


def values_of(vector: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Read a vector's array as docs say, bfloat16 as its bits."""
    if "counted" in vector:
        numbers = ((i * 2654435761 % 2**32 - 2**31) / 2**31 for i in range(vector["counted"]))
        return np.array(list(numbers)).astype("float32")
    dtype = "uint16" if vector["dtype"] == "bfloat16" else vector["dtype"]
    data = base64.b64decode(vector["bytes"])
    return np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).reshape(vector["shape"])


@pytest.fixture(scope="module")
def formula() -> Formula:
    """The formula as the page has it, which imports ``math`` alone."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "def norm_and_sums" in block]
    found: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), found)
    return found["norm_and_sums"]  # type: ignore[no-any-return]


def as_text(sums: list[float], *, wide: bool) -> str:
    """Write sums as the page says."""
    with np.errstate(over="ignore"):
        narrow = sums if wide else np.array(sums).astype(np.float32).tolist()
    quiet = [math.nan if math.isnan(each) else each for each in narrow]
    data = b"".join(struct.pack("<d" if wide else "<f", each) for each in quiet)
    return base64.b64encode(data).decode()


def flat(values: np.ndarray[Any, Any]) -> list[float]:
    numbers = values.reshape(-1)
    found: list[float] = numbers.view(numbers.real.dtype).tolist()
    return found


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: str(each["name"]))
def test_a_record_of_a_vector_s_values_is_the_vector(vector: dict[str, Any], tmp_path: Path):
    trace = Writer()
    dtype = "bfloat16" if vector["dtype"] == "bfloat16" else None
    trace.add("initial_noise", values_of(vector), dtype=dtype)
    trace.write(tmp_path / "a.trace.json.gz")
    (record,) = read_foreign_trace(tmp_path / "a.trace.json.gz")
    found = record.model_dump(mode="json")
    wanted = ("shape", "dtype", "sha256", "norm", "sketch")
    assert {key: found[key] for key in wanted} == {key: vector[key] for key in wanted}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: str(each["name"]))
def test_the_page_s_formula_gives_the_vectors(vector: dict[str, Any], formula: Formula):
    values = values_of(vector)
    if vector["dtype"] == "bfloat16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    if vector["sketch"] is None:
        assert values.dtype.kind not in "fc" or not values.size
        return
    wide = vector["dtype"] in {"float64", "complex128"}
    norm, sums = formula(flat(values), wide)
    assert norm == vector["norm"]
    assert as_text(sums, wide=wide) == vector["sketch"]


@settings(max_examples=150, deadline=None)
@given(
    wide=st.booleans(),
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=600),
)
@example(wide=True, values=[1.7e308] * 4)
@example(wide=True, values=[1.7976931348614984e308])
@example(wide=False, values=[math.inf, -math.inf, 1.0])
def test_the_page_s_formula_is_the_writer_s(formula: Formula, *, wide: bool, values: list[float]):
    with np.errstate(over="ignore"):
        array = np.array(values, dtype=np.float64 if wide else np.float32)
    ((norm, sketch),) = measure([array])
    expected, sums = formula(array.tolist(), wide)
    assert norm == expected
    assert sketch == as_text(sums, wide=wide)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), wide=st.booleans(), vector=st.sampled_from(VECTORS))
def test_no_order_and_no_grouping_changes_a_bit(
    data: st.DataObject, *, wide: bool, vector: dict[str, Any]
):
    """The sums of any parts, each in any order, are those of the whole."""
    values = values_of(vector)
    if values.dtype.kind != "f" or not values.size or not float(np.abs(values).max()) < 1e38:
        values = np.arange(1, 40) / 7
    numbers = values.reshape(-1)[:5000].astype(np.float64 if wide else np.float32)
    ((norm, sketch),) = measure([numbers])
    order = np.array(data.draw(st.permutations(range(min(numbers.size, 50)))))
    rest = np.random.default_rng(data.draw(st.integers(0, 9))).permutation(
        np.arange(order.size, numbers.size)
    )
    order = np.concatenate([order, rest])
    shuffled = numbers[order]
    assert measure([shuffled])[0][0] == norm
    exponent = max(math.frexp(float(np.abs(numbers).max()))[1], -980)
    scaled = np.ldexp(shuffled.astype(np.float64), 40 - exponent)
    whole = np.rint(scaled)
    low = np.rint((scaled - whole) * 2.0**40)
    cut = data.draw(st.integers(0, numbers.size))
    sums = np.zeros((2, 256), dtype=np.int64)
    for part in (slice(cut, None), slice(0, cut)):
        cells = hashed(0)[order[part]].astype(np.int64)
        sign = np.where(cells < 256, 1, -1)
        for row, numbers_of in enumerate((whole, low)):
            np.add.at(sums[row], cells % 256, sign * numbers_of[part].astype(np.int64))
    found = np.ldexp(sums[0].astype(np.float64), exponent - 40)
    if wide:
        found += np.ldexp(sums[1].astype(np.float64), exponent - 80)
    assert as_text(found.tolist(), wide=wide) == sketch


def written(folder: Path, document: object) -> Path:
    path = folder / "a.trace.json.gz"
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    return path


@pytest.mark.parametrize("wrong", REFUSED, ids=lambda each: str(each["name"]))
def test_what_is_no_trace_is_refused_by_reader_and_schema(wrong: dict[str, Any], tmp_path: Path):
    with pytest.raises(GoldenseedError) as caught:
        read_foreign_trace(written(tmp_path, wrong["document"]))
    assert wrong["said"] in caught.value.what
    assert "\n" not in caught.value.what
    assert not Draft202012Validator(trace_json_schema()).is_valid(wrong["document"])


def test_the_example_is_read_and_fits_the_schema():
    path = HERE / "example.trace.json.gz"
    text = gzip.decompress(path.read_bytes())
    Draft202012Validator(trace_json_schema()).validate(json.loads(text))
    read = [(each.stage.value, each.index, each.dtype) for each in read_foreign_trace(path)]
    assert read == [
        ("token_ids", 0, "int64"),
        ("sigmas", 0, "float32"),
        ("initial_noise", 0, "bfloat16"),
        ("denoising_step", 0, "float32"),
        ("denoising_step", 1, "float32"),
        ("pixels", 0, "uint8"),
    ]


def test_the_schema_beside_the_vectors_is_the_one_that_is_printed():
    kept = json.loads((HERE / "trace.schema.json").read_text(encoding="utf-8"))
    assert kept == trace_json_schema()
    Draft202012Validator.check_schema(kept)


WHOLE = st.one_of(
    st.integers(-2, 5), st.sampled_from([2**53, 2**53 + 1, 10**30, True, "1", None, 0.5])
)
TEXT = st.one_of(st.none(), st.integers(), st.text(max_size=3), st.just("a" * 1001))
SKETCH = st.one_of(
    st.none(),
    st.integers(),
    st.sampled_from(["A" * 1366 + "==", "A" * 2731 + "=", "A" * 1368, "A" * 1365 + "===", "", "é"]),
)
RECORD = st.fixed_dictionaries(
    {},
    optional={
        "stage": st.sampled_from([*STAGES, "noise", "", None, 3]),
        "index": WHOLE,
        "source": TEXT,
        "shape": st.one_of(st.lists(WHOLE, max_size=3), st.none(), st.just([1] * 65)),
        "dtype": st.one_of(st.sampled_from([*DTYPES, "float8_e4m3fn"]), TEXT),
        "sha256": st.sampled_from(["0" * 64, "f" * 64, "F" * 64, "0" * 63, "0" * 65, None, 1]),
        "norm": st.one_of(st.none(), st.booleans(), st.integers(-1, 3), st.floats(-1, 3), TEXT),
        "sketch": SKETCH,
        "values": st.none(),
    },
)
GOOD = {"stage": "sigmas", "index": 0, "shape": [5], "dtype": "float32", "sha256": "0" * 64}


@settings(max_examples=250, deadline=None)
@given(
    version=st.sampled_from([1, 1, 1, 1, 2, "1", None, True]),
    change=RECORD,
    lacking=st.sampled_from([None, None, None, *GOOD]),
    more=st.booleans(),
)
def test_reader_and_schema_agree_on_every_document(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    version: object,
    change: dict[str, Any],
    lacking: str | None,
    more: bool,
):
    record = {key: value for key, value in {**GOOD, **change}.items() if key != lacking}
    document = {"schema_version": version, "stages": [record], **({"more": 1} if more else {})}
    fits = Draft202012Validator(trace_json_schema()).is_valid(document)
    path = written(tmp_path_factory.getbasetemp(), document)
    try:
        (read,) = read_foreign_trace(path)
    except GoldenseedError:
        assert not fits
    else:
        assert fits
        assert read.model_dump(mode="json", exclude_none=True) == {
            key: value for key, value in record.items() if value is not None
        }


def test_two_records_of_one_name_are_refused(tmp_path: Path):
    document = {"schema_version": 1, "stages": [GOOD, GOOD]}
    with pytest.raises(GoldenseedError, match="several records are number 0 of sigmas"):
        read_foreign_trace(written(tmp_path, document))


def test_the_digest_of_the_example_s_json_is_its_name_in_a_run(tmp_path: Path):
    trace = Writer()
    trace.add("pixels", np.zeros((2, 2, 3), np.uint8))
    digest = trace.write(tmp_path / "a.trace.json.gz")
    text = gzip.decompress((tmp_path / "a.trace.json.gz").read_bytes())
    assert digest == hashlib.sha256(text).hexdigest()
