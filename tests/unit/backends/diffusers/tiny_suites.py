"""Suites written and read for the back end's tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite

CALL = {"num_inference_steps": 2, "height": 32, "width": 32}


def one_case(folder: Path, model: str | dict[str, Any], /, **case: Any) -> Case:
    """Write a suite of one case into ``folder`` and read it; ``model`` is a source or a section."""
    document = {
        "suite": "tiny",
        "model": {"source": model} if isinstance(model, str) else model,
        "cases": [{"id": "ball", "prompt": "a red ball", "seeds": [7], "call": CALL, **case}],
    }
    path = folder / "tiny.suite.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    return load_suite(path).cases[0]
