"""``decisions.json``: what is applied of one, and what is refused whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from reviewed import Reviewed, reviewed

from commands import goldenseed
from goldenseed.baselines.store import BaselineStore
from goldenseed.review.decisions import Decisions, read_decisions


@pytest.fixture
def project(tmp_path: Path) -> Reviewed:
    return reviewed(tmp_path)


def apply(project: Reviewed, *arguments: str, code: int = 0) -> list[str]:
    words = ("accept", "--from", "decisions.json", "--by", "ada", *arguments)
    done = goldenseed(project.root, *words)
    assert done.returncode == code, done.stdout + done.stderr
    return (done.stdout if code == 0 else done.stderr).splitlines()


def mixed(project: Reviewed) -> None:
    project.write(
        project.decision(0, reason="round and red"),
        project.decision(1, "reject", reason="two stems"),
        project.decision(2, "skip", reason=""),
        project.decision(3, reason="also right"),
    )


def test_every_decision_is_applied_for_its_own_reason(project: Reviewed):
    mixed(project)
    said = apply(project)
    assert [line.split()[0] for line in said] == ["first", "rejected", "first", "skipped"]
    assert project.baseline(0).accepted[0].reason == "round and red"
    assert project.baseline(1).rejected[0].reason == "two stems"
    assert not project.baseline(2).digests()
    assert project.baseline(3).accepted[0].run_id == "run"


def test_applying_once_more_changes_nothing(project: Reviewed):
    mixed(project)
    apply(project)
    before = {path: path.stat().st_mtime_ns for path in project.store.root.rglob("*.json")}
    assert [line.split()[0] for line in apply(project)][:3] == ["unchanged"] * 3
    assert before == {path: path.stat().st_mtime_ns for path in project.store.root.rglob("*.json")}


def test_a_dry_run_verifies_and_says_everything_and_writes_nothing(project: Reviewed):
    mixed(project)
    said = apply(project, "--dry-run")
    assert said[0].startswith("would be first fruit::apple[seed=0]")
    assert said[-1] == "nothing was written: --dry-run"
    assert not project.store.root.exists()


def test_the_option_gives_a_reason_to_decisions_that_have_none(project: Reviewed):
    project.write(project.decision(0, reason=" "), project.decision(1, reason="mine"))
    apply(project, "--reason", "all looked at")
    reasons = [project.baseline(number).accepted[0].reason for number in range(2)]
    assert reasons == ["all looked at", "mine"]


def altered(what: str, project: Reviewed) -> tuple[dict[str, Any], str]:
    """Return a document of which the second decision, or all of it, is wrong, and what is said."""
    good, other = project.decision(0), project.decision(1)
    documents: dict[str, tuple[dict[str, Any], str]] = {
        "another run": (project.document(good, run="run-2"), "no run is called 'run-2'"),
        "a path as its run": (project.document(good, run="../run"), "run: String should match"),
        "an unknown case": (
            project.document(good, {**other, "case": "pear"}),
            "the run has no case fruit.suite.yaml::pear",
        ),
        "an unknown suite": (
            project.document(good, {**other, "suite": "fruit"}),
            "the run has no case fruit::apple[seed=1]",
        ),
        "a case twice": (
            project.document(good, {**good, "decision": "reject"}),
            "fruit.suite.yaml::apple[seed=0] is decided twice",
        ),
        "other pixels": (
            project.document(good, {**other, "pixels_sha256": "0" * 64}),
            "was decided on the pixels 000000000000…, and those of the run are",
        ),
        "no image": (
            project.document(good, {**other, "case": "broken"}),
            "the run has no image of it",
        ),
        "no reason": (
            project.document(good, {**other, "reason": ""}),
            "fruit::apple[seed=1]: the reason is empty",
        ),
        "a placeholder as reason": (project.document(good, {**other, "reason": "…"}), "the reason"),
        "an unknown decision": (
            project.document(good, {**other, "decision": "maybe"}),
            "decisions.1.decision",
        ),
        "an unknown key": (project.document(good, {**other, "force": True}), "decisions.1.force"),
        "another version": (project.document(good, version=2), "version"),
        "another format": (project.document(good, format="other"), "format"),
    }
    return documents[what]


@pytest.mark.parametrize(
    "what",
    [
        "another run",
        "a path as its run",
        "an unknown case",
        "an unknown suite",
        "a case twice",
        "other pixels",
        "no image",
        "no reason",
        "a placeholder as reason",
        "an unknown decision",
        "an unknown key",
        "another version",
        "another format",
    ],
)
def test_a_file_with_one_fault_is_refused_in_one_message_and_nothing_is_applied(
    project: Reviewed, what: str
):
    document, says = altered(what, project)
    (project.root / "decisions.json").write_text(json.dumps(document, indent=1))
    said = apply(project, code=2)
    assert says in said[0]
    assert len(said) <= 2
    assert not project.written()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"run": "a", "run": "b"}', '{"version": NaN}', "\xff"]
)
def test_a_damaged_file_is_refused_by_its_name(project: Reviewed, text: str):
    (project.root / "decisions.json").write_bytes(text.encode("latin-1"))
    assert "decisions.json" in apply(project, code=2)[0]


def test_the_line_of_a_wrong_decision_is_named(project: Reviewed):
    path = project.write(project.decision(0), {**project.decision(1), "case": "pear"})
    lines = path.read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if '"pear"' in line)
    said = apply(project, code=2)[0]
    assert any(f"decisions.json:{near}:" in said for near in range(number - 3, number + 1)), said


def test_decisions_of_another_run_than_the_one_that_is_named_are_refused(project: Reviewed):
    project.write(project.decision(0))
    (project.root / "reports" / "other").mkdir()
    text = (project.folder / "run.json").read_text()
    (project.root / "reports" / "other" / "run.json").write_text(
        text.replace('"run_id":"run"', '"run_id":"other"')
    )
    said = goldenseed(project.root, "accept", "other", "--from", "decisions.json").stderr
    assert "was made looking at the run run, not at other" in said


def test_a_damaged_picture_stops_all_of_them(project: Reviewed):
    mixed(project)
    image = project.folder / str(project.case(3).image)
    image.write_bytes(image.read_bytes()[:-30])
    assert "truncated" in apply(project, code=2)[0]
    assert not project.written()


def test_a_rejected_image_is_not_accepted_unless_that_is_overruled(project: Reviewed):
    project.write(project.decision(0, "reject", reason="two stems"))
    apply(project)
    project.write(project.decision(0), project.decision(1))
    assert "was rejected by ada on" in apply(project, code=2)[0]
    assert not project.baseline(1).accepted
    apply(project, "--overrule-rejection")
    assert project.baseline(0).accepted
    assert project.baseline(0).overruled[0].reason == "two stems"


def test_a_file_that_is_read_and_written_is_the_same(project: Reviewed):
    mixed(project)
    found = read_decisions(project.root / "decisions.json")
    assert Decisions.model_validate_json(found.to_bytes()) == found


def test_cases_cannot_be_named_beside_a_file(project: Reviewed):
    project.write(project.decision(0))
    said = goldenseed(project.root, "accept", "run", "apple*", "--from", "decisions.json").stderr
    assert "--from has the cases" in said


def test_many_decisions_are_written_as_few_are(tmp_path: Path):
    """More than are flushed to the disk one by one."""
    from two_runs import Run, picture

    run = Run(tmp_path / "reports" / "run", profile="cpu-x86_64-avx512")
    for number in range(60):
        run.case(f"apple[seed={number}]", picture(number, size=(8, 8)), suite="fruit")
    run.stored()
    project = Reviewed(tmp_path)
    project.write(*(project.decision(number, reason=f"nr {number}") for number in range(60)))
    apply(project)
    store = BaselineStore(tmp_path / "baselines")
    assert [project.baseline(n).accepted[0].reason for n in (0, 59)] == ["nr 0", "nr 59"]
    assert store.image(str(project.case(59).pixels_sha256)).size == (8, 8)
    assert not [name for name in project.written() if name.startswith(".tmp-")]
