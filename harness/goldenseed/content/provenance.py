"""What a file says of its origin, and whether it is what a suite expects: C2PA, PNG's texts, EXIF.

It looks at the file as it was returned: pixels, decoded and written again, have lost all of it.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular
from goldenseed.core.picture_formats import format_of
from goldenseed.suite.provenance import C2paSpec, ProvenanceSpec

_LARGEST_ROOTS = 2**20
_SHOWN = 80
_EXIF_IFD = 0x8769
_KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
_UNTRUSTED = "signingCredential.untrusted"
EXPIRED = "expired"
VALID = "valid"
TRUSTED = "trusted"


def check_provenance(
    data: bytes, expected: ProvenanceSpec
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return what the file says, by what was asked for, and a sentence for each that is not so.

    Raises GoldenseedError where c2pa-python is missing, or the roots cannot be read.
    """
    found: dict[str, str] = {}
    faults: list[str] = []
    if expected.c2pa is not None:
        found["c2pa"], fault = _c2pa(data, expected.c2pa)
        faults += [fault] if fault else []
    for what, wanted, read in (
        ("png_text", expected.png_text, _png_texts),
        ("exif", expected.exif, _exif),
    ):
        texts = read(data) if wanted else {}
        for name, text in wanted.items():
            there = texts.get(name)
            found[f"{what}.{name}"] = "none" if there is None else _short(there)
            faults += _text_faults(what, name, text, there)
    return found, tuple(faults)


def _text_faults(what: str, name: str, wanted: str | None, there: str | None) -> Iterator[str]:
    kind = {"png_text": "PNG text", "exif": "EXIF tag"}[what]
    if there is None:
        yield f"the file has no {kind} {name!r}"
    elif wanted is not None and wanted not in there:
        yield f"its {kind} {name!r} is {_short(there)!r}, and {wanted!r} is expected in it"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _c2pa(data: bytes, expected: C2paSpec) -> tuple[str, str | None]:
    """Return the state of the file's C2PA manifest, and what is wrong with it."""
    needs_c2pa()
    import c2pa

    roots = None
    if expected.roots is not None:
        roots = read_regular(expected.roots, _LARGEST_ROOTS).decode("utf-8", "replace")
    kind = _KINDS.get(format_of(data) or "")
    if kind is None:
        return "none", "the file is no PNG, JPEG or WebP, in which a C2PA manifest is looked for"
    try:
        with (
            c2pa.Context.from_json(json.dumps(_settings(roots))) as context,
            c2pa.Reader(kind, io.BytesIO(data), context=context) as reader,
        ):
            if not reader.is_embedded():
                return "remote", "its C2PA manifest is not in the file but somewhere else"
            return _judged(json.loads(reader.json()), expected)
    except c2pa.C2paError.ManifestNotFound:
        return "none", "the file has no C2PA manifest, which says that it was generated"
    except (c2pa.C2paError, ValueError) as error:
        return "broken", f"its C2PA manifest cannot be read: {str(error)[:200]}"


def _settings(roots: str | None) -> dict[str, Any]:
    """Ask no network, whatever a file says; believe the roots that were given and no others."""
    verify = {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": bool(roots)}
    return {"verify": verify, **({"trust": {"trust_anchors": roots}} if roots else {})}


def _judged(store: Mapping[str, Any], expected: C2paSpec) -> tuple[str, str | None]:
    codes = tuple(_failures(store.get("validation_results") or {}))
    others = [each for each in codes if expected.roots is not None or each != _UNTRUSTED]
    if any(each.endswith(".expired") for each in others):
        return EXPIRED, "the certificate that signed its C2PA manifest has expired"
    if others == [_UNTRUSTED]:
        return "untrusted", "its C2PA manifest is signed by nobody whom the suite's roots trust"
    state = str(store.get("validation_state"))
    wanted = "Trusted" if expected.roots is not None else "Valid"
    if others or state not in {wanted, "Trusted"}:
        why = ", ".join(dict.fromkeys(others)) or state
        return "invalid", f"its C2PA manifest does not hold: {why}"
    manifest = store["manifests"][store["active_manifest"]]
    return wanted.lower(), next(_unlike(manifest, expected), None)


def _failures(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield the codes of all that failed: of the active manifest, and of those it builds on."""
    parts = [results.get("activeManifest") or {}]
    parts += [each.get("validationDeltas") or {} for each in results.get("ingredientDeltas") or ()]
    for part in parts:
        yield from (str(each.get("code")) for each in part.get("failure") or ())


def _unlike(manifest: Mapping[str, Any], expected: C2paSpec) -> Iterator[str]:
    """Say in what a sound manifest is not the expected one."""
    names = [str(each.get("name")) for each in manifest.get("claim_generator_info") or ()]
    names += [str(manifest["claim_generator"])] if "claim_generator" in manifest else []
    if expected.generator is not None and expected.generator not in names:
        by = ", ".join(names) or "nobody"
        yield f"its C2PA manifest is by {by}, and {expected.generator!r} is expected"
    sources = [
        str(action.get("digitalSourceType", "")).rsplit("/", 1)[-1]
        for assertion in manifest.get("assertions") or ()
        if str(assertion.get("label")).startswith("c2pa.actions")
        for action in (assertion.get("data") or {}).get("actions") or ()
    ]
    if expected.source is not None and expected.source not in sources:
        said = ", ".join(filter(None, sources)) or "no source"
        yield f"its C2PA manifest names {said}, and {expected.source!r} is expected"


def _png_texts(data: bytes) -> dict[str, str]:
    """Read a PNG's texts; none of another format, or of a file that cannot be read."""
    from PIL import Image

    if format_of(data) != "PNG":
        return {}
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.load()
            return {str(k): str(v) for k, v in getattr(image, "text", {}).items()}
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return {}


def _exif(data: bytes) -> dict[str, str]:
    """Read the tags by their names; what Pillow warns of in damaged ones is not there."""
    from PIL import ExifTags, Image

    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(io.BytesIO(data), formats=tuple(_KINDS)) as image,
        ):
            exif = image.getexif()
            tags = {**exif, **exif.get_ifd(_EXIF_IFD)}
    except (OSError, ValueError, SyntaxError, KeyError, Image.DecompressionBombError):
        return {}
    return {ExifTags.TAGS.get(tag, str(tag)): _told(value) for tag, value in tags.items()}


def _told(value: object) -> str:
    """Return a tag's value as text; a comment's is bytes behind the name of its encoding."""
    if isinstance(value, bytes):
        value = value.removeprefix(b"ASCII\0\0\0").removeprefix(b"UNICODE\0")
        return value.decode("utf-8", "replace").strip("\0")
    return str(value)


def said_by_itself(data: bytes) -> dict[str, str]:
    """Return all that a file says of its origin, by kind and name, without decoding its pixels.

    ``png_text.parameters`` are a PNG's texts before its pixels, ``exif.Software`` tags; ``c2pa`` is
    there where a manifest is, and that nobody verified it.
    """
    from PIL import Image

    found: dict[str, str] = {}
    if b"jumb" in data and b"c2pa" in data:  # a JUMBF box of that label (C2PA 2.1, 11.1.4)
        found["c2pa"] = "there is a manifest; the suite does not ask for it to be verified"
    if format_of(data) != "PNG":
        return found | {f"exif.{name}": text for name, text in _exif(data).items()}
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            info = dict(image.info)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return found
    found |= {f"png_text.{key}": text for key, text in info.items() if isinstance(text, str)}
    if "exif" in info:
        found |= {f"exif.{name}": text for name, text in _exif(data).items()}
    return found


def needs_c2pa() -> None:
    """Raise GoldenseedError where the extra is not installed."""
    try:
        import c2pa  # noqa: F401
    except ImportError:
        raise GoldenseedError(
            "content.provenance.c2pa needs the package c2pa-python, which is not installed",
            fix="pip install 'pytest-goldenseed[c2pa]'",
        ) from None


def check_expected(expected: ProvenanceSpec) -> None:
    """Raise GoldenseedError, with the line, where what a suite expects cannot be looked for."""
    try:
        if expected.c2pa is not None:
            needs_c2pa()
            _check_roots(expected.c2pa.roots)
        _check_tags(expected.exif)
    except GoldenseedError as error:
        raise GoldenseedError(error.what, line=expected.line, fix=error.fix) from None


def _check_tags(names: Iterable[str]) -> None:
    from PIL.ExifTags import TAGS

    for name in names:
        if name not in TAGS.values():
            raise GoldenseedError(
                f"there is no EXIF tag {name!r}", fix="write it as EXIF does: Software, Artist"
            )


def _check_roots(path: Path | None) -> None:
    if path is None:
        return
    data = read_regular(path, _LARGEST_ROOTS)
    if b"-----BEGIN CERTIFICATE-----" not in data:
        raise GoldenseedError(
            f"content.provenance.c2pa.roots holds no certificate: {path.name}",
            fix="give a PEM file of certificates",
        )
