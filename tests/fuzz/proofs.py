"""What proves something: lines of trusted keys, time stamps, keyless bundles, marks of a file."""

from __future__ import annotations

import base64
import io
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path

from PIL import Image, PngImagePlugin

from content_credentials import Authority
from fuzz.mutations import Changes, edited_bytes, put
from goldenseed.archive import layout
from goldenseed.archive.keyless import Identity, attested_by, read_verifier
from goldenseed.archive.timestamps import check_stamp, read_roots
from goldenseed.archive.trust import read_trusted
from goldenseed.content.provenance import check_provenance
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.provenance import C2paSpec, ProvenanceSpec
from time_stamp_authority import answered, write_authority

_KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32)))
_SIGNERS = b'me,you namespaces="a,b",valid-after="20250101Z" ssh-ed25519 ' + _KEY + b" us\n"
_BUNDLE = Path(__file__).parents[1] / "conformance" / "archive" / "real-keyless.sigstore.json"


def signers(changes: Changes, folder: Path) -> None:
    """Read a damaged line of allowed signers."""
    read_trusted(put(folder, "signers", edited_bytes(_SIGNERS, changes)))


@cache
def _stamped() -> tuple[bytes, tuple[object, ...]]:
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    with tempfile.TemporaryDirectory() as made:
        roots = read_roots(write_authority(Path(made)))
        builder = TimestampRequestBuilder().data(b"data").hash_algorithm(HashAlgorithm.SHA256)
        return answered(Path(made), builder.build().as_bytes()), roots


def time_stamp(changes: Changes, folder: Path) -> None:
    """Verify a damaged time stamp; one that is still believed says the same time."""
    good, roots = _stamped()
    put(folder, layout.TAG_MANIFEST, b"data")
    times = set()
    for data in (good, edited_bytes(good, changes)):
        put(folder, layout.TIME_STAMP, data)
        times.add(check_stamp(folder, True, roots).when)
    assert len(times - {None}) == 1


@cache
def _staging() -> object:
    store = files("sigstore") / "_store" / "https%3A%2F%2Ftuf-repo-cdn.sigstage.dev"
    return read_verifier(Path(str(store / "trusted_root.json")))


def keyless(changes: Changes, folder: Path) -> None:
    """Verify a damaged keyless bundle; whatever it says, nobody else is believed."""
    path = put(folder, "bundle.json", edited_bytes(_BUNDLE.read_bytes(), changes))
    try:
        attested_by(path, _staging(), [Identity("eve", "https://issuer.test")])
    except GoldenseedError:
        return
    raise AssertionError("somebody else is believed")


@cache
def _marked() -> bytes:
    info, exif, file = PngImagePlugin.PngInfo(), Image.Exif(), io.BytesIO()
    info.add_itxt("parameters", "Steps: 4", zip=True)
    exif[0x0131] = "tests"
    Image.new("RGB", (9, 7)).save(file, "PNG", pnginfo=info, exif=exif)
    return Authority().marked(file.getvalue())


def mark(changes: Changes, folder: Path) -> None:
    """Look at a damaged file's marks."""
    expected = ProvenanceSpec(C2paSpec(), {"parameters": None}, {"Software": None}, 1)
    check_provenance(edited_bytes(_marked(), changes), expected)
