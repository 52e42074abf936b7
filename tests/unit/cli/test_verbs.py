"""The command as a whole: its verbs are found, and none is imported for another."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from goldenseed.cli.main import VERBS, app


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_is_there_and_tells_its_use(verb: str):
    done = CliRunner().invoke(app, [verb, "--help"])
    assert done.exit_code == 0, done.output
    assert f" {verb} [OPTIONS]" in done.output


def test_help_lists_them_all():
    listed = CliRunner().invoke(app, ["--help"]).output
    assert [verb for verb in VERBS if f"\n  {verb} " not in listed] == []


def test_the_near_miss_of_a_verb_is_named():
    assert "Did you mean 'accept'?" in CliRunner().invoke(app, ["acccept"]).output


def test_a_verb_imports_what_it_needs_and_no_other_verb():
    script = (
        "import sys\nfrom goldenseed.cli.main import main\n"
        "sys.argv = ['goldenseed', 'runs', '--help']\n"
        "try:\n    main()\nfinally:\n"
        "    print(*sorted(name for name in sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    names = done.stderr.split()
    assert "goldenseed.cli.runs" in names
    others = {f"goldenseed.cli.{place.partition(':')[0]}" for place in VERBS.values()}
    assert others & set(names) == {"goldenseed.cli.runs"}
    assert not {"goldenseed.review", "goldenseed.archive", "http.server"} & set(names)
