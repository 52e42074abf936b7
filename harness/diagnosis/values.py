"""Values that differ, in words short enough for a line."""

from __future__ import annotations

import re

from harness.files import canonical_json

_DIGEST = re.compile(r"[0-9a-f]{40,64}")
_LONGEST = 40
_SHOWN = 8


def changed(name: str, old: object, new: object) -> str:
    """Return ``name old → new``, digests and long values shortened to where they part."""
    before, after = _text(old), _text(new)
    if max(len(before), len(after)) > _LONGEST:
        before, after = _where_they_part(before, after)
    return f"{name} {before} → {after}"


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        return f"{value[:_SHOWN]}…" if _DIGEST.fullmatch(value) else value
    return canonical_json(value).decode()


def _where_they_part(old: str, new: str) -> tuple[str, str]:
    pairs = enumerate(zip(old, new, strict=False))
    parting = next((place for place, (a, b) in pairs if a != b), min(len(old), len(new)))
    start = max(0, parting - _LONGEST // 2)
    return _window(old, start), _window(new, start)


def _window(text: str, start: int) -> str:
    end = start + _LONGEST
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
