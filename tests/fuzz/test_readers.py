"""Every reader, given a few damaged files: an answer or a ``GoldenseedError``, and in time.

``make fuzz`` gives them many more.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from fuzz.checking import SETTINGS, check
from fuzz.mutations import Edit, edits
from fuzz.targets import TARGETS

EXAMPLES = 40


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_file_is_read_or_refused(name: str, tmp_path: Path):
    @settings(SETTINGS, max_examples=EXAMPLES, derandomize=True)
    @given(edits)
    def holds(changes: list[Edit]) -> None:
        check(name, changes, tmp_path)

    holds()
