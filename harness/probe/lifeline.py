"""A process that does not outlive the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""Of ``prctl``: the signal that a process is sent when its parent ends (``prctl(2)``, Linux)."""


def end_with(parent: int) -> None:
    """Let the system end this process when its parent, of that id, is gone, however it went.

    On Linux; elsewhere nothing is done, and a process whose parent was killed ends its work first.
    The parent's *thread* that started this process has to wait for it, as ``subprocess.run`` does:
    that thread's end counts as the parent's.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it could be heard of
        os.kill(os.getpid(), signal.SIGKILL)
