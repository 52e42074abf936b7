"""JSON for programs and pages: it has no NaN and no infinity, and readers refuse such a word."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any


def finite_json(
    document: object, instead: Callable[[float], str | None] = lambda _: None, **options: Any
) -> str:
    """Write JSON; in the place of a number that is not finite stands ``instead`` of it, else null.

    ``options`` are those of ``json.dumps``.
    """
    try:
        return json.dumps(document, allow_nan=False, **options)
    except ValueError:
        return json.dumps(_finite(document, instead), allow_nan=False, **options)


def _finite(document: Any, instead: Callable[[float], str | None]) -> Any:
    if isinstance(document, float) and not math.isfinite(document):
        return instead(document)
    if isinstance(document, Mapping):
        return {key: _finite(value, instead) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [_finite(each, instead) for each in document]
    return document
