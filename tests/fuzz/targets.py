"""What reads a file of each kind, and good files of it to begin with.

A target takes edits and a folder, and returns whatever it likes: it passes unless something else
than ``GoldenseedError`` comes out, or it takes too long.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fuzz.kept import decisions, history
from fuzz.models import component, model, modular_index
from fuzz.mutations import Changes
from fuzz.pictures import input_picture, mask, picture, png
from fuzz.proofs import keyless, mark, signers, time_stamp
from fuzz.recipes import recipe_graph, recipe_picture, recipe_text
from fuzz.records import (
    calibration,
    decision,
    entry,
    environment,
    journal,
    layers,
    lock,
    report,
    run,
    trace,
)
from fuzz.suites import gates, npy, safetensors, suite, suite_files, suite_of_code

Target = Callable[[Changes, Path], object]

TARGETS: dict[str, Target] = {
    each.__name__: each
    for each in (
        *(suite, suite_files, suite_of_code, gates, run, report, journal, entry, decision),
        *(calibration, trace, layers, environment, lock, npy, safetensors),
        *(decisions, history),
        *(signers, time_stamp, keyless, mark),
        *(recipe_text, recipe_graph, recipe_picture),
        *(picture, png, input_picture, mask, model, component, modular_index),
    )
}
