"""``goldenseed review``: look at what a run made and decide, in a browser or in the terminal."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.accept import Commit
from goldenseed.cli.common import Baselines, By, Reports, find_run
from goldenseed.cli.output import say
from goldenseed.reporting.commands import Place
from goldenseed.reporting.html import write_report
from goldenseed.reporting.view import run_view
from goldenseed.review.commit import Committing
from goldenseed.review.desk import Desk
from goldenseed.review.pictures import Way
from goldenseed.review.server import ReviewServer
from goldenseed.review.session import Review
from goldenseed.review.terminal import walk
from goldenseed.review.tty import Terminal
from goldenseed.runs.candidates import who_accepts


def review(
    run: Annotated[
        str, typer.Argument(help="A run's id, a unique beginning of it, latest, or path.")
    ] = "latest",
    *,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Accept images in place of what is accepted so far."),
    ] = False,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Decide here, one key a case, without a browser.")
    ] = False,
    pictures: Annotated[
        Way | None,
        typer.Option(
            "--pictures",
            help="How this terminal shows pictures.",
            show_default="what it is found to be able to",
        ),
    ] = None,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Print the link, and start no browser.")
    ] = False,
    port: Annotated[
        int,
        typer.Option(
            "--port", min=0, max=65535, help="Where to listen.", show_default="a free one"
        ),
    ] = 0,
    commit: Commit = False,
    by: By = None,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Serve the report of RUN to browsers of this machine, and apply what is decided there.

    With --terminal the same is decided here. Each decision is applied as it is made; Ctrl-C ends
    the review.
    """
    record, folder = find_run(run, reports)
    store = BaselineStore(baselines)
    desk = Desk(record, folder, store, by or who_accepts(Path.cwd()), Path.cwd(), replace=replace)
    committing = Committing.checked(store) if commit else None
    going_on = Review(desk)
    view = run_view(record, folder, place=Place.of_folder(folder, baselines))
    say(f"{record.run_id}: {view.outcome}")
    if not record.complete:
        say("the run is incomplete: nothing of it can be accepted")
    with suppress(KeyboardInterrupt):
        if terminal:
            asked = walk(going_on, view, folder, lambda: Terminal(pictures))
            say("" if asked else "nothing asks for a decision")
        else:
            write_report(view, folder)  # what lies there may be of anybody
            _serve(going_on, folder, port, browse=not no_open)
    going_on.close()
    counts = Counter("rejected" if each.rejects else "accepted" for each in going_on.steps)
    say(f"accepted {counts['accepted']:,}, rejected {counts['rejected']:,}")
    if committing is not None:
        made = committing.commit(record, going_on.steps, desk.by)
        say(f"committed {made[:12]}" if made else "nothing to commit")


def _has_screen() -> bool:
    """Whether a browser has somewhere to open; one of text would take the terminal."""
    variables = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform != "linux" or any(map(os.environ.get, variables))


def _serve(going_on: Review, folder: Path, port: int, *, browse: bool) -> None:
    """Serve until somebody presses Ctrl-C."""
    with ReviewServer(going_on, folder, port=port) as server:
        server.opened = lambda: say(f"for another browser: {server.link()}")
        link = server.link()
        say(f"decide here, as {going_on.by}; the link works once, Ctrl-C ends the review:")
        say(link)
        if browse and not (_has_screen() and webbrowser.open(link)):
            say("no browser is started here: open the link yourself, or decide with --terminal")
        server.serve_forever()
