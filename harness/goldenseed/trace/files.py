"""Traces on disk: gzipped JSON under the digest of its content; deep ones a line a record."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from gzip import GzipFile
from itertools import count
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, sha256_hex
from goldenseed.core.names import did_you_mean
from goldenseed.core.strict_json import parse
from goldenseed.trace.stages import Stage, StageRecord, Trace
from goldenseed.trace.writer import SCHEMA_VERSION

SUFFIX = ".json.gz"

_LIMIT_BYTES = 64 * 2**20
"""A record takes about 1.5 kB: enough for 40,000 of them, and a bound for what is unpacked."""
_GZIP = 16 + zlib.MAX_WBITS
"""zlib's number for a gzip file of any window."""
_SHOWN = 80
"""Characters of a wrong name that a message shows."""
_RESTORE = "restore it from version control, or run the suite again"
_WRITE_IT = "write it as docs/trace-format.md says"


class TraceDocument(BaseModel):
    """What a trace's file holds, unpacked: docs/trace-format.md describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    schema_version: Literal[1]
    stages: Trace
    """In the order in which the values came; no two with the same stage, index and source."""


def encode_trace(trace: Trace) -> tuple[str, bytes]:
    """Return the SHA-256 of a trace's JSON, by which it is named, and the file, uncompressed."""
    document = TraceDocument(schema_version=SCHEMA_VERSION, stages=trace)
    text = document.model_dump_json(exclude_none=True).encode()
    return sha256_hex(text), gzip.compress(text, compresslevel=0, mtime=0)


def small_file(path: Path) -> bytes:
    """Read and verify a trace's file; return it compressed, its text and name as they are."""
    text, _ = _read(path)
    return gzip.compress(text, compresslevel=9, mtime=0)


def read_trace(path: Path) -> Trace:
    """Read a trace; raises if it is missing, cut short, altered, or of another version."""
    return _read(path)[1]


def parse_trace(path: Path, data: bytes) -> Trace:
    """Read a trace from ``data``, the bytes of its file; raises as ``read_trace``."""
    return _parsed(path, data)[1]


def digest_of(path: Path) -> str:
    """Return the digest in the name of a trace's file."""
    return path.name.removesuffix(SUFFIX)


def _read(path: Path) -> tuple[bytes, Trace]:
    return _parsed(path, read_regular(path, _LIMIT_BYTES))


def read_foreign_trace(path: Path) -> Trace:
    """Read a trace that another engine wrote, under whatever name; raises as ``read_trace``."""
    text = _unpacked(path, read_regular(path, _LIMIT_BYTES), _WRITE_IT)
    return _validated(path, text, _WRITE_IT)


def _parsed(path: Path, data: bytes) -> tuple[bytes, Trace]:
    text = _unpacked(path, data)
    if sha256_hex(text) != digest_of(path):
        raise _damaged(path, "does not hold the trace that its name, a digest, stands for")
    return text, _validated(path, text)


def _validated(path: Path, text: bytes, fix: str = _RESTORE) -> Trace:
    document = parse(text, path)
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise GoldenseedError(
            f"the trace has schema version {version!r}; this release reads {SCHEMA_VERSION}",
            path=path,
            fix="read it with the release of pytest-goldenseed that wrote it",
        )
    try:
        trace = TraceDocument.model_validate(document).stages
    except ValidationError as error:
        raise _damaged(path, _in_words(error), fix) from error
    if repeated := [name for name, times in Counter(map(_name, trace)).items() if times > 1]:
        stage, index, source = repeated[0]
        what = f"several records are number {index} of {stage}, {source or 'without a source'}"
        raise _damaged(path, what, fix)
    return trace


def _name(record: StageRecord) -> tuple[str, int, str | None]:
    return record.stage.value, record.index, record.source


def _unpacked(path: Path, data: bytes, fix: str = _RESTORE) -> bytes:
    unpacker = zlib.decompressobj(wbits=_GZIP)
    try:
        text = unpacker.decompress(data, _LIMIT_BYTES + 1)
    except zlib.error as error:
        raise _damaged(path, f"is no whole gzip file: {error}", fix) from error
    if len(text) > _LIMIT_BYTES:
        raise _damaged(path, f"unpacks to more than {_LIMIT_BYTES:,} bytes", fix)
    if not unpacker.eof or unpacker.unused_data:
        raise _damaged(
            path, "is no whole gzip file: it ends too early, or goes on after its end", fix
        )
    return text


def _in_words(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    said = problem["msg"]
    if problem["type"] == "enum":
        named = str(problem["input"])[:_SHOWN]
        said = f"there is no stage {named!r}; {did_you_mean(named, [*Stage])}"
    elif problem["loc"][-1:] == ("sketch",):
        said = "a sketch cannot be read: it is not base64 of 256 float32 or float64"
    return f"{'.'.join(map(str, problem['loc']))}: {said}"


def _damaged(path: Path, what: str, fix: str = _RESTORE) -> GoldenseedError:
    return GoldenseedError(what, path=path, fix=fix)


LAYERS_SUFFIX = ".deep.jsonl.gz"

_LAYERS_LIMIT_BYTES = 2**30
"""Room for 700,000 calls; and a bound for what is read and unpacked."""
_LINE_LIMIT = 2**16
_MOST_CALLS = 1_000_000
"""More than any model makes of one image; reading them takes a minute."""
_RUN_AGAIN = "run the case again with --golden-trace=deep"


class LayerRecord(BaseModel):
    """One call of one module."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    module: str
    """The pipeline's component and the path in it: ``unet.down_blocks.0.resnets.1.conv2``."""
    call: int = Field(ge=0)
    """How often the module was called before."""
    inputs: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 over all tensors and plain values it was given."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 over all tensors and plain values it returned."""
    shape: tuple[int, ...] = ()
    """Of the first tensor of floating-point numbers that it returned, as what follows."""
    dtype: str = ""
    norm: float | None = None
    sketch: str | None = None
    """As in ``StageRecord``."""


def read_layers(path: Path) -> Iterator[LayerRecord]:
    """Yield a deep trace's records; all are void if ``GoldenseedError`` is raised in the end."""
    digest, seen = hashlib.sha256(), 0
    try:
        with GzipFile(fileobj=io.BytesIO(read_regular(path, _LAYERS_LIMIT_BYTES))) as file:
            for calls in count(1):
                if not (line := file.readline(_LINE_LIMIT)):
                    break
                seen += len(line)
                if seen > _LAYERS_LIMIT_BYTES or calls > _MOST_CALLS:
                    bounds = f"{_LAYERS_LIMIT_BYTES:,} bytes or {_MOST_CALLS:,} calls"
                    raise _damaged(path, f"unpacks to more than {bounds}", _RUN_AGAIN)
                digest.update(line)
                yield LayerRecord.model_validate_json(line)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, f"is no whole gzip file: {error}", _RUN_AGAIN) from error
    except ValidationError as error:
        raise _damaged(path, _in_words(error), _RUN_AGAIN) from error
    if digest.hexdigest() != path.name.removesuffix(LAYERS_SUFFIX):
        what = "does not hold the deep trace that its name, a digest, stands for"
        raise _damaged(path, what, _RUN_AGAIN)
