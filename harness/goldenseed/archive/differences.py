"""Two JSON values held against each other, numbers as far as another machine may compute them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from itertools import zip_longest

RELATIVE = 1e-6
"""How far a metric may be from what another machine's NumPy makes of the same pixels."""
ABSOLUTE = 1e-9
WHOLE = frozenset(
    {
        *("alternatives", "content", "content_limits", "in_force", "limit_sources", "limits"),
        *("provenance", "recipe"),
    }
)
"""The keys of a record below which nothing may be left out: who drops a gate hides it."""
LITERAL = frozenset({"alternatives", "limit_sources", "recipe", "suite"})
"""The keys of a record at and below which nothing is computed, so that every digit counts."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def differences(
    found: object,
    wanted: object,
    without: Collection[str] = (),
    place: str = "",
    *,
    unsaid: bool = False,
    literal: bool = False,
) -> Iterator[tuple[str, object, object]]:
    """Yield the dotted place of each difference, with both values; keys in ``without`` are left.

    With ``unsaid`` a key that ``found`` lacks is no difference, but for those of ``WHOLE``; else it
    counts as None. Texts may differ in the last digit of the numbers that stand in them, but for
    those of ``LITERAL``, and with ``literal`` for all.
    """
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in {**found, **wanted}:
            if key not in without and (key in found or not unsaid):
                inner = f"{place}.{key}" if place else str(key)
                values = found.get(key), wanted.get(key)
                yield from differences(
                    *values,
                    without,
                    inner,
                    unsaid=unsaid and key not in WHOLE,
                    literal=literal or key in LITERAL,
                )
    elif isinstance(found, list) and isinstance(wanted, list):
        if len(found) != len(wanted):
            yield place, f"{len(found)} of them", f"{len(wanted)}"
        for index, values in enumerate(zip_longest(found, wanted)):
            inner = f"{place}.{index}" if place else str(index)
            yield from differences(*values, without, inner, unsaid=unsaid, literal=literal)
    elif found != wanted if literal else not same(found, wanted):
        yield place, found, wanted


def as_written(document: object, written: object) -> object:
    """Return ``document`` without the keys that ``written``, the same as it was read, lacks.

    A record of an earlier release says nothing of what it did not know.
    """
    if isinstance(document, dict) and isinstance(written, dict):
        return {k: as_written(v, written[k]) for k, v in document.items() if k in written}
    if isinstance(document, list) and isinstance(written, list):
        return [as_written(*each) for each in zip(document, written, strict=False)]
    return document


def same(found: object, wanted: object) -> bool:
    """Whether two values are the same, as far as machines may differ."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, int | float) and isinstance(wanted, int | float):
        return math.isclose(found, wanted, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    if isinstance(found, str) and isinstance(wanted, str):
        return found == wanted or _same_text(found, wanted)
    return found == wanted


def _same_text(found: str, wanted: str) -> bool:
    """Whether texts are the same but for the last digit of fractions in them."""
    if _NUMBER.sub("#", found) != _NUMBER.sub("#", wanted):
        return False
    pairs = zip(_NUMBER.findall(found), _NUMBER.findall(wanted), strict=True)
    return all(a == b or ("." in a and "." in b and _near(a, b)) for a, b in pairs)


def _near(a: str, b: str) -> bool:
    mantissa, _, exponent = a.partition("e")
    digits = len(mantissa.partition(".")[2])
    step = 10.0 ** (int(exponent or 0) - digits)
    return abs(float(a) - float(b)) <= 1.01 * step
