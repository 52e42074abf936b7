"""Processes that make images at the same time, and what ends them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from goldenseed.bisect.making import Processes
from goldenseed.bisect.search import OutOfBudget
from goldenseed.bisect.tried import Budget

PYTHON = Path(sys.executable)


def slept(processes: Processes, seconds: float, *, most: float = 60.0) -> str | None:
    command = ("-c", f"import time; time.sleep({seconds})")
    return processes.said_by(PYTHON, *command, variables={}, seconds=most)


def test_an_interruption_ends_what_runs_and_begins_nothing_more():
    processes, begun = Processes(jobs=2), list[int]()

    def make(number: int) -> str | None:
        begun.append(number)
        return slept(processes, 60)

    began = time.monotonic()
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        processes.at_once(make, range(4))
    assert time.monotonic() - began < 30
    assert len(begun) <= 3
    assert slept(processes, 60) is not None


def test_what_takes_too_long_is_ended_by_the_shorter_of_both_limits():
    told = slept(Processes(), 60, most=Budget(9, minutes=0.002, timeout_seconds=50).seconds)
    assert told is not None
    assert told.startswith("took longer than ")


def test_minutes_that_are_over_end_the_search_and_not_only_the_environment():
    budget = Budget(9, minutes=0.0)
    with pytest.raises(OutOfBudget, match="0 minutes are over"):
        budget.take()
    assert 0 < budget.seconds < 1
