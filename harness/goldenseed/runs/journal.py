"""Reading what a run that has not ended wrote as its cases ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular
from goldenseed.core.strict_json import parse
from goldenseed.runs.parts import NotCompared
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.relation_record import RelationRecord
from goldenseed.runs.tries import together

RECORD_LIMIT_BYTES = 1 << 30
_LOCK = ".writing"


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Be the one process that writes a run; the system frees the lock of one that is killed.

    Raises:
        GoldenseedError: another process writes it, or the folder cannot be locked.

    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / _LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise GoldenseedError(
            "another process writes this run", path=folder, fix="wait until it has ended"
        ) from error
    except (OSError, NotImplementedError) as error:
        raise GoldenseedError(
            f"cannot be locked: {error}", path=folder, fix="choose a folder that can be written"
        ) from error
    try:
        yield
        (folder / _LOCK).unlink(missing_ok=True)
    finally:
        lock.release()


def _place(case: CaseRecord | NotCompared | RelationRecord) -> tuple[str, int]:
    return case.path, case.line or 0


def read_journal(
    journal: Path,
) -> dict[str, tuple[CaseRecord | NotCompared | RelationRecord, ...]]:
    """Read the cases of an unfinished run; a last line without its newline was cut off."""
    *lines, _cut_off = read_regular(journal, RECORD_LIMIT_BYTES).split(b"\n")
    tries: dict[tuple[str, str], list[CaseRecord]] = {}
    left_out: dict[tuple[str, str], NotCompared] = {}
    relations: dict[tuple[str, str], RelationRecord] = {}
    for number, line in enumerate(lines, 1):
        try:
            data = parse(line, journal)
            if isinstance(data, dict) and "hold" in data:
                relation = RelationRecord.model_validate(data)
                relations[relation.path, relation.id] = relation
            elif isinstance(data, dict) and "why" in data:
                case = NotCompared.model_validate(data)
                left_out[case.path, case.id] = case
            else:
                record = CaseRecord.model_validate(data)
                tries.setdefault((record.path, record.id), []).append(record)
        except GoldenseedError as error:
            raise GoldenseedError(error.what, path=journal, line=number, fix=error.fix) from None
        except ValidationError as error:
            raise GoldenseedError(
                first_problem(error), path=journal, line=number, fix="run the suite again"
            ) from None
    left = [each for key, each in left_out.items() if key not in tries]
    return {
        "cases": tuple(sorted(map(together, tries.values()), key=_place)),
        "not_compared": tuple(sorted(left, key=_place)),
        "relations": tuple(sorted(relations.values(), key=_place)),
    }


def first_problem(error: ValidationError) -> str:
    """Say in one line what is wrong with a document."""
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "the document"
    return f"{where}: {problem['msg']}"
