"""How the tables say it."""

from __future__ import annotations


def share(part: int, whole: int) -> str:
    """Return a part in per cent of the whole, with its count."""
    if not whole:
        return "none"
    return "0" if not part else f"{100 * part / whole:.1f} % ({part})"
