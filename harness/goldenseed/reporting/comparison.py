"""Two runs compared, as blocks for the terminal and the page; and pairs of images, as lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from goldenseed.core.changes import changed, old_and_new
from goldenseed.core.listing import first_of
from goldenseed.environment.fingerprint import KeyDifference
from goldenseed.environment.keys import Kind
from goldenseed.images.compare import ImageComparison, Outcome
from goldenseed.reporting.diagnosis import grouping_sentences
from goldenseed.reporting.numbers import metric_label, number, scalar
from goldenseed.reporting.words import WORST_FIRST, beyond_gate, count_of, name_of, told, visible
from goldenseed.runs.comparison import HELD, JudgedPair, RunComparison, StoredRun
from goldenseed.runs.movement import FieldSplit, Movement
from goldenseed.runs.pairing import Environments
from goldenseed.runs.parts import Block
from goldenseed.runs.record import CaseRecord
from goldenseed.suite.cases import Limit
from goldenseed.verdict.model import Verdict

_NAMED = 5

_KEYS = 20

_SHOWN = {
    "peak_difference": "max",
    "mean_difference": "mean",
    "changed_fraction": "changed",
    "ssim": "ssim",
    "phash_distance": "phash",
}


def comparison_blocks(
    found: RunComparison,
    environments: Environments,
    movement: Movement,
    *,
    every_case: bool = True,
) -> Iterator[Block]:
    """Yield what comparing two runs found, in the order in which people ask.

    ``every_case`` adds what a report of the comparison says by itself: how far each is, and why.
    """
    yield Block((_run("A", found.a), _run("B", found.b)))
    yield Block((_verdicts(found.pairs), *_unpaired(found)))
    judged = [pair.judged for pair in found.pairs]
    if every_case:
        yield from _cases(judged)
    if movement.separation.moved:
        yield _movement(movement)
    if every_case and (sentences := grouping_sentences(judged)):
        yield Block(tuple(f"why: {each}" for each in sentences))
    yield from _provenance(found.pairs)
    yield _environments(environments)


def _run(name: str, run: StoredRun) -> str:
    record = run.record
    state = "" if record.complete else ", CUT SHORT: cases may be missing"
    cases = count_of(len(record.cases), "case")
    return f"{name}  {record.run_id}  {record.profile or 'no profile'}  {cases}{state}"


def _verdicts(pairs: Sequence[JudgedPair]) -> str:
    found = [pair.judged.verdict for pair in pairs]
    counts = (f"{found.count(each)} {each}" for each in reversed(WORST_FIRST) if each in found)
    return f"paired {len(found)}: {', '.join(counts)}"


def _unpaired(found: RunComparison) -> Iterator[str]:
    for name, cases in (("A", found.pairing.only_in_a), ("B", found.pairing.only_in_b)):
        if cases:
            more = ", …" if len(cases) > _NAMED else ""
            yield f"only in {name} {len(cases)}: {', '.join(map(name_of, cases[:_NAMED]))}{more}"


def _cases(cases: Sequence[CaseRecord]) -> Iterator[Block]:
    moved = [case for case in cases if case.verdict is not Verdict.IDENTICAL]
    moved.sort(key=lambda case: WORST_FIRST.index(case.verdict))
    rows = tuple(
        (
            case.verdict,
            name_of(case),
            *(number(each, case.metrics[each]) if each in case.metrics else "" for each in _SHOWN),
        )
        for case in moved
        if case.metrics
    )
    if rows:
        yield Block(columns=("", "case", *_SHOWN.values()), rows=rows)
    for case in moved:
        if case.verdict not in {*HELD, Verdict.WARN, Verdict.DRIFT}:  # these speak by their numbers
            reasons = [told(reason, case.gates).words for reason in case.reasons]
            details = (case.error,) if case.error else tuple(reasons)
            yield Block((f"{case.verdict.upper()} {name_of(case)}",), details=details)


def _provenance(pairs: Sequence[JudgedPair]) -> Iterator[Block]:
    """Say what the files as they were returned say otherwise of their origin."""
    said: dict[str, list[str]] = {}
    for each in pairs:
        a, b = each.pair.a.provenance, each.pair.b.provenance
        if a is not None and b is not None:
            for key in sorted(a.found.keys() & b.found.keys()):
                if a.found[key] != b.found[key]:
                    what = changed(key, a.found[key], b.found[key])
                    said.setdefault(what, []).append(name_of(each.judged))
    if said:
        head = "what the files as returned say of their origin is another:"
        lines = tuple(f"{what}: {first_of(names, _NAMED)}" for what, names in said.items())
        yield Block((head,), details=lines)


def _movement(movement: Movement) -> Block:
    found = movement.separation
    verb = (
        "moved beyond the tolerance"
        if movement.beyond_tolerance
        else "changed, within the tolerance"
    )
    head, details = "which together:", [_separating(s, found.moved, verb) for s in found.separating]
    if not found.held:
        one = "the one comparable case"
        head += f" {one if found.moved == 1 else f'all {found.moved} comparable cases'} {verb}"
        details = []
    elif len(details) > 1:
        details.append(
            "each of these fields parts them alone: the two runs cannot tell which it is"
        )
    elif not details:
        head += f" {found.moved} {verb}, {found.held} did not; no field separates them"
        if movement.beyond_tolerance:
            details = [_shared(each, found.moved) for each in found.shared]
    if movement.beyond_tolerance:
        directions = [(movement.brighter, "brighter"), (movement.darker, "darker")]
        words = ", ".join(f"{count} {word}" for count, word in directions if count)
        details.append(f"on average over the whole image: {words or 'as bright as in A'}")
    return Block((head,), details=tuple(details))


def _separating(split: FieldSplit, moved: int, verb: str) -> str:
    cases = count_of(moved, "case")
    if len(split.values) <= len(split.other_values):
        return (
            f"all {cases} with {split.field} = {_values(split.values)} {verb}, "
            f"none of the {split.held_without} others did"
        )
    return (
        f"all but those with {split.field} = {_values(split.other_values)} {verb}: {cases}, "
        f"and none of the {split.held_without} with it"
    )


def _shared(split: FieldSplit, moved: int) -> str:
    return (
        f"all {moved} have {split.field} = {_values(split.values)}, "
        f"but so have {split.held_with} of the {split.held_with + split.held_without} others"
    )


def _environments(found: Environments) -> Block:
    if not found.cases:
        return Block(("environments: not on record",))
    profiles = ", ".join(_profiles(*each, total=found.cases) for each in found.profiles)
    keys = len({difference.key for difference, _ in found.differences})
    differ = f"{count_of(keys, 'key differs', 'keys differ')}, A → B" if keys else "no key differs"
    by_kind = {kind: [d for d in found.differences if d[0].kind is kind] for kind in Kind}
    details = [
        f"{kind}: {len(differing) - _KEYS} more; --json names them all"
        for kind, differing in by_kind.items()
        if len(differing) > _KEYS
    ]
    if found.unknown:
        details.append(f"for {count_of(found.unknown, 'case')} the environment is not on record")
    return Block(
        (f"environments: {profiles}; {differ}",),
        rows=tuple(
            _difference(*each, total=found.cases)
            for differing in by_kind.values()
            for each in differing[:_KEYS]
        ),
        details=tuple(details),
    )


def _profiles(a: str, b: str, count: int, *, total: int) -> str:
    words = f"both {a}" if a == b else f"{a} → {b}"
    return words if count == total else f"{words} in {count_of(count, 'case')}"


def _difference(difference: KeyDifference, count: int, *, total: int) -> tuple[str, ...]:
    where = "" if count == total else f"  (in {count} of {count_of(total, 'case')})"
    change = f"{old_and_new(difference.old, difference.new)}{where}"
    return (difference.kind, difference.key, change)


def _values(values: Sequence[object]) -> str:
    return " or ".join(
        scalar(each) if isinstance(each, str | int | float | bool | None) else repr(each)
        for each in values
    )


def pair_lines(pairs: Iterable[ImageComparison], *, shown: Iterable[str]) -> Iterator[str]:
    """Write every pair of images that is not plainly identical, as it comes."""
    names = tuple(shown)
    for pair in pairs:
        if pair.outcome is Outcome.IDENTICAL and not pair.notes:
            continue
        yield f"{_outcome(pair.outcome).upper()} {_plain(pair.name)}"
        values = [
            f"{metric_label(name)} {number(name, pair.metrics[name])}"
            for name in names
            if name in pair.metrics
        ]
        if values:
            yield f"  {'   '.join(values)}"
        for gate in pair.gates:
            if not gate.passed and gate.value is not None:
                metric = gate.gate.partition("_")[2]
                yield f"  {beyond_gate(metric, gate.value, gate.gate, gate.limit)}"
        yield from (f"  {line}" for note in pair.notes for line in visible(note).splitlines())


def pair_counts(counts: Mapping[Outcome, int]) -> str:
    """Write how many pairs came out how: ``3 pairs: 2 identical, 1 beyond gate``."""
    parts = [f"{counts[each]:,} {_outcome(each)}" for each in Outcome if counts.get(each)]
    return f"{count_of(sum(counts.values()), 'pair')}: {', '.join(parts)}"


def gate_line(limits: Mapping[str, Limit]) -> str:
    """Write the gates in force and where they come from; the tolerance is unknown here."""
    gates = ", ".join(
        f"{name} {number(name.partition('_')[2], limit.value)}" for name, limit in limits.items()
    )
    sources = ", ".join(dict.fromkeys(limit.source for limit in limits.values()))
    return f"gates: {gates} ({_plain(sources)}); the tolerance is unknown"


def _outcome(outcome: Outcome) -> str:
    return outcome.replace("_", " ")


def _plain(text: str) -> str:
    return visible(text, lines=False)
