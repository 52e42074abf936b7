"""Relations as items of pytest: one for each case and each combination of changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from goldenseed.reporting.relations import relation_view
from goldenseed.session.failure import (
    MEMBER,
    RELATION,
    GoldenFailure,
    Said,
    quarantine_or_failure,
    shown,
)
from goldenseed.session.golden_session import session_of
from goldenseed.suite.recipes import model_key

if TYPE_CHECKING:
    from goldenseed.tools.relations.members import Member


class RelationItem(pytest.Item):
    """Two ways of making one image, held against each other."""

    def __init__(self, *, member: Member, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.member = member
        self.stash[MEMBER] = member

    def runtest(self) -> None:
        """Make both images, judge them, and fail where they do not agree as the suite asks."""
        session = session_of(self.config)
        if why := session.pilots.why_not_of(self.member.case):
            tried = session.worker.not_related(self.member, why)
        else:
            with session.foreign.collected():
                tried = session.worker.relate(self.member)
        self.stash[RELATION] = tried
        view = relation_view(tried.record)
        if tried.record.state == "cannot":
            pytest.skip(f"cannot be tried here: {tried.record.why}")
        if not tried.record.passed:
            raise quarantine_or_failure(tried.record, Said(view.text, view.line)) from None

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the text of a broken relation, and pytest's own view for anything else."""
        if isinstance(excinfo.value, GoldenFailure):
            found = cast("pytest.ExceptionInfo[GoldenFailure]", excinfo)
            return shown(self, found, self.member.spec.line)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the relation stands in its file."""
        return self.path, self.member.spec.line - 1, self.name


def relation_items(
    file: pytest.File,
    members: Sequence[Member],
    mark: Callable[[str, int], pytest.MarkDecorator],
    *,
    grouped: bool,
) -> Iterator[RelationItem]:
    """Yield an item for each of ``members``, to be run where the model of its case is.

    It bears the marks of its case and its own, which ``mark`` looks up by name and line.
    """
    for member in members:
        nodeid = f"{file.nodeid}::{member.name}"
        item = RelationItem.from_parent(file, name=member.name, nodeid=nodeid, member=member)
        item.add_marker(pytest.mark.golden)
        if grouped:
            item.add_marker(pytest.mark.xdist_group(model_key(member.case.model)))
        for line, names in (
            (member.case.line, member.case.marks),
            (member.spec.line, member.spec.marks),
        ):
            for each in names:
                item.add_marker(mark(each, line))
        yield item
