"""Time stamps (RFC 3161): an authority's word that an archive existed at a time."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from goldenseed.archive import layout
from goldenseed.archive.findings import Finding
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, write_atomically

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_LARGEST = 2**20
_SECONDS = 60
_HASHES = ("sha256", "sha384", "sha512")
_OTHER = f"is a time stamp of another {layout.TAG_MANIFEST}"
_UNKNOWN = "is of no authority whose certificate was given"
_WORDS = (
    ("has expired", "stamp_expired", "its authority's certificate had expired by then"),
    ("not yet valid", "stamp_expired", "its authority's certificate was not valid yet"),
    ("local issuer", "stamp_untrusted", _UNKNOWN),
    ("self-signed", "stamp_untrusted", _UNKNOWN),
    ("self signed", "stamp_untrusted", _UNKNOWN),
    ("certificate signature", "stamp_untrusted", _UNKNOWN),
    ("Mismatch between", "stamp_of_other", _OTHER),
    ("hash algorithm", "stamp_of_other", "uses a hash that is none of SHA-2's"),
    ("EKU", "stamp_untrusted", "is by a certificate that is not for time stamps alone"),
)
"""What the library says → our code and words; whatever else it says makes a ``bad_stamp``."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What came of an archive's time stamp."""

    when: datetime | None = None
    """The time by a trusted authority; None where there is no such word."""
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def check_stamp(root: Path, there: bool, roots: tuple[Certificate, ...]) -> Stamp:  # noqa: FBT001
    """Hold the time stamp against the archive's tag manifest, and its signer against ``roots``.

    Certificates have to be valid at the stamped time, not today. Without ``roots`` nobody vouches
    for the time; a stamp that is not of this archive is found all the same.
    """
    if not there:
        what = "there is no time stamp, and an authority's certificate was given"
        missing = (Finding("stamp_missing", layout.TIME_STAMP, what),)
        return Stamp(findings=missing if roots else ())
    try:
        needs_rfc3161()
    except GoldenseedError as error:
        return Stamp(notes=(f"the time stamp was not checked: {error}",))
    data = read_regular(root / layout.TAG_MANIFEST, layout.TAG_LIMIT)
    try:
        response = _decoded(read_regular(root / layout.TIME_STAMP, _LARGEST))
        when = response.tst_info.gen_time.astimezone(UTC)
        fault = _fault(response, data, roots)
    except GoldenseedError as error:
        return Stamp(findings=(Finding("bad_stamp", layout.TIME_STAMP, error.what),))
    if fault is not None:
        return Stamp(findings=(fault,))
    said = f"{when:%Y-%m-%d %H:%M:%S} UTC"
    if roots:
        return Stamp(when, notes=(f"it existed at {said}, by a trusted time stamp",))
    note = f"a time stamp says {said}; no authority's certificate was given, so nobody vouches"
    return Stamp(notes=(note,))


def _fault(response: Any, data: bytes, roots: tuple[Certificate, ...]) -> Finding | None:
    from rfc3161_client import VerificationError, VerifierBuilder

    if not roots:
        if _imprint_fits(response, data):
            return None
        return Finding("stamp_of_other", layout.TIME_STAMP, _OTHER)
    own = [each for each in roots if each.issuer == each.subject]
    others = [each for each in roots if each.issuer != each.subject]
    try:
        VerifierBuilder(roots=own, intermediates=others).build().verify_message(response, data)
    except (VerificationError, ValueError) as error:
        text = str(error)
        for words, code, what in _WORDS:
            if words in text:
                return Finding(code, layout.TIME_STAMP, what)
        return Finding("bad_stamp", layout.TIME_STAMP, f"does not fit: {text[:200]}")
    return None


def _imprint_fits(response: Any, data: bytes) -> bool:
    stamped: bytes = response.tst_info.message_imprint.message
    return any(hashlib.new(each, data).digest() == stamped for each in _HASHES)


def _decoded(data: bytes) -> Any:
    from rfc3161_client import decode_timestamp_response

    try:
        response = decode_timestamp_response(data)
        status = response.status
        _ = response.tst_info if status == 0 else None
    except ValueError as error:
        raise GoldenseedError(f"is no time stamp that can be read: {str(error)[:200]}") from error
    if status != 0:
        words = "; ".join(response.status_string) or f"status {status}"
        raise GoldenseedError(f"the authority refused: {words[:200]}")
    return response


def stamp_bytes(url: str, data: bytes) -> bytes:
    """Ask the authority at ``url`` (RFC 3161 over HTTP) for a time stamp of ``data``.

    Raises GoldenseedError where it cannot be reached, refuses, or answers something else.
    """
    needs_rfc3161()
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256)
    asked = builder.build()
    answer = _posted(url, asked.as_bytes())
    try:
        response = _decoded(answer)
    except GoldenseedError as error:
        raise GoldenseedError(error.what, path=url, fix="name another authority") from None
    if response.tst_info.nonce != asked.nonce or not _imprint_fits(response, data):
        raise GoldenseedError(
            "answered with a time stamp of something else", path=url, fix="name another authority"
        )
    return answer


def _posted(url: str, data: bytes) -> bytes:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise GoldenseedError("is no address of HTTP", path=url, fix="give http:// or https://")
    kind = {"Content-Type": "application/timestamp-query"}
    try:
        with urlopen(Request(url, data, kind), timeout=_SECONDS) as answer:  # noqa: S310 - checked
            found: bytes = answer.read(_LARGEST + 1)
    except (URLError, OSError, ValueError) as error:
        raise GoldenseedError(
            f"gave no time stamp: {error}", path=url, fix="try again, or name another authority"
        ) from error
    if len(found) > _LARGEST:
        raise GoldenseedError("answered more than a time stamp", path=url)
    return found


def stamp(folder: Path, url: str) -> None:
    """Write the time stamp of the archive in ``folder`` beside its tag manifest."""
    place = folder / layout.TIME_STAMP
    if place.exists() or place.is_symlink():
        raise GoldenseedError(
            "is there already", path=place, fix="keep it: an earlier time says more"
        )
    data = read_regular(folder / layout.TAG_MANIFEST, layout.TAG_LIMIT)
    write_atomically(place, stamp_bytes(url, data))


def stamp_archive(path: Path, url: str) -> None:
    """Add a time stamp to an archive, a folder or a zip file; see ``stamp``."""
    from goldenseed.archive.packed import pack, unpacked

    if path.is_dir():
        stamp(path, url)
        return
    if not path.is_file():
        raise GoldenseedError("no archive here", path=path, fix="name its folder or its zip file")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".goldenseed-") as made:
        folder, again = Path(made) / "bag", Path(made) / path.name
        folder.mkdir()
        findings = unpacked(path, folder)
        if findings:
            raise GoldenseedError(
                f"{findings[0].place}: {findings[0].what}",
                path=path,
                fix="verify it, and fetch it again",
            )
        stamp(folder, url)
        pack(folder, again)
        again.replace(path)


def read_roots(path: Path) -> tuple[Certificate, ...]:
    """Read the certificates of time stamp authorities from a PEM file.

    Raises GoldenseedError where none of them is a root, one that signed itself, and where nothing
    could be held against them.
    """
    from goldenseed.archive.keys import needs_cryptography

    needs_cryptography()
    needs_rfc3161()
    from cryptography.x509 import load_pem_x509_certificates

    try:
        found = load_pem_x509_certificates(read_regular(path, _LARGEST))
    except ValueError as error:
        raise GoldenseedError(
            f"holds no certificates: {error}", path=path, fix="give the authority's PEM file"
        ) from error
    if not any(each.issuer == each.subject for each in found):
        raise GoldenseedError(
            "holds no root, a certificate that signed itself",
            path=path,
            fix="give the authority's root certificate; those between may stand in the same file",
        )
    return tuple(found)


def needs_rfc3161() -> None:
    """Raise GoldenseedError where the extra is not installed."""
    try:
        import rfc3161_client  # noqa: F401
    except ImportError:
        raise GoldenseedError(
            "time stamps need the package rfc3161-client, which is not installed",
            fix="pip install 'pytest-goldenseed[timestamp]'",
        ) from None
