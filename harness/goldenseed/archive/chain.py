"""From an accepted image back to the run that made it, each link of the chain verified."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.archive import layout
from goldenseed.archive.findings import OFFLINE, Status, Verification
from goldenseed.archive.packed import SUFFIX, UNREADABLE, member_bytes
from goldenseed.archive.verify import is_archive, opened
from goldenseed.baselines.entry import AcceptedImage, BaselineEntry
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, sha256_hex
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import RunRecord
from goldenseed.runs.stored import decoded_evidence

if TYPE_CHECKING:
    from goldenseed.archive.trust import Trust
    from goldenseed.runs.record import CaseRecord

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Link:
    """One step of a chain."""

    name: str
    """``baseline``, ``archive``, ``files``, ``signature``, ``judgement``, ``run`` or ``image``."""
    status: Status
    what: str
    """A sentence for people."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The chain of one accepted image, as far as it could be walked: a break ends it."""

    suite: str
    case: str
    profile: str
    pixels_sha256: str
    links: tuple[Link, ...]

    @property
    def status(self) -> Status:
        """Failed where a link is; else not checked where one is not; else passed."""
        found = {each.status for each in self.links}
        worst_first = (Status.FAILED, Status.NOT_CHECKED, Status.PASSED)
        return next(each for each in worst_first if each in found)


def chains_of(
    entries: Iterable[BaselineEntry],
    store: BaselineStore,
    folder: Path,
    trusted: Trust,
) -> Iterator[Chain]:
    """Walk from every image accepted in the entries to the run that made it.

    ``folder`` holds the archives; nothing in them is trusted but what ``trusted`` keys signed. Each
    is verified once. Raises GoldenseedError where there is no such folder.
    """
    with ExitStack() as stack:
        archives = _Archives(folder, trusted, stack)
        for entry in entries:
            for profile, baseline in entry.profiles.items():
                for image in baseline.accepted:
                    links = tuple(_links(entry, image, store, archives))
                    yield Chain(entry.suite, entry.case, profile, image.pixels_sha256, links)


@dataclass(frozen=True, slots=True)
class _Found:
    """An archive that a chain led to."""

    path: Path
    verification: Verification
    run: RunRecord | None
    """None where it does not verify: then nothing in it says anything."""
    folder: Path


class _Archives:
    """The archives of a folder by their digests, each opened and verified when first asked for."""

    def __init__(self, folder: Path, trusted: Trust, stack: ExitStack) -> None:
        if not folder.is_dir():
            raise GoldenseedError("is no folder", path=folder, fix="name it with --archives")
        self.folder = folder
        self._trusted = trusted
        self._stack = stack
        self._paths = {digest_of(each): each for each in filter(is_archive, _sorted(folder))}
        self._found: dict[str, _Found] = {}

    def of(self, digest: str) -> _Found | None:
        path = self._paths.get(digest)
        if path is not None and digest not in self._found:
            archive = self._stack.enter_context(opened(path))
            verification = archive.verified(trusted=self._trusted)
            sound = verification.first_failed is None
            place = archive.folder / layout.RUN
            run = load_run(place) if sound else None
            self._found[digest] = _Found(path, verification, run, place)
        return self._found.get(digest)


def _sorted(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), reverse=True)  # of two alike the first by name is taken


def _links(
    entry: BaselineEntry, image: AcceptedImage, store: BaselineStore, archives: _Archives
) -> Iterator[Link]:
    """Yield one link after the other, up to the first that is broken."""
    link = _baseline(image, store)
    yield link
    if link.status is Status.FAILED:
        return
    digest = image.archive_sha256
    if digest is None:
        what = f"the entry names no archive; it says that run {image.run_id} made the image"
        yield Link("archive", Status.FAILED, what)
        return
    found = archives.of(digest)
    if found is None:
        what = f"none in {archives.folder} has the digest {digest}"
        yield Link("archive", Status.FAILED, what)
        return
    yield Link("archive", Status.PASSED, f"{found.path}, {digest[:_SHOWN]}…")
    yield from _levels(found.verification)
    if found.run is not None:
        yield from _of_run(found.run, found.folder, entry, image)


def _baseline(image: AcceptedImage, store: BaselineStore) -> Link:
    """Hold the stored image against its entry."""
    said = (
        f"{image.pixels_sha256[:_SHOWN]}… accepted {image.accepted_at:%Y-%m-%d} by "
        f"{image.accepted_by}: {image.reason}"
    )
    try:
        for part in image.elements:
            store.element(part.sha256, part.mode)
        if not image.elements:
            store.image(image.pixels_sha256)
        store.environment(image.environment_sha256)
        if image.trace_sha256:
            store.trace(image.trace_sha256)
    except GoldenseedError as error:
        return Link("baseline", Status.FAILED, error.what)
    return Link("baseline", Status.PASSED, said)


def digest_of(path: Path) -> str | None:
    """Return the SHA-256 of an archive's manifest of tag files; None where it has none."""
    try:
        if path.suffix != SUFFIX or path.is_dir():
            return sha256_hex(read_regular(path / layout.TAG_MANIFEST, layout.TAG_LIMIT))
        with zipfile.ZipFile(path) as packed:
            data = member_bytes(packed, layout.TAG_MANIFEST, layout.TAG_LIMIT)
            return None if data is None else sha256_hex(data)
    except (GoldenseedError, *UNREADABLE):
        return None


def _of_run(
    run: RunRecord, folder: Path, entry: BaselineEntry, image: AcceptedImage
) -> Iterator[Link]:
    """Find the image in the archived run, as the entry has it."""
    record = _record(run, entry, image)
    if isinstance(record, str):
        yield Link("run", Status.FAILED, record)
        return
    ended = f", ended {run.finished:%Y-%m-%d %H:%M}" if run.finished else ""
    yield Link("run", Status.PASSED, f"{run.run_id}{ended}; verdict there: {record.verdict.value}")
    yield _made(run, folder, record)


def _levels(found: Verification) -> Iterator[Link]:
    """Tell each level as a link; of those that say nothing more, the first sentence."""
    for level in OFFLINE:
        result = found.of(level)
        said = [f"{each.place} {each.what}".strip() for each in result.findings] or result.notes
        yield Link(level.name.lower(), result.status, next(iter(said), ""))


def _record(run: RunRecord, entry: BaselineEntry, image: AcceptedImage) -> CaseRecord | str:
    """Return the record of the image in the run, or why there is none."""
    if run.run_id != image.run_id:
        return f"the archive holds run {run.run_id}, and the entry names {image.run_id}"
    names = {(entry.suite, entry.case), *((each.suite, each.case) for each in entry.renamed)}
    cases = [each for each in run.cases if (each.suite, each.id) in names]
    for each in cases:
        if each.pixels_sha256 == image.pixels_sha256:
            return _as_accepted(each, image) or each
    made = ", ".join(str(each.pixels_sha256)[:_SHOWN] for each in cases) or "no image of the case"
    return f"the run made {made}, and the entry names {image.pixels_sha256[:_SHOWN]}"


def _as_accepted(record: CaseRecord, image: AcceptedImage) -> str | None:
    """Say in what the record is not what the entry says of its image."""
    for name in ("recipe_sha256", "environment_sha256"):
        said, made = getattr(image, name), getattr(record, name)
        if said != made:
            return f"the entry's {name} is {said[:_SHOWN]}…, and the run's {str(made)[:_SHOWN]}…"
    return None


def _made(run: RunRecord, folder: Path, record: CaseRecord) -> Link:
    """Decode the archived image and hold it against its digest."""
    try:
        decoded_evidence(run, folder, record)
    except GoldenseedError as error:
        return Link("image", Status.FAILED, error.what)
    what = f"its pixels have the digest of the entry, {str(record.pixels_sha256)[:_SHOWN]}…"
    return Link("image", Status.PASSED, what)
