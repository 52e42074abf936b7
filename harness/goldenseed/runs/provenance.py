"""The files that a call returned: kept as they were, and held against what they ought to say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from goldenseed.core.elements import RETURNED_LIMIT, is_tensor
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, read_regular, sha256_hex, write_atomically
from goldenseed.core.picture_formats import format_of
from goldenseed.runs.parts import ProvenanceRecord, ReturnedFile
from goldenseed.runs.record import CaseRecord
from goldenseed.suite.provenance import ProvenanceSpec
from goldenseed.verdict.model import CONTENT, Reason

FOLDER = "returned"
_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}

Files = Sequence[tuple[str | None, bytes | None]]
"""Each picture's name, where there are several, and the file it came in, where it did."""


def kept_files(folder: Path, files: Files) -> tuple[ReturnedFile, ...]:
    """Write each file as it was returned into a run's folder, once; return what is on record."""
    found = []
    for name, data in files:
        if data is not None:
            digest = sha256_hex(data)
            place = f"{FOLDER}/{digest}{_SUFFIXES.get(format_of(data) or '', '.bin')}"
            if not (folder / place).exists():
                write_atomically(folder / place, data, durable=False)
            found.append(ReturnedFile(name=name, sha256=digest, file=place))
    return tuple(found)


def stored_files(folder: Path, record: CaseRecord) -> Files:
    """Read the files that a run kept of a case: one for every picture that was made.

    Raises GoldenseedError where one is not the recorded one.
    """
    named = {each.name: each for each in record.returned}
    pictures = [each.name for each in record.elements if not is_tensor(each.mode)]
    names: list[str | None] = [*pictures] if record.elements else [None]
    return [(name, stored_file(folder, named[name]) if name in named else None) for name in names]


def stored_file(folder: Path, returned: ReturnedFile) -> bytes:
    """Read one; raises GoldenseedError as ``stored_files``."""
    path = inside(folder, returned.file)
    data = read_regular(path, RETURNED_LIMIT)
    if sha256_hex(data) != returned.sha256:
        raise GoldenseedError(
            "is not the file that was returned",
            path=path,
            fix="copy the run's folder again from where it was made, or run the suite again",
        )
    return data


def with_provenance(record: CaseRecord, files: Files, expected: ProvenanceSpec) -> CaseRecord:
    """Complete ``record`` with what the files say of their origin; the verdict stays.

    What is not as expected makes the case fail, with a reason. Of a manifest that was valid on
    ``record`` and whose certificate has expired since, the record is believed.
    """
    if not expected:
        return record
    from goldenseed.content.provenance import EXPIRED, check_provenance

    earlier = record.provenance.found if record.provenance else {}
    found: dict[str, str] = {}
    faults: dict[str, str | None] = {}
    try:
        for name, data in files:
            if data is None:
                what = "no file was returned, only pixels, which say nothing of their origin"
                faults.setdefault(what, name)
                continue
            said, wrong = check_provenance(data, expected)
            before = earlier.get(_key(name, "c2pa"), EXPIRED)
            if said.get("c2pa") == EXPIRED and before in {"valid", "trusted"}:
                said["c2pa"] = before
                wrong = tuple(each for each in wrong if "has expired" not in each)
            found |= {_key(name, key): value for key, value in said.items()}
            for what in wrong:
                faults.setdefault(what, name)
        if not files:
            faults["the call returned no picture to look at"] = None
    except GoldenseedError as error:
        faults = {str(error): None}
    reasons = [
        Reason(code=CONTENT, detail=f"provenance: {what}", element=element)
        for what, element in faults.items()
    ]
    return record.model_copy(
        update={
            "provenance": ProvenanceRecord(expected=expected.as_json(), found=found),
            "reasons": (*record.reasons, *reasons),
            "passed": record.passed and not reasons,
        }
    )


def _key(name: str | None, what: str) -> str:
    return what if name is None else f"{name}.{what}"
