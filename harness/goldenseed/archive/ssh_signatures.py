"""OpenSSH signatures of files (PROTOCOL.sshsig): what ``ssh-keygen -Y sign`` and ``verify`` do."""

from __future__ import annotations

import base64
import hashlib
import re
import textwrap
from dataclasses import dataclass

from goldenseed.archive.keys import ED25519, P256, PublicKey, Signer, key_of_blob
from goldenseed.archive.layout import NAMESPACE
from goldenseed.core.errors import GoldenseedError

_MAGIC = b"SSHSIG"
_VERSION = (1).to_bytes(4, "big")
_HASHES = ("sha256", "sha512")
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_ARMOUR = re.compile(rf"{_BEGIN}\n([A-Za-z0-9+/=\n]+)\n{_END}\n".encode())
_WIDTH = 70


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature as it was read; nothing of it is believed yet."""

    key: PublicKey
    """The key that it says made it."""
    namespace: str
    hash_name: str
    signature: bytes
    """DER of ECDSA, or 64 bytes of Ed25519."""

    def fault(self, data: bytes) -> str | None:
        """Say why it is no signature of its key over ``data`` for an archive; None if it is."""
        if self.namespace != NAMESPACE:
            return f"was made for {self.namespace!r}, not for {NAMESPACE!r}"
        signed = _signed(self.namespace.encode(), self.hash_name, data)
        return None if self.key.verifies(self.signature, signed) else "does not fit"


def armoured_signature(signer: Signer, data: bytes) -> bytes:
    """Sign ``data`` as ``ssh-keygen -Y sign -n goldenseed-archive`` does; return the file."""
    signature = signer.sign(_signed(NAMESPACE.encode(), "sha512", data))
    if signer.public.kind == P256:
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        signature = b"".join(_string(_mpint(each)) for each in decode_dss_signature(signature))
    blob = b"".join(
        (
            _MAGIC,
            _VERSION,
            _string(signer.public.blob),
            _string(NAMESPACE.encode()),
            _string(b""),
            _string(b"sha512"),
            _string(_string(signer.public.kind.encode()) + _string(signature)),
        )
    )
    return _armoured(blob)


def _armoured(blob: bytes, width: int = _WIDTH) -> bytes:
    lines = textwrap.wrap(base64.b64encode(blob).decode(), width)
    return "\n".join((_BEGIN, *lines, _END, "")).encode()


def read_signature(data: bytes) -> Signature:
    """Read a signature's file; GoldenseedError for anything that is not one, to the last byte."""
    armour = _ARMOUR.fullmatch(data)
    if armour is None:
        raise GoldenseedError("is no OpenSSH signature")
    try:
        blob = base64.b64decode(armour[1].replace(b"\n", b""), validate=True)
    except ValueError as error:
        raise GoldenseedError("is no OpenSSH signature") from error
    if _armoured(blob, len(armour[1].partition(b"\n")[0])) != data:
        raise GoldenseedError("is not written as OpenSSH writes a signature")
    if not blob.startswith(_MAGIC + _VERSION):
        raise GoldenseedError("is no OpenSSH signature of version 1")
    key, namespace, _, hash_name, signature = _strings(blob[len(_MAGIC + _VERSION) :], 5)
    kind, value = _strings(signature, 2)
    found = key_of_blob(key)
    if kind.decode("ascii", "replace") != found.kind or found.kind not in {P256, ED25519}:
        raise GoldenseedError("is a signature of another kind than its key")
    if hash_name.decode("ascii", "replace") not in _HASHES:
        raise GoldenseedError("uses an unknown hash")
    if found.kind == P256:
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        r, s = (int.from_bytes(each, "big") for each in _strings(value, 2))
        value = encode_dss_signature(r, s)
    return Signature(found, namespace.decode("utf-8", "replace"), hash_name.decode(), value)


def _signed(namespace: bytes, hash_name: str, data: bytes) -> bytes:
    digest = hashlib.new(hash_name, data).digest()
    parts = (namespace, b"", hash_name.encode(), digest)
    return _MAGIC + b"".join(map(_string, parts))


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _mpint(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _strings(data: bytes, count: int) -> list[bytes]:
    """Take ``data`` apart into exactly ``count`` strings, each after its length."""
    found = []
    for _ in range(count):
        size = int.from_bytes(data[:4], "big")
        if len(data) < 4 + size:
            raise GoldenseedError("is cut short")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    if data:
        raise GoldenseedError("goes on after its end")
    return found
