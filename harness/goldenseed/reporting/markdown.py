"""The run as Markdown, short enough for a pull request or a job's summary."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from goldenseed.core.changes import old_and_new
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import write_atomically
from goldenseed.core.listing import first_of
from goldenseed.reporting.links import Picture
from goldenseed.reporting.page_data import environment_changes
from goldenseed.reporting.relations import RelationView
from goldenseed.reporting.sets import SetView
from goldenseed.reporting.view import CaseView, RunView
from goldenseed.reporting.words import capitalised, count_of, shortened, visible
from goldenseed.reporting.worst import worst_of_each
from goldenseed.runs.parts import Block

SHOWN_CASES = 20
"""How many cases are named, the worst of every failing verdict."""
PICTURED = 10
"""How many of them are shown, where the pictures can be linked to."""
LONGEST_BYTES = 60_000
"""GitHub takes 65,536 characters in a comment, and what surrounds this text counts as well."""

_LONGEST_TEXT, _LONGEST_NOTE, _LONGEST_COMMAND = 160, 400, 1000
_NOTES = 8
_PACKAGE = "package."
_PACKAGES = 12
_REASONS = 4
_STRUCTURAL = re.compile(r"[\\`*_\[\]<>|&~$:@!#\n\r\t]|(?<=www)\.")
_TELLING = ("torch", "diffusers", "transformers")
_URL = re.compile(r"https?://[\w.~:/?#@!$&*+,;=%-]+", re.ASCII)
_WIDTH = 72


@dataclass(frozen=True, slots=True)
class Published:
    """Where those who read the summary find the run's folder; nothing is linked to without it."""

    folder: str | None = None
    """The address of the folder itself: cases and pictures in it have addresses below."""
    download: str | None = None
    """The address of the folder as one file to download."""

    def __post_init__(self) -> None:
        for address in filter(None, (self.folder, self.download)):
            if not _URL.fullmatch(address):
                raise GoldenseedError(
                    f"{address!r} is no address of a report",
                    fix="give it whole, beginning with https://",
                )

    def address(self, place: str) -> str | None:
        """Return the address of a file of the folder, quoted as in an URL; None if it has none."""
        return None if self.folder is None else f"{self.folder.rstrip('/')}/{place}"


NOWHERE = Published()


def write_summary(run: RunView, folder: Path, published: Published = NOWHERE) -> Path:
    """Write ``summary.md`` into the run's folder; raises GoldenseedError where it cannot."""
    path = folder / "summary.md"
    write_atomically(path, summary_markdown(run, published).encode("utf-8"), durable=False)
    return path


def summary_markdown(run: RunView, published: Published = NOWHERE) -> str:
    """Describe a run in GitHub's Markdown, in ``LONGEST_BYTES`` at most, however large it is.

    No character of prompts and messages acts as Markdown or HTML, pings anybody or links anywhere.
    """
    heading = f"## Golden images: {_plain(capitalised(run.outcome), longest=_LONGEST_NOTE)}"
    said = _within([*_shared(run), *_changes(run), *_notes(run)], LONGEST_BYTES // 3)
    found = _within((part for block in run.notes for part in _block(block)), LONGEST_BYTES // 4)
    counts = _counts(run) if run.gallery is None else ()
    before = [heading, *_cut_short(run), *said, *counts, *found]
    after = [*_commands(run), *_links(published), " · ".join(_origin(run))]
    room = LONGEST_BYTES - _length((*before, *after))
    return "\n\n".join([*before, *_tables(run, published, room), *after]) + "\n"


def _length(parts: Iterable[str]) -> int:
    return sum(len(each.encode()) + 2 for each in parts)


def _within(parts: Iterable[str], room: int) -> list[str]:
    """Take as many parts as ``room`` bytes hold, and say if there are more."""
    written: list[str] = []
    for part in parts:
        room -= _length((part,))
        if room < 0:
            return [*written, "… and more in the report."]
        written.append(part)
    return written


def _block(block: Block) -> Iterator[str]:
    """Write what a verb found beside its cases."""
    if block.sentences:
        yield "\n".join(f"{_plain(each, longest=_LONGEST_NOTE)}  " for each in block.sentences)
    if block.rows:
        columns = block.columns or ("",) * len(block.rows[0])
        rows = (map(_plain, row) for row in block.rows)
        yield from _table(columns, rows, len(block.rows), "rows ", LONGEST_BYTES)
    texts = [each for each in block.details if "\n" not in each]
    if texts:
        details = (_plain(each, longest=_LONGEST_NOTE) for each in texts[:SHOWN_CASES])
        yield "\n".join(f"- {each}" for each in details)
    yield from (_fenced(each) for each in block.details if "\n" in each)


def _shared(run: RunView) -> Iterator[str]:
    """Say what befell cases together and why."""
    for sentence in run.shared:
        yield f"**{_plain(capitalised(sentence), longest=_LONGEST_NOTE)}.**"


def _changes(run: RunView) -> Iterator[str]:
    """Say which packages and what else changed since the images were accepted."""
    found = environment_changes([case.record for case in run.cases if case.loud])
    packages = [each for each in found if each[0].startswith(_PACKAGE)]
    packages.sort(key=lambda each: each[0].removeprefix(_PACKAGE) not in _TELLING)
    named = [
        f"{_code(key.removeprefix(_PACKAGE))} {_plain(old_and_new(old, new))}"
        for key, old, new, _ in packages
    ]
    if named:
        yield f"Packages, accepted → now: {first_of(named, _PACKAGES)}"
    if run.environment:
        changed = _plain(run.environment, longest=_LONGEST_NOTE)
        yield f"Environment of the cases that moved, accepted → now: {changed}"


def _cut_short(run: RunView) -> Iterator[str]:
    if not run.record.complete:
        yield "> **This run was cut short.** Cases may be missing: do not read it as a pass."


def _notes(run: RunView) -> Iterator[str]:
    """Say which environments are off their lock, and what is odd of images."""
    notes = (*(lock.sentence for lock in run.locks), *run.remarks)
    yield from (f"> {_plain(each, longest=_LONGEST_NOTE)}" for each in notes[:_NOTES])
    if len(notes) > _NOTES:
        yield f"> … and {count_of(len(notes) - _NOTES, 'more note')} in the report."


def _counts(run: RunView) -> Iterator[str]:
    rows = [f"| {each.verdict} | {len(each.cases):,} | {each.meaning} |" for each in run.sections]
    if left_out := len(run.record.not_compared):
        rows.append(f"| not compared | {left_out:,} | No image was held against anything. |")
    if rows:
        yield "\n".join(["| Verdict | Cases | |", "|---|--:|---|", *rows])


def _tables(run: RunView, published: Published, room: int) -> Iterator[str]:
    """Yield the cases and sets that are named, as far as there is room."""
    loud = [case for case in run.cases if case.loud]
    worst = worst_of_each(loud, SHOWN_CASES)
    pictured = set(map(id, worst_of_each(worst, PICTURED) if published.folder else ()))
    pictures = ("Accepted · now · difference",) if pictured else ()
    prompts = ("Prompt",) if any(case.prompt is not None for case in worst) else ()
    yield from _table(
        ("Case", "Verdict", *pictures, *prompts, "Why"),
        (_case(case, published, pictured, prompt=bool(prompts)) for case in worst),
        len(loud),
        "",
        room * 3 // 4,
    )
    sets = [each for each in run.beside if not each.holds]
    head = ("Set or relation" if run.relations else "Set", "", "", "Why")
    yield from _table(head, map(_set, sets), len(sets), "of these ", room // 5)
    for kind, of in (("set", SetView), ("relation", RelationView)):
        if held := sum(each.holds for each in run.beside if isinstance(each, of)):
            yield f"{count_of(held, f'{kind} holds', f'{kind}s hold')}."


def _table(
    head: Sequence[str], rows: Iterable[Iterable[str]], total: int, noun: str, room: int
) -> Iterator[str]:
    """Yield the first rows below their head, in ``room`` bytes, and how many are left."""
    lines = ["| " + " | ".join(map(_plain, head)) + " |", "|" + "---|" * len(head)]
    room -= sum(len(line.encode()) + 1 for line in lines)
    for row in islice(rows, SHOWN_CASES):
        line = "| " + " | ".join(row) + " |"
        room -= len(line.encode()) + 1
        if room < 0:
            break
        lines.append(line)
    shown = len(lines) - 2
    if shown:
        yield "\n".join(lines)
    if shown < total:
        yield f"… and {total - shown:,} more {noun}in the report."


def _case(
    case: CaseView, published: Published, pictured: set[int], *, prompt: bool
) -> Iterator[str]:
    """Yield the cells of a case; those of the ``pictured`` (by identity) have its pictures."""
    address = published.address(f"index.html#{case.anchor}")
    yield f'<a href="{address}">{_code(case.name)}</a>' if address else _code(case.name)
    yield case.record.verdict
    if pictured:
        shown = (case.baseline, case.current, case.difference) if id(case) in pictured else ()
        found = [each for each in shown if each is not None and each.found]
        yield " ".join(_picture(each, published, address) for each in found)
    if prompt:
        yield "" if case.prompt is None else _code(case.prompt)
    yield "<br>".join(map(_plain, _why(case)))


def _picture(picture: Picture, published: Published, address: str | None) -> str:
    source = published.address(picture.url)
    image = f'<img src="{source}" width="{_WIDTH}" alt="{picture.role}">'
    return f'<a href="{address}">{image}</a>'


def _first(texts: Sequence[str]) -> Iterator[str]:
    yield from texts[:_REASONS]
    if len(texts) > _REASONS:
        yield f"… and {len(texts) - _REASONS:,} more"


def _why(case: CaseView) -> Iterator[str]:
    yield from _first([each.words for each in (*case.fallback, *case.deciding)])
    yield from filter(None, (case.record.error, case.shortfall, case.moved))
    if case.why and case.why.divergence:
        yield f"first divergence: {case.why.divergence}"
    if case.why and case.why.likely:
        yield f"likely cause: {case.why.likely}"


def _set(found: SetView | RelationView) -> Iterator[str]:
    yield from (_code(found.record.id), found.kind, found.state)
    faults = _first((*found.faults, *found.notes))
    yield "<br>".join(_plain(each, longest=_LONGEST_NOTE) for each in faults)


def _commands(run: RunView) -> Iterator[str]:
    """Yield what may be copied: the worst failing case once more, and its image accepted."""
    failing = worst_of_each((case for case in run.cases if not case.record.passed), 1)
    lines = [" ".join(run.place.running(case.record.path, case.record.id)) for case in failing]
    if any(case.accept and not case.record.passed for case in run.cases):
        lines.append(" ".join(run.place.accepting()))
    kept = (line for line in lines if 0 < len(line) <= _LONGEST_COMMAND)
    text = "\n".join(visible(line, lines=False) for line in kept)
    if text:
        yield _fenced(text, "sh")


def _fenced(text: str, language: str = "") -> str:
    """Put lines in a block that none of them ends."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{visible(text)}\n{fence}"


def _links(published: Published) -> Iterator[str]:
    links = (("The report", published.address("index.html")), ("Download", published.download))
    found = [f'<a href="{address}">{name}</a>' for name, address in links if address]
    if found:
        yield " · ".join(found)


def _origin(run: RunView) -> Iterator[str]:
    record = run.record
    yield f"run {_code(record.run_id)}"
    yield f"{record.started:%Y-%m-%d %H:%M} UTC"
    if record.profile:
        yield f"profile {_code(record.profile)}"
    if record.git:
        dirty = ", with changes not committed" if record.git.dirty else ""
        yield f"commit {_code(record.git.commit[:12])}{dirty}"
    for name in _TELLING:
        if version := record.environment.get(f"package.{name}"):
            yield f"{name} {_plain(str(version))}"


def _plain(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Text of others in which nothing acts as Markdown or HTML, on one line, shortened.

    It has at most ``longest`` characters as it is read, and twice as many as it is written.
    """
    shown = shortened(visible(text[: longest + 1], lines=False), longest)
    written = _STRUCTURAL.sub(lambda found: f"&#{ord(found.group())};", shown)
    if len(written) <= 2 * longest:
        return written
    cut = written[: 2 * longest - 1]
    last = cut.rfind("&")
    return f"{cut if ';' in cut[last:] else cut[:last]}…"


def _code(text: str) -> str:
    return f"<code>{_plain(text)}</code>"
