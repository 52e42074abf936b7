"""Documents that are kept with a run, beside what the run itself made."""

from __future__ import annotations

from pathlib import Path

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import sha256_hex, write_atomically
from goldenseed.runs.folder import write_run
from goldenseed.runs.record import RunRecord
from goldenseed.runs.relation_record import Attached

FOLDER = "attached"


def attach(record: RunRecord, folder: Path, *, kind: str, data: bytes) -> Path:
    """Keep a document with a run, named by its digest, and return its path.

    Args:
        record: the run.
        folder: its folder.
        kind: what the document is: the type of its predicate, an address.
        data: the document, JSON.

    Raises:
        GoldenseedError: the run did not end.

    """
    if record.finished is None:
        raise GoldenseedError(
            f"the run {record.run_id} did not end", path=folder, fix="name one that did"
        )
    digest = sha256_hex(data)
    place = f"{FOLDER}/{digest}.json"
    write_atomically(folder / place, data)
    kept = Attached(kind=kind, file=place, sha256=digest)
    if kept not in record.attached:
        update = {"attached": (*record.attached, kept)}
        write_run(record.model_copy(update=update), folder, durable=True)
    return folder / place
