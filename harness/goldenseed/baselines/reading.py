"""Reading what is accepted: strict, since people and merges edit these files too."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from goldenseed.baselines.entry import SCHEMA_VERSION, AcceptedImage, BaselineEntry, ProfileBaseline
from goldenseed.baselines.half_fetched import half_fetched
from goldenseed.core.elements import sequence_sha256
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, read_json, read_regular
from goldenseed.core.strict_json import line_of

ENTRY_LIMIT_BYTES = 16 * 2**20
"""An accepted image takes about 2 kB: nothing honest comes near this."""

_CONFLICT = (b"<<<<<<< ", b"||||||| ", b">>>>>>> ")

_IN_WORDS = {
    "extra_forbidden": "is no key of a baseline entry",
    "timezone_aware": "has no time zone; write UTC, with a final Z",
}

Location = tuple[str | int, ...]


def read_entry(path: Path, *, suite: str, case: str) -> BaselineEntry | None:
    """Read the entry of one case, or None where there is no file. Touches no image.

    Raises:
        GoldenseedError: with ``path:line`` where the fault has one: not strict JSON, left-over
            merge-conflict markers, an unknown schema version, an unknown key, a wrong type, another
            suite or case than the file's place says, a recipe that does not fit its digest, an
            image listed twice, or a time without a time zone; or git has an entry there that was
            not fetched.

    """
    if _is_absent(path):
        missing = half_fetched(path)
        if missing is not None:
            raise missing
        return None
    document = _document(path)
    try:
        entry = BaselineEntry.model_validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        where, message = _plainest(error)
        raise _fault(path, where, f"{_dotted(where)}: {message}") from error
    _check_place(entry, path, suite=suite, case=case)
    for profile, baseline in entry.profiles.items():
        _check_profile(baseline, path, ("profiles", profile))
    return entry


def _is_absent(path: Path) -> bool:
    """Say whether nothing is there; a file that is there and cannot be read is not absent."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _document(path: Path) -> dict[str, Any]:
    try:
        document = read_json(path, ENTRY_LIMIT_BYTES)
    except GoldenseedError as error:
        if (pointer := half_fetched(path)) is not None:
            raise pointer from error
        line = _conflict_line(path)
        if line is None:
            raise GoldenseedError(
                error.what, path=path, line=error.line, fix=restore(path)
            ) from error
        raise GoldenseedError(
            "a merge conflict was left unresolved here",
            path=path,
            line=line,
            fix=f"git checkout --ours -- '{path}' (or --theirs), then accept what is missing",
        ) from error
    if not isinstance(document, dict):
        raise _fault(path, (), "is no baseline entry: it holds no JSON object")
    version = document.get("schema_version")
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise GoldenseedError(
            f"has the schema version {version}; this goldenseed reads version {SCHEMA_VERSION}",
            path=path,
            line=line_of(path, ("schema_version",)),
            fix="use the release of pytest-goldenseed that wrote it"
            if version > SCHEMA_VERSION
            else restore(path),
        )
    return document


def _check_place(entry: BaselineEntry, path: Path, *, suite: str, case: str) -> None:
    for key, found, expected in (("suite", entry.suite, suite), ("case", entry.case, case)):
        if found != expected:
            raise _fault(
                path, (key,), f"names the {key} {found!r}, but lies where {expected!r} belongs"
            )


def _check_profile(baseline: ProfileBaseline, path: Path, where: Location) -> None:
    for index, image in enumerate(baseline.accepted):
        _check_recipe(image, path, (*where, "accepted", index))
        _check_elements(image, path, (*where, "accepted", index))
    for digest, count in Counter(baseline.digests()).items():
        if count > 1:
            raise _fault(path, where, f"lists the image {digest[:12]}… more than once")


def _check_recipe(image: AcceptedImage, path: Path, where: Location) -> None:
    if json_sha256(image.recipe) != image.recipe_sha256:
        raise _fault(
            path,
            (*where, "recipe_sha256"),
            "the recipe does not fit its recipe_sha256: one of the two was edited by hand",
        )


def _check_elements(image: AcceptedImage, path: Path, where: Location) -> None:
    if not image.elements:
        return
    found = sequence_sha256((each.name, each.sha256) for each in image.elements)
    if found != image.pixels_sha256:
        raise _fault(
            path,
            (*where, "pixels_sha256"),
            "the elements do not fit their pixels_sha256: one of the two was edited by hand",
        )


def _fault(path: Path, where: Location, what: str) -> GoldenseedError:
    return GoldenseedError(what, path=path, line=line_of(path, where), fix=restore(path))


def restore(path: Path) -> str:
    """Say how a file of the baselines comes back."""
    return (
        f"git checkout -- '{path}' restores the committed one; "
        "or delete the file and accept the case again"
    )


def _plainest(error: ValidationError) -> tuple[Location, str]:
    """Choose the error to show: an unknown key explains the missing one that it misspells."""
    first = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    plain = first["msg"][:1].lower() + first["msg"][1:]
    return first["loc"], _IN_WORDS.get(first["type"], plain)


def _dotted(where: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in where if part != "[key]")


def _conflict_line(path: Path) -> int | None:
    try:
        lines = read_regular(path, ENTRY_LIMIT_BYTES).splitlines()
    except GoldenseedError:
        return None
    return next(
        (number for number, line in enumerate(lines, start=1) if line.startswith(_CONFLICT)), None
    )
