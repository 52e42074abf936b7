"""Write a trace by NumPy alone: from another engine, or the Python side of a server.

This file imports nothing but NumPy and Python's own library (3.10 or later), so that it may be
copied beside an engine that knows nothing of goldenseed::

    trace = Writer()
    trace.add("sigmas", sigmas, "scheduler")
    trace.add("initial_noise", noise)
    for step in range(steps):
        ...
        trace.add("denoising_step", latents, "scheduler")
    trace.add("pixels", pixels)  # uint8, height x width x channels
    trace.write("out/red-apple[seed=1].trace.json.gz")

docs/trace-format.md describes the file. A record keeps of a stage's values their SHA-256, norm and
sketch: 256 numbers from which the distance of two large tensors is estimated.

Every element is added, with a sign, to one of 256 buckets; which bucket and which sign follows from
the element's index alone. Sketching is linear, so the sketch of a difference is the difference of
the sketches, and its squared norm is an unbiased estimate of the squared distance of the tensors.

Its relative standard deviation is at most sqrt(2 / 256) = 8.8 % for the squared distance, which is
4.4 % for the distance. Source: M. Charikar, K. Chen, M. Farach-Colton, "Finding frequent items in
data streams", ICALP 2002 (the sketch); N. Alon, Y. Matias, M. Szegedy, "The space complexity of
approximating the frequency moments", 1996, and M. Thorup, Y. Zhang, "Tabulation based 4-universal
hashing with applications to second moment estimation", SODA 2004 (the variance, 2 / buckets).

The hash is the finaliser of splitmix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom
number generators", OOPSLA 2014) of ``(index + 1) * 0x9E3779B97F4A7C15`` modulo 2**64. The lowest
eight bits of the result are the bucket, and the ninth bit, if set, makes the sign negative.

Norm and sketch are functions of the values alone, to the last bit, on every machine and in whatever
order they are summed: each value is scaled by a power of two that follows from the largest
magnitude and rounded to an integer, and the sums of integers are exact (the idea of J. Demmel,
H. D. Nguyen, "Parallel reproducible summation", IEEE Trans. Comput. 2015, with one bin for all).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]
    Measures = tuple[float | None, str | None]

SCHEMA_VERSION = 1
STAGES = (
    *("written_prompt", "token_ids", "prompt_embeddings", "timesteps", "sigmas", "given_picture"),
    *("initial_noise", "later_noise", "denoiser_input", "denoiser_output", "predicted_noise"),
    *("guided_output", "later_output", "initial_latents", "denoising_step", "latents_before_vae"),
    *("vae_output", "float_image", "denormalised", "unprocessed", "postprocessed", "pixels"),
)
"""What a record can be about, in the order in which the values flow."""
DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
)


class Writer:
    """Takes the values of each stage in the order in which they come; nothing of them is held."""

    def __init__(self) -> None:
        self._records: list[dict[str, Any]] = []
        self._seen: Counter[tuple[str, str | None]] = Counter()

    def add(
        self, stage: str, values: Any, source: str | None = None, *, dtype: str | None = None
    ) -> None:
        """Record what a stage's values are.

        Args:
            stage: one of ``STAGES``. The second call for a stage and source is its next record.
            values: an array of real or complex numbers, or booleans, of any shape; not changed.
            source: the part that made them, as the trace to compare with calls it.
            dtype: ``bfloat16`` for values of 16 bits as ``uint16``, since NumPy has no such dtype.

        Raises:
            ValueError: there is no such stage, the values are no numbers, or the source no text.

        """
        import numpy as np

        if stage not in STAGES:
            raise ValueError(f"there is no stage {stage!r}: the stages are {', '.join(STAGES)}")
        if source is not None and not isinstance(source, str):
            raise ValueError(f"{stage}: a source is a name, not {source!r}")
        values = little_endian(np.asarray(values))
        name = values.dtype.name
        if name == "bfloat16" or (dtype == "bfloat16" and name == "uint16"):
            name, bits = "bfloat16", values.view(np.uint16)
            numbers = (bits.astype(np.uint32) << 16).view(np.float32)
        elif name in DTYPES and dtype in {None, name}:
            numbers = values
        else:
            asked = f", not {dtype}" if dtype else f"; they have to be {', '.join(DTYPES)}"
            raise ValueError(f"{stage}: the values are {name}{asked}")
        ((norm, sketch),) = measure([numbers])
        record = {
            "stage": stage,
            "index": self._seen[stage, source],
            "source": source,
            "shape": list(values.shape),
            "dtype": name,
            "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
            "norm": norm,
            "sketch": sketch,
        }
        self._seen[stage, source] += 1
        self._records.append({key: value for key, value in record.items() if value is not None})

    def write(self, path: str | os.PathLike[str]) -> str:
        """Write the file, whole or not at all; return the SHA-256 of its JSON."""
        document = {"schema_version": SCHEMA_VERSION, "stages": self._records}
        text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        temporary = f"{os.fspath(path)}.{os.getpid()}.tmp"
        try:
            with open(temporary, "wb") as file:  # noqa: PTH123 - as short for whoever copies this
                file.write(gzip.compress(text, mtime=0))
            os.replace(temporary, path)  # noqa: PTH105
        except OSError:
            if os.path.exists(temporary):  # noqa: PTH110
                os.unlink(temporary)  # noqa: PTH108
            raise
        return hashlib.sha256(text).hexdigest()


def little_endian(values: Array) -> Array:
    """Return the values as they are digested: in C order, the lowest byte of each first."""
    import numpy as np

    return np.asarray(values, dtype=values.dtype.newbyteorder("<"), order="C")


BUCKETS = 256

_GAMMA = 0x9E3779B97F4A7C15
_FINALISER = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
_CHUNK = 2**15
"""Elements that are summed at once. No cell gets 2**12 of them, so that float64 holds the sum of a
bucket's integers of ``_BITS`` bits; that of squares, twice ``_SQUARE_BITS`` bits, fits int64."""
_BITS = 40
_SQUARE_BITS = 23
_REMEMBERED = 128
"""How many chunks' hashes are remembered: 8 MiB, enough for tensors of 4,194,304 elements."""
_LOWEST = -980
"""Magnitudes below 2**-980 are scaled as that is, lest the scale overflow."""


def measure(arrays: Sequence[Array]) -> list[Measures]:
    """Return the norm and the sketch of each array of any shape, its elements taken in C order.

    Sketched are the values rounded to multiples of 2**-40 of the power of two above the largest
    magnitude (2**-80 for float64): the sketch of n values is off by that of n errors of at most
    2**-40 of the largest each, together at most sqrt(n) 2**-40 of the norm. That is far below what
    float32 itself rounds away, 2**-25 of each value. The norm is off by at most n 2**-45 of itself,
    and by so much only where one value outweighs all others together.

    Args:
        arrays: real or complex floating-point numbers, of which each part counts as an element. Of
            other dtypes, and of no values, there is neither norm nor sketch.

    Returns:
        The Euclidean norm, None where it or a value is not finite; and the sketch as base64 of 256
        little-endian float32, or float64 for float64, in which NaN and infinities spoil their
        buckets. float64 below 2**-1060 counts as zero.

    """
    import numpy as np

    found: list[Measures] = [(None, None)] * len(arrays)
    alike: defaultdict[tuple[object, int], list[int]] = defaultdict(list)
    flats = [_flat(each) for each in arrays]
    for place, flat in enumerate(flats):
        if flat.size:
            alike[flat.dtype, flat.size].append(place)
    for (_, size), places in alike.items():
        # Small arrays of one size are taken together, since each call of NumPy costs as much.
        count = max(1, _CHUNK // size)
        for some in (places[at : at + count] for at in range(0, len(places), count)):
            rows = [flats[place] for place in some]
            measures = _measured(np.stack(rows) if len(rows) > 1 else rows[0][None])
            for place, measured in zip(some, measures, strict=True):
                found[place] = measured
    return found


def _flat(values: Array) -> Array:
    """Return floating-point numbers as float32 or float64, one after another; of others none."""
    import numpy as np

    if values.dtype.kind not in "fc":
        return np.zeros(0)
    flat = np.ascontiguousarray(values).reshape(-1)
    flat = flat.view(flat.real.dtype)
    # float16, float32: 4 bytes suffice
    return flat.astype(np.float64 if flat.itemsize > 4 else np.float32, copy=False)  # noqa: PLR2004


def _measured(rows: Array) -> Iterator[Measures]:
    """Yield norm and sketch of each row; shape (tensors, elements), float32 or float64."""
    import numpy as np

    wide = rows.dtype == np.float64
    tops = np.maximum(rows.max(axis=1), -rows.min(axis=1))
    finite = np.isfinite(tops)
    spoilt = None
    if not finite.all():
        sound = np.isfinite(rows)
        spoilt, rows = np.where(sound, 0, rows), np.where(sound, rows, 0)
        tops = np.abs(rows).max(axis=1)
    exponents = np.maximum(np.frexp(tops)[1], _LOWEST)[:, None]
    squares = [0] * len(rows)
    high, low = np.zeros((2, len(rows), BUCKETS), dtype=np.int64)
    scales = np.ldexp(1.0, _BITS - exponents)
    for chunk, cells in _chunks(rows):
        scaled = chunk.astype(np.float64)
        scaled *= scales
        whole = np.rint(scaled)
        high += _sums(cells, whole).astype(np.int64)
        if wide:
            low += _sums(cells, np.rint((scaled - whole) * 2.0**_BITS)).astype(np.int64)
        scaled *= scaled
        scaled *= 2.0 ** (2 * (_SQUARE_BITS - _BITS))
        more = scaled.astype(np.int64).sum(axis=1).tolist()
        squares = [a + b for a, b in zip(squares, more, strict=True)]
    with np.errstate(over="ignore", invalid="ignore"):
        buckets = np.ldexp(high, exponents - _BITS)
        if wide:
            buckets += np.ldexp(low, exponents - 2 * _BITS)
        if spoilt is not None:
            for chunk, cells in _chunks(spoilt):
                buckets += _sums(cells, chunk)
            buckets[np.isnan(buckets)] = np.nan  # one of its many bit patterns
        texts = buckets.astype("<f8" if wide else "<f4")
    for square, exponent, good, text in zip(
        squares, exponents[:, 0].tolist(), finite.tolist(), texts, strict=True
    ):
        norm = math.sqrt(square) * 2.0 ** (exponent - _SQUARE_BITS)
        sketch = base64.b64encode(text.tobytes()).decode("ascii")
        yield (norm if good and math.isfinite(norm) else None), sketch


def _sums(cells: Array, rows: Array) -> Array:
    """Return the sum of each row's cells, with their signs: shape (tensors, 256), float64."""
    import numpy as np

    count = len(rows)
    if count > 1:
        cells = (cells + np.arange(count)[:, None] * (2 * BUCKETS)).reshape(-1)
    sums = np.bincount(cells, rows.reshape(-1), count * 2 * BUCKETS).reshape(count, 2, BUCKETS)
    return sums[:, 0] - sums[:, 1]


def _chunks(rows: Array) -> Iterator[tuple[Array, Array]]:
    """Yield columns chunk by chunk with the cell of each: bucket, plus 256 where it counts -1."""
    size = rows.shape[1]
    for number, start in enumerate(range(0, size, _CHUNK)):
        cells = hashed(number) if number < _REMEMBERED else hashed.__wrapped__(number)
        yield rows[:, start : start + _CHUNK], cells[: size - start]


@lru_cache(maxsize=_REMEMBERED)
def hashed(number: int) -> Array:
    """Return the cells of the elements from ``number`` times 2**15 on: bucket, plus 256 for -1."""
    import numpy as np

    first = number * _CHUNK + 1
    mixed = np.arange(first, first + _CHUNK, dtype=np.uint64) * np.uint64(_GAMMA)
    for shift, factor in _FINALISER:
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    return (mixed & np.uint64(2 * BUCKETS - 1)).astype(np.int16)
