"""The same review in a terminal: a picture and one key a case, or a whole group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside
from goldenseed.reporting.causes import cause_groups
from goldenseed.reporting.links import Picture
from goldenseed.reporting.terminal import failure_text
from goldenseed.reporting.view import CaseView, RunView
from goldenseed.reporting.words import count_of, visible
from goldenseed.review.decisions import CaseDecision, Decisions, Place
from goldenseed.review.pictures import Way, amplified, drawn, side_by_side
from goldenseed.review.session import Result, Review
from goldenseed.runs.waiting import TO_BE_DECIDED

_DECIDED: dict[str, Literal["accept", "reject", "skip"]] = {
    "a": "accept",
    "r": "reject",
    "s": "skip",
}
_KEYS = "a accept  r reject  s skip  g whole group{left}  b back  q quit"


class Desktop(Protocol):
    """A terminal that somebody sits at."""

    columns: int
    colours: int
    way: Way

    def key(self) -> str:
        """Wait for a key and return its character; GoldenseedError where there is no terminal."""
        ...

    def line(self, prompt: str) -> str:
        """Ask for a line of text."""
        ...

    def write(self, text: str) -> None:
        """Write as it is: what is of somebody else was made harmless."""
        ...


@dataclass(frozen=True, slots=True)
class Stop:
    """One case of the walk, and the group it belongs to."""

    case: CaseView
    group: str
    number: int
    """The group's, from 0."""


def stops_of(view: RunView, decided: Sequence[CaseDecision]) -> tuple[Stop, ...]:
    """Return the cases that ask for a decision and have none, grouped by cause as on the page."""
    done = {each.place for each in decided if each.decision != "skip"}
    groups = [
        (group.title, cases)
        for group in cause_groups(list(view.cases))
        if (cases := [case for case in group.cases if _asks(case, done)])
    ]
    return tuple(
        Stop(case, title, number) for number, (title, cases) in enumerate(groups) for case in cases
    )


def _asks(case: CaseView, done: set[Place]) -> bool:
    record = case.record
    there = record.verdict in TO_BE_DECIDED and record.pixels_sha256 is not None
    return there and (record.path, record.id) not in done


class Walk:
    """A walk through the cases: back and forth, deciding as it goes."""

    def __init__(self, review: Review, stops: Sequence[Stop], folder: Path, desk: Desktop) -> None:
        self._review = review
        self._token = review.new_page()
        self._stops = stops
        self._folder = folder
        self._desk = desk
        self._at = 0
        self._whole = False
        self._reason = ""
        self._done: set[int] = set()

    def walk(self) -> None:
        """Ask until every case was shown or somebody quits; decisions are applied one by one."""
        shown = -1
        while self._at < len(self._stops):
            if shown != self._at:
                self._show()
            shown = self._at
            key = self._desk.key()
            if key == "q":
                return
            if key == "b":
                self._at, self._whole = max(0, self._at - 1), False
            elif key == "g":
                self._whole = not self._whole
                self._desk.write(f"  {'the whole group' if self._whole else 'this case alone'}\n")
            elif key in _DECIDED:
                self._decide(_DECIDED[key])

    def _show(self) -> None:
        stop = self._stops[self._at]
        case, desk = stop.case, self._desk
        same = [each for each in self._stops if each.number == stop.number]
        place = f"{self._at + 1}/{len(self._stops)}"
        title = visible(f"[{place}] {stop.group} ({count_of(len(same), 'case')})", lines=False)
        desk.write(f"\n{title}\n{failure_text(replace(case, accept=(), calibrate=()), None)}\n")
        if case.prompt:
            desk.write(f"  {visible(case.prompt, lines=False)}\n")
        for text in self._pictures(case):
            desk.write(text)
        left = f" ({len(self._rest())} left)" if len(same) > 1 else ""
        desk.write(_KEYS.format(left=left) + "\n")

    def _pictures(self, case: CaseView) -> Iterator[str]:
        """Yield the pictures of a case in a row, and what they are."""
        if self._desk.way is Way.NONE:
            return
        from goldenseed.core.pixels import decode

        def read(picture: Picture | None) -> object:
            return decode(inside(self._folder, picture.path)) if picture and picture.found else None

        try:
            from PIL.Image import Image

            both = [(p.role, read(p)) for p in (case.baseline, case.current) if p is not None]
            found = [(role, image) for role, image in both if isinstance(image, Image)]
        except GoldenseedError as error:
            yield f"  {visible(str(error))}\n"
            return
        if len(found) > 1 and (moved := amplified(found[0][1], found[1][1])):
            found.append((f"difference x{moved[1]}", moved[0]))
        if found:
            yield drawn(
                side_by_side([image for _, image in found]),
                self._desk.way,
                self._desk.columns,
                colours=self._desk.colours,
            )
            yield f"  {' | '.join(role for role, _ in found)}\n"

    def _rest(self) -> list[int]:
        """Return the cases of the group that are not decided yet, the one that is shown first."""
        number = self._stops[self._at].number
        return [
            at
            for at, each in enumerate(self._stops)
            if each.number == number and (at == self._at or at not in self._done)
        ]

    def _decide(self, decision: Literal["accept", "reject", "skip"]) -> None:
        chosen = self._rest() if self._whole else [self._at]
        reason = "" if decision == "skip" else self._ask_why()
        if not reason and decision != "skip":
            self._desk.write("  no reason, no decision\n")
            return
        cases = [self._stops[at].case.record for at in chosen]
        document = Decisions(
            run=self._review.run_id,
            decisions=tuple(
                CaseDecision(
                    suite=case.path,
                    case=case.id,
                    pixels_sha256=case.pixels_sha256 or "",
                    decision=decision,
                    reason=reason,
                )
                for case in cases
            ),
        )
        results = self._review.decide(self._token, document)
        self._tell(results)
        refused = {(each.suite, each.case) for each in results if each.outcome == "refused"}
        self._done |= {
            at
            for at, case in zip(chosen, cases, strict=True)
            if (case.path, case.id) not in refused
        }
        self._whole = False
        if not refused:
            self._go_on()

    def _ask_why(self) -> str:
        hint = f" [{visible(self._reason, lines=False)}]" if self._reason else ""
        self._reason = self._desk.line(f"  why{hint}: ").strip() or self._reason
        return self._reason

    def _go_on(self) -> None:
        """Go to the next case that is not decided, else to the end."""
        after = (at for at in range(self._at + 1, len(self._stops)) if at not in self._done)
        self._at = next(after, len(self._stops))

    def _tell(self, results: Sequence[Result]) -> None:
        for each in results:
            said = f"{each.outcome} {each.suite}::{each.case}"
            self._desk.write(f"  {visible(f'{said}: {each.message}' if each.message else said)}\n")


def walk(review: Review, view: RunView, folder: Path, desk: Callable[[], Desktop]) -> int:
    """Walk through what asks for a decision; return how many cases that were."""
    token = review.new_page()
    stops = stops_of(view, review.decided(token).decisions)
    if stops:
        Walk(review, stops, folder, desk()).walk()
    return len(stops)
