"""Whom a verifier of archives believes: the options that say so, and what they come to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goldenseed.core.errors import GoldenseedError

if TYPE_CHECKING:
    from goldenseed.archive.trust import Trust

Trusted = Annotated[
    list[Path] | None,
    typer.Option(
        "--trusted-key",
        help="A public key that you trust: a .pub file, a PEM file, or OpenSSH's allowed "
        "signers. Never take it from the archive.",
        show_default=False,
    ),
]
StampRoot = Annotated[
    list[Path] | None,
    typer.Option(
        "--timestamp-root",
        help="A PEM file with the root certificate of a time stamp authority that you trust.",
        show_default=False,
    ),
]
Identities = Annotated[
    list[str] | None,
    typer.Option(
        "--trusted-identity",
        help="Who is trusted without a key (Sigstore): an address, or a workflow's URI.",
        show_default=False,
    ),
]
Issuer = Annotated[
    str | None,
    typer.Option(
        "--issuer", help="The OpenID issuer of these identities: its URL.", show_default=False
    ),
]
SigstoreRoot = Annotated[
    Path | None,
    typer.Option(
        "--sigstore-root",
        help="The trusted_root.json of Sigstore that you trust. Never take it from the archive.",
        show_default=False,
    ),
]


def trusted(keys: list[Path] | None, stamp_roots: list[Path] | None = None) -> Trust:
    """Read the files of keys and of time stamp authorities; raises GoldenseedError."""
    from goldenseed.archive.timestamps import read_roots
    from goldenseed.archive.trust import Trust, read_trusted

    return Trust(
        tuple(key for path in keys or () for key in read_trusted(path)),
        tuple(each for path in stamp_roots or () for each in read_roots(path)),
    )


def with_identities(trust: Trust, names: list[str], issuer: str | None, root: Path | None) -> Trust:
    """Add the identities that an issuer vouches for; GoldenseedError where it is not said which."""
    from goldenseed.archive.keyless import Identity, read_verifier

    if issuer is None or root is None:
        raise GoldenseedError(
            "--trusted-identity says who, and not by whose word",
            fix="give --issuer and --sigstore-root as well",
        )
    identities = tuple(Identity(name, issuer) for name in names)
    return replace(trust, identities=identities, sigstore=read_verifier(root))
