"""The names inside an archive, and what its format's version promises."""

from __future__ import annotations

from typing import Final

FORMAT_VERSION: Final = 2
"""What ``Goldenseed-Archive-Version`` in ``bag-info.txt`` says; raised when a part changes."""
READABLE: Final = (1, 2)
"""Every version there ever was: 2 has time stamps and keyless identities, and says so."""

DECLARATION = "bagit.txt"
BAG_INFO = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
TIME_STAMP = f"{TAG_MANIFEST}.tsr"
INSTRUCTIONS = "VERIFY.txt"
CRATE = "ro-crate-metadata.json"
ATTESTATIONS = "attestations"
TAG_FILES = (DECLARATION, BAG_INFO, MANIFEST, INSTRUCTIONS, CRATE)
"""The files beside the payload that every archive has, but for the manifest of these files."""

PAYLOAD = "data"
RUN = f"{PAYLOAD}/run"
RECORD = f"{RUN}/run.json"
BASELINES = f"{PAYLOAD}/baselines"
PROJECT = f"{PAYLOAD}/project"
PACKAGE = f"{PAYLOAD}/package.json"
MODELS = f"{PAYLOAD}/models.json"
SCOPE = f"{PAYLOAD}/scope.json"
SUMMARY = f"{PAYLOAD}/summary.md"
OWN = (PACKAGE, MODELS, SCOPE, SUMMARY)
"""The files of the payload that are neither the run's nor the project's."""

SIGNATURE_SUFFIX = ".sig"
NAMESPACE = "goldenseed-archive"
"""What OpenSSH signatures are made for: one for another purpose does not count."""

MOST_SIGNERS = 16
MOST_FILES = 2_000_000
DEEPEST = 32
"""How many folders deep a file may lie."""
TEXT_LIMIT = 1 << 30
"""The most bytes of the payload's manifest or of one of our own JSON files."""
TAG_LIMIT = 1 << 20
"""The most bytes of the manifest of tag files: sixteen signers have about a hundred of them."""


def signature_name(number: int) -> str:
    """Name the file of one signature, from 1: ``tagmanifest-sha256.txt.sig``, then ``….2.sig``."""
    return TAG_MANIFEST + (f".{number}" if number > 1 else "") + SIGNATURE_SUFFIX


def attestation_name(kind: str, number: int) -> str:
    """Name the file of one signer's attestation: ``attestations/recipes.sigstore.json``."""
    return f"{ATTESTATIONS}/{kind}{f'.{number}' if number > 1 else ''}.sigstore.json"
