"""``goldenseed lock``: pin the environment of a suite, or see whether it is the pinned one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import Device, read_suite_environments
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.declaration import Scope
from goldenseed.environment.keys import declaration_of
from goldenseed.environment.lock import lock_differences, lock_table, read_lock, write_lock
from goldenseed.suite.loading import load_suite

Verify = Annotated[
    bool,
    typer.Option("--verify", help="Read every byte of the model, whatever is remembered of it."),
]


def lock(
    suite: Annotated[Path, typer.Argument(help="A suite file.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="The lock file, if not the suite's.", show_default=False),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: hold the environment against the lock.")
    ] = False,
    device: Device = "auto",
    verify: Verify = False,
) -> None:
    """Load the model of SUITE once and pin what its images depend on, the machine left out.

    With --check nothing is written; the exit code is 1 where something differs.
    """
    loaded = load_suite(suite)
    path = output or loaded.lock or suite.with_name(f"{loaded.name}.lock.json")
    before = read_lock(path, loaded.name) if check or _is_ours(path, loaded.name) else None
    found = dict(read_suite_environments(loaded, device=device, verify=verify))
    held = (
        [lock_differences(before.of(name), here) for name, here in found.items()] if before else []
    )
    differences = [each for differences in held for each in differences]
    for line in lock_table(differences) if differences else ():
        say(line)
    if check:
        if differences:
            raise typer.Exit(ExitCode.FOUND)
        say(f"the environment is the one that {path} pins")
        return
    environment = found.pop(None)
    others = {name: here for name, here in found.items() if name is not None}
    written = write_lock(path, loaded.name, environment, others)
    scopes = [declared.scope for key in written.keys if (declared := declaration_of(key))]
    say(
        f"wrote {path}: {scopes.count(Scope.FILES)} of the model's files, "
        f"{scopes.count(Scope.LOADED)} keys of the loaded pipeline, "
        f"{scopes.count(Scope.PROCESS)} of packages, variables and switches, "
        f"{scopes.count(Scope.GPU)} of CUDA's libraries; nothing of the machine"
        + (f"; and what {len(others)} other models have otherwise" if others else "")
    )
    if loaded.lock is None:
        say(f"next: add to {suite}:  lock: {path.name}")


def _is_ours(path: Path, suite: str) -> bool:
    """Say whether a usable lock of this suite is at ``path``, with which to compare."""
    try:
        read_lock(path, suite)
    except GoldenseedError:
        return False
    return True
