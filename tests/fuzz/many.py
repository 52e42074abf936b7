"""Fuzz every reader for a while: ``python tests/fuzz/many.py SECONDS [TARGET …]``.

Prints how many inputs each took, and every failure with no more edits than it needs; exit code 1 if
there is any. A target that failed is left out from then on.

Edits are drawn here: hypothesis, which the tests use, takes longer to draw them than most readers
to refuse what comes of them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.checking import check
from fuzz.mutations import Edit, drawn
from fuzz.targets import TARGETS

ROUND = 500
"""Inputs to one target before the next has its turn."""
TELL_SECONDS = 60.0


def fuzz(names: list[str], seconds: float, scratch: Path) -> bool:
    counts: Counter[str] = Counter()
    failed: set[str] = set()
    number = int.from_bytes(os.urandom(4))
    random, end, told = Random(number), time.monotonic() + seconds, time.monotonic()
    print(f"seed {number}", flush=True)
    while time.monotonic() < end and len(failed) < len(names):
        for name in (each for each in names if each not in failed):
            if not hold(name, random, counts, scratch, end):
                failed.add(name)
            if time.monotonic() > told + TELL_SECONDS:
                print(f"{counts.total():,} inputs, {len(failed)} targets failed", flush=True)
                told = time.monotonic()
    for name in names:
        print(f"{name:14} {counts[name]:>9,} inputs{'  FAILED' if name in failed else ''}")
    print(f"{'all':14} {counts.total():>9,} inputs, {len(failed)} targets failed")
    return not failed


def hold(name: str, random: Random, counts: Counter[str], scratch: Path, end: float) -> bool:
    """Give a target its round; False once it failed, which is told in its least form."""
    for _ in range(ROUND):
        changes = drawn(random)
        counts[name] += 1
        if fault(name, changes, scratch) is not None:
            changes = fewest(name, changes, scratch)
            print(f"{name} failed with {changes}:")
            traceback.print_exception(fault(name, changes, scratch))
            return False
        if time.monotonic() > end:
            break
    return True


def fault(name: str, changes: list[Edit], scratch: Path) -> Exception | None:
    try:
        check(name, changes, scratch)
    except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
        return error
    return None


def fewest(name: str, changes: list[Edit], scratch: Path) -> list[Edit]:
    """Leave out edits as long as the target fails without them."""
    for place in range(len(changes)):
        fewer = changes[:place] + changes[place + 1 :]
        if fewer and fault(name, fewer, scratch) is not None:
            return fewest(name, fewer, scratch)
    return changes


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        chosen = sys.argv[2:] or list(TARGETS)
        sys.exit(not fuzz(chosen, float(sys.argv[1]), Path(place)))
