"""The traces of accepted images, each stored once under the digest of its content."""

from __future__ import annotations

from pathlib import Path

from goldenseed.baselines.places import Places
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import write_atomically
from goldenseed.trace.files import (
    digest_of,
    read_trace,
    small_file,
    verified_file,
)
from goldenseed.trace.stages import Trace, stages_sha256


def load(places: Places, trace_sha256: str) -> Trace:
    """Read the trace of an accepted image and verify its digest.

    Raises:
        GoldenseedError: the file is missing, cut short or altered.

    """
    return read_trace(places.trace(trace_sha256))


def file_of(places: Places, trace_sha256: str) -> bytes:
    """Return a trace's file, its digest verified but not its records; errors as of ``load``."""
    return verified_file(places.trace(trace_sha256))


def verified_digests(trace: Path | None) -> tuple[str | None, str | None]:
    """Verify a trace in a run's folder; return its digest and that of its stages' digests.

    Both are None where there is no trace.

    Raises:
        GoldenseedError: the file is missing, cut short or altered.

    """
    if trace is None:
        return None, None
    stages = stages_sha256(each.digest for each in read_trace(trace))
    return digest_of(trace), stages


def store(places: Places, trace: Path) -> None:
    """Copy a trace from a run's folder, unless a whole copy is stored already.

    Raises:
        GoldenseedError: it is not what its name says, or cannot be written.

    """
    if not _is_whole(places, digest_of(trace)):
        write_atomically(places.trace(digest_of(trace)), small_file(trace))


def _is_whole(places: Places, trace_sha256: str) -> bool:
    try:
        load(places, trace_sha256)
    except GoldenseedError:
        return False
    return True
