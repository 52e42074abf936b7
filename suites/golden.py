"""``make golden``: this repository's suites, as far as this kind of machine has baselines.

On a kind of machine for which nothing is accepted (an ARM laptop, a Mac) every case of an ordinary
suite would be ``new`` and fail, which says nothing about a fresh clone. Such a suite is left out
here, with a line that says so and how to accept its images; the portable suite, whose baselines
hold everywhere, is judged, and so are relations, which need none. `pytest suites` judges
everything on every machine.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest rewrites the plugin's assertions, if it is the first to import it
    from goldenseed.baselines.store import BaselineStore
    from goldenseed.suite.cases import Suite

SUITES = Path(__file__).parent


def has_baselines_elsewhere_only(store: BaselineStore, suite: str, profile: str) -> bool:
    """Whether something is accepted for the suite, but nothing that ``profile`` may use.

    Where nothing at all is accepted the suite is new, which is for its author to see.
    """
    from goldenseed.environment.profile import fallback_chain

    entries = [store.entry(suite, case) for case in store.cases(suite)]
    known = {name for entry in entries if entry for name in entry.profiles}
    return bool(known) and not fallback_chain(profile, known)


class LeaveOut:
    """A pytest plugin: deselects suites that have baselines, but none for this kind of machine."""

    def __init__(self) -> None:
        self._left_out: dict[Path, str] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Ask once a suite, in the process that will judge it."""
        from goldenseed.baselines.store import BaselineStore
        from goldenseed.session.collection import CaseItem
        from goldenseed.session.options import read_options

        options = read_options(config)
        store = BaselineStore(options.baselines)
        for suite in {each.case.suite for each in items if isinstance(each, CaseItem)}:
            profile = profile_here(suite, options.device)
            if profile and has_baselines_elsewhere_only(store, suite.name, profile):
                self._left_out[suite.path] = profile
        gone = [
            each for each in items if isinstance(each, CaseItem) and each.path in self._left_out
        ]
        config.hook.pytest_deselected(items=gone)
        ids = set(map(id, gone))
        items[:] = [each for each in items if id(each) not in ids]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was left out, and what accepts it."""
        for path, profile in self._left_out.items():
            name = path.relative_to(terminalreporter.config.rootpath)
            terminalreporter.write_line(
                f"{name}: not judged, no baselines for {profile} yet. To accept images of this "
                f'machine: pytest {name}, then goldenseed accept latest --reason "…"'
            )


def profile_here(suite: Suite, device: str) -> str | None:
    """Return the profile that the suite's images would have here; None where it cannot run."""
    from goldenseed.backends.diffusers.backend import DiffusersBackend
    from goldenseed.core.errors import GoldenseedError
    from goldenseed.environment.profile import PORTABLE, profile_slug

    if suite.determinism.portable:
        return PORTABLE
    try:
        return profile_slug(DiffusersBackend(device=device).surroundings(suite.cases[0]))
    except GoldenseedError:
        return None  # each of its cases will say why


if __name__ == "__main__":
    sys.exit(pytest.main([str(SUITES), *sys.argv[1:]], plugins=[LeaveOut()]))
