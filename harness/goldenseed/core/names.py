"""Names that become files and folders: the one rule for suites, cases and the baseline store."""

from __future__ import annotations

import re
import unicodedata
from difflib import get_close_matches
from hashlib import sha256

SUITE_SUFFIX = ".suite.yaml"
"""How the name of every suite file ends."""
RESERVED = frozenset({"images", "environments", "traces"})
"""Folders of the baseline store, beside which each suite has its own."""

_MAX_NAME_BYTES = 200
"""File systems allow 255; the rest is for the suffix and for the name of a temporary file."""
_FORBIDDEN = frozenset('/\\:*?"<>|')
"""What Windows or POSIX cannot have in a file name, so that a repository checks out anywhere."""
_WINDOWS_DEVICE = re.compile(r"(?i)^(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\..*)?$")
"""Windows opens a device for these, with any extension (Microsoft, "Naming Files, Paths, and
Namespaces", which counts superscript digits too; `com0` and `lpt0` by NT's own table)."""
_DIGEST_DIGITS = 16
SEED_DIGITS = 16
"""Hexadecimal digits of a seed's id: 64 bits, two of a million share one by 1 in 37 million."""


def seed_id(recipe_sha256: str, pixels_sha256: str) -> str:
    """Return the name in every library of seeds of an image that a recipe made."""
    return sha256(f"{recipe_sha256}:{pixels_sha256}".encode()).hexdigest()[:SEED_DIGITS]


def name_problem(name: str) -> str | None:
    """Say why ``name`` cannot be a file name on every system, or return None if it can."""
    rules = (
        (not name.strip(), "is empty"),
        (name.startswith("."), "begins with a dot"),
        (name.endswith((".", " ")), "ends with a dot or a space, which Windows drops"),
        (bool(_FORBIDDEN & set(name)), 'holds one of / \\ : * ? " < > |'),
        (not name.isprintable(), "holds a character that cannot be printed"),
        (_WINDOWS_DEVICE.match(name) is not None, "is the name of a device on Windows"),
        (
            not _composed(name),
            "is not in Unicode's composed form (NFC), so that two files could bear one name",
        ),
        (len(_bytes(name)) > _MAX_NAME_BYTES, f"is longer than {_MAX_NAME_BYTES} bytes"),
    )
    return next((problem for broken, problem in rules if broken), None)


def suite_name_problem(name: str) -> str | None:
    """Say why no suite can be called ``name``, or return None if one can."""
    if name.casefold() in RESERVED:
        return "is reserved: it is the name of a folder in the baseline store"
    return name_problem(name)


def escaped(text: str, kept: str) -> str:
    """Write ``text`` with letters, digits and the characters of ``kept`` alone, reversibly.

    What else it holds is percent-encoded in UTF-8 (RFC 3986, 2.1): ``a/b`` → ``a%2Fb``. Letters
    and digits of every script stay, unless Unicode's composed form would change them.
    """
    found = "".join(each if each.isalnum() or each in kept else _percent(each) for each in text)
    if _composed(found):
        return found
    return "".join(each if each.isascii() else _percent(each) for each in found)


def unescaped(name: str) -> str:
    """Return the text that ``escaped`` wrote so."""
    data = re.sub(rb"%([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), _bytes(name))
    return data.decode("utf-8", "surrogatepass")


def fitting(name: str, *, suite: bool = False) -> str:
    """Make an escaped name one that can be used: no two names become one, and most stay.

    What is too long is cut and ends in ``~`` and digits of its digest; of what must not begin or
    end so, or stands for something else, that character is percent-encoded too.
    """
    if len(_bytes(name)) > _MAX_NAME_BYTES:
        digest = sha256(_bytes(name)).hexdigest()[:_DIGEST_DIGITS]
        kept = _bytes(name)[: _MAX_NAME_BYTES - 3 - len(digest)]
        name = f"{kept.decode('utf-8', 'ignore').rstrip('.')}~{digest}"
    if name.endswith("."):
        name = name[:-1] + _percent(".")
    problem = suite_name_problem(name) if suite else name_problem(name)
    return name if problem is None else _percent(name[:1]) + name[1:]


def is_cut(name: str) -> bool:
    """Whether ``fitting`` cut the name, so that it does not tell the whole of it."""
    return "~" in name


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in _bytes(text))


def _composed(name: str) -> bool:
    return unicodedata.normalize("NFC", name) == name


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def did_you_mean(wrong: str, known: list[str]) -> str:
    """Suggest the near misses, or list all there is."""
    near = get_close_matches(wrong, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"use one of {', '.join(known)}"
