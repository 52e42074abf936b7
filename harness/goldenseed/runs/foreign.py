"""A run made of what another engine left: a picture and a trace for each case of a reference."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from goldenseed.core.elements import values_sha256
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside
from goldenseed.core.listing import first_of
from goldenseed.core.pixels import decode
from goldenseed.environment.fingerprint import fingerprint_sha256
from goldenseed.environment.keys import ENGINE_KEY, VERSION_KEY, EnvironmentValue
from goldenseed.environment.profile import profile_slug
from goldenseed.runs.made import Made
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.trace.digesting import Recording
from goldenseed.trace.files import read_foreign_trace
from goldenseed.trace.stages import ends_of
from goldenseed.verdict.model import Verdict

PICTURE: Final = ".png"
TRACE: Final = ".trace.json.gz"
_ENGINE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,39})(?: (?P<version>[ -~]{1,80}))?")
_OWN: Final = frozenset({VERSION_KEY, "device.type", "platform.machine"})
"""Keys that say where pipelines of this package run; an engine does not say them of itself."""
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Left:
    """What an engine left of one case."""

    case: CaseRecord
    """The reference's record."""
    picture: Path
    trace: Path | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What lies in an engine's folder, held against the cases of the reference."""

    found: tuple[Left, ...]
    lacking: tuple[CaseRecord, ...]
    """The cases without a picture."""
    unknown: tuple[str, ...]
    """Files of pictures and traces that belong to no case, relative to the folder."""


def delivered(folder: Path, reference: RunRecord) -> Delivery:
    """Find ``CASE.png`` and ``CASE.trace.json.gz`` in ``folder``, or below it in ``SUITE``.

    Raises:
        GoldenseedError: the folder is none, a file is named ambiguously, or no case has a picture.

    """
    if not folder.is_dir():
        raise GoldenseedError("is no folder", path=folder, fix="name the folder of the pictures")
    names = Counter(case.id for case in reference.cases)
    found, lacking, taken = [], [], set[Path]()
    for case in reference.cases:
        alone = names[case.id] == 1
        picture = _file(folder, case, PICTURE, alone=alone)
        trace = _file(folder, case, TRACE, alone=alone)
        taken |= {each for each in (picture, trace) if each}
        if picture is None:
            lacking.append(case)
        else:
            found.append(Left(case, picture, trace))
    there = {each for end in (PICTURE, TRACE) for each in folder.rglob(f"*{end}")}
    unknown = sorted(str(each.relative_to(folder)) for each in there - taken)
    if not found:
        raise GoldenseedError(
            f"holds a picture of no case of {reference.run_id}: it holds "
            f"{first_of(unknown, _LISTED) if unknown else 'no .png'}",
            path=folder,
            fix=f"name the pictures by the cases: {next(iter(names))}{PICTURE}" if names else None,
        )
    return Delivery(tuple(found), tuple(lacking), tuple(unknown))


def _file(folder: Path, case: CaseRecord, end: str, *, alone: bool) -> Path | None:
    names = (f"{case.suite}/{case.id}{end}", f"{case.id}{end}")
    places = [inside(folder, each) for each in names]
    there = [each for each in places if each.is_file()]
    if len(there) > 1 or (there == places[1:] and not alone):
        raise GoldenseedError(
            f"may be of more than one case: {case.suite}::{case.id} is not the only one so called",
            path=there[-1],
            fix=f"put the files of each suite into a folder of its own, {case.suite}/",
        )
    return there[0] if there else None


def engine_environment(
    engine: str, more: Mapping[str, EnvironmentValue]
) -> dict[str, EnvironmentValue]:
    """Describe an engine: ``tensorrt`` or ``tensorrt 10.3``, and what else it says of itself.

    Raises:
        GoldenseedError: the name cannot be a profile's, or what it says is not an engine's to say.

    """
    match = _ENGINE.fullmatch(engine)
    if match is None:
        raise GoldenseedError(
            f"an engine cannot be called {engine!r}",
            fix="use letters, digits and any of _ . -, then its version: 'tensorrt 10.3'",
        )
    if wrong := sorted(_OWN & more.keys()):
        raise GoldenseedError(
            f"the environment of an engine has no {wrong[0]}", fix="remove it from the file"
        )
    return {
        **more,
        "device.type": "engine",
        "platform.machine": match["name"],
        ENGINE_KEY: match["name"],
        "engine.version": match["version"],
    }


def foreign_made(left: Left, environment: Mapping[str, EnvironmentValue]) -> Made:
    """Read what an engine left of a case.

    Raises:
        GoldenseedError: the picture or the trace cannot be read, or they are of two images.

    """
    image = decode(left.picture)
    recording = None
    if left.trace is not None:
        recording = Recording(before=read_foreign_trace(left.trace))
        recording = recording.ending_in(image)
    made = Made(
        image=image,
        profile=profile_slug(environment),
        environment=environment,
        environment_sha256=fingerprint_sha256(environment),
        recording=recording,
    )
    ends = () if recording is None else ends_of(recording.trace, 1)
    if ends and ends != (values_sha256(image),):
        raise GoldenseedError(
            f"ends in other pixels than {left.picture.name} has",
            path=left.trace,
            fix="write both from one image; `pixels` are uint8, height x width x channels",
        )
    return made


def foreign_records(
    delivery: Delivery,
    environment: Mapping[str, EnvironmentValue],
    judged: Callable[[Left, CaseRecord, Made], CaseRecord],
) -> Iterator[CaseRecord]:
    """Yield the record of each case that was delivered; what cannot be read is an ``error``."""
    for left in delivery.found:
        record = _asked(left.case)
        try:
            made = foreign_made(left, environment)
        except GoldenseedError as error:
            yield record.failed("unusable_image", str(error))
        else:
            yield judged(left, record, made)


def _asked(case: CaseRecord) -> CaseRecord:
    """Return what a record says of its case, and nothing of what became of it."""
    return CaseRecord(
        id=case.id,
        suite=case.suite,
        path=case.path,
        line=case.line,
        recipe=case.recipe,
        recipe_sha256=case.recipe_sha256,
        alternatives=case.alternatives,
        limits=case.limits,
        limit_sources=case.limit_sources,
        verdict=Verdict.ERROR,
        passed=False,
    )
