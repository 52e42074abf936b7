"""What is said once: a suite's common error, and the warnings of other packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

NOISY = """
import warnings
from diffusers import DDIMScheduler
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    step = DDIMScheduler.step
    def loud(self, *given, **named):
        warnings.warn(f"step of {id(self)}", FutureWarning)
        warnings.warn("old", DeprecationWarning)
        return step(self, *given, **named)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DDIMScheduler, "step", loud)
        return (yield)
"""


def test_warnings_of_other_packages_are_shown_once_and_counted(project: Project):
    project.accept_all()
    project.conftest(NOISY)
    result = project.run()
    result.assert_outcomes(passed=4, warnings=2)
    result.stdout.fnmatch_lines(
        [
            "16 warnings of other packages while images were made, 2 different ones*",
            "  12 x DeprecationWarning (*conftest.py): old",
            "  4 x FutureWarning (*conftest.py): step of …",  # Python's filter: once an image
        ]
    )
    run = project.record()
    found = [sorted(case["warnings"].values()) for case in run["cases"]]
    assert sum(map(sum, found)) == sum(run["warnings"].values()) == 16
    assert found == [[1, 3]] * 4


@pytest.mark.parametrize(("option", "said"), [("-Wignore", "passed"), ("-Werror", "failed")])
def test_the_users_filters_hold_for_them(project: Project, option: str, said: str):
    project.accept_all()
    project.conftest(NOISY)
    result = project.run(option, "-k", "[seed:1]")
    result.assert_outcomes(**{said: 1})
    assert "warnings of other packages" not in result.stdout.str()


@pytest.mark.parametrize("raised", ["RuntimeError", "ImportError", "OSError"])
def test_a_library_that_cannot_be_imported_is_told_once_a_suite(project: Project, raised: str):
    project.conftest(
        f"""
        import sys
        import pytest
        class Broken:
            def find_spec(self, name, path=None, target=None):
                if name == "diffusers":
                    raise {raised}("operator nms does not exist")
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_call():
            with pytest.MonkeyPatch.context() as patch:
                patch.delitem(sys.modules, "diffusers", raising=False)
                patch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
                return (yield)
        """
    )
    result = project.run()
    result.assert_outcomes(failed=4)
    output = result.stdout.str().partition("short test summary")[0]
    assert output.count("operator nms does not exist") == 1
    assert output.count("as of red-apple[seed=1], told there in full") == 3
    errors = [case["error"] for case in project.record()["cases"]]
    assert all("operator nms does not exist" in error for error in errors)


def test_a_case_says_its_failure_once_under_ci(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CI", "1")
    result = project.run("-k", "[seed:1]")
    assert result.stdout.str().count("nothing was ever accepted for this case") == 2
    result.stdout.fnmatch_lines(
        ["FAILED *red-apple?seed=1? - NEW nothing was ever accepted for this case"]
    )
