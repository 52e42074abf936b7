"""``goldenseed show``: what is accepted, in the order of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import git
import pytest
from PIL import Image
from typer.testing import CliRunner

from goldenseed.baselines.candidate import Candidate, Signature
from goldenseed.baselines.places import Places
from goldenseed.baselines.renaming import rename
from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.main import app
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.core.pixels import encode_png, pixels_sha256

PROFILES = ("cpu-x86_64-avx2", "cpu-x86_64-avx512", "cpu-x86_64-default", "cuda-h200-sm90-132sm")


@pytest.fixture
def baselines(tmp_path: Path) -> Path:
    store = BaselineStore(tmp_path / "baselines")
    for level, profile in enumerate(PROFILES):
        image = Image.new("RGB", (8, 8), (level, 0, 0))
        file = tmp_path / f"{level}.png"
        file.write_bytes(encode_png(image))
        recipe = {"prompt": "a red apple"}
        candidate = Candidate(
            suite="shapes",
            case="red-apple[seed=1]",
            profile=profile,
            image=file,
            pixels_sha256=pixels_sha256(image),
            recipe=recipe,
            recipe_sha256=json_sha256(recipe),
            environment={"device.type": "cpu"},
            run_id="20261120T151233Z-3f9a",
        )
        store.accept([candidate], by="Ada", reason=f"seen on {profile}")
    return tmp_path / "baselines"


def shown(baselines: Path, *arguments: str) -> list[str]:
    result = CliRunner().invoke(
        app,
        ["show", *arguments, "--baselines", str(baselines), "--reports", str(baselines / "none")],
    )
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def profiles(lines: list[str]) -> list[str]:
    return [line.strip() for line in lines if line.startswith("  ") and line[2] != " "]


def test_profiles_come_in_the_order_of_the_machine(baselines: Path):
    lines = shown(baselines, "red-apple", "--profile", "cpu-x86_64-avx512")
    assert lines[0] == "shapes::red-apple[seed=1]"
    assert profiles(lines) == [
        "cpu-x86_64-avx512  (this machine)",
        "cpu-x86_64-avx2  (stands in for cpu-x86_64-avx512, choice 2)",
        "cpu-x86_64-default  (stands in for cpu-x86_64-avx512, choice 3)",
        "cuda-h200-sm90-132sm  (not used)",
    ]


def test_without_a_run_or_a_profile_they_come_by_name(baselines: Path):
    assert profiles(shown(baselines, "shapes::red-apple[seed=1]")) == sorted(PROFILES)


def test_each_image_says_who_when_and_why(baselines: Path):
    (line, *_) = [line for line in shown(baselines, "red-*") if "accepted" in line]
    digest = pixels_sha256(Image.new("RGB", (8, 8), (0, 0, 0)))[:12]
    assert line.split()[:4] == ["accepted", f"{digest}…", "8x8", "RGB"]
    assert line.endswith("Ada: seen on cpu-x86_64-avx2")


def test_an_unknown_case_is_an_error(baselines: Path):
    result = CliRunner().invoke(app, ["show", "pear", "--baselines", str(baselines)])
    assert isinstance(result.exception, GoldenseedError)
    assert "nothing is accepted for 'pear'" in str(result.exception)


def test_it_needs_no_torch(baselines: Path):
    code = (
        "import sys; from typer.testing import CliRunner; from goldenseed.cli.main import app;"
        f"CliRunner().invoke(app, ['show', 'red-apple', '--baselines', {str(baselines)!r}]);"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_reason_cannot_steer_the_terminal(baselines: Path):
    said = f"seen on {PROFILES[0]}"
    (entry,) = (file for file in baselines.rglob("*.json") if said in file.read_text())
    entry.write_text(entry.read_text().replace(said, "\\u001b[2Jgone"))
    text = "\n".join(shown(baselines, "red-apple"))
    assert "\x1b" not in text
    assert "⟨U+001B⟩[2Jgone" in text


def test_each_image_says_from_which_run_and_where_it_was_made(baselines: Path):
    lines = shown(baselines, "red-apple")
    (line, *_) = [line for line in lines if "fingerprint" in line]
    digest = json_sha256({"device.type": "cpu"})[:12]
    assert line.strip() == f"run 20261120T151233Z-3f9a, fingerprint {digest}…"
    (baselines / "environments" / f"{json_sha256({'device.type': 'cpu'})}.json").unlink()
    assert "cannot be read" in "\n".join(shown(baselines, "red-apple"))


def test_the_history_has_what_git_alone_knows_any_more(baselines: Path, tmp_path: Path):
    store = BaselineStore(baselines)
    commit(tmp_path)
    first = store.entry("shapes", "red-apple[seed=1]")
    assert first is not None
    replaced = first.profiles[PROFILES[0]].accepted[0]
    image = Image.new("RGB", (8, 8), (99, 0, 0))
    (tmp_path / "new.png").write_bytes(encode_png(image))
    candidate = Candidate(
        suite="shapes",
        case="red-apple[seed=1]",
        profile=PROFILES[0],
        image=tmp_path / "new.png",
        pixels_sha256=pixels_sha256(image),
        recipe=replaced.recipe,
        recipe_sha256=replaced.recipe_sha256,
        environment={"device.type": "cpu"},
        run_id="later",
    )
    store.accept([candidate], by="Grace", reason="crisper")
    store.reject([candidate], by="Grace", reason="too crisp")
    commit(tmp_path)
    old, new = ("shapes", "red-apple[seed=1]"), ("fruit", "apple[seed=1]")
    rename(Places(baselines), [(old, new)], Signature.checked("Ada", "clearer", None), "last")
    said = "\n".join(shown(baselines, "apple*", "--history"))
    assert "called shapes::red-apple[seed=1] until" in said
    assert f"Ada: seen on {PROFILES[0]}  (no longer in the entry)" in said
    assert "Grace: too crisp\n" in said
    assert "Ada: from shapes::red-apple[seed=1]: clearer" in said
    document = json.loads("\n".join(shown(baselines, "apple*", "--history", "--json")))
    decisions = document["cases"][0]["decisions"]
    assert [each["at"] for each in decisions] == sorted(each["at"] for each in decisions)
    assert [each["stands"] for each in decisions].count(False) == 1


def test_without_git_the_history_is_the_entrys(baselines: Path):
    lines = shown(baselines, "red-apple", "--history")
    assert len(lines[lines.index("  decisions") + 1 :]) == len(PROFILES)


def commit(folder: Path) -> None:
    repository = git.Repo.init(folder)
    with repository.config_writer() as config:
        config.set_value("user", "name", "Ada").set_value("user", "email", "ada@example.org")
    repository.git.add(".")
    repository.git.commit("-q", "-m", "baselines")
