"""Level 3: who signed an archive, and whether that is somebody whom the caller trusts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from goldenseed.archive import layout
from goldenseed.archive.attestations import read_payload, statement_bytes, statements_of
from goldenseed.archive.findings import Finding, Level, LevelResult
from goldenseed.archive.keyless import TRUST_FILE, Identified, check_keyless, keyless_name
from goldenseed.archive.keys import P256, PublicKey, needs_cryptography
from goldenseed.archive.ssh_signatures import read_signature
from goldenseed.archive.structure import Manifests, signature_files
from goldenseed.archive.timestamps import check_stamp
from goldenseed.archive.tree import Tree
from goldenseed.archive.trust import Trust
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular

_SIGNATURE_LIMIT = 2**16


def check_signatures(
    root: Path, tree: Tree, manifests: Manifests, trusted: Trust
) -> tuple[LevelResult, tuple[str, ...]]:
    """Check every signature, attestation and time stamp; also return which of the trusted signed.

    A signature stands for the manifest of tag files, and so for all files where level 2 passed.
    Without anybody trusted nothing is known of who signed, whatever the archive says.
    """
    names, attesting = signature_files(tree), _attestation_files(tree)
    stamped = check_stamp(root, layout.TIME_STAMP in tree.files, trusted.stamp_roots)
    if not (names or attesting or trusted.anybody or stamped.findings):
        why = "nobody signed it, and no trusted key was given"
        return LevelResult.not_checked(Level.SIGNATURE, why, *stamped.notes), ()
    try:
        needs_cryptography()
    except GoldenseedError as error:
        return LevelResult.not_checked(Level.SIGNATURE, str(error)), ()
    signers, findings = _signers(root, names)
    by_identity = Identified()
    try:
        said = statements_of(root) if signers or attesting else {}
    except GoldenseedError as error:  # who signed is told all the same
        findings.append(Finding("unreadable", layout.RECORD, error.what))
    else:
        statements = {kind: statement_bytes(each) for kind, each in said.items()}
        findings += _attested(root, attesting, signers, statements)
        by_identity = check_keyless(
            root, attesting, statements, trusted.identities, trusted.sigstore
        )
    findings += [*by_identity.findings, *stamped.findings]
    notes, untrusted, believed = _believed(signers, trusted, stamped.when)
    believed += () if by_identity.who is None else (by_identity.who,)
    if trusted.anybody and not believed:
        what = f"nobody who is trusted signed it: {'; '.join(untrusted) or 'nobody did'}"
        findings.append(Finding("not_trusted", layout.signature_name(1), what))
    if findings:
        return LevelResult.of(Level.SIGNATURE, findings), believed
    others = (*by_identity.notes, *stamped.notes)
    if not trusted.anybody:
        notes = [f"it is signed, by {each.fingerprint}" for each in signers.values()]
        notes += ["no trusted key was given, so nobody vouches for that key"] if signers else []
        return LevelResult.not_checked(Level.SIGNATURE, *notes, *others), ()
    notes += [f"also signed by {each}" for each in untrusted]
    if manifests.digest is not None and signers:
        notes.append(f"the signature is over {layout.TAG_MANIFEST}, {manifests.digest}")
    return LevelResult.of(Level.SIGNATURE, [], (*notes, *others)), believed


def _attestation_files(tree: Tree) -> frozenset[str]:
    prefix = f"{layout.ATTESTATIONS}/"
    return frozenset(name for name in tree.files if name.startswith(prefix))


def _believed(
    signers: Mapping[int, PublicKey], trusted: Trust, stamped: datetime | None
) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Say of each signer whether the caller trusts it; also return the trusted fingerprints.

    A key that may sign for a time only is asked for the time of a trusted time stamp, if its own
    attestations lie under that, so that it had signed by then; else for now, as OpenSSH does.
    """
    notes, untrusted, believed = [], [], []
    for key in dict.fromkeys(signers.values()):
        when = stamped if stamped is not None and key.kind == P256 else datetime.now(UTC)
        line, fault = trusted.believed(key, when)
        if line is not None:
            notes.append(f"signed by the trusted key {line}")
            believed.append(key.fingerprint)
        else:
            why = fault or "was not named as trusted"
            untrusted.append(f"{key.fingerprint}, which {why}")
    return notes, untrusted, tuple(believed)


def _signers(root: Path, names: Sequence[str]) -> tuple[dict[int, PublicKey], list[Finding]]:
    """Return the key of each sound signature by its number, and what is wrong with the others."""
    data = read_regular(root / layout.TAG_MANIFEST, layout.TAG_LIMIT)
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


def _attested(
    root: Path,
    there: Collection[str],
    signers: Mapping[int, PublicKey],
    statements: Mapping[str, bytes],
) -> list[Finding]:
    """Hold each signer's attestations against what the archive's content says."""
    wanted = {
        layout.attestation_name(kind, number): (kind, key)
        for number, key in signers.items()
        if key.kind == P256
        for kind in statements
    }
    known = {*wanted, TRUST_FILE, *map(keyless_name, statements)}
    findings = [
        Finding("missing_attestation", name, "is not there")
        for name in sorted({*wanted} - {*there})
    ]
    findings += [
        Finding("foreign_attestation", name, "is of nobody who signed the archive")
        for name in sorted({*there} - known)
    ]
    findings += _differing(root, {n: w for n, w in wanted.items() if n in there}, statements)
    return findings


def _differing(
    root: Path,
    wanted: Mapping[str, tuple[str, PublicKey]],
    statements: Mapping[str, bytes],
) -> Iterator[Finding]:
    for name, (kind, key) in wanted.items():
        try:
            payload = read_payload(root / name, key)
        except GoldenseedError as error:
            yield Finding("bad_attestation", name, error.what)
            continue
        if payload != statements[kind]:
            yield Finding("attestation_differs", name, "states what the archive does not hold")
