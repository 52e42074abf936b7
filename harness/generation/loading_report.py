"""What diffusers and transformers log of weights that are missing or left over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.environment.reading import EnvironmentValue
from harness.files import sha256_hex

_NEWLY_INITIALISED = re.compile(
    r"Some weights of \w+ were not initialized from the model checkpoint at (?P<place>.+?) and are "
    r"newly initialized: ?\s*\[(?P<names>.*?)\]",
    re.DOTALL,
)
"""diffusers, and transformers before 5.0."""
_NOT_USED = re.compile(
    r"Some weights of the model checkpoint at (?P<place>.+?) were not used when initializing "
    r"\w+: ?\s*\[(?P<names>.*?)\]",
    re.DOTALL,
)
_TABLE = re.compile(r"LOAD REPORT\S* from: (?P<place>[^\n]+)\n(?P<rows>.*)", re.DOTALL)
"""transformers since 5.0: one row a weight, or a row for many (``layers.{0...3}.weight``)."""
_ROW = re.compile(r"^(?P<name>\S+)\s*\| (?P<status>MISSING|UNEXPECTED)\b", re.MULTILINE)
_NAME = re.compile(r"[^\s'\",]+")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class LoadingReport:
    """What was wrong with the weights of one component."""

    component: str
    missing: tuple[str, ...]
    """Filled at random, since the files lack them."""
    unexpected: tuple[str, ...]
    """In the files, and used by nothing."""


def read_loading_reports(messages: Iterable[str]) -> tuple[LoadingReport, ...]:
    """Read the reports out of what was logged while a pipeline was loaded, one a component.

    A component is known by the last part of the path that the message names.
    """
    missing: dict[str, list[str]] = {}
    unexpected: dict[str, list[str]] = {}
    for message in messages:
        for status, place, name in _entries(_without_colours(message)):
            component = re.split(r"[/\\]", place.rstrip("/\\. "))[-1]
            found = missing if status == "MISSING" else unexpected
            found.setdefault(component, []).append(name)
    return tuple(
        LoadingReport(
            component,
            tuple(sorted(missing.get(component, ()))),
            tuple(sorted(unexpected.get(component, ()))),
        )
        for component in sorted(missing.keys() | unexpected.keys())
    )


def describe_reports(
    components: Iterable[str], reports: Iterable[LoadingReport]
) -> Mapping[str, EnvironmentValue]:
    """Describe the weights that are missing or left over, for every component; None for none."""
    known = {report.component: report for report in reports}
    found: dict[str, EnvironmentValue] = {}
    for component in components:
        report = known.get(component, LoadingReport(component, (), ()))
        found[f"model.{component}.missing"] = names_in_words(report.missing)
        found[f"model.{component}.unexpected"] = names_in_words(report.unexpected)
    return found


def names_in_words(names: tuple[str, ...]) -> str | None:
    """Name the first few weights; count and digest the others, so that no change goes unseen."""
    if len(names) <= _SHOWN:
        return ", ".join(names) or None
    digest = sha256_hex("\n".join(names).encode())[:12]
    return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more ({digest})"


def _entries(message: str) -> Iterator[tuple[str, str, str]]:
    """Yield status, place and name of every weight that a message tells of."""
    for pattern, status in ((_NEWLY_INITIALISED, "MISSING"), (_NOT_USED, "UNEXPECTED")):
        for found in pattern.finditer(message):
            for name in _NAME.findall(found["names"]):
                yield status, found["place"], name
    for table in _TABLE.finditer(message):
        for row in _ROW.finditer(table["rows"]):
            yield row["status"], table["place"], row["name"]


def _without_colours(message: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", message)
