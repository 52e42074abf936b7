"""An archive whose manifests, documents and signatures are written anew after an edit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from goldenseed.archive import documents, layout
from goldenseed.archive.attestations import write_attestations
from goldenseed.archive.bag import digests_of, written_manifest
from goldenseed.archive.keys import Signer
from goldenseed.archive.ssh_signatures import armoured_signature
from goldenseed.archive.tree import read_tree
from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.folder import load_run


def sealed(bag: Path, signer: Signer | None = None) -> None:
    """Write all that follows from the payload anew, as somebody who knows the format would."""
    payload = {k: v for k, v in read_tree(bag).files.items() if k.startswith("data/")}
    try:
        run = load_run(bag / layout.RUN)
    except GoldenseedError:
        run = None
    if run is not None and (bag / layout.SUMMARY).exists():
        (bag / layout.SUMMARY).write_bytes(documents.summary(run))
        payload[layout.SUMMARY] = (bag / layout.SUMMARY).stat().st_size
        size, version = documents.oxum(payload), documents.version_of(bag)
        (bag / layout.BAG_INFO).write_bytes(documents.bag_info(run, size, version))
        (bag / layout.CRATE).write_bytes(documents.crate(run, payload))
    info = (bag / layout.BAG_INFO).read_text()
    size = f"{documents.OXUM}{documents.oxum(payload)}"
    (bag / layout.BAG_INFO).write_text(re.sub(rf"{documents.OXUM}\S+", size, info))
    (bag / layout.MANIFEST).write_bytes(written_manifest(_digests(bag, payload)))
    if signer is not None:
        for path in (bag / layout.ATTESTATIONS).glob("*.sigstore.json"):
            path.unlink()
        if not any((bag / layout.ATTESTATIONS).iterdir()):
            (bag / layout.ATTESTATIONS).rmdir()
            if run is not None:
                write_attestations(bag, [signer])
    signed_anew(bag, signer)


def signed_anew(bag: Path, signer: Signer | None) -> None:
    """Write the manifest of all tag files anew, and sign it where there is a signer."""
    manifests = ("tagmanifest-sha256.txt", "data/")
    tags = [name for name in read_tree(bag).files if not name.startswith(manifests)]
    data = written_manifest(_digests(bag, tags))
    (bag / layout.TAG_MANIFEST).write_bytes(data)
    if signer is not None:
        (bag / layout.signature_name(1)).write_bytes(armoured_signature(signer, data))


def _digests(bag: Path, names: Iterable[str]) -> dict[str, str]:
    return {name: each for name, each in digests_of(bag, names) if isinstance(each, str)}
