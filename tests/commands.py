"""``goldenseed`` run within the test's process, which has imported what it needs."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.main import main


def goldenseed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a verb in ``folder``; an exception that the command lets out fails the test."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        mock.patch.object(sys, "argv", ["goldenseed", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    code = ended.value.code or 0
    assert isinstance(code, int), code
    assert code != ExitCode.FAULT, err.getvalue()
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
