"""Write the test vectors of trace files anew: ``python tests/conformance/trace/make.py``.

``values.json`` has arrays with what a record keeps of them, ``example.trace.json.gz`` is a whole
file of some of them, ``refused.json`` are documents that are no traces, with a word of what is said
of each, and ``trace.schema.json`` is the schema that ``goldenseed schema trace`` prints.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from goldenseed.cli.schema import trace_json_schema
from goldenseed.trace.writer import Writer, measure

HERE = Path(__file__).parent


def counted(size: int, dtype: str = "float32") -> np.ndarray[Any, Any]:
    """Numbers that every language makes alike: of the index by one multiplication modulo 2**32."""
    index = np.arange(size, dtype=np.uint64)
    mixed = (index * np.uint64(2654435761)) % np.uint64(2**32)
    return ((mixed.astype(np.float64) - 2.0**31) / 2.0**31).astype(dtype)


ARRAYS: dict[str, np.ndarray[Any, Any]] = {
    "nothing": np.zeros((0, 4), "float32"),
    "one number without a dimension": np.array(1.5, "float32"),
    "zeros of both signs": np.array([0.0, -0.0], "float32"),
    "a table of sigmas": np.array([1.0, 0.9, 0.75, 0.5, 0.0], "float32"),
    "a batch of latents": counted(2 * 4 * 3 * 3).reshape(2, 4, 3, 3),
    "half precision": counted(40, "float16"),
    "double precision": counted(40, "float64"),
    "double precision of every size": np.array([1e300, 1.0, -1e-300, 5e-324]),
    "the smallest and the largest": np.array([1e-45, -3.4028235e38], "float32"),
    "complex numbers": (counted(9) + 1j * counted(18)[9:]).astype("complex64"),
    "one that is no number": np.array([1.0, np.nan, 2.0], "float32"),
    "infinities": np.array([np.inf, 3.0, -np.inf, np.inf], "float32"),
    "whole numbers": np.array([[49406, 320, 49407]], "int64"),
    "levels": (np.arange(12) * 20).astype("uint8").reshape(2, 2, 3),
    "yes or no": np.array([True]),
}
COUNTED = {"more than one chunk": 2**15 + 7, "many": 100_000}
"""Arrays too large to be written down: ``counted`` of so many, float32."""
BFLOAT16 = (counted(20).view(np.uint32) >> 16).astype(np.uint16)


def described(values: np.ndarray[Any, Any], dtype: str | None = None) -> dict[str, Any]:
    numbers = values
    if dtype == "bfloat16":
        numbers = (values.astype(np.uint32) << 16).view(np.float32)
    ((norm, sketch),) = measure([numbers])
    return {
        "dtype": dtype or values.dtype.name,
        "shape": list(values.shape),
        "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
        "norm": norm,
        "sketch": sketch,
    }


def vectors() -> list[dict[str, Any]]:
    found = [
        {"name": name, "bytes": base64.b64encode(each.tobytes()).decode(), **described(each)}
        for name, each in ARRAYS.items()
    ]
    data = base64.b64encode(BFLOAT16.tobytes()).decode()
    found.append({"name": "bfloat16", "bytes": data, **described(BFLOAT16, "bfloat16")})
    found += [
        {"name": name, "counted": size, **described(counted(size))}
        for name, size in COUNTED.items()
    ]
    return found


def example() -> Writer:
    trace = Writer()
    trace.add("token_ids", ARRAYS["whole numbers"], "tokenizer")
    trace.add("sigmas", ARRAYS["a table of sigmas"], "scheduler")
    trace.add("initial_noise", BFLOAT16, dtype="bfloat16")
    trace.add("denoising_step", ARRAYS["a batch of latents"], "scheduler")
    trace.add("denoising_step", ARRAYS["one that is no number"], "scheduler")
    trace.add("pixels", ARRAYS["levels"])
    return trace


def refused() -> list[dict[str, Any]]:
    """Documents that are no traces; one record of each is wrong, and the rest is right."""
    good = {"stage": "sigmas", "index": 0, "shape": [5], "dtype": "float32", "sha256": "0" * 64}
    changes: list[tuple[str, dict[str, Any], str]] = [
        ("another stage", {"stage": "noise"}, "there is no stage 'noise'"),
        ("a negative index", {"index": -1}, "index"),
        ("an index that is text", {"index": "0"}, "index"),
        ("an index that is a truth", {"index": True}, "index"),
        ("a negative size", {"shape": [-5]}, "shape"),
        ("a size beyond what JSON keeps", {"shape": [10**30]}, "shape"),
        ("a fraction of a size", {"shape": [1.5]}, "shape"),
        ("a shape that is a number", {"shape": 5}, "shape"),
        ("more dimensions than there are", {"shape": [1] * 65}, "shape"),
        ("a dtype that is no text", {"dtype": 32}, "dtype"),
        ("a digest cut short", {"sha256": "0" * 63}, "sha256"),
        ("a digest in capitals", {"sha256": "A" * 64}, "sha256"),
        ("a negative norm", {"norm": -1.0}, "norm"),
        ("a norm that is text", {"norm": "1"}, "norm"),
        ("a sketch of another length", {"sketch": "AAAA"}, "sketch"),
        ("a sketch that is no base64", {"sketch": "!" * 1368}, "sketch"),
        ("a source that is a number", {"source": 3}, "source"),
        ("a key that nobody knows", {"values": [1, 2, 3]}, "values"),
    ]
    documents = [
        {
            "name": name,
            "document": {"schema_version": 1, "stages": [{**good, **change}]},
            "said": said,
        }
        for name, change, said in changes
    ]
    for key in good:
        rest = {name: value for name, value in good.items() if name != key}
        document = {"schema_version": 1, "stages": [rest]}
        documents.append({"name": f"no {key}", "document": document, "said": key})
    later = {"schema_version": 2, "stages": [good]}
    documents += [
        {"name": "a later version", "document": later, "said": "schema version 2"},
        {"name": "no version", "document": {"stages": [good]}, "said": "schema version"},
        {"name": "no stages", "document": {"schema_version": 1}, "said": "stages"},
        {"name": "a list", "document": [good], "said": "schema version"},
    ]
    return documents


def main() -> None:
    for name, found in (
        ("values.json", vectors()),
        ("refused.json", refused()),
        ("trace.schema.json", trace_json_schema()),
    ):
        (HERE / name).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    example().write(HERE / "example.trace.json.gz")


if __name__ == "__main__":
    main()
