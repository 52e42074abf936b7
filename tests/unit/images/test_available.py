"""What a metric or score needs is missed before anything is generated."""

import sys
import tomllib
from pathlib import Path

import pytest

from goldenseed.content.scores import SCORES, check_limits
from goldenseed.core.errors import GoldenseedError
from goldenseed.images.metrics import METRICS
from goldenseed.images.weights import MODULES, check_available
from goldenseed.suite.cases import Limit

ROOT = Path(__file__).parents[3]


def test_every_extra_is_declared_and_every_extra_used_is_known():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    used = {each.extra for each in (*METRICS.values(), *SCORES.values()) if each.extra}
    assert used == set(MODULES)
    assert used <= set(declared["optional-dependencies"])


@pytest.mark.parametrize("name", [name for name in METRICS if not METRICS[name].weights])
def test_what_is_installed_is_available(name: str):
    check_available(METRICS[name])


@pytest.mark.parametrize(("name", "module"), [("flip", "flip_evaluator"), ("lpips", "torch")])
def test_a_missing_extra_is_named(name: str, module: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(GoldenseedError, match=rf"needs {module}.*\n  fix: pip install '.*\[\w+\]'"):
        check_available(METRICS[name])


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("GOLDENSEED_WEIGHTS", raising=False)
    with pytest.raises(GoldenseedError, match="needs weights"):
        check_available(METRICS["dists"])


def test_a_score_s_missing_extra_is_an_error_of_its_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(GoldenseedError, match=r"needs cv2") as caught:
        check_limits({"min_face_size": Limit(0.1, "suite", 3)})
    assert caught.value.line == 3
