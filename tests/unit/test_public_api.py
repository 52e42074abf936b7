"""The public API: every name is there, and none costs anything before it is used."""

from __future__ import annotations

import subprocess
import sys

import harness


def test_every_public_name_can_be_imported():
    assert harness.__all__ == sorted(harness.__all__)
    for name in harness.__all__:
        assert getattr(harness, name).__module__.startswith("harness.")


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(harness, "no_such_name")


def test_the_plugin_imports_nothing_heavy():
    heavy = ("numpy", "PIL", "torch", "diffusers", "pydantic", "yaml", "jinja2", "typer", "rich")
    program = (
        "import sys, pytest; before = set(sys.modules); import harness.plugin; "
        f"print([m for m in {heavy!r} if m in set(sys.modules) - before])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
