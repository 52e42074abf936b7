"""Level 3: who signed an archive, and whether that is somebody whom the caller trusts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from goldenseed.archive import layout
from goldenseed.archive.attestations import read_payload, statement_bytes, statements_of
from goldenseed.archive.findings import Finding, Level, LevelResult
from goldenseed.archive.keys import P256, PublicKey, needs_cryptography
from goldenseed.archive.ssh_signatures import read_signature
from goldenseed.archive.structure import Manifests, signature_files
from goldenseed.archive.tree import Tree
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular

_SIGNATURE_LIMIT = 2**16


def check_signatures(
    root: Path, tree: Tree, manifests: Manifests, trusted: Sequence[PublicKey]
) -> tuple[LevelResult, tuple[str, ...]]:
    """Check every signature and attestation; also return the trusted keys that signed.

    A signature stands for the manifest of tag files, and so for all files where level 2 passed.
    Without trusted keys nothing is known of who signed, whatever the archive says.
    """
    names = signature_files(tree)
    if not names and not trusted:
        why = "nobody signed it, and no trusted key was given"
        return LevelResult.not_checked(Level.SIGNATURE, why), ()
    try:
        needs_cryptography()
    except GoldenseedError as error:
        return LevelResult.not_checked(Level.SIGNATURE, str(error)), ()
    signers, findings = _signers(root, names)
    findings += _attested(root, tree, signers)
    believed = tuple(dict.fromkeys(each for each in signers.values() if each in trusted))
    fingerprints = tuple(each.fingerprint for each in believed)
    if trusted and not believed:
        who = ", ".join(each.fingerprint for each in signers.values()) or "nobody"
        what = f"no trusted key signed it; signed by {who}"
        findings.append(Finding("not_trusted", layout.signature_name(1), what))
    if findings:
        return LevelResult.of(Level.SIGNATURE, findings), fingerprints
    if not trusted:
        said = [f"it is signed, by {each.fingerprint}" for each in signers.values()]
        said.append("no trusted key was given, so nobody vouches for that key")
        return LevelResult.not_checked(Level.SIGNATURE, *said), ()
    notes = [f"signed by the trusted key {each}" for each in fingerprints]
    others = [each.fingerprint for each in signers.values() if each not in believed]
    notes += [f"also signed by {each}, which was not named as trusted" for each in others]
    if manifests.digest is not None:
        notes.append(f"the signature is over {layout.TAG_MANIFEST}, {manifests.digest}")
    return LevelResult.of(Level.SIGNATURE, [], notes), fingerprints


def _signers(root: Path, names: Sequence[str]) -> tuple[dict[int, PublicKey], list[Finding]]:
    """Return the key of each sound signature by its number, and what is wrong with the others."""
    data = read_regular(root / layout.TAG_MANIFEST, layout.TEXT_LIMIT)
    found: dict[int, PublicKey] = {}
    findings = []
    for number, name in enumerate(names, 1):
        try:
            signature = read_signature(read_regular(root / name, _SIGNATURE_LIMIT))
            fault = signature.fault(data)
        except GoldenseedError as error:
            findings.append(Finding("bad_signature", name, error.what))
            continue
        if fault is None:
            found[number] = signature.key
        else:
            findings.append(Finding("bad_signature", name, fault))
    return found, findings


def _attested(root: Path, tree: Tree, signers: Mapping[int, PublicKey]) -> list[Finding]:
    """Hold each signer's attestations against what the archive's content says."""
    prefix = f"{layout.ATTESTATIONS}/"
    there = {name for name in tree.files if name.startswith(prefix)}
    attesting = {number: key for number, key in signers.items() if key.kind == P256}
    statements = statements_of(root) if attesting else {}
    wanted = {
        layout.attestation_name(kind, number): (kind, key)
        for number, key in attesting.items()
        for kind in statements
    }
    findings = [
        Finding("missing_attestation", name, "is not there") for name in sorted({*wanted} - there)
    ]
    findings += [
        Finding("foreign_attestation", name, "is of nobody who signed the archive")
        for name in sorted(there - {*wanted})
    ]
    findings += _differing(root, {n: w for n, w in wanted.items() if n in there}, statements)
    return findings


def _differing(
    root: Path,
    wanted: Mapping[str, tuple[str, PublicKey]],
    statements: Mapping[str, Mapping[str, Any]],
) -> Iterator[Finding]:
    for name, (kind, key) in wanted.items():
        try:
            payload = read_payload(root / name, key)
        except GoldenseedError as error:
            yield Finding("bad_attestation", name, error.what)
            continue
        if payload != statement_bytes(statements[kind]):
            yield Finding("attestation_differs", name, "states what the archive does not hold")
