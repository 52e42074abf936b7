"""How a change of a value is written: digests and long values shortened to where they part."""

from __future__ import annotations

import re
from typing import Final

from goldenseed.core.files import canonical_json

_DIGEST: Final = re.compile(r"(?<![0-9a-f])([0-9a-f]{12})[0-9a-f]{20,116}(?![0-9a-f])")
_LONGEST: Final = 40
_BESIDE_NONE: Final = 100
"""How long a value may be that stands beside a short one."""
_SHORT: Final = 8


def changed(name: str, old: object, new: object) -> str:
    """Return ``name old → new``, as ``old_and_new`` writes them."""
    return f"{name} {old_and_new(old, new)}"


def old_and_new(old: object, new: object) -> str:
    """Return ``old → new``, digests cut to 12 digits, long values to where they part."""
    before, after = _text(old), _text(new)
    if min(len(before), len(after)) <= _SHORT:
        before, after = (_window(each, 0, _BESIDE_NONE) for each in (before, after))
    elif max(len(before), len(after)) > _LONGEST:
        before, after = _where_they_part(before, after)
    return f"{before} → {after}"


def _text(value: object) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else canonical_json(value).decode()
    return _DIGEST.sub(r"\1…", text)


def _where_they_part(old: str, new: str) -> tuple[str, str]:
    pairs = enumerate(zip(old, new, strict=False))
    parting = next((place for place, (a, b) in pairs if a != b), min(len(old), len(new)))
    start = max(0, parting - _LONGEST // 2)
    return _window(old, start), _window(new, start)


def _window(text: str, start: int, longest: int = _LONGEST) -> str:
    end = start + longest
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
