"""The public API: every name is there, and none costs anything before it is used."""

from __future__ import annotations

import subprocess
import sys

import goldenseed


def test_every_public_name_can_be_imported():
    assert goldenseed.__all__ == sorted(goldenseed.__all__)
    for name in goldenseed.__all__:
        assert getattr(goldenseed, name).__module__.startswith("goldenseed.")


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(goldenseed, "no_such_name")


def test_the_plugin_imports_nothing_heavy():
    heavy = ("numpy", "PIL", "torch", "diffusers", "pydantic", "yaml", "jinja2", "typer", "rich")
    program = (
        "import sys, pytest; before = set(sys.modules); import goldenseed.plugin; "
        f"print([m for m in {heavy!r} if m in set(sys.modules) - before])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
