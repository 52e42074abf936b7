"""The exit codes of every verb, in one table; docs/exit-codes.md tells the same."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """One rule for all verbs."""

    FINE = 0
    """Done, and nothing was found that the verb looks for."""
    FOUND = 1
    """Done, and the verb found what it looks for; see ``FOUND``."""
    REFUSED = 2
    """Not done: an option is wrong, a file is missing or unreadable, nothing is to be judged."""
    FAULT = 3
    """A fault of goldenseed itself; its traceback is on standard error."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C, as a shell has it."""


FOUND: Mapping[str, str] = {
    "accept": "",
    "archive": "with `chain`, a link is broken or missing",
    "bisect": "the two sides make different images",
    "calibrate": "",
    "compare": "a pair is beyond a gate, incomparable or incomplete",
    "diff": "a case moved beyond the tolerance, could not be compared, or only one run has it",
    "drafts": "",
    "env": "with `--diff`, a key differs",
    "gates": "nothing holds a case or a suite",
    "history": "",
    "import": "",
    "init": "",
    "lock": "with `--check`, the environment is not the locked one",
    "lossless": "the candidate is less exact than the reference",
    "merge": "a case fails or is missing, a set, a relation or a pilot is broken, or a test failed",
    "pending": "a case waits for a decision",
    "probe": "the same once more gave other pixels",
    "prune": "without `--yes`, there is something to delete",
    "recipe": "",
    "reject": "",
    "report": "",
    "review": "",
    "run": "as pytest: a case or another test failed",
    "runs": "",
    "schema": "",
    "seeds": "",
    "selfcheck": "a wrong image passes every gate of a case",
    "show": "",
    "sweep": "",
    "trace": "",
    "upgrade": "an image moves by more than rounding",
}
"""What the code 1 of each verb says; empty where it has none."""
