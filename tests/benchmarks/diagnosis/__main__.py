"""How often the diagnosis is right: faults injected through real runs, and what it says of them.

    python -m tests.benchmarks.diagnosis [--work FOLDER] [--seed N] [--fresh] [NAME …]

Makes the evidence of every fault of ``faults.yaml`` (about two minutes on two cores; kept in the
folder, so that a second time takes seconds), asks ``goldenseed.diagnosis`` about each, and prints
the
tables of docs/diagnosis.md. ``--misses`` writes those of the half that is not held out; ``--pairs``
takes ``pairs.yaml`` instead, two changes at once, and ``--kinds`` takes ``kinds.yaml``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.diagnosis.bases import ROOT, SEED
from tests.benchmarks.diagnosis.fault import KINDS, PAIRS, TABLE, Fault, read_faults
from tests.benchmarks.diagnosis.generating import make_evidence, make_here


def main() -> None:
    """Make the evidence and score the diagnosis."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "faults")
    parser.add_argument("--seed", type=int, default=SEED, help="of every case")
    parser.add_argument("--fresh", action="store_true", help="make everything again")
    parser.add_argument("--pairs", action="store_true", help="two changes at once")
    parser.add_argument("--kinds", action="store_true", help="what people reported")
    parser.add_argument("--misses", type=Path, help="write the seen half's misses there")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", help="faults to look at; all by default")
    given = parser.parse_args()
    if given.make:
        rows = json.load(sys.stdin)
        make_here([Fault(**row) for row in rows], given.make)
        return
    table = PAIRS if given.pairs else KINDS if given.kinds else TABLE
    faults = [replace(each, seed=given.seed) for each in read_faults(table)]
    faults = [each for each in faults if not given.names or each.name in given.names]
    if given.fresh:
        shutil.rmtree(given.work, ignore_errors=True)
    make_evidence(faults, given.work)
    if given.pairs:
        from tests.benchmarks.diagnosis.pair_scoring import report_pairs

        print(report_pairs(faults, given.work, details=bool(given.names)))
        return
    if given.kinds:
        from tests.benchmarks.diagnosis.kinds_scoring import report_kinds

        print(report_kinds(faults, given.work, details=bool(given.names)))
        return
    from tests.benchmarks.diagnosis.scoring import report

    print(report(faults, given.work, details=bool(given.names), misses=given.misses))


if __name__ == "__main__":
    main()
