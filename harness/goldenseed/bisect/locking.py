"""The process that writes a suite's lock with the packages of another environment."""

from __future__ import annotations

import sys
from pathlib import Path

from goldenseed.backends.protocol import Settings
from goldenseed.backends.registry import Backends
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.lock import write_lock
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import as_the_suite_has_it, locked_models


def write_there(suite_file: Path, lock: Path, device: str) -> None:
    """Load each model of the suite and write what its environment is."""
    suite = load_suite(suite_file)
    backend = Backends(Settings(device=device))
    environments = {}
    try:
        for name, case in locked_models(suite).values():
            backend.load(as_the_suite_has_it(case))
            environments[name] = backend.fingerprint()
    finally:
        backend.close()
    others = {name: each for name, each in environments.items() if name is not None}
    write_lock(lock, suite.name, environments[None], others)


def main() -> None:
    """Do what the three arguments say; what a user can mend is told on standard error."""
    suite, lock, device = sys.argv[1:]
    try:
        write_there(Path(suite), Path(lock), device)
    except GoldenseedError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
