"""What is said of a case while a session runs: on the terminal, and in JUnit XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from goldenseed.reporting.commands import Place
from goldenseed.reporting.relations import relation_view
from goldenseed.reporting.terminal import failure_text, reason_line
from goldenseed.reporting.view import case_view
from goldenseed.reporting.words import name_of
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.relation_record import RelationRecord
from goldenseed.session.failure import Said
from goldenseed.session.options import Options
from goldenseed.session.reports import Outcome
from goldenseed.verdict.model import Verdict

NOT_COMPARED = "not compared"


@dataclass(frozen=True, slots=True)
class Telling:
    """What a session knows of its run while it goes on."""

    run_id: str
    folder: Path
    place: Place
    base: Path
    """Where the user started pytest."""
    told: dict[tuple[str, str], str] = field(default_factory=dict)
    """Which case of a file was the first to fail with a message."""

    @classmethod
    def of(cls, run_id: str, options: Options, config: pytest.Config) -> Telling:
        """Begin to tell of a run that the options describe."""
        folders = {"reports": options.reports, "baselines": options.baselines}
        return cls(
            run_id=run_id,
            folder=options.reports / run_id,
            place=Place.of(run_id, root=config.rootpath, **folders),
            base=config.invocation_params.dir,
        )

    @property
    def report(self) -> str:
        """The page's path as the user would type it."""
        return self._shown(self.folder / "index.html")

    def said_of(self, record: CaseRecord) -> Said:
        """Return what the terminal says of a case that is not as it should be.

        A message that fails many cases of a file is told in full of the first.
        """
        if record.error is not None:
            teller = self.told.setdefault((record.path, record.error), record.id)
            if teller != record.id and record.reasons[0].code == "generation_failed":
                record = record.failed("generation_failed", f"as of {teller}, told there in full")
        case = case_view(record, self.place)
        return Said(failure_text(case, self.report), reason_line(case))

    def warnings(self, records: Iterable[CaseRecord]) -> list[str]:
        """Return the texts of the cases that pass with a warning."""
        warned = (each for each in records if each.passed and each.verdict is Verdict.WARN)
        return [self.said_of(each).text for each in warned]

    def add_properties(
        self, item: pytest.Item, report: pytest.TestReport, outcome: Outcome
    ) -> None:
        """Tell JUnit XML, and whoever else reads a report's properties, what came of a case."""
        properties: list[tuple[str, object]] = []
        for record in outcome.records:
            properties += self._properties(record)
        if (left_out := outcome.not_compared) is not None:
            properties.append(("golden_case", name_of(left_out)))
            properties.append(("golden_verdict", NOT_COMPARED))
        item.user_properties += properties  # what the report of the teardown will have
        report.user_properties += properties

    def add_relation(
        self, item: pytest.Item, report: pytest.TestReport, record: RelationRecord
    ) -> None:
        """Tell JUnit XML what became of a relation."""
        made = {"image": record.candidate, "baseline": record.reference}
        images = {role: each.image for role, each in made.items() if each is not None}
        images["difference"] = record.difference
        properties: list[tuple[str, object]] = [
            ("golden_relation", f"{record.suite}::{record.id}"),
            ("golden_case", f"{record.suite}::{record.case}"),
            ("golden_verdict", record.state),
            ("golden_reason", relation_view(record).sentence),
            ("golden_run", self.run_id),
        ]
        for role, path in images.items():
            if path:
                properties.append((f"golden_{role}", self._shown(self.folder / path)))
        item.user_properties += properties
        report.user_properties += properties

    def _properties(self, record: CaseRecord) -> Iterator[tuple[str, str]]:
        """Yield what was decided, by what, and where the images are."""
        case = case_view(record, self.place)
        yield "golden_case", case.name
        yield "golden_verdict", record.verdict.value
        yield "golden_reason", reason_line(case)
        decided = next((each.reason for each in case.deciding if each.reason.metric), None)
        if decided is not None:
            numbers = {"metric": decided.metric, "value": decided.value, "limit": decided.limit}
            yield from ((f"golden_{k}", str(v)) for k, v in numbers.items() if v is not None)
        if case.why and case.why.likely:
            yield "golden_cause", case.why.likely
        if record.quarantine is not None:
            yield "golden_quarantine", record.quarantine.words
        yield "golden_run", self.run_id
        images = {
            "image": record.image,
            "baseline": record.baseline and record.baseline.image,
            "difference": record.difference,
        }
        for role, path in images.items():
            if path:
                yield f"golden_{role}", self._shown(self.folder / path)

    def _shown(self, path: Path) -> str:
        inside = path.is_relative_to(self.base)
        return str(path.relative_to(self.base) if inside else path)


def write_system_out(config: pytest.Config, report: pytest.TestReport, text: str) -> None:
    """Write a text beside a test case that passes: pytest keeps captured output only if asked."""
    from _pytest.junitxml import xml_key  # there is no public way to it

    xml = config.stash.get(xml_key, None)
    if xml is not None:
        element = ET.Element("system-out")
        element.text = text
        xml.node_reporter(report).append(element)
