"""Whom a verifier of archives believes: the options that say so, and what they come to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goldenseed.core.errors import GoldenseedError

if TYPE_CHECKING:
    from sigstore.verify import Verifier

    from goldenseed.archive.keyless import Identity
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


def trusted(
    keys: list[Path] | None,
    stamp_roots: list[Path] | None = None,
    names: list[str] | None = None,
    issuer: str | None = None,
    sigstore_root: Path | None = None,
) -> Trust:
    """Read all that the options say of whom to believe.

    Raises GoldenseedError where a file cannot be read, or one of the options for identities is
    given without the others.
    """
    from goldenseed.archive.timestamps import read_roots
    from goldenseed.archive.trust import Trust, read_trusted

    identities, sigstore = _identities(names or [], issuer, sigstore_root)
    return Trust(
        tuple(key for path in keys or () for key in read_trusted(path)),
        tuple(each for path in stamp_roots or () for each in read_roots(path)),
        identities,
        sigstore,
    )


def _identities(
    names: list[str], issuer: str | None, root: Path | None
) -> tuple[tuple[Identity, ...], Verifier | None]:
    """Return the identities that an issuer vouches for, and what verifies them."""
    if not (names or issuer or root):
        return (), None
    if not names:
        raise GoldenseedError(
            "--issuer and --sigstore-root say by whose word, and not who",
            fix="give --trusted-identity as well",
        )
    if issuer is None or root is None:
        raise GoldenseedError(
            "--trusted-identity says who, and not by whose word",
            fix="give --issuer and --sigstore-root as well",
        )
    from goldenseed.archive.keyless import Identity, read_verifier

    return tuple(Identity(name, issuer) for name in names), read_verifier(root)
