"""Two runs compared, as lines for the terminal: the same text in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from goldenseed.environment.fingerprint import KeyDifference
from goldenseed.environment.keys import Kind
from goldenseed.reporting.headline import grouping_sentence
from goldenseed.reporting.numbers import number, scalar
from goldenseed.reporting.text import WORST_FIRST, reason_in_words, visible
from goldenseed.runs.comparison import (
    HELD,
    JudgedPair,
    RunComparison,
    StoredRun,
)
from goldenseed.runs.movement import FieldSplit, Movement
from goldenseed.runs.pairing import Environments
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Verdict

_NAMED = 5
"""How many unpaired cases are named."""

_KEYS = 20
"""How many keys of the environment are named for each kind."""

_LONGEST_VALUE = 60

_SHOWN = (
    ("peak_difference", "max"),
    ("mean_difference", "mean"),
    ("changed_fraction", "changed"),
    ("ssim", "ssim"),
    ("phash_distance", "phash"),
)


def comparison_lines(
    found: RunComparison,
    environments: Environments,
    movement: Movement,
    *,
    every_case: bool = True,
) -> list[str]:
    """Say what comparing two runs found, in the order in which people ask.

    Which runs, what could be paired, how many moved and, if ``every_case``, how far each, which
    moved together and why, and how the environments differ. Untrusted text is made visible; nothing
    depends on the terminal.
    """
    return [
        _run_line("A", found.a),
        _run_line("B", found.b),
        "",
        *_pairing_lines(found),
        *(_case_lines(found.pairs) if every_case else ()),
        *_movement_lines(movement),
        *_why_lines(found),
        "",
        *_environment_lines(environments),
    ]


def _run_line(name: str, run: StoredRun) -> str:
    record = run.record
    state = "" if record.complete else ", CUT SHORT: cases may be missing"
    profile = _plain(record.profile or "no profile")
    return f"{name}  {_plain(record.run_id)}  {profile}  {_cases(len(record.cases))}{state}"


def _pairing_lines(found: RunComparison) -> Iterator[str]:
    verdicts = [pair.judged.verdict for pair in found.pairs]
    counts = ", ".join(
        f"{verdicts.count(verdict)} {verdict}"
        for verdict in reversed(WORST_FIRST)
        if verdict in verdicts
    )
    yield f"paired {len(verdicts)}: {counts}"
    for name, cases in (("A", found.pairing.only_in_a), ("B", found.pairing.only_in_b)):
        if cases:
            names = [f"{_plain(case.suite)}::{_plain(case.id)}" for case in cases[:_NAMED]]
            more = ", …" if len(cases) > _NAMED else ""
            yield f"only in {name} {len(cases)}: {', '.join(names)}{more}"


def _case_lines(pairs: Sequence[JudgedPair]) -> Iterator[str]:
    order = {verdict: place for place, verdict in enumerate(WORST_FIRST)}
    shown = [pair for pair in pairs if pair.judged.verdict is not Verdict.IDENTICAL]
    shown.sort(key=lambda pair: order[pair.judged.verdict])
    rows = [_row(pair.judged) for pair in shown if pair.judged.metrics]
    if rows:
        yield ""
        yield from table(("", "case", *(label for _, label in _SHOWN)), rows)
    for pair in shown:
        yield from _sentences(pair.judged)


def _row(case: CaseRecord) -> tuple[str, ...]:
    values = (
        number(metric, case.metrics[metric]) if metric in case.metrics else ""
        for metric, _ in _SHOWN
    )
    return (case.verdict, f"{_plain(case.suite)}::{_plain(case.id)}", *values)


def _sentences(case: CaseRecord) -> Iterator[str]:
    """Say of an error and of an incomparable pair why; the others speak by their numbers."""
    if case.verdict in {*HELD, Verdict.WARN, Verdict.DRIFT}:
        return
    yield f"{case.verdict.upper()} {_plain(case.suite)}::{_plain(case.id)}"
    if case.error:
        yield from (f"  {line}" for line in visible(case.error).splitlines())
        return
    for reason in case.reasons:
        yield from (f"  {line}" for line in reason_in_words(reason, case).splitlines())


def _movement_lines(movement: Movement) -> Iterator[str]:
    found = movement.separation
    if not found.moved:
        return
    verb = "moved beyond the noise" if movement.beyond_noise else "changed, within the noise"
    yield ""
    if not found.held:
        each = (
            "the one comparable case" if found.moved == 1 else f"all {found.moved} comparable cases"
        )
        yield f"which together: {each} {verb}"
    elif found.separating:
        yield "which together:"
        yield from (f"  {_separating(each, found.moved, verb)}" for each in found.separating)
        if len(found.separating) > 1:
            yield "  each of these fields parts them alone: the two runs cannot tell which it is"
    else:
        yield f"which together: {found.moved} {verb}, {found.held} did not; no field separates them"
        if movement.beyond_noise:
            yield from (f"  {_shared(each, found.moved)}" for each in found.shared)
    if movement.beyond_noise:
        directions = [(movement.brighter, "brighter"), (movement.darker, "darker")]
        words = (f"{count} {word}" for count, word in directions if count)
        yield f"  on average over the whole image: {', '.join(words) or 'as bright as in A'}"


def _why_lines(found: RunComparison) -> Iterator[str]:
    sentence = grouping_sentence([pair.judged for pair in found.pairs])
    if sentence:
        yield ""
        yield f"why: {sentence}"


def _separating(split: FieldSplit, moved: int, verb: str) -> str:
    field, cases = _plain(split.field), _cases(moved)
    if len(split.values) <= len(split.other_values):
        return (
            f"all {cases} with {field} = {_values(split.values)} {verb}, "
            f"none of the {split.held_without} others did"
        )
    return (
        f"all but those with {field} = {_values(split.other_values)} {verb}: {cases}, "
        f"and none of the {split.held_without} with it"
    )


def _shared(split: FieldSplit, moved: int) -> str:
    return (
        f"all {moved} have {_plain(split.field)} = {_values(split.values)}, "
        f"but so have {split.held_with} of the {split.held_with + split.held_without} others"
    )


def _environment_lines(found: Environments) -> Iterator[str]:
    if not found.cases:
        yield "environments: not on record"
        return
    profiles = ", ".join(_profiles(*each, total=found.cases) for each in found.profiles)
    count = len({difference.key for difference, _ in found.differences})
    yield f"environments: {profiles}; {_differ(count)}"
    by_kind = {kind: [d for d in found.differences if d[0].kind is kind] for kind in Kind}
    shown = [each for same in by_kind.values() for each in same[:_KEYS]]
    yield from table((), [_difference(*each, total=found.cases) for each in shown])
    for kind, differing in by_kind.items():
        if len(differing) > _KEYS:
            yield f"  {kind}: {len(differing) - _KEYS} more; --json names them all"
    if found.unknown:
        yield f"  for {_cases(found.unknown)} the environment is not on record"


def _profiles(a: str, b: str, count: int, *, total: int) -> str:
    words = f"both {_plain(a)}" if a == b else f"{_plain(a)} → {_plain(b)}"
    return words if count == total else f"{words} in {_cases(count)}"


def _differ(count: int) -> str:
    if not count:
        return "no key differs"
    return f"{count} key{' differs' if count == 1 else 's differ'}, A → B"


def _difference(difference: KeyDifference, count: int, *, total: int) -> tuple[str, ...]:
    old, new = _where_they_part(*(_plain(scalar(v)) for v in (difference.old, difference.new)))
    where = "" if count == total else f"  (in {count} of {total} cases)"
    return (difference.kind, _plain(difference.key), f"{old} → {new}{where}")


def _where_they_part(old: str, new: str) -> tuple[str, str]:
    """Shorten two long values to the place at which they begin to differ."""
    if max(len(old), len(new)) <= _LONGEST_VALUE:
        return old, new
    pairs = enumerate(zip(old, new, strict=False))
    parting = next((place for place, (x, y) in pairs if x != y), min(len(old), len(new)))
    start = max(0, parting - _LONGEST_VALUE // 2)
    return _window(old, start), _window(new, start)


def _window(text: str, start: int) -> str:
    end = start + _LONGEST_VALUE
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Align rows of cells in columns two spaces apart, indented by two; no head if it is empty."""
    if not rows:
        return
    all_rows = [tuple(row) for row in ((head, *rows) if head else rows)]
    widths = [max(map(len, column)) for column in zip(*all_rows, strict=True)]
    for row in all_rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _cases(count: int) -> str:
    return f"{count} case{'' if count == 1 else 's'}"


def _values(values: Sequence[object]) -> str:
    return " or ".join(
        _plain(scalar(each) if isinstance(each, str | int | float | bool | None) else repr(each))
        for each in values
    )


def _plain(text: str) -> str:
    return visible(text, lines=False)
