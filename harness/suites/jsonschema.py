"""The suite file's JSON Schema, for editors and for ``goldenseed schema``."""

from __future__ import annotations

from pydantic import JsonValue

from harness.suites.schema import SuiteFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def suite_json_schema() -> dict[str, JsonValue]:
    """Return the JSON Schema (draft 2020-12) of a suite file, every field described.

    It says what stands where. What only the loader can know (ids that repeat, sizes that the model
    cannot make, files that do not exist) is beyond a schema.
    """
    schema: dict[str, JsonValue] = SuiteFile.model_json_schema(by_alias=True)
    return {"$schema": DIALECT, **schema, "title": "goldenseed suite"}
