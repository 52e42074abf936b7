"""A deep trace on disk: gzip of one JSON object a line, under the digest of the text."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterator
from gzip import GzipFile
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import GoldenseedError
from harness.files import read_regular

SUFFIX = ".deep.jsonl.gz"

_LIMIT_BYTES = 2**30
"""Room for 700,000 calls; and a bound for what is read and unpacked."""
_LINE_LIMIT = 2**16


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
    """Read a deep trace line by line; verify, in the end, that it is what the file's name says.

    Raises:
        GoldenseedError: the file is missing, cut short or altered; what was yielded before is then
            not to be used.

    """
    digest, seen = hashlib.sha256(), 0
    try:
        with GzipFile(fileobj=io.BytesIO(read_regular(path, _LIMIT_BYTES))) as file:
            while line := file.readline(_LINE_LIMIT):
                seen += len(line)
                if seen > _LIMIT_BYTES:
                    raise _damaged(path, f"unpacks to more than {_LIMIT_BYTES:,} bytes")
                digest.update(line)
                yield LayerRecord.model_validate_json(line)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, f"is no whole gzip file: {error}") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise _damaged(path, f"{where}: {problem['msg']}") from error
    if digest.hexdigest() != path.name.removesuffix(SUFFIX):
        raise _damaged(path, "does not hold the deep trace that its name, a digest, stands for")


def _damaged(path: Path, what: str) -> GoldenseedError:
    return GoldenseedError(what, path=path, fix="run the case again with --golden-trace=deep")
