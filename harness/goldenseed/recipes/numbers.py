"""Numbers as recipes write them."""

from __future__ import annotations

import re
from typing import Any


def whole(text: str) -> int | None:
    """Return a whole number of at most twenty digits; None if it is none."""
    found = re.fullmatch(r"[-+]?\d{1,20}", text.strip(), re.ASCII)
    return int(found[0]) if found else None


def number(text: str) -> Any:
    """Return a number as it is written: ``8`` as an int, ``8.0`` as a float; None if it is none."""
    plain_text = text.strip()
    if (integer := whole(plain_text)) is not None:
        return integer
    found = re.fullmatch(r"[-+]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})", plain_text, re.ASCII)
    return float(found[0]) if found else None
