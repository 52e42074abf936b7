"""Keys to sign with: OpenSSH's own files, ECDSA P-256 or Ed25519."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

ED25519 = "ssh-ed25519"
P256 = "ecdsa-sha2-nistp256"
_LARGEST_KEY = 2**16


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key, told apart by its bytes and by nothing else."""

    blob: bytes
    """As OpenSSH writes it on the wire (RFC 4253, 6.6)."""
    key: EllipticCurvePublicKey | Ed25519PublicKey = field(compare=False, repr=False)
    kind: str
    """``ssh-ed25519`` or ``ecdsa-sha2-nistp256``."""

    @property
    def fingerprint(self) -> str:
        """``SHA256:…``, as ``ssh-keygen -l`` shows it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")
        return f"SHA256:{digest}"

    @property
    def line(self) -> str:
        """The key as a ``.pub`` file has it, without a comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether ``signature`` (DER of ECDSA, or 64 bytes of Ed25519) over ``data`` is its own."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        key: Any = self.key
        try:
            if self.kind == P256:
                key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
            else:
                key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key, and what is known of it in public."""

    public: PublicKey
    private: EllipticCurvePrivateKey | Ed25519PrivateKey = field(repr=False)

    @property
    def attests(self) -> bool:
        """Whether it signs attestations: outside tools crash on those of Ed25519."""
        return self.public.kind == P256

    def sign(self, data: bytes) -> bytes:
        """Sign ``data``; the same bytes give the same signature where the library can do that."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        key: Any = self.private
        if self.public.kind == ED25519:
            signature: bytes = key.sign(data)
            return signature
        try:
            signature = key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        except UnsupportedAlgorithm:
            signature = key.sign(data, ec.ECDSA(hashes.SHA256()))
        return signature


def public_key(key: object) -> PublicKey:
    """Describe a key of ``cryptography``; GoldenseedError for a kind that is not used here."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if not (
        isinstance(key, ed25519.Ed25519PublicKey)
        or (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1")
    ):
        raise GoldenseedError(
            "is no key of ECDSA P-256 or Ed25519",
            fix="make one with `goldenseed archive keygen`",
        )
    form = serialization.PublicFormat.OpenSSH
    kind, text = key.public_bytes(serialization.Encoding.OpenSSH, form).decode().split(" ")[:2]
    return PublicKey(base64.b64decode(text), key, kind)


def key_of_blob(blob: bytes) -> PublicKey:
    """Read a public key as OpenSSH has it on the wire; GoldenseedError where it is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    size = int.from_bytes(blob[:4], "big")
    line = blob[4 : 4 + size] + b" " + base64.b64encode(blob)
    try:
        return public_key(serialization.load_ssh_public_key(line))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise GoldenseedError(f"holds no usable key: {error}") from error


def read_signer(path: Path) -> Signer:
    """Read a private key that OpenSSH or ``keygen`` wrote; raises GoldenseedError."""
    return signer_of(read_regular(path, _LARGEST_KEY), str(path))


def signer_of(data: bytes, name: str) -> Signer:
    """Read a private key in OpenSSH's form or in PEM; ``name`` is for messages."""
    needs_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    load: Any = (
        serialization.load_ssh_private_key
        if b"OPENSSH PRIVATE KEY" in data
        else serialization.load_pem_private_key
    )
    try:
        private = load(data, password=None)
        return Signer(public_key(private.public_key()), private)
    except TypeError as error:
        raise GoldenseedError(
            "is protected by a passphrase", path=name, fix="sign with a key that has none"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise GoldenseedError(
            f"is no private key: {error}", path=name, fix="give the file without `.pub`"
        ) from error
    except GoldenseedError as error:
        raise GoldenseedError(error.what, path=name, fix=error.fix) from None


def generate(path: Path) -> PublicKey:
    """Make an ECDSA P-256 key: ``path``, which its owner alone can read, and ``path``.pub.

    Raises GoldenseedError where one of the two is there already.
    """
    needs_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    public_path = path.with_name(f"{path.name}.pub")
    for each in (path, public_path):
        if each.exists() or each.is_symlink():
            raise GoldenseedError("is there already", path=each, fix="name another with --output")
    private = ec.generate_private_key(ec.SECP256R1())
    public = public_key(private.public_key())
    data = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    public_path.write_text(f"{public.line} {path.name}\n", encoding="utf-8")
    return public


def needs_cryptography() -> None:
    """Raise GoldenseedError where the extra is not installed."""
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise GoldenseedError(
            "keys and signatures need the package cryptography, which is not installed",
            fix="pip install 'pytest-goldenseed[archive]'",
        ) from None
