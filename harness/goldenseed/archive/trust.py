"""Whom a caller believes: keys, for what and how long, as in OpenSSH's allowed signers."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.archive.keys import ED25519, P256, PublicKey, key_of_blob, needs_cryptography
from goldenseed.archive.keys import public_key as described
from goldenseed.archive.layout import NAMESPACE
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.verify import Verifier

    from goldenseed.archive.keyless import Identity

_LARGEST = 2**20
_LINE_OF_SIGNERS = re.compile(r'\s*(?:"([^"]+)"|([^\s"]+))\s+(.*)', re.DOTALL)
_OPTION = re.compile(r'([A-Za-z-]+)(?:="((?:\\"|[^"])*)")?(,|\s+|$)')
_DATE = re.compile(r"(\d{8})(\d{4})?(\d{2})?(Z|UTC)?", re.IGNORECASE)
_KEY_KIND = re.compile(r"(ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-|webauthn-sk-)[\w@.-]+")


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key that the caller believes, and within which bounds."""

    key: PublicKey
    name: str = ""
    """The principals of its line, as they stand there; empty without."""
    namespaces: str | None = None
    """OpenSSH's list of patterns of what it may sign; None for anything."""
    valid_after: datetime | None = None
    valid_before: datetime | None = None

    def fault(self, when: datetime) -> str | None:
        """Say why a signature of ``when`` is not believed, as ``ssh-keygen -Y verify`` would."""
        if self.namespaces is not None and not _permitted(NAMESPACE, self.namespaces):
            return f"is trusted for the namespaces {self.namespaces!r}, and not for {NAMESPACE!r}"
        if self.valid_after is not None and when < self.valid_after:
            return f"is trusted from {_shown(self.valid_after)} on, and not at {_shown(when)}"
        if self.valid_before is not None and when > self.valid_before:
            return f"is trusted until {_shown(self.valid_before)}, and not at {_shown(when)}"
        return None

    def __str__(self) -> str:
        return self.key.fingerprint + (f" ({self.name})" if self.name else "")


@dataclass(frozen=True, slots=True)
class Trust:
    """All that a caller believes; nothing of it ever comes from an archive."""

    keys: tuple[TrustedKey, ...] = ()
    stamp_roots: tuple[Certificate, ...] = ()
    """The certificates of authorities whose time stamps are believed."""
    identities: tuple[Identity, ...] = ()
    """Who is believed without a key, by the word of ``sigstore``."""
    sigstore: Verifier | None = None
    """What holds keyless attestations against a trusted root of the caller's."""

    @property
    def anybody(self) -> bool:
        """Whether there is anybody whose signature is believed."""
        return bool(self.keys or self.identities)

    def believed(self, key: PublicKey, when: datetime) -> tuple[TrustedKey | None, str | None]:
        """Return the line that makes a key trusted at a time, and else why none does.

        Where the caller does not know the key at all, both are None.
        """
        lines = [each for each in self.keys if each.key == key]
        faults = [each.fault(when) for each in lines]
        good = next((line for line, fault in zip(lines, faults, strict=True) if not fault), None)
        return good, None if good else next(iter(faults), None)


NOBODY = Trust()


def _shown(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _permitted(name: str, patterns: str) -> bool:
    """Match a name against OpenSSH's list of patterns (ssh_config(5), PATTERNS)."""
    found = False
    for pattern in patterns.split(","):
        parts = {"*": ".*", "?": "."}
        wanted = "".join(parts.get(each, re.escape(each)) for each in pattern.removeprefix("!"))
        if re.fullmatch(wanted, name):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def read_trusted(path: Path) -> tuple[TrustedKey, ...]:
    """Read the keys in a ``.pub`` file, an OpenSSH file of allowed signers, or a PEM file.

    Keys of kinds that sign no archive (RSA, hardware keys) are passed over.

    Raises:
        GoldenseedError: none is in it, or a line says what is not understood or not supported.

    """
    needs_cryptography()
    data = read_regular(path, _LARGEST)
    try:
        found = tuple(_keys(data))
    except GoldenseedError as error:
        raise GoldenseedError(error.what, path=path, line=error.line, fix=error.fix) from None
    if not found:
        raise GoldenseedError(
            "holds no public key", path=path, fix="give the signer's .pub file, or a PEM file"
        )
    return found


def _keys(data: bytes) -> Iterator[TrustedKey]:
    if b"PRIVATE KEY" in data:
        raise GoldenseedError(
            "holds a private key: nobody should have to see it",
            fix="give the public one, `KEY.pub`",
        )
    if data.lstrip().startswith(b"-----BEGIN"):
        yield TrustedKey(_pem_key(data))
        return
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        if text and not text.startswith("#"):
            try:
                found = _line_key(text)
            except GoldenseedError as error:
                raise GoldenseedError(error.what, line=number, fix=error.fix) from None
            if found is not None:
                yield found


def _pem_key(data: bytes) -> PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        return described(serialization.load_pem_public_key(data))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise GoldenseedError(f"holds no usable key: {error}") from error


def _line_key(text: str) -> TrustedKey | None:
    """Read a line of a ``.pub`` file or of allowed signers; None for a kind that signs nothing."""
    if _KEY_KIND.match(text.split(maxsplit=1)[0]):
        return _bounded(text, "", {})
    match = _LINE_OF_SIGNERS.fullmatch(text)
    if match is None:
        raise GoldenseedError("is no line `NAMES [OPTIONS] KEYTYPE KEY`")
    name, rest = match[1] or match[2], match[3]
    options: dict[str, str] = {}
    more = not _KEY_KIND.match(rest)
    while more:
        option = _OPTION.match(rest)
        if option is None or option[1].lower() in options:
            raise GoldenseedError(f"has an option that is not understood: {rest[:60]!r}")
        options[option[1].lower()] = option[2]
        rest = rest[option.end() :]
        more = option[3] == ","
    return _bounded(rest, name, options)


def _bounded(key: str, name: str, options: dict[str, str]) -> TrustedKey | None:
    """Make a trusted key of what follows a line's options."""
    for option, value in options.items():
        if option not in {"namespaces", "valid-after", "valid-before"}:
            raise GoldenseedError(
                f"has the option {option!r}, which is not supported",
                fix="give the signer's own key, without certificates and authorities",
            )
        if value is None:
            raise GoldenseedError(f'has the option {option!r} without a value in "quotes"')
    kind, *rest = key.split(maxsplit=2) or ("",)
    if not _KEY_KIND.fullmatch(kind):
        raise GoldenseedError(f"has no key where one is expected: {key[:60]!r}")
    if kind not in {ED25519, P256}:
        return None
    try:
        blob = base64.b64decode(rest[0] if rest else "", validate=True)
    except ValueError as error:
        raise GoldenseedError(f"holds no usable key: {error}") from error
    after, before = (_date(options.get(each)) for each in ("valid-after", "valid-before"))
    if after is not None and before is not None and before <= after:
        raise GoldenseedError("is valid before a time that is not later than the one after which")
    return TrustedKey(key_of_blob(blob), name, options.get("namespaces"), after, before)


def _date(text: str | None) -> datetime | None:
    """Read OpenSSH's ``YYYYMMDD[HHMM[SS]][Z]``: without ``Z`` it is this machine's time."""
    if text is None:
        return None
    match = _DATE.fullmatch(text)
    if match is not None and (match[2] or not match[3]):
        digits = match[1] + (match[2] or "0000") + (match[3] or "00")
        try:
            found = datetime.strptime(digits, "%Y%m%d%H%M%S")  # noqa: DTZ007 - a line below
            return found.replace(tzinfo=UTC) if match[4] else found.astimezone()
        except ValueError:
            pass
    raise GoldenseedError(f"has a time that is none: {text[:40]!r}")
