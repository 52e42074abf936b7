"""``goldenseed schema``: the JSON Schema of the files this project reads and writes."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from pydantic import JsonValue

from goldenseed.baselines.entry import BaselineEntry
from goldenseed.cli.output import say_json
from goldenseed.images.compare import ComparisonDocument
from goldenseed.review.decisions import Decisions
from goldenseed.runs.record import RunRecord
from goldenseed.suite.schema import SuiteFile
from goldenseed.trace.files import TraceDocument

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def suite_json_schema() -> dict[str, JsonValue]:
    """Return the JSON Schema (draft 2020-12) of a suite file, every field described.

    It says what stands where. What only the loader can know (ids that repeat, sizes that the model
    cannot make, files that do not exist) is beyond a schema.
    """
    schema: dict[str, JsonValue] = SuiteFile.model_json_schema(by_alias=True)
    return {"$schema": DIALECT, **schema, "title": "goldenseed suite"}


def trace_json_schema() -> dict[str, JsonValue]:
    """Return the JSON Schema of a trace's JSON, which lies gzipped in its file.

    That no two records have one stage, index and source is beyond a schema.
    """
    schema: dict[str, JsonValue] = TraceDocument.model_json_schema()
    return {"$schema": DIALECT, **schema, "title": "goldenseed trace"}


def schema(
    of: Annotated[
        Literal["suite", "run", "baseline", "comparison", "decisions", "trace"],
        typer.Argument(help="Which file's schema."),
    ] = "suite",
) -> None:
    """Print a JSON Schema: of the suite file (for editors) or another file."""
    documents = {
        "suite": suite_json_schema,
        "run": RunRecord.model_json_schema,
        "baseline": BaselineEntry.model_json_schema,
        "comparison": ComparisonDocument.model_json_schema,
        "decisions": Decisions.model_json_schema,
        "trace": trace_json_schema,
    }
    say_json(documents[of](), indent=2)
