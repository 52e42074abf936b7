"""pytest's hooks and options. Everything else is imported when a suite is met."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from goldenseed.session.option_table import OPTIONS

if TYPE_CHECKING:
    from goldenseed.session.golden_image import GoldenImage

SUITE_SUFFIX = ".suite.yaml"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register each option with its ini twin."""
    group = parser.getgroup("goldenseed", "golden suites (goldenseed)")
    for name, default, choices, text in OPTIONS:
        group.addoption(f"--golden-{name}", choices=choices, default=None, help=text)
        parser.addini(f"golden_{name}", text, default=default)
    group.addoption(
        "--golden-update-in-ci",
        action="store_true",
        help="Let --golden-update work although the environment variable CI is set.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark that every case carries, and check options given on the command line."""
    config.addinivalue_line("markers", "golden: a case of a golden suite")
    if any(config.getoption(f"golden_{name}") is not None for name, *_ in OPTIONS):
        from goldenseed.session.options import check_options

        check_options(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect ``*.suite.yaml``."""
    if not file_path.name.endswith(SUITE_SUFFIX):
        return None
    from goldenseed.session.collection import SuiteFile

    return SuiteFile.from_parent(parent, path=file_path)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker which run it belongs to."""
    from goldenseed.core.errors import GoldenseedError
    from goldenseed.session.golden_session import session_of

    try:
        node.workerinput["goldenseed_run_id"] = session_of(node.config).run_id
    except GoldenseedError:
        return  # the worker meets the same error, in the first suite that it collects


@pytest.fixture
def golden_image(request: pytest.FixtureRequest) -> GoldenImage:
    """Judge images made in ordinary tests: ``golden_image.check(image, name="hero")``."""
    from goldenseed.session.golden_image import golden_image_of

    return golden_image_of(request)
