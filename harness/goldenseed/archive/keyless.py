"""Attestations signed by an identity instead of a key: Sigstore, through its own library."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.archive import layout
from goldenseed.archive.attestations import PAYLOAD_TYPE
from goldenseed.archive.findings import Finding
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig
    from sigstore.verify import Verifier

TOKEN_VARIABLE = "SIGSTORE_ID_TOKEN"  # noqa: S105 - where it is, not what
KEYLESS = "keyless"
TRUST_FILE = f"{layout.ATTESTATIONS}/keyless.trusted_root.json"
"""The trusted root by which was signed, carried for whoever compares it with their own."""
_LARGEST = 2**28


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom a caller believes: who, and who says so."""

    name: str
    """An address, or a workflow's URI, as the certificate names it."""
    issuer: str
    """The OpenID issuer that vouched for it."""

    def __str__(self) -> str:
        return f"{self.name} by {self.issuer}"


def keyless_name(kind: str) -> str:
    """Name the file of a keyless attestation: ``attestations/recipes.keyless.sigstore.json``."""
    return f"{layout.ATTESTATIONS}/{kind}.{KEYLESS}.sigstore.json"


def keyless_bundles(
    statements: Mapping[str, bytes], config: Path | None, token: str | None = None
) -> dict[str, bytes]:
    """Have each statement signed by the identity that is at hand; return files by place.

    Certificate authority, log and trusted root are those of ``config`` (a client trust config), by
    default Sigstore's public ones. The token is the one given, that of ``$SIGSTORE_ID_TOKEN``, or
    what the CI system gives to a job.

    Raises:
        GoldenseedError: the extra is not installed, no token is at hand, or a service refuses.

    """
    needs_sigstore()
    from sigstore.dsse import Statement
    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken, detect_credential
    from sigstore.sign import SigningContext

    try:
        raw = token or os.environ.get(TOKEN_VARIABLE) or detect_credential()
        identity = IdentityToken(raw or "")
        trust = (
            ClientTrustConfig.production()
            if config is None
            else ClientTrustConfig.from_json(read_regular(config, _LARGEST).decode())
        )
        context = SigningContext.from_trust_config(trust)
        found = {}
        with context.signer(identity) as signer:
            for kind, data in statements.items():
                bundle = signer.sign_dsse(Statement(data))
                found[keyless_name(kind)] = bundle.to_json().encode() + b"\n"
        found[TRUST_FILE] = _trusted_root(trust)
    except Exception as error:
        raise GoldenseedError(
            f"no identity signed: {type(error).__name__}: {str(error)[:300]}",
            fix=f"run in a CI job that may ask for a token (GitHub: `id-token: write`), or set "
            f"${TOKEN_VARIABLE} to a fresh one for the audience sigstore; see that the services of "
            "--sigstore-config can be reached",
        ) from error
    return found


def _trusted_root(trust: ClientTrustConfig) -> bytes:
    """Write the trusted root of a configuration as its own file."""
    text: str = trust._inner.trusted_root.to_json()  # noqa: SLF001 - nothing public writes it
    return text.encode() + b"\n"


def read_verifier(path: Path) -> Verifier:
    """Read a trusted root, Sigstore's or one's own; raises GoldenseedError where it is none."""
    needs_sigstore()
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier

    read_regular(path, _LARGEST)
    try:
        return Verifier(trusted_root=TrustedRoot.from_file(str(path)))
    except Exception as error:  # the library's readers raise what pydantic and cryptography do
        raise GoldenseedError(
            f"is no trusted root of Sigstore: {str(error)[:200]}",
            path=path,
            fix="give a trusted_root.json, from Sigstore's TUF repository or from whoever runs "
            "the services",
        ) from error


def attested_by(
    path: Path, verifier: Any, identities: Sequence[Identity]
) -> tuple[Identity, bytes]:
    """Return which of the identities signed the envelope in a bundle, and its payload.

    Offline: certificate, transparency log and time are held against the verifier's trusted root.

    Raises:
        GoldenseedError: it is no bundle, does not hold, or is of somebody else.

    """
    from sigstore.errors import Error
    from sigstore.models import Bundle
    from sigstore.verify import policy

    fault = "no identity was given"
    try:
        bundle = Bundle.from_json(read_regular(path, _LARGEST))
        for identity in identities:
            wanted = policy.Identity(identity=identity.name, issuer=identity.issuer)
            try:
                kind, payload = verifier.verify_dsse(bundle, wanted)
            except Error as error:
                fault = str(error)
                continue
            if kind == PAYLOAD_TYPE:
                return identity, payload
            fault = f"holds a payload of the type {kind!r}"
    except GoldenseedError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a hostile bundle raises, it is no proof
        fault = f"{type(error).__name__}: {error}"
    raise GoldenseedError(f"does not hold: {fault[:300]}")


@dataclass(frozen=True, slots=True)
class Identified:
    """What came of an archive's keyless attestations."""

    who: str | None = None
    """The trusted identity that signed all of them."""
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def check_keyless(
    root: Path,
    names: Collection[str],
    statements: Mapping[str, bytes],
    identities: Sequence[Identity],
    verifier: Verifier | None,
) -> Identified:
    """Hold the keyless attestations that are there against the archive's content and a trust root.

    ``names`` are the files below ``attestations/``. All kinds have to be there, of one identity.
    """
    wanted = {keyless_name(kind): data for kind, data in statements.items()}
    there = [name for name in wanted if name in names]
    if not there:
        return Identified()
    findings = [
        Finding("missing_attestation", name, "is not there") for name in wanted if name not in names
    ]
    if not identities or verifier is None:
        note = "an identity attested it; none was named as trusted, so nobody vouches for that one"
        return Identified(findings=tuple(findings), notes=(note,))
    found: dict[Identity, None] = {}
    for name in there:
        try:
            identity, payload = attested_by(root / name, verifier, identities)
        except GoldenseedError as error:
            findings.append(Finding("bad_attestation", name, error.what))
            continue
        found[identity] = None
        if payload != wanted[name]:
            what = "states what the archive does not hold"
            findings.append(Finding("attestation_differs", name, what))
    if findings or len(found) > 1:
        several = Finding("bad_attestation", there[0], "is not of who signed the others")
        return Identified(findings=tuple(findings or [several]))
    who = str(next(iter(found)))
    return Identified(who, notes=(f"attested by the trusted identity {who}",))


def needs_sigstore() -> None:
    """Raise GoldenseedError where the extra is not installed."""
    try:
        import sigstore  # noqa: F401
    except ImportError:
        raise GoldenseedError(
            "keyless identities need the package sigstore, which is not installed",
            fix="pip install 'pytest-goldenseed[keyless]'",
        ) from None
