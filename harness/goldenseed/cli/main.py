"""The command line itself: verbs, and errors shown as one message."""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import version
from typing import Annotated, Any

import typer

from goldenseed.cli import (
    accept,
    archive,
    calibrate,
    compare,
    diff,
    env,
    history,
    init,
    lock,
    pending,
    probe,
    prune,
    report,
    review,
    runs,
    schema,
    selfcheck,
    show,
)
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say
from goldenseed.cli.settings import ini_defaults
from goldenseed.core.errors import GoldenseedError

app = typer.Typer(
    name="goldenseed",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("accept")(accept.accept)
app.add_typer(archive.app)
app.command("calibrate")(calibrate.calibrate)
app.command("compare")(compare.compare)
app.command("diff")(diff.diff)
app.command("env")(env.env)
app.command("history")(history.history)
app.command("init")(init.init)
app.command("lock")(lock.lock)
app.command("pending")(pending.pending)
app.command("probe")(probe.probe)
app.command("prune")(prune.prune)
app.command("reject")(accept.reject)
app.command("report")(report.report)
app.command("review")(review.review)
app.command("runs")(runs.runs)
app.command("schema")(schema.schema)
app.command("selfcheck")(selfcheck.selfcheck)
app.command("show")(show.show)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 (as click calls it)
    if wanted:
        say(f"goldenseed {version('pytest-goldenseed')}")
        raise typer.Exit


@app.callback(help="Golden prompt/seed suites for text-to-image pipelines.")
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    """Take what stands before the verb."""


def _defaults() -> dict[str, Any]:
    """Return what the ini file says, by verb, and by the verbs below `archive`."""
    names, inner = (
        tuple(each.name or "" for each in of.registered_commands) for of in (app, archive.app)
    )
    return {**ini_defaults(names), "archive": ini_defaults(inner)}


def main() -> None:
    """Run the command; one message on what a user can mend, and ``ExitCode`` for the outcome."""
    try:
        app(default_map=_defaults())
    except GoldenseedError as error:
        say(f"goldenseed: {error}", err=True)
        sys.exit(ExitCode.REFUSED)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        say(f"goldenseed: {place}{error.strerror or error}", err=True)
        sys.exit(ExitCode.REFUSED)
    except Exception:  # noqa: BLE001 - Python would exit with 1, which says that something was found
        traceback.print_exc()
        say("goldenseed: this is a fault of goldenseed itself: please report it", err=True)
        sys.exit(ExitCode.FAULT)
