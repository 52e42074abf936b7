"""The documents of an archive that follow from its content, written alike by maker and verifier."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

from goldenseed.archive.layout import (
    BAG_INFO,
    CRATE,
    FORMAT_VERSION,
    MANIFEST,
    NAMESPACE,
    TAG_MANIFEST,
    TEXT_LIMIT,
    TIME_STAMP,
)
from goldenseed.core.files import read_regular, sha256_hex
from goldenseed.reporting.commands import Place
from goldenseed.reporting.markdown import summary_markdown
from goldenseed.reporting.view import run_view
from goldenseed.runs.record import RunRecord

DISTRIBUTION = "pytest-goldenseed"


def json_text(document: object) -> bytes:
    """Write one of the archive's own JSON documents: sorted, indented, ended by a newline."""
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"


def package_document() -> dict[str, object]:
    """Describe the package that makes an archive: its version and the digest of its files.

    The wheel's own digest is there where the installer noted it (PEP 610).
    """
    folder = Path(str(files("goldenseed")))
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            place = file.relative_to(folder).as_posix()
            digest.update(f"{sha256_hex(file.read_bytes())}  {place}\n".encode())
    return {
        "name": DISTRIBUTION,
        "version": package_version(),
        "files_sha256": digest.hexdigest(),
        "wheel_sha256": _wheel_sha256(),
    }


def package_version() -> str:
    """Return the version of this package."""
    return distribution(DISTRIBUTION).version


def _wheel_sha256() -> str | None:
    text = distribution(DISTRIBUTION).read_text("direct_url.json")
    found = json.loads(text or "{}").get("archive_info", {}).get("hashes", {}).get("sha256")
    return found if isinstance(found, str) else None


OXUM = "Payload-Oxum: "
"""What BagIt calls the bytes and the number of the files of the payload: ``472932.54``."""


def oxum(payload: Mapping[str, int]) -> str:
    """Write that of a payload, from bytes by path."""
    return f"{sum(payload.values())}.{len(payload)}"


def bag_info(run: RunRecord, size: str, version: int = FORMAT_VERSION) -> bytes:
    """Write ``bag-info.txt``: what BagIt's tools show, and the format's version.

    ``size`` is what ``oxum`` makes of the payload.
    """
    lines = (
        ("Bagging-Date", f"{run.finished or run.started:%Y-%m-%d}"),
        ("External-Identifier", run.run_id),
        (OXUM.removesuffix(": "), size),
        ("Goldenseed-Archive-Version", str(version)),
    )
    return "".join(f"{name}: {value}\n" for name, value in lines).encode()


def version_of(root: Path) -> int | None:
    """Return the version of the format that an archive says it has; None where it says none."""
    text = read_regular(root / BAG_INFO, TEXT_LIMIT)
    found = re.findall(rb"^Goldenseed-Archive-Version: ([0-9]{1,9})$", text, re.MULTILINE)
    return int(found[0]) if len(found) == 1 else None


def summary(run: RunRecord) -> bytes:
    """Write what happened, for people."""
    return summary_markdown(run_view(run, place=Place(run.run_id))).encode()


def crate(run: RunRecord, names: Iterable[str]) -> bytes:
    """Write ``ro-crate-metadata.json`` (RO-Crate 1.1) over the files of the payload."""
    names = sorted(names)
    about = {"@id": "https://w3id.org/ro/crate/1.1"}
    outcome = ", ".join(f"{count} {verdict.value}" for verdict, count in run.counts().items())
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Golden images of run {run.run_id}",
        "description": f"A run of golden image suites with all it was judged by: {outcome}.",
        "datePublished": (run.finished or run.started).isoformat(),
        "license": "The archive says nothing of a licence.",
        "hasPart": [{"@id": name} for name in names],
    }
    described = {"@id": CRATE, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": about}
    parts = [{"@id": name, "@type": "File", "name": name} for name in names]
    graph = [described, root, *parts]
    return json_text({"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph})


def instructions(version: int = FORMAT_VERSION) -> bytes:
    """Write ``VERIFY.txt``: how anybody checks an archive of a version, word for word."""
    return (_INSTRUCTIONS + (_SINCE_2 if version > 1 else "")).encode()


_INSTRUCTIONS = f"""\
How to check this archive. All commands are run in its folder, and none needs the network.
Take the signer's public key from somebody you trust, never from this archive.

1. With goldenseed (levels 1 to 4: structure, fixity, signature, judgement):

     goldenseed archive verify . --trusted-key SIGNER.pub

2. Files, with coreutils (does not see extra files, nor a changed manifest of tag files):

     sha256sum --check --strict {TAG_MANIFEST}
     sha256sum --check --strict {MANIFEST}

3. Files, with the reference implementation of BagIt (sees extra files below data/):

     bagit.py --validate .

4. Who signed, with OpenSSH (SIGNERS is a file of lines `NAME KEYTYPE KEY`):

     ssh-keygen -Y verify -f SIGNERS -I NAME -n {NAMESPACE} \\
       -s {TAG_MANIFEST}.sig < {TAG_MANIFEST}

5. The attestations, where there are some, are DSSE envelopes of in-toto statements in
   Sigstore bundles; the one over all files, with OpenSSF Model Signing:

     ssh-keygen -e -m PKCS8 -f SIGNER.pub > SIGNER.pem
     model_signing verify key . --public_key SIGNER.pem \\
       --signature attestations/model-signing.sigstore.json
"""

_SINCE_2 = f"""\

6. When it existed at the latest, where there is {TIME_STAMP}, with OpenSSL (take ROOT.pem
   from the time stamp authority, never from this archive):

     openssl ts -verify -data {TAG_MANIFEST} -in {TIME_STAMP} -CAfile ROOT.pem

7. Attestations of the form KIND.keyless.sigstore.json are signed by an identity, not by a key:

     model_signing verify sigstore . --identity WHO --identity_provider ISSUER \\
       --signature attestations/model-signing.keyless.sigstore.json
"""
