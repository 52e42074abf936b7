"""Fuzz every reader for a while: ``python tests/fuzz/many.py SECONDS [TARGET …]``.

Prints how many inputs each took, and every failure with the edits that hypothesis made small;
exit code 1 if there is any. A target that failed is left out from then on.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hypothesis import given, seed, settings

from fuzz.checking import SETTINGS, check
from fuzz.mutations import Edit, edits
from fuzz.targets import TARGETS

ROUND = 500
"""Inputs to one target before the next has its turn."""


def fuzz(names: list[str], seconds: float, scratch: Path) -> bool:
    counts: Counter[str] = Counter()
    failed: set[str] = set()
    end, number = time.monotonic() + seconds, int.from_bytes(os.urandom(4))
    print(f"seed {number}", flush=True)
    while time.monotonic() < end and len(failed) < len(names):
        for name in names:
            if (
                name not in failed
                and time.monotonic() < end
                and not once(name, number, counts, scratch)
            ):
                failed.add(name)
        number += 1
    for name in names:
        print(f"{name:12} {counts[name]:>9,} inputs{'  FAILED' if name in failed else ''}")
    print(f"{'all':12} {counts.total():>9,} inputs, {len(failed)} targets failed")
    return not failed


def once(name: str, number: int, counts: Counter[str], scratch: Path) -> bool:
    @seed(number)
    @settings(SETTINGS, max_examples=ROUND)
    @given(edits)
    def holds(changes: list[Edit]) -> None:
        counts[name] += 1
        check(name, changes, scratch)

    try:
        holds()
    except Exception:  # noqa: BLE001 - whatever comes out is what is looked for
        traceback.print_exc()
        return False
    return True


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        chosen = sys.argv[2:] or list(TARGETS)
        sys.exit(not fuzz(chosen, float(sys.argv[1]), Path(place)))
