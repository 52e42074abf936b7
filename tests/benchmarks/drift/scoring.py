"""Misses and false alarms of every rule, as tables, and their ROC as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from measured import CALIBRATED_WITH, calibrated_rules, print_expired
from ours import (
    hidden_by_equal_pixels,
    measures_of,
    portable_rules,
    trace_distance,
    unmeasured_rules,
)
from pairs import LabelledPair, pairs
from roc import draw, print_best_thresholds
from rules import OTHERS, Rule
from wording import share

SEVERITIES = ("faint", "slight", "plain", "gross")


def main(folder: Path) -> None:
    """Print the tables of docs/drift-benchmark.md and draw its picture into ``folder``."""
    found = list(pairs(folder, "float32"))
    _print_counts(found)
    _print_rules([*OTHERS, *unmeasured_rules()], found)
    for pair in hidden_by_equal_pixels(found):
        beyond = ", ".join(
            f"{each.metric} {each.value / each.limit:.2f}"
            for each in measures_of(pair)
            if not each.explained and each.limit
        )
        print(f"<!-- beyond, but equal pixels: {pair.change.name}, {pair.model}: {beyond} -->")
    print("\nCalibrated, scored on what the calibration was not told of:\n")
    rest = [pair for pair in found if pair.change.name not in CALIBRATED_WITH]
    _print_counts(rest)
    _print_rules(calibrated_rules(found), rest)
    print_expired(found, rest)
    portable = list(pairs(folder, "portable"))
    print("\nIn portable mode:\n")
    _print_counts(portable)
    _print_rules(portable_rules(), portable)
    _print_changes(found)
    print_best_thresholds(found)
    draw(found, folder / "roc.svg")


def _print_counts(found: Sequence[LabelledPair]) -> None:
    for harmless in (True, False):
        kind = [pair for pair in found if pair.change.harmless is harmless]
        same = sum(pair.identical for pair in kind)
        what = "harmless" if harmless else "changed"
        print(f"{len(kind)} {what} pairs, {same} of them with identical pixels")


def _print_rules(rules: Sequence[Rule], found: Sequence[LabelledPair]) -> None:
    harmless = [pair for pair in found if pair.change.harmless]
    changed = [pair for pair in found if not pair.change.harmless]
    visible = [pair for pair in changed if not pair.identical]
    hidden = [pair for pair in changed if pair.identical]
    print(f"\n| Rule | Sees | Misses | {' | '.join(SEVERITIES)} | Hidden, missed | False alarms |")
    print("|---|---|---|" + "---|" * len(SEVERITIES) + "---|---|")
    for rule in rules:
        alarmed = {id(pair): rule.alarm(pair) for pair in found}
        missed = [pair for pair in visible if not alarmed[id(pair)]]
        by_severity = [
            share(
                sum(pair.change.severity == severity for pair in missed),
                sum(pair.change.severity == severity for pair in visible),
            )
            for severity in SEVERITIES
        ]
        unseen = share(sum(not alarmed[id(pair)] for pair in hidden), len(hidden))
        alarms = share(sum(alarmed[id(pair)] for pair in harmless), len(harmless))
        cells = [share(len(missed), len(visible)), *by_severity, unseen, alarms]
        print(f"| {rule.name} | {rule.sees} | {' | '.join(cells)} |", flush=True)
        if rule.whose == "ours":
            _print_failures(rule, missed, [pair for pair in harmless if alarmed[id(pair)]])


def _print_failures(
    rule: Rule, missed: Sequence[LabelledPair], alarmed: Sequence[LabelledPair]
) -> None:
    for what, which in (("missed", missed), ("false alarm", alarmed)):
        names = sorted({(pair.change.name, pair.model) for pair in which})
        for name, model in names:
            count = sum((pair.change.name, pair.model) == (name, model) for pair in which)
            print(f"<!-- {rule.name}: {what} {count} x {name}, {model} -->")


def _print_changes(found: Sequence[LabelledPair]) -> None:
    """Print how far each change moves the images: what every limit has to be held against."""
    print("\n| Change | Severity | Model | Peak | Pixels changed | 1 - SSIM | Latents |")
    print("|---|---|---|---|---|---|---|")
    groups: dict[tuple[str, str], list[LabelledPair]] = {}
    for pair in found:
        groups.setdefault((pair.change.name, pair.model), []).append(pair)
    for (name, model), group in groups.items():
        columns = [
            _range([pair.metrics["peak_difference"] for pair in group], "{:.0f}"),
            _range([pair.metrics["changed_fraction"] for pair in group], "{:.1e}"),
            _range([1 - pair.metrics["ssim"] for pair in group], "{:.1e}"),
            _range(
                [each for pair in group if (each := trace_distance(pair)) is not None], "{:.1e}"
            ),
        ]
        severity = group[0].change.severity or "harmless"
        print(f"| {name} | {severity} | {model} | {' | '.join(columns)} |")


def _range(values: Sequence[float], form: str) -> str:
    if not values:
        return "none"
    low, high = form.format(min(values)), form.format(max(values))
    return low if low == high else f"{low} … {high}"
