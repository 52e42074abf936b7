"""Why an image differs, as lines: how the environments differ, and the ranked causes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.diagnosis.model import Cause, ChangedKey, Diagnosis, RankedCause
from harness.diagnosis.values import changed
from harness.reporting.text import visible

_KEYS = 4
"""How many keys of the environment a line names."""
_EVIDENCE = 2
"""How many sentences of evidence are told for the likeliest cause."""
_WORTH_NAMING = 0.1
"""Confidence from which a cause is named beside the likeliest."""
_IMPLIED_BY_TORCH = ("torch.version", "torch.git_version", "torch.build.")


def cause_lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Yield ``environment: …`` and ``likely cause: …`` with what speaks for it."""
    line = environment_line(diagnosis.environment)
    if line:
        yield line
    if diagnosis.causes:
        first, *others = diagnosis.causes
        yield f"likely cause: {cause_in_words(first)}"
        yield from (f"  {visible(each, lines=False)}" for each in first.evidence[:_EVIDENCE])
        named = [cause_in_words(each) for each in others if each.confidence >= _WORTH_NAMING]
        if named:
            yield f"  or {', or '.join(named)}"
    yield from (visible(f"note: {each}", lines=False) for each in diagnosis.remarks)


def cause_in_words(cause: RankedCause) -> str:
    """Return ``guidance scale: about 4 → 6 (0.98)``."""
    words = "unknown" if cause.cause is Cause.UNKNOWN else visible(cause.words, lines=False)
    return f"{words} ({cause.confidence:.2f})"


def environment_line(keys: Sequence[ChangedKey]) -> str | None:
    """Return the keys that can explain the difference and how many cannot; None without any."""
    explaining = [each for each in keys if each.explains]
    ruled_out = len(keys) - len(explaining)
    if any(each.key == "package.torch" for each in explaining):
        explaining = [each for each in explaining if not each.key.startswith(_IMPLIED_BY_TORCH)]
    explaining.sort(key=lambda each: not each.key.startswith("package."))
    parts = [_key(each) for each in explaining[:_KEYS]]
    if len(explaining) > _KEYS:
        parts.append(f"{len(explaining) - _KEYS} more")
    if ruled_out:
        verb = "takes" if ruled_out == 1 else "take"
        others = f"{ruled_out} other" if parts else f"{ruled_out}"
        noun = "difference" if ruled_out == 1 else "differences"
        parts.append(f"{others} {noun} {verb} no effect where the images part")
    return f"environment: {visible(', '.join(parts), lines=False)}" if parts else None


def _key(change: ChangedKey) -> str:
    return changed(change.key.removeprefix("package."), change.old, change.new)
