"""``goldenseed schema``: the JSON Schema of the files this project reads and writes."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from harness.baselines.entry import BaselineEntry
from harness.comparison.result import ComparisonDocument
from harness.runs.record import RunRecord
from harness.suites.jsonschema import suite_json_schema


def schema(
    of: Annotated[
        Literal["suite", "run", "baseline", "comparison"],
        typer.Argument(help="Which file's schema."),
    ] = "suite",
) -> None:
    """Print a JSON Schema: of the suite file (for editors), run.json, a baseline, or compare."""
    documents = {
        "suite": suite_json_schema,
        "run": RunRecord.model_json_schema,
        "baseline": BaselineEntry.model_json_schema,
        "comparison": ComparisonDocument.model_json_schema,
    }
    typer.echo(json.dumps(documents[of](), indent=2, ensure_ascii=False))
