"""The relations of a suite, one for each case and each combination of what is done otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.gates import parse_gate, parse_limit, refuse_without_effect
from goldenseed.runs.made import quarantined
from goldenseed.runs.relation_record import RelationRecord
from goldenseed.suite.cases import Case, Suite
from goldenseed.suite.recipes import model_key
from goldenseed.suite.relations import RelationSpec
from goldenseed.tools.probe.change import Change
from goldenseed.tools.probe.changes import change_of


@dataclass(frozen=True, eq=False)
class Member:
    """One relation of one case."""

    spec: RelationSpec
    case: Case
    change: Change

    @property
    def name(self) -> str:
        """``batch-invariance[red-apple,seed=9999,batch=2,position=first]``, unique in its suite.

        It has one bracket, as the ids of cases have.
        """
        before, _, inside = self.case.id.partition("[")
        return f"{self.spec.id}[{before},{inside.removesuffix(']')},{self.what}]"

    @property
    def what(self) -> str:
        """What is done otherwise: ``batch=2,position=first``."""
        return self.change.name.replace("+", ",")

    def record(self, path: str) -> RelationRecord:
        """Return what is known of it before it is tried; ``path`` is the suite file's."""
        return RelationRecord(
            id=self.name,
            relation=self.spec.id,
            suite=self.case.suite.name,
            path=path,
            line=self.spec.line,
            case=self.case.id,
            vary=dict(self.change.vary),
            hold=self.spec.hold.document,
            state="error",
            why="it did not come to its end",
            quarantine=quarantined(self.spec.quarantine),
        )


def members_of(suite: Suite) -> tuple[Member, ...]:
    """Return all members of a suite's relations, in the order in which they are best tried.

    Those of one model stand together, then those of one change, so that each model is loaded once
    for a change; what needs no other model comes first.

    Raises:
        GoldenseedError: an unknown change or gate, a value that a change does not take, what can
            be tried of no such case anywhere, or a ``hold`` that nothing can keep or break.

    """
    if not suite.relations:
        return ()
    cases = {case.id: case for case in suite.cases}
    found = [each for spec in suite.relations for each in _members(spec, cases)]
    seen: dict[str, Member] = {}
    for each in found:
        if seen.setdefault(each.name, each) is not each:
            raise _fault(each.spec, f"two of its images would be called {each.name}", "reword one")
    models = list(dict.fromkeys(model_key(case.model) for case in suite.cases))
    changes = list(dict.fromkeys(each.change.name for each in found))
    return tuple(
        sorted(
            found,
            key=lambda each: (
                models.index(model_key(each.case.model)),
                _effort(each.change),
                changes.index(each.change.name),
            ),
        )
    )


def _effort(change: Change) -> int:
    """Tell what the loaded model serves from what loads another, and from another process."""
    return 2 if change.alone else 1 if change.tweak or change.model else 0


def _members(spec: RelationSpec, cases: dict[str, Case]) -> Iterator[Member]:
    _check_hold(spec)
    own = [cases[name] for name in spec.cases]
    for vary in spec.alternatives:
        try:
            change = change_of(vary)
        except GoldenseedError as error:
            line = max(spec.lines.get(key, spec.line) for key in spec.lines)
            named = next((spec.lines[key] for key in spec.lines if f"`{key}`" in error.what), line)
            raise _fault(spec, error.what, error.fix, named) from None
        if change.other_recipe and spec.hold.verdict is not None:
            what = (
                f"{change.name} computes with other numbers, so that nothing is {spec.hold.words}"
            )
            fix = "hold a gate, or `no_farther_from_exact_than: …`"
            raise _fault(spec, what, fix)
        for case in own:
            yield Member(spec, case, _possible(spec, change, case))


def _possible(spec: RelationSpec, change: Change, case: Case) -> Change:
    reason = change.ruled_out(case.suite, (case,))
    if reason is not None:
        what = f"{change.name} cannot be held against {case.id}: {reason}"
        raise _fault(spec, what, "name other cases, or another change")
    return change


def _check_hold(spec: RelationSpec) -> None:
    for name, limit in spec.hold.limits.items():
        try:
            gate = parse_gate(name)
            refuse_without_effect(gate, parse_limit(gate, limit.value))
        except GoldenseedError as error:
            raise _fault(spec, error.what, error.fix, limit.line) from None


def _fault(
    spec: RelationSpec, what: str, fix: str | None, line: int | None = None
) -> GoldenseedError:
    """Return an error without its path, which the caller adds."""
    return GoldenseedError(f"relation `{spec.id}`: {what}", line=line or spec.line, fix=fix)


def named(members: Sequence[Member], name: str) -> Member | None:
    """Return the member of that name."""
    return next((each for each in members if each.name == name), None)
