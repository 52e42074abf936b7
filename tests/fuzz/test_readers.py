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
NO_EDIT: Edit = (1, 0, 0)
"""Inserts the first of the pieces, which is empty."""


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_file_is_read_or_refused(name: str, tmp_path: Path):
    @settings(SETTINGS, max_examples=EXAMPLES, derandomize=True)
    @given(edits)
    def holds(changes: list[Edit]) -> None:
        check(name, changes, tmp_path)

    holds()


@pytest.mark.parametrize(
    "name", ["suite", "suite_files", "suite_of_code", "gates", "npy", "safetensors", "mask"]
)
def test_what_the_targets_begin_with_is_read(name: str, tmp_path: Path):
    TARGETS[name]([NO_EDIT], tmp_path)
