"""Levels 1 and 2: the files that ought to be there and no others, and every one as archived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from goldenseed.archive import layout
from goldenseed.archive.bag import DECLARED, digests_of, read_manifest
from goldenseed.archive.documents import OXUM, instructions, oxum, version_of
from goldenseed.archive.findings import Finding, Level, LevelResult
from goldenseed.archive.tree import Tree
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, sha256_hex

_INFO_LIMIT = 2**16


@dataclass(frozen=True, slots=True)
class Manifests:
    """What the two manifests list, as far as they can be read."""

    payload: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    digest: str | None = None
    """The SHA-256 of the manifest of tag files."""
    findings: tuple[Finding, ...] = ()

    @property
    def listed(self) -> dict[str, str]:
        """Every listed file with its digest."""
        return {**self.payload, **self.tags}


def read_manifests(root: Path, tree: Tree) -> Manifests:
    """Read both manifests; what is wrong with them is in ``findings``."""
    found: dict[str, dict[str, str]] = {}
    findings = []
    limits = {layout.MANIFEST: layout.TEXT_LIMIT, layout.TAG_MANIFEST: layout.TAG_LIMIT}
    for name, limit in limits.items():
        try:
            if name in tree.files:
                found[name] = read_manifest(root / name, limit)
        except GoldenseedError as error:
            line = f"line {error.line} " if error.line else ""
            findings.append(Finding("bad_manifest", name, f"{line}{error.what}"))
    digest = None
    if layout.TAG_MANIFEST in found:
        digest = sha256_hex(read_regular(root / layout.TAG_MANIFEST, layout.TAG_LIMIT))
    payload, tags = found.get(layout.MANIFEST, {}), found.get(layout.TAG_MANIFEST, {})
    inside = f"{layout.PAYLOAD}/"
    findings += [
        Finding("wrong_manifest", name, "is listed in the other manifest's place")
        for name in (
            *(each for each in payload if not each.startswith(inside)),
            *(each for each in tags if each.startswith(inside)),
        )
    ]
    return Manifests(payload, tags, digest, tuple(findings))


def signature_files(tree: Tree) -> tuple[str, ...]:
    """Return the names of the signatures that are there: from the first on, without a gap."""
    names = (layout.signature_name(number) for number in range(1, layout.MOST_SIGNERS + 1))
    return tuple(takewhile(tree.files.__contains__, names))


def check_structure(root: Path, tree: Tree, manifests: Manifests) -> LevelResult:
    """Level 1: every expected file is there, none beside them, and every name is plain."""
    findings = [*tree.findings, *manifests.findings]
    listed = manifests.listed
    needed = {*layout.TAG_FILES, layout.TAG_MANIFEST, layout.RECORD, *layout.OWN, *listed}
    findings += [
        Finding("missing_file", name, "is not there") for name in sorted(needed - {*tree.files})
    ]
    known = {*listed, layout.TAG_MANIFEST, layout.TIME_STAMP, *signature_files(tree)}
    findings += [
        Finding("extra_file", name, "is in no manifest") for name in tree.files if name not in known
    ]
    findings += [
        Finding("not_listed", name, f"is not listed in {layout.TAG_MANIFEST}")
        for name in layout.TAG_FILES
        if name in tree.files and name not in manifests.tags
    ]
    findings += _unknown_tags(manifests)
    findings += _declared(root, tree)
    many = f"{len(tree.files):,} files of {sum(tree.files.values()):,} bytes, each of them expected"
    return LevelResult.of(Level.STRUCTURE, findings, () if findings else (many,))


def _unknown_tags(manifests: Manifests) -> Iterator[Finding]:
    """Name the files beside the payload that no archive of this format has."""
    for name in manifests.tags:
        known = name in layout.TAG_FILES or name.startswith(f"{layout.ATTESTATIONS}/")
        if not known and not name.startswith(f"{layout.PAYLOAD}/"):
            yield Finding("extra_file", name, "is listed, and no part of an archive")


def _declared(root: Path, tree: Tree) -> Iterator[Finding]:
    """Check the files whose text the format fixes."""
    version = version_of(root) if layout.BAG_INFO in tree.files else None
    if version not in layout.READABLE and layout.BAG_INFO in tree.files:
        known = ", ".join(map(str, layout.READABLE))
        what = f"does not say that the format has a version known here: {known}"
        yield Finding("other_version", layout.BAG_INFO, what)
    text = instructions(version or layout.FORMAT_VERSION)
    for name, fixed in ((layout.DECLARATION, DECLARED.encode()), (layout.INSTRUCTIONS, text)):
        if name in tree.files and read_regular(root / name, layout.TEXT_LIMIT) != fixed:
            yield Finding("other_text", name, "is not what an archive of this format has there")


def _info(root: Path) -> bytes:
    return read_regular(root / layout.BAG_INFO, _INFO_LIMIT)


def check_fixity(root: Path, tree: Tree, manifests: Manifests) -> LevelResult:
    """Level 2: every listed file has the listed digest."""
    listed = manifests.listed
    names = [name for name in listed if name in tree.files]
    findings, checked = [], 0
    for name, digest in digests_of(root, names):
        if isinstance(digest, GoldenseedError):
            findings.append(Finding("unreadable", name, digest.what))
        elif digest != listed[name]:
            what = f"has the digest {digest[:12]}…, and was archived with {listed[name][:12]}…"
            findings.append(Finding("digest_differs", name, what))
        checked += 1
    payload = {k: v for k, v in tree.files.items() if k.startswith(f"{layout.PAYLOAD}/")}
    line = f"{OXUM}{oxum(payload)}\n".encode()
    if layout.BAG_INFO in tree.files and line not in _info(root):
        what = f"does not say that the payload is {oxum(payload)}"
        findings.append(Finding("payload_differs", layout.BAG_INFO, what))
    if not names:
        findings.append(Finding("nothing_listed", layout.MANIFEST, "no file has a digest"))
    notes = (f"{checked:,} files have the digests they were archived with",)
    return LevelResult.of(Level.FIXITY, findings, () if findings else notes)
