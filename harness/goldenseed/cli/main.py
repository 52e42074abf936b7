"""The command line itself: verbs, and errors shown as one message."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say
from goldenseed.cli.settings import ini_defaults
from goldenseed.core.errors import GoldenseedError

VERBS: Final[Mapping[str, str]] = {
    "accept": "accept:accept",
    "archive": "archive:app",
    "bisect": "bisect:bisect",
    "calibrate": "calibrate:calibrate",
    "compare": "compare:compare",
    "diff": "diff:diff",
    "drafts": "drafts:drafts",
    "env": "env:env",
    "history": "history:history",
    "import": "foreign:import_run",
    "init": "init:init",
    "gates": "gates:gates",
    "lock": "lock:lock",
    "lossless": "lossless:lossless",
    "merge": "merge:merge",
    "pending": "pending:pending",
    "probe": "probe:probe",
    "prune": "prune:prune",
    "recipe": "recipe:app",
    "reject": "accept:reject",
    "report": "report:report",
    "review": "review:review",
    "run": "run:run",
    "runs": "runs:runs",
    "schema": "schema:schema",
    "seeds": "seeds:app",
    "selfcheck": "selfcheck:selfcheck",
    "show": "show:show",
    "sweep": "sweep:sweep",
    "trace": "trace:trace",
    "upgrade": "upgrade:upgrade",
}
"""Each verb, and where in ``goldenseed.cli`` its function is, or its app where it has verbs."""


def _typer(**options: Any) -> typer.Typer:
    return typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **options
    )


class _Verbs(TyperGroup):
    """Imports a verb's module once it is asked for: each needs other parts of the package."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted({*VERBS, *super().list_commands(ctx)})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in VERBS and cmd_name not in self.commands:
            module, _, name = VERBS[cmd_name].partition(":")
            found = getattr(import_module(f"goldenseed.cli.{module}"), name)
            if not isinstance(found, typer.Typer):
                verb, found = found, _typer()
                found.command(cmd_name)(verb)
            command: Any = typer.main.get_command(found)
            self.add_command(command, cmd_name)
            if ctx.default_map is not None and hasattr(command, "commands"):
                ctx.default_map[cmd_name] = ini_defaults(command.commands)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in VERBS:  # the near miss is looked for among those that are known
            for verb in VERBS:
                self.get_command(ctx, verb)
        return super().resolve_command(ctx, args)


app = _typer(name="goldenseed", no_args_is_help=True, cls=_Verbs)


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


def main() -> None:
    """Run the command; one message on what a user can mend, and ``ExitCode`` for the outcome."""
    try:
        app(default_map=ini_defaults(VERBS))
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
