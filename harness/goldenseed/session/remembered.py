"""What pytest's cache remembers of verified files between sessions."""

from __future__ import annotations

from contextlib import suppress

import pytest

from goldenseed.baselines.verified import Verified


def verified_in(cache: pytest.Cache | None) -> Verified:
    """Return what is remembered of verified files; nothing where pytest keeps no cache."""
    with suppress(OSError):
        return Verified(cache and cache.mkdir("goldenseed-verified"))
    return Verified()
