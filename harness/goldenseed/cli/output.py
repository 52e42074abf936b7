"""What the verbs say: the one place that writes to a terminal, so that no file of a user's can.

A record, a suite or a baseline is somebody else's text; its control characters would move the
cursor, change the title or hide a line.
"""

from __future__ import annotations

import json

import typer

from goldenseed.reporting.words import visible


def say(text: str, *, err: bool = False) -> None:
    """Write a text and a newline, unseen characters as ``⟨U+001B⟩``."""
    typer.echo(visible(text), err=err)


def say_json(document: object, *, indent: int = 1) -> None:
    """Write JSON in ASCII, which no terminal misreads and no encoding refuses."""
    typer.echo(json.dumps(document, indent=indent))
