"""What a file says of its origin: looked for where it stands, and named where it does not hold."""

from __future__ import annotations

import io
import sys
import time
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from content_credentials import Authority
from goldenseed.content.provenance import check_expected, check_provenance
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.provenance import C2paSpec, ProvenanceSpec


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def marked(authority: Authority) -> bytes:
    return authority.marked(_file())


def _file(kind: str = "PNG", colour: str = "red", **more: object) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(data, kind, **more)
    return data.getvalue()


def _c2pa(data: bytes, **expected: object) -> tuple[str, tuple[str, ...]]:
    spec = ProvenanceSpec(C2paSpec(**expected), {}, {}, 1)
    found, faults = check_provenance(data, spec)
    return found["c2pa"], faults


def _flipped(data: bytes, where: int) -> bytes:
    return data[:where] + bytes([data[where] ^ 1]) + data[where + 1 :]


def _manifest(data: bytes) -> tuple[int, int]:
    """Return where the chunk of a PNG lies that holds the manifest."""
    start = data.index(b"caBX") - 4
    return start, start + 12 + int.from_bytes(data[start : start + 4])


def test_a_manifest_is_valid_or_also_trusted(
    marked: bytes, authority: Authority, tmp_path: Path
) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(authority.root_pem)
    assert _c2pa(marked) == ("valid", ())
    assert _c2pa(marked, roots=roots) == ("trusted", ())
    roots.write_bytes(Authority().root_pem)
    state, (fault,) = _c2pa(marked, roots=roots)
    assert (state, "nobody whom the suite's roots trust" in fault) == ("untrusted", True)


@pytest.mark.parametrize(("kind", "mime"), [("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
def test_every_format_that_is_read_may_be_marked(
    kind: str, mime: str, authority: Authority
) -> None:
    assert _c2pa(authority.marked(_file(kind), mime)) == ("valid", ())


@pytest.mark.parametrize("data", [_file(), b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_a_file_without_a_manifest_is_told_so(data: bytes) -> None:
    state, (fault,) = _c2pa(data)
    assert state in {"none", "broken"}
    assert "C2PA manifest" in fault


def test_changed_pixels_below_a_manifest_are_found(marked: bytes) -> None:
    state, (fault,) = _c2pa(_flipped(marked, marked.index(b"IDAT") + 9))
    assert (state, "assertion.dataHash.mismatch" in fault) == ("invalid", True)


def test_the_manifest_of_another_file_is_found(marked: bytes, authority: Authority) -> None:
    other = authority.marked(_file(colour="blue"))
    start, end = _manifest(marked)
    first, last = _manifest(other)
    state, _ = _c2pa(other[:first] + marked[start:end] + other[last:])
    assert state == "invalid"


def test_no_flipped_bit_of_a_manifest_gives_another_answer_than_a_state(marked: bytes) -> None:
    start, end = _manifest(marked)
    states = {_c2pa(_flipped(marked, where))[0] for where in range(start, end, 37)}
    assert states >= {"invalid", "broken"}
    assert states <= {"invalid", "broken", "valid", "none"}  # padding decides nothing


def test_a_manifest_whose_certificate_expired_is_named() -> None:
    ended = Authority(lasting=timedelta(seconds=2))
    data = ended.marked(_file())
    time.sleep(3.2)
    state, (fault,) = _c2pa(data)
    assert (state, "has expired" in fault) == ("expired", True)


def test_a_manifest_of_ten_megabytes_is_read(authority: Authority) -> None:
    data = authority.marked(_file(), thumbnail=bytes(range(256)) * 40_000)
    assert len(data) > 10_000_000
    assert _c2pa(data) == ("valid", ())


def test_a_broken_box_is_named(marked: bytes) -> None:
    start, end = _manifest(marked)
    inner = marked[start + 8 : start + 16] + bytes(64) + marked[start + 80 : end - 4]
    chunk = len(inner).to_bytes(4) + b"caBX" + inner
    data = marked[:start] + chunk + zlib.crc32(chunk[4:]).to_bytes(4) + marked[end:]
    state, _ = _c2pa(data)
    assert state in {"broken", "none"}


def test_what_a_manifest_says_has_to_be_what_is_expected(marked: bytes) -> None:
    assert _c2pa(marked, source="trainedAlgorithmicMedia", generator="tests") == ("valid", ())
    _, (fault,) = _c2pa(marked, source="digitalCapture")
    assert "names trainedAlgorithmicMedia, and 'digitalCapture' is expected" in fault
    _, (fault,) = _c2pa(marked, generator="another")
    assert "is by tests, and 'another' is expected" in fault


def test_texts_of_a_png_are_looked_for_by_their_keyword() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("parameters", "Steps: 4, Seed: 1", zip=True)
    data = _file(pnginfo=info)
    expected = ProvenanceSpec(None, {"parameters": "Seed: 1", "workflow": None}, {}, 1)
    found, (fault,) = check_provenance(data, expected)
    assert found == {"png_text.parameters": "Steps: 4, Seed: 1", "png_text.workflow": "none"}
    assert fault == "the file has no PNG text 'workflow'"
    _, (fault,) = check_provenance(data, ProvenanceSpec(None, {"parameters": "Seed: 2"}, {}, 1))
    assert "is 'Steps: 4, Seed: 1', and 'Seed: 2' is expected in it" in fault


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_exif_is_looked_for_by_its_tag(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0131] = "our-service 2"
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0made by a model"
    data = _file(kind, exif=exif)
    spec = ProvenanceSpec(None, {}, {"Software": "our-service", "UserComment": "model"}, 1)
    assert check_provenance(data, spec)[1] == ()
    spec = ProvenanceSpec(None, {}, {"Artist": None}, 1)
    assert check_provenance(data, spec)[1] == ("the file has no EXIF tag 'Artist'",)


def test_what_cannot_be_looked_for_is_an_error_of_the_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for spec, what in (
        (ProvenanceSpec(None, {}, {"Softwear": None}, 7), "no EXIF tag 'Softwear'"),
        (ProvenanceSpec(C2paSpec(roots=tmp_path / "none.pem"), {}, {}, 7), "none.pem"),
    ):
        with pytest.raises(GoldenseedError) as raised:
            check_expected(spec)
        assert raised.value.line == 7
        assert what in str(raised.value) or what in str(raised.value.__context__)
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(GoldenseedError, match=r"pytest-goldenseed\[c2pa\]"):
        check_expected(ProvenanceSpec(C2paSpec(), {}, {}, 7))
