"""What lies in a folder that nobody vouches for: every name, and what is wrong with it."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from goldenseed.archive.findings import Finding
from goldenseed.archive.layout import DEEPEST, MOST_FILES
from goldenseed.core.names import name_problem
from goldenseed.core.reading import words_of

_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")
"""The scripts whose letters look alike (Unicode Technical Standard #39, table of confusables)."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The regular files of a folder, and what else was found there."""

    files: Mapping[str, int]
    """Path with forward slashes → bytes: only files that may be read without harm."""
    findings: tuple[Finding, ...]
    unsafe: bool
    """Whether something is there that must not be followed or opened: a link, a pipe."""


def read_tree(root: Path) -> Tree:
    """List all that lies below ``root``; no link is followed and no file opened."""
    files: dict[str, int] = {}
    findings: list[Finding] = []
    unsafe = False
    folders = [("", 0)]
    while folders:
        inside, depth = folders.pop()
        if depth > DEEPEST:
            findings.append(Finding("too_deep", inside[:200], "lies too many folders deep"))
            unsafe = True
            continue
        try:
            entries = sorted(os.scandir(root / inside), key=lambda each: each.name)
        except OSError as error:
            findings.append(Finding("unreadable", inside, f"cannot be listed: {words_of(error)}"))
            unsafe = True
            continue
        if not entries and inside:
            findings.append(Finding("extra_folder", inside, "is an empty folder"))
        for entry in entries:
            name = f"{inside}/{entry.name}" if inside else entry.name
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                folders.append((name, depth + 1))
            elif what := _no_plain_file(found):
                findings.append(Finding(*what[:1], name, what[1]))
                unsafe = True
            else:
                files[name] = found.st_size
        if len(files) > MOST_FILES:
            findings.append(Finding("too_many_files", inside, f"more than {MOST_FILES:,} files"))
            unsafe = True
            break
    return Tree(dict(sorted(files.items())), (*findings, *name_findings(files)), unsafe)


def _no_plain_file(found: os.stat_result) -> tuple[str, str] | None:
    if stat.S_ISLNK(found.st_mode):
        return "link", "is a symbolic link, which could show another file tomorrow"
    if not stat.S_ISREG(found.st_mode):
        return "no_file", "is neither a file nor a folder"
    if found.st_nlink > 1:
        return "hard_link", "has a second name, by which it could be changed from outside"
    return None


def name_findings(names: Iterable[str]) -> Iterator[Finding]:
    """Name the paths that cannot be, or that a reader could take for another."""
    seen: dict[str, str] = {}
    for name in sorted(names):
        problem = path_problem(name)
        if problem is not None:
            yield Finding("unsafe_name", name, problem)
        folded = unicodedata.normalize("NFKC", name).casefold()
        other = seen.setdefault(folded, name)
        if other != name:
            yield Finding("confusable_name", name, f"can be taken for {other!r}")


def path_problem(path: str) -> str | None:
    """Say why a path inside an archive is unsafe or can be taken for another; None if it is not."""
    parts = path.split("/")
    if len(parts) > DEEPEST + 1:
        return "lies too many folders deep"
    for part in parts:
        if part in {"", ".", ".."}:
            return "is no plain relative path"
        problem = name_problem(part) or _mixed(part)
        if problem is not None:
            return f"{problem}: {part[:100]!a}"
    return None


def _mixed(name: str) -> str | None:
    """Refuse a word of letters of several scripts that look alike, and what is shown as nothing."""
    for word in re.findall(r"[^\W\d_]+", name):
        if word.isascii():
            continue
        scripts = {unicodedata.name(letter, "?").split(" ")[0] for letter in word}
        if len(scripts.intersection(_SCRIPTS)) > 1:
            return "mixes letters of scripts that look alike"
    return None
