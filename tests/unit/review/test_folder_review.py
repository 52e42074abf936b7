"""Two folders of pictures, decided on and taken over: nothing is touched before it is asked for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import git
import pytest
from PIL import Image

from commands import goldenseed
from goldenseed.core.errors import GoldenseedError
from goldenseed.images.terms import terms_of
from goldenseed.reporting.view import run_view
from goldenseed.review.decisions import CaseDecision, Decisions, Marked
from goldenseed.review.folders import FolderDesk, compared, decidable
from goldenseed.review.server import ReviewServer
from goldenseed.review.session import Result, Review
from goldenseed.runs.record import CaseRecord
from two_runs import picture

NAMES = ("same.png", "moved.png", "grey.png", "new.png", "gone.png", "sub/deep.png")


@dataclass(frozen=True)
class Folders:
    """``a`` and ``b`` below ``root``, compared, and a review of them."""

    root: Path
    desk: FolderDesk
    review: Review

    def case(self, name: str) -> CaseRecord:
        return next(each for each in self.desk.record.cases if each.id == name)

    def decision(self, name: str, decision: str, reason: str = "seen") -> CaseDecision:
        case = self.case(name)
        return CaseDecision.model_validate(
            {
                "suite": case.path,
                "case": case.id,
                "pixels_sha256": case.pixels_sha256,
                "decision": decision,
                "reason": reason,
            }
        )

    def decide(self, token: str, *decisions: CaseDecision) -> tuple[Result, ...]:
        return self.review.decide(token, Decisions(run=self.review.run_id, decisions=decisions))

    def accept_from(self, *arguments: str, code: int = 0) -> str:
        words = ("accept", "--from", str(self.desk.file), "--by", "ada", *arguments)
        done = goldenseed(self.root, *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def files(self) -> dict[str, bytes]:
        both = [*(self.root / "a").rglob("*.*"), *(self.root / "b").rglob("*.*")]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in both}


def save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    for side, level in (("a", 0), ("b", 9)):
        save(picture(), tmp_path / side / "same.png")
        save(picture(level), tmp_path / side / "moved.png")
        save(picture(level), tmp_path / side / "sub" / "deep.png")
    save(picture(mode="L"), tmp_path / "a" / "grey.png")
    save(picture(20), tmp_path / "b" / "grey.png")
    save(picture(), tmp_path / "a" / "gone.png")
    save(picture(3), tmp_path / "b" / "new.png")
    terms = terms_of(metrics=(), gates=None, mask=None, ignore=[])
    record, folder = compared(tmp_path / "a", tmp_path / "b", terms, tmp_path / "reports")
    desk = FolderDesk(record, folder, "ada")
    return Folders(tmp_path, desk, Review(desk))


def test_deciding_writes_a_file_of_decisions_and_touches_no_picture(folders: Folders):
    before = folders.files()
    token = folders.review.new_page()
    results = folders.decide(
        token,
        folders.decision("moved.png", "accept"),
        folders.decision("new.png", "reject", "blurred"),
        folders.decision("grey.png", "skip"),
    )
    assert [each.outcome for each in results] == ["accepted", "rejected", "skipped"]
    assert folders.files() == before
    kept = json.loads(folders.desk.file.read_text())
    assert [(each["case"], each["decision"]) for each in kept["decisions"]] == [
        ("moved.png", "accept"),
        ("new.png", "reject"),
    ]


def test_what_was_accepted_is_taken_over_when_that_is_asked_for(folders: Folders):
    accepted = ("moved.png", "new.png", "grey.png", "sub/deep.png")
    made = [folders.decision(name, "accept") for name in accepted]
    folders.decide(folders.review.new_page(), *made)
    before = folders.files()
    assert "would write" in folders.accept_from("--dry-run")
    assert folders.files() == before
    said = folders.accept_from()
    assert "4 of 4 were accepted" in said
    after = folders.files()
    assert all(after[f"a/{name}"] == before[f"b/{name}"] for name in accepted)
    assert {name: after[name] for name in ("a/same.png", "a/gone.png")} == {
        name: before[name] for name in ("a/same.png", "a/gone.png")
    }


def test_what_was_rejected_or_skipped_stays(folders: Folders):
    folders.decide(folders.review.new_page(), folders.decision("moved.png", "reject"))
    before = folders.files()
    assert "0 of 1 were accepted" in folders.accept_from()
    assert folders.files() == before


@pytest.mark.parametrize("side", ["a", "b"])
def test_pictures_that_are_others_by_now_are_not_taken_over_nor_any_other(
    folders: Folders, side: str
):
    both = (folders.decision("moved.png", "accept"), folders.decision("sub/deep.png", "accept"))
    folders.decide(folders.review.new_page(), *both)
    save(picture(77), folders.root / side / "sub" / "deep.png")
    before = folders.files()
    said = folders.accept_from(code=2)
    assert f"{side}/sub/deep.png: is another picture than the one that was looked at" in said
    assert folders.files() == before


def test_a_picture_that_changes_while_it_is_looked_at_is_refused(folders: Folders):
    token = folders.review.new_page()
    save(picture(77), folders.root / "b" / "moved.png")
    (result,) = folders.decide(token, folders.decision("moved.png", "accept"))
    assert result.outcome == "refused"
    assert not folders.desk.file.exists()


def test_two_pages_do_not_undo_each_other(folders: Folders):
    one, two = folders.review.new_page(), folders.review.new_page()
    folders.decide(one, folders.decision("moved.png", "accept", "mine"))
    refused, kept = folders.decide(
        two, folders.decision("moved.png", "reject"), folders.decision("new.png", "accept")
    )
    assert (refused.outcome, kept.outcome) == ("refused", "accepted")
    assert "accepted: mine" in refused.message
    (changed,) = folders.decide(one, folders.decision("moved.png", "reject", "no"))
    assert changed.outcome == "rejected"


def test_a_review_that_is_begun_again_knows_what_was_decided(folders: Folders):
    folders.decide(folders.review.new_page(), folders.decision("moved.png", "accept"))
    again = Review(folders.desk)
    found = again.decided(again.new_page()).decisions
    assert [(each.case, each.decision) for each in found] == [("moved.png", "accept")]


def test_what_was_taken_over_is_committed_with_who_and_why(folders: Folders):
    repository = git.Repo.init(folders.root)
    with repository.config_writer() as config:
        config.set_value("user", "name", "Ada")
        config.set_value("user", "email", "ada@example.org")
    folders.decide(folders.review.new_page(), folders.decision("moved.png", "accept", "crisper"))
    folders.accept_from("--commit")
    commit = repository.head.commit
    assert list(commit.stats.files) == ["a/moved.png"]
    assert str(commit.message).startswith("Accept 1 image of b")
    assert "Decided-by: ada" in str(commit.message)
    assert ": crisper" in str(commit.message)


def test_the_page_offers_to_accept_what_can_be_taken_over(folders: Folders):
    view = decidable(run_view(folders.desk.record, folders.desk.folder), folders.desk.folder)
    offered = {case.record.id for case in view.cases if case.accept}
    assert offered == {"moved.png", "grey.png", "new.png", "sub/deep.png"}


@pytest.fixture
def served(folders: Folders) -> Iterator[ReviewServer]:
    (folders.desk.folder / "index.html").write_text("<!doctype html><html></html>")
    with ReviewServer(folders.review, folders.desk.folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_same_server_serves_it(folders: Folders, served: ReviewServer):
    from tests.unit.review.test_review_server import Browser

    browser = Browser(served.port)
    browser.open(served.link())
    browser.show()
    made = folders.decision("moved.png", "accept").model_dump()
    document = {"format": "goldenseed-decisions", "version": 1, "run": folders.review.run_id}
    assert browser.decide({**document, "decisions": [made]}).outcomes == ["accepted"]


def test_without_a_reason_nothing_is_kept(folders: Folders):
    marked = Marked.of(folders.case("moved.png"), "accept", " ")
    with pytest.raises(GoldenseedError, match="reason is empty"):
        folders.desk.apply([marked])
    assert not folders.desk.file.exists()
