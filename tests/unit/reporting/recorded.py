"""The run that ``records/make.py`` recorded, as it is or with what a test is about altered."""

from __future__ import annotations

import gzip
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from goldenseed.reporting import write_report
from goldenseed.reporting.view import RunView
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.verdict.model import Verdict

RECORD = Path(__file__).parent / "records" / "every_verdict"

HOSTILE_PROMPTS = (
    "<img src=x onerror=alert(1)>",
    "</script><script>document.title='owned'</script>",
    "'\"><svg onload=alert(2)>",
    "{{ 7 * 7 }} {% raw %} & &lt;b&gt;",
    "left \u202eto right\u202c \x1b[31mred\x1b[0m \x00 \x07",
    "w" * 400,
    "javascript:alert(3) http://example.invalid/beacon.png",
    "line one\nline two\ttabbed",
)


@cache
def record() -> RunRecord:
    """The record: two suites, every verdict, a broken set, an environment off its lock."""
    return RunRecord.model_validate_json(gzip.decompress((RECORD / "run.json.gz").read_bytes()))


def stored(folder: Path) -> RunRecord:
    """The record, its pictures copied into ``folder``."""
    shutil.copytree(RECORD / "images", folder / "images", dirs_exist_ok=True)
    return record()


def case(verdict: str = "identical", **fields: object) -> CaseRecord:
    """The first recorded case of a verdict; ``fields`` and the recipe's prompt are altered."""
    found = next(each for each in record().cases if each.verdict is Verdict(verdict))
    if "prompt" in fields:
        fields["recipe"] = {**found.recipe, "prompt": fields.pop("prompt")}
    return CaseRecord.model_validate(found.model_dump() | fields)


def run(*cases: CaseRecord, **fields: object) -> RunRecord:
    """The recorded run with other cases, without sets and locks; ``fields`` are altered too."""
    given: dict[str, object] = {"cases": cases, "sets": (), "lock_differences": ()}
    return RunRecord.model_validate(record().model_dump() | given | fields)


def page_of(view: RunView) -> str:
    """The page that is written of a run."""
    with TemporaryDirectory() as folder:
        return write_report(view, Path(folder)).read_text("utf-8")
