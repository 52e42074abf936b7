"""Attestations: in-toto statements in DSSE envelopes, written from an archive's content alone."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.archive import layout
from goldenseed.archive.bag import read_manifest
from goldenseed.archive.documents import version_of
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, read_json, read_regular, sha256_hex
from goldenseed.reporting.words import name_of
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import RunRecord
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from goldenseed.archive.keys import PublicKey, Signer

STATEMENT = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
VERIFICATION = "https://in-toto.io/attestation/svr/v0.1"
RECIPES = "https://goldenseed.dev/attestation/recipes/v1"
ENVIRONMENT = "https://goldenseed.dev/attestation/environment/v1"
MODEL_SIGNING = "https://model_signing/signature/v1.0"

_BUNDLE_LIMIT = 256 * 2**20


def statements_of(root: Path) -> dict[str, dict[str, Any]]:
    """Return every statement that an archive's content makes, by the kind in its file's name.

    Raises GoldenseedError where the record or the manifest cannot be read.
    """
    run = load_run(root / layout.RUN, results_only=True)
    manifest = read_manifest(root / layout.MANIFEST, layout.TEXT_LIMIT)
    subject = {"name": layout.RECORD, "digest": {"sha256": manifest.get(layout.RECORD, "")}}
    images = [
        {"name": f"{layout.RUN}/{case.image}", "digest": {"sha256": digest}}
        for case in run.cases
        if case.image and (digest := manifest.get(f"{layout.RUN}/{case.image}"))
    ]
    return {
        "test-result": _statement([subject], TEST_RESULT, _test_result(run, manifest)),
        "recipes": _statement([subject, *_once(images)], RECIPES, _recipes(run)),
        "environment": _statement([subject], ENVIRONMENT, _environment(run)),
        "model-signing": _model_signing(root, run.run_id, manifest),
    }


def _statement(
    subject: Sequence[Mapping[str, Any]], predicate_type: str, predicate: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "_type": STATEMENT,
        "subject": list(subject),
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }


def _once(subjects: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({each["name"]: each for each in subjects}.values())


def _test_result(run: RunRecord, manifest: Mapping[str, str]) -> dict[str, Any]:
    """Say what passed (in-toto's predicate test-result v0.1)."""
    warned = [name_of(each) for each in run.cases if each.passed and each.verdict is Verdict.WARN]
    failed = [name_of(each) for each in run.cases if not each.passed]
    failed += [f"{each.suite}::{each.kind}/{each.id}" for each in run.sets if not each.passed]
    failed += [f"{each.suite}::{each.id}" for each in run.relations if not each.passed]
    failed += [f"{each.suite}::pilot" for each in run.pilots if not each.held]
    passed = [name_of(each) for each in run.cases if each.passed and name_of(each) not in warned]
    passed += [f"{each.suite}::{each.kind}/{each.id}" for each in run.sets if each.passed]
    passed += [f"{each.suite}::{each.id}" for each in run.relations if each.state == "held"]
    result = "FAILED" if failed or not run.complete else "WARNED" if warned else "PASSED"
    suites = sorted(n for n in manifest if n.startswith(f"{layout.PROJECT}/"))
    return {
        "result": result,
        "configuration": [{"name": n, "digest": {"sha256": manifest[n]}} for n in suites],
        "passedTests": passed,
        "warnedTests": warned,
        "failedTests": failed,
    }


def _recipes(run: RunRecord) -> dict[str, Any]:
    return {
        "run": run.run_id,
        "images": [
            {
                "case": name_of(each),
                "recipe": each.recipe,
                "recipeSha256": each.recipe_sha256,
                "pixelsSha256": each.pixels_sha256,
                "verdict": each.verdict.value,
                "passed": each.passed,
            }
            for each in run.cases
        ],
    }


def _environment(run: RunRecord) -> dict[str, Any]:
    found = [each for each in (run.environment, *run.other_environments) if each]
    return {
        "run": run.run_id,
        "profile": run.profile,
        "environments": [{"sha256": json_sha256(each), "keys": each} for each in found],
    }


def _model_signing(root: Path, name: str, manifest: Mapping[str, str]) -> dict[str, Any]:
    """Say the digest of every file, but of what is written after it (OpenSSF model-signing 1.0)."""
    later = [layout.ATTESTATIONS, layout.TAG_MANIFEST]
    later += [layout.signature_name(number) for number in range(1, layout.MOST_SIGNERS + 1)]
    if version_of(root) != 1:
        later.append(layout.TIME_STAMP)
    digests = dict(manifest)
    for tag in layout.TAG_FILES:
        digests[tag] = sha256_hex(read_regular(root / tag, layout.TEXT_LIMIT))
    resources = [
        {"name": place, "algorithm": "sha256", "digest": digest}
        for place, digest in sorted(digests.items())
    ]
    joined = b"".join(bytes.fromhex(each["digest"]) for each in resources)
    serialization = {
        "method": "files",
        "hash_type": "sha256",
        "allow_symlinks": False,
        "ignore_paths": later,
    }
    return _statement(
        [{"name": name, "digest": {"sha256": hashlib.sha256(joined).hexdigest()}}],
        MODEL_SIGNING,
        {"serialization": serialization, "resources": resources},
    )


def write_attestations(root: Path, signers: Sequence[Signer]) -> None:
    """Write every statement once for each signer whose key outside tools can check."""
    attesting = [(number, each) for number, each in enumerate(signers, 1) if each.attests]
    if not attesting:
        return
    (root / layout.ATTESTATIONS).mkdir(exist_ok=True)
    for kind, statement in statements_of(root).items():
        payload = statement_bytes(statement)
        for number, signer in attesting:
            path = root / layout.attestation_name(kind, number)
            path.write_bytes(_bundle(signer, payload))


def statement_bytes(statement: Mapping[str, Any]) -> bytes:
    """Write a statement as it is signed."""
    return json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def pre_authentication(payload: bytes) -> bytes:
    """Return what a DSSE signature is over (DSSE v1.0.2, "PAE")."""
    kind = PAYLOAD_TYPE.encode()
    return b" ".join((b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload))


def _bundle(signer: Signer, payload: bytes) -> bytes:
    signature = signer.sign(pre_authentication(payload))
    document = {
        "mediaType": BUNDLE,
        "verificationMaterial": {
            "publicKey": {"hint": hint_of(signer.public)},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def hint_of(key: PublicKey) -> str:
    """Name a key as model-signing does: the SHA-256 of its PEM file."""
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return sha256_hex(key.key.public_bytes(serialization.Encoding.PEM, form))


def read_payload(path: Path, key: PublicKey) -> bytes:
    """Return what ``key`` signed in the envelope at ``path``, to the byte.

    Raises GoldenseedError where the file is no such envelope, or ``key`` did not sign it.
    """
    document = read_json(path, _BUNDLE_LIMIT)
    try:
        envelope = document["dsseEnvelope"]
        (signature,) = envelope["signatures"]
        kind = envelope["payloadType"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signed = base64.b64decode(signature["sig"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise GoldenseedError(f"is no envelope with one signature: {error}") from error
    if kind != PAYLOAD_TYPE:
        raise GoldenseedError(f"holds a payload of the type {kind!r}")
    if not key.verifies(signed, pre_authentication(payload)):
        raise GoldenseedError("is not signed by the key that signed the archive")
    return payload
