"""How the verbs of archives tell what verifying one found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.archive.findings import Status, Verification
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say, say_json
from goldenseed.core.files import write_atomically
from goldenseed.reporting.words import visible

Certificate = Annotated[
    Path | None,
    typer.Option("--certificate", help="Write the answer as a page.", show_default=False),
]
Statement = Annotated[
    Path | None,
    typer.Option(
        "--statement",
        help="Write the answer as an in-toto statement (SVR), not signed.",
        show_default=False,
    ),
]
NOT_CHECKED = 10
"""What a verifying verb ends with where no level failed and one was not checked.

Added to the number of the first level that failed it says which that was: 11 to 15.
"""


def answer(
    found: Verification,
    *,
    certificate: Path | None,
    statement: Path | None,
    as_json: bool,
    more: Mapping[str, object] | None = None,
) -> None:
    """Tell what was found, write the files that were asked for, and end with the level's code.

    ``more`` is what JSON has beside the levels.
    """
    from goldenseed.archive.certificate import certificate_html
    from goldenseed.archive.reports import (
        verification_document,
        verification_lines,
        verification_statement,
    )

    if as_json:
        say_json({**verification_document(found), **(more or {})})
    else:
        for line in verification_lines(found):
            say(visible(line, lines=False))
    if certificate is not None:
        write_atomically(certificate, certificate_html(found, datetime.now(UTC).date()).encode())
        say(f"certificate  {certificate}", err=as_json)
    if statement is not None:
        write_atomically(statement, verification_statement(found))
        say(f"statement  {statement}", err=as_json)
    code = exit_code(found)
    if code:
        raise typer.Exit(code)


def exit_code(found: Verification) -> int:
    """Return 0 where all passed, 10 where something was not checked, else 10 + the failed level."""
    if found.first_failed is not None:
        return NOT_CHECKED + found.first_failed
    unchecked = any(each.status is Status.NOT_CHECKED for each in found.levels)
    return NOT_CHECKED if unchecked else ExitCode.FINE
