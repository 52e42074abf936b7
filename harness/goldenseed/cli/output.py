"""What the verbs say: the one place that writes to a terminal, so that no file of a user's can.

A record, a suite or a baseline is somebody else's text; its control characters would move the
cursor, change the title or hide a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import typer

from goldenseed.core.finite_json import finite_json
from goldenseed.reporting.words import visible

T = TypeVar("T")


def say(text: str, *, err: bool = False) -> None:
    """Write a text and a newline, unseen characters as ``⟨U+001B⟩``."""
    typer.echo(visible(text), err=err)


def say_json(document: object, *, indent: int = 1) -> None:
    """Write JSON in ASCII, which no terminal misreads and no encoding refuses.

    A number that is not finite is null, as in a run's record.
    """
    typer.echo(finite_json(document, indent=indent))


def tracked(items: Iterable[T], doing: str) -> Iterable[T]:
    """Show how far it is where somebody watches standard error."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    quiet = not console.is_terminal
    return track(items, doing, console=console, transient=True, disable=quiet)
