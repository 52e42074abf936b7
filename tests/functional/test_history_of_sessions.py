"""The history over real sessions: filled at their ends, and no session is worse for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

APPLE = "tiny::red-apple[seed=1]"


def test_sessions_fill_the_history_and_none_fails_where_they_cannot(project: Project):
    project.accept_all()
    project.run("--golden-trace=on").assert_outcomes(passed=4)
    project.edit("guidance_scale: 3.0", "guidance_scale: 3.5")
    assert project.run("-k", "red-apple").ret == 1
    done = project.command("history", APPLE, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (series,) = json.loads(done.stdout)["series"]
    assert [each["verdict"] for each in series["points"]] == ["new", "identical", "incomparable"]
    steps = [each["values"].get("denoising_step[2]") for each in series["points"]]
    assert steps[1] == 0
    assert steps[2] > 0
    assert all(each["values"]["generate_seconds"] > 0 for each in series["points"])
    (change,) = series["changes"]
    assert (change["of"], change["certainty"], change["recipe_changed"]) == (
        "image",
        "certain",
        True,
    )
    assert (
        "denoising_step[2], 0 to "
        in project.command("history", APPLE, "--metric", "denoising_step[2]").stdout
    )

    kept = project.path / "reports" / "history.sqlite"
    kept.unlink()
    kept.mkdir()
    result = project.run("-k", "red-apple and seed:1")
    assert result.ret == 1  # as before: the recipe changed
    result.stdout.fnmatch_lines(["WARNING *history.sqlite: the history cannot be kept*"])
    assert project.record()["complete"] is True
    kept.rmdir()
    again = json.loads(project.command("history", APPLE, "--json").stdout)
    assert len(again["series"][0]["points"]) == 4
