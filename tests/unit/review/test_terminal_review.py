"""The review in a terminal: keys, reasons and what becomes of them."""

from __future__ import annotations

import os
import pty
import re
import select
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from reviewed import Reviewed, reviewed

from commands import goldenseed
from goldenseed.reporting.view import run_view
from goldenseed.review.pictures import Way
from goldenseed.review.terminal import walk


@dataclass
class Script:
    """A terminal at which somebody presses these keys and types these lines."""

    keys: list[str]
    lines: list[str]
    columns: int = 60
    colours: int = 256
    way: Way = Way.BLOCKS
    said: list[str] = field(default_factory=list)

    def key(self) -> str:
        return self.keys.pop(0)

    def line(self, prompt: str) -> str:
        self.said.append(prompt)
        return self.lines.pop(0)

    def write(self, text: str) -> None:
        self.said.append(text)

    @property
    def text(self) -> str:
        return "".join(self.said)


@pytest.fixture
def project(tmp_path: Path) -> Reviewed:
    return reviewed(tmp_path)


def press(project: Reviewed, keys: str, *lines: str, way: Way = Way.BLOCKS) -> Script:
    desk = Script(list(keys), list(lines), way=way)
    review = project.review()
    walk(review, run_view(project.record, project.folder), project.folder, lambda: desk)
    assert not desk.keys
    return desk


def test_one_key_a_case_and_one_reason_for_all(project: Reviewed):
    desk = press(project, "arsa", "looked at", "", "")
    assert project.baseline(0).accepted[0].reason == "looked at"
    assert project.baseline(1).rejected[0].reason == "looked at"
    assert not project.baseline(2).digests()
    assert project.baseline(3).accepted
    assert "accepted fruit.suite.yaml::apple[seed=0]: first" in desk.text
    assert "why [looked at]: " in desk.text


def test_a_whole_group_is_decided_by_two_keys(project: Reviewed):
    desk = press(project, "ga", "all of them")
    assert [project.baseline(n).accepted[0].reason for n in range(4)] == ["all of them"] * 4
    assert "g whole group (4 left)" in desk.text


def test_a_group_leaves_alone_what_was_decided_before(project: Reviewed):
    press(project, "rga", "two stems", "the others")
    assert project.baseline(0).rejected
    assert [len(project.baseline(n).accepted) for n in range(4)] == [0, 1, 1, 1]


def test_one_goes_back_and_decides_otherwise(project: Reviewed):
    press(project, "abrq", "fine", "not fine")
    assert not project.baseline(0).accepted
    assert project.baseline(0).rejected[0].reason == "not fine"


def test_without_a_reason_nothing_is_decided(project: Reviewed):
    desk = press(project, "aq", "  ")
    assert "no reason, no decision" in desk.text
    assert not project.written()


def test_what_is_refused_is_said_and_stays_to_be_decided(project: Reviewed):
    image = project.folder / str(project.case(0).image)
    image.write_bytes(image.read_bytes()[:-20])
    desk = press(project, "asq", "fine")
    assert "refused fruit.suite.yaml::apple[seed=0]: " in desk.text
    assert not project.baseline(0).accepted


def test_a_review_goes_on_where_it_was_left(project: Reviewed):
    press(project, "aq", "fine")
    assert "[1/3]" in press(project, "q").text


def test_other_keys_do_nothing(project: Reviewed):
    press(project, "xy\n q")
    assert not project.written()


def test_the_pictures_are_shown_unless_unwanted(project: Reviewed):
    assert "▀" in press(project, "q").text
    assert "▀" not in press(project, "q", way=Way.NONE).text


def test_what_others_wrote_moves_no_cursor(tmp_path: Path):
    from two_runs import Run, picture

    run = Run(tmp_path / "reports" / "run", profile="cpu-x86_64-avx512")
    run.case("apple", picture(), suite="fruit", recipe={"prompt": "a\x1b[2J red \u202e apple"})
    run.stored()
    text = press(Reviewed(tmp_path), "q", way=Way.NONE).text
    assert "\x1b" not in text
    assert "⟨U+202E⟩" in text


def test_a_real_terminal_is_decided_in(project: Reviewed):
    """Through a pseudo terminal: keys without Return, lines with an echo, all put back."""
    program = Path(sys.executable).with_name("goldenseed")
    words = [str(program), "review", "run", "--terminal", "--by", "ada"]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(project.root)
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        for name in ("TMUX", "KITTY_WINDOW_ID", "TERM_PROGRAM", "LC_TERMINAL"):
            os.environ.pop(name, None)
        os.execv(program, words)
    said = expect(terminal, r"\x1b\[c")
    os.write(terminal, b"\x1b[?62;22c")
    said += expect(terminal, r"q quit")
    assert "38;2;" in said
    os.write(terminal, b"a")
    expect(terminal, r"why: ")
    os.write(terminal, "schön\n".encode())
    expect(terminal, r"accepted .*first")
    os.write(terminal, b"q")
    expect(terminal, r"accepted 1, rejected 0")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert project.baseline(0).accepted[0].reason == "schön"


def expect(terminal: int, pattern: str) -> str:
    """Read from a terminal until the pattern is there."""
    found = ""
    until = time.monotonic() + 60
    while not re.search(pattern, found):
        assert select.select([terminal], [], [], max(0, until - time.monotonic()))[0], found
        found += os.read(terminal, 65536).decode(errors="replace")
    return found


def test_without_a_terminal_that_is_said(project: Reviewed):
    done = goldenseed(project.root, "review", "run", "--terminal")
    assert done.returncode == 2
    assert "there is no terminal to decide in" in done.stderr
