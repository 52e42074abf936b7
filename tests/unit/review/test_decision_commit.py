"""``--commit``: one git commit of what decisions changed, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import git
import pytest
from reviewed import Reviewed, reviewed

from commands import goldenseed


@pytest.fixture
def project(tmp_path: Path) -> Reviewed:
    found = reviewed(tmp_path / "project [a]")
    repository = git.Repo.init(found.root)
    with repository.config_writer() as config:
        config.set_value("user", "name", "Ada")
        config.set_value("user", "email", "ada@example.org")
        config.set_value("commit", "gpgsign", "false")
    (found.root / ".gitignore").write_text("reports/\n")
    repository.git.add(".gitignore")
    repository.git.commit("-m", "begin")
    return found


def repository(project: Reviewed) -> git.Repo:
    return git.Repo(project.root)


def run(project: Reviewed, *arguments: str, code: int = 0) -> str:
    done = goldenseed(project.root, *arguments, "--commit")
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_commit_says_who_what_from_which_run_made_where_and_why(project: Reviewed):
    project.write(
        project.decision(0, reason="round\nand red"),
        project.decision(1, "reject", reason="# two stems"),
        project.decision(2, "skip"),
    )
    said = run(project, "accept", "--from", "decisions.json")
    commit = repository(project).head.commit
    assert f"committed {commit.hexsha[:12]}\n" in said
    subject, _, *lines = str(commit.message).strip().splitlines()
    assert subject == "Accept 1 and reject 1 golden images of run run"
    assert lines[0] == "Decided-by: Ada <ada@example.org>"
    assert lines[1] == "Run: run"
    assert lines[2] == f"Fingerprint: {project.baseline(0).accepted[0].environment_sha256}"
    assert lines[4].startswith("accept fruit::apple[seed=0] in cpu-x86_64-avx512 ")
    assert lines[4].endswith(" (first): round and red")
    assert lines[5].endswith(": # two stems")
    assert project.baseline(0).accepted[0].accepted_by == "Ada <ada@example.org>"


def test_only_what_was_touched_is_committed_and_the_rest_stays_staged(project: Reviewed):
    (project.root / "staged.txt").write_text("mine")
    repository(project).git.add("staged.txt")
    (project.root / "baselines").mkdir()
    (project.root / "baselines" / "notes.txt").write_text("mine")
    run(project, "accept", "run", "apple[seed=0]", "--reason", "seen")
    changed = repository(project).head.commit.stats.files
    folders = sorted({str(name).split("/")[1] for name in changed})
    assert folders == ["environments", "fruit", "images"]
    assert repository(project).git.diff("--cached", "--name-only") == "staged.txt"
    assert "notes.txt" in repository(project).untracked_files[0]


def test_rejecting_is_committed_too(project: Reviewed):
    run(project, "reject", "run", "apple[seed=0]", "--reason", "two stems")
    assert str(repository(project).head.commit.message).startswith("Reject 1 golden image of run")


def test_deciding_the_same_again_commits_nothing(project: Reviewed):
    words = ("accept", "run", "apple[seed=0]", "--reason", "seen")
    run(project, *words)
    before = repository(project).head.commit
    assert "nothing to commit" in run(project, *words)
    assert repository(project).head.commit == before


def test_a_dry_run_commits_nothing(project: Reviewed):
    before = repository(project).head.commit
    run(project, "accept", "run", "apple[seed=0]", "--reason", "seen", "--dry-run")
    assert repository(project).head.commit == before


def test_a_first_commit_can_be_this_one(tmp_path: Path):
    project = reviewed(tmp_path)
    made = git.Repo.init(tmp_path)
    with made.config_writer() as config:
        config.set_value("user", "name", "Ada")
        config.set_value("user", "email", "ada@example.org")
    run(project, "accept", "run", "apple[seed=0]", "--reason", "seen")
    assert len(list(made.iter_commits())) == 1


@pytest.mark.parametrize("state", ["MERGE_HEAD", "CHERRY_PICK_HEAD", "rebase-merge"])
def test_nothing_is_decided_while_another_commit_is_under_way(project: Reviewed, state: str):
    (project.root / ".git" / state).write_text("a" * 40)
    assert "is under way" in run(project, "accept", "run", "--reason", "seen", code=2)
    assert not project.written()


def test_nothing_is_decided_where_there_is_no_repository(tmp_path: Path):
    project = reviewed(tmp_path)
    assert "lies in no git repository" in run(project, "accept", "run", "--reason", "x y", code=2)
    assert not project.written()


def test_nothing_is_decided_where_git_ignores_the_baselines(project: Reviewed):
    (project.root / ".gitignore").write_text("baselines/\n")
    assert "git ignores the files" in run(project, "accept", "run", "--reason", "x y", code=2)
    assert not project.written()


def test_where_a_hook_refuses_the_decisions_stay_and_that_is_said(project: Reviewed):
    hook = project.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    said = run(project, "accept", "run", "apple[seed=0]", "--reason", "seen", code=2)
    assert "the decisions are applied, and git did not commit them: not today" in said
    assert project.baseline(0).accepted
