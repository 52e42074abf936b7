"""Making an archive: files gathered, listed, signed, and checked before they are kept."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.archive import documents, layout
from goldenseed.archive.bag import DECLARED, digests_of, written_manifest
from goldenseed.archive.findings import Finding, Level
from goldenseed.archive.packed import SUFFIX, pack
from goldenseed.archive.payload import baseline_files, refuse_absent, run_files
from goldenseed.archive.project import read_project
from goldenseed.archive.timestamps import stamp
from goldenseed.archive.tree import read_tree
from goldenseed.archive.verify import verify_folder
from goldenseed.baselines.changes import entry_text
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import TEMPORARY_PREFIX
from goldenseed.core.listing import first_of
from goldenseed.runs.folder import JOURNAL
from goldenseed.runs.record import RunRecord
from goldenseed.suite.cases import Suite
from goldenseed.tools.relations.members import members_of

if TYPE_CHECKING:
    from goldenseed.archive.keys import Signer

_TOLD = 5
Attest = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]


def create(
    run: RunRecord,
    folder: Path,
    target: Path,
    *,
    root: Path,
    store: BaselineStore,
    signers: Sequence[Signer] = (),
    partial: bool = False,
    timestamp: str | None = None,
    keyless: Attest | None = None,
) -> tuple[str, ...]:
    """Archive ``run``, which lies in ``folder``, as ``target``; return remarks.

    The same run gives the same bytes, but for signatures with ECDSA where the library draws them
    anew. Everything is verified before ``target`` appears.

    Args:
        run: the record.
        folder: what holds its images and traces.
        target: a path at which nothing is: a zip file if it ends in ``.zip``, else a folder.
        root: the folder that was pytest's root, with the suites.
        store: the baselines.
        signers: who signs, in this order.
        partial: archive also a run that left cases of its suites out, which stays on record.
        keyless: has statements signed by an identity: takes them by kind, returns files by place;
            other bytes each time.
        timestamp: the address of a time stamp authority to ask; other bytes each time.

    Raises:
        GoldenseedError: the run is not finished, left cases out, or no longer follows from what is
            here; a file is absent; something is at ``target``.

    """
    _refuse(run, folder, target)
    files, suites = read_project(root, _places(run))
    left_out = _left_out(run, suites)
    if left_out and not partial:
        raise _incomplete(left_out, folder)
    baselines, entries = baseline_files(run, suites, store)
    copied = {**run_files(run, folder), **baselines}
    copied |= {f"{layout.PROJECT}/{place}": path for place, path in files.kept.items()}
    refuse_absent(copied)
    content: dict[str, Path | bytes] = {
        **copied,
        **{place: entry_text(entry) for place, entry in entries.items()},
        layout.MODELS: documents.json_text(files.models),
        layout.PACKAGE: documents.json_text(documents.package_document()),
        layout.SCOPE: documents.json_text({"left_out": left_out}),
        layout.SUMMARY: documents.summary(run),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=TEMPORARY_PREFIX) as made:
        bag = Path(made) / "bag"
        for place, source in content.items():
            _put(bag / place, source)
        seal(bag, run, signers, keyless)
        if timestamp is not None:
            stamp(bag, timestamp)
        remarks = _checked(bag, signed=bool(signers or keyless))
        _packed(bag, target).rename(target)
    return remarks


def _refuse(run: RunRecord, folder: Path, target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise GoldenseedError("is there already", path=target, fix="name another with --output")
    if run.finished is None or (folder / JOURNAL).exists():
        raise GoldenseedError(
            f"the run {run.run_id} did not end", path=folder, fix="run the suite again"
        )


def _places(run: RunRecord) -> tuple[str, ...]:
    named = (
        (each.path for each in of) for of in (run.cases, run.not_compared, run.sets, run.relations)
    )
    return tuple(dict.fromkeys(chain.from_iterable(named)))


def _left_out(run: RunRecord, suites: Sequence[Suite]) -> list[str]:
    known = {(each.suite, each.id) for each in run.cases}
    known |= {(each.suite, each.id) for each in run.not_compared}
    known |= {(each.suite, each.id) for each in run.relations}
    asked = [(suite.name, name) for suite in suites for name in _named(suite)]
    return [f"{suite}::{name}" for suite, name in asked if (suite, name) not in known]


def _named(suite: Suite) -> Iterator[str]:
    """Yield the names of all cases and relations of a suite."""
    yield from (each.id for each in suite.cases)
    yield from (each.name for each in members_of(suite))


def _incomplete(left_out: Sequence[str], folder: Path) -> GoldenseedError:
    return GoldenseedError(
        f"the run has nothing of {len(left_out)} cases of its suites: {first_of(left_out, _TOLD)}",
        path=folder,
        fix="run the whole suites; or give --partial, and the archive says what is not in it",
    )


def _put(place: Path, source: Path | bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(source, Path):
        shutil.copyfile(source, place)
    else:
        place.write_bytes(source)


def _digests(bag: Path, names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name, digest in digests_of(bag, names):
        if isinstance(digest, GoldenseedError):
            raise digest
        found[name] = digest
    return found


def seal(
    bag: Path, run: RunRecord, signers: Sequence[Signer], keyless: Attest | None = None
) -> None:
    """Write all that stands beside the payload of the run's archive, and sign it."""
    _describe(bag, run)
    _sign(bag, signers, keyless)


def _describe(bag: Path, run: RunRecord) -> None:
    payload = read_tree(bag).files
    for name, data in (
        (layout.MANIFEST, written_manifest(_digests(bag, tuple(payload)))),
        (layout.DECLARATION, DECLARED.encode()),
        (layout.BAG_INFO, documents.bag_info(run, documents.oxum(payload))),
        (layout.INSTRUCTIONS, documents.instructions()),
        (layout.CRATE, documents.crate(run, payload)),
    ):
        _put(bag / name, data)


def _sign(bag: Path, signers: Sequence[Signer], keyless: Attest | None) -> None:
    """Write the attestations of each signer, the manifest of all tag files, and sign that."""
    if keyless is not None:
        from goldenseed.archive.attestations import statement_bytes, statements_of

        said = {kind: statement_bytes(each) for kind, each in statements_of(bag).items()}
        for place, data in keyless(said).items():
            _put(bag / place, data)
    if signers:
        from goldenseed.archive.attestations import write_attestations
        from goldenseed.archive.ssh_signatures import armoured_signature

        write_attestations(bag, signers)
    tags = [name for name in read_tree(bag).files if not name.startswith(f"{layout.PAYLOAD}/")]
    manifest = written_manifest(_digests(bag, tags))
    _put(bag / layout.TAG_MANIFEST, manifest)
    for number, signer in enumerate(signers, 1):
        _put(bag / layout.signature_name(number), armoured_signature(signer, manifest))


def _packed(bag: Path, target: Path) -> Path:
    """Return what ``target`` is to be: the folder itself, or a zip file made of it."""
    if target.suffix != SUFFIX:
        return bag
    packed = bag.with_suffix(SUFFIX)
    pack(bag, packed)
    return packed


def _checked(bag: Path, *, signed: bool) -> tuple[str, ...]:
    """Verify what was made, as anybody would; return what could not be checked."""
    found = verify_folder(bag)
    findings = [f for level in found.levels for f in level.findings]
    if findings:
        raise GoldenseedError(
            f"the archive would not verify: {_told(findings)}",
            fix="archive a run before its baselines, suites or files change; or run the suite "
            "again and archive that",
        )
    unsigned = () if signed else ("nobody signed it: anybody can make such an archive",)
    return (*unsigned, *found.of(Level.JUDGEMENT).notes)


def _told(findings: Sequence[Finding]) -> str:
    return first_of([f"{each.place}: {each.what}" for each in findings], _TOLD)
