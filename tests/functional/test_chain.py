"""Images accepted out of an archive, and the chain from a baseline back to the run that made it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from attested import archive_attested
from commands import goldenseed

CASE = "tiny::red-apple[seed=1]"
KEY = ("--trusted-key", "key.pub")
LINKS = ("baseline", "archive", "structure", "fixity", "signature", "judgement", "run", "image")
Links = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def folder(accepted_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of which nothing is accepted, and archives of its run: a folder and a zip file."""
    folder = tmp_path_factory.mktemp("chained") / "project"
    shutil.copytree(accepted_project, folder, symlinks=True)
    for words in (
        "archive keygen --output key",
        "archive create --key key --output archives/july.zip",
        "archive create --key key --output other/july",
    ):
        assert goldenseed(folder, *words.split()).returncode == 0
    shutil.rmtree(folder / "baselines")
    return folder


@pytest.fixture
def project(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "project", symlinks=True))


def accepted(project: Path, archive: str, *words: str) -> tuple[int, str]:
    done = goldenseed(project, "accept", archive, CASE, "--reason", "signed off", *words)
    return done.returncode, done.stdout + done.stderr


def chained(project: Path, *words: str) -> tuple[int, str, Links]:
    """Walk the one chain there is: the exit code, its status, and its links by name."""
    done = goldenseed(project, "archive", "chain", CASE, *words, "--json")
    (chain,) = json.loads(done.stdout)["chains"]
    return done.returncode, chain["status"], {each["name"]: each for each in chain["links"]}


@pytest.mark.parametrize("archive", ["archives/july.zip", "other/july"])
def test_a_baseline_accepted_out_of_an_archive_leads_back_to_its_run(
    project: Path, archive: str
) -> None:
    assert accepted(project, archive, *KEY) == (0, f"first {CASE} in {_profile(project)}\n")
    digest = _image(project)["archive_sha256"]
    assert digest in goldenseed(project, "show", CASE).stdout
    where = ("--archives", str(Path(archive).parent))
    code, status, links = chained(project, *KEY, *where)
    assert (code, status, tuple(links)) == (0, "passed", LINKS)
    assert Path(archive).name in links["archive"]["what"]
    assert _image(project)["run_id"] in links["run"]["what"]
    code, status, links = chained(project, *where)
    assert (code, status) == (10, "not checked")
    assert links["signature"]["status"] == "not checked"


def test_nobody_accepts_out_of_an_archive_by_accident(project: Path) -> None:
    code, said = accepted(project, "archives/july.zip")
    assert (code, "--trusted-key" in said, "--untrusted" in said) == (2, True, True)
    goldenseed(project, "archive", "keygen", "--output", "eve")
    code, said = accepted(project, "archives/july.zip", "--trusted-key", "eve.pub")
    assert (code, "fails level 3, signature" in said) == (2, True)
    (project / "other/july/data/summary.md").write_text("all is well")
    code, said = accepted(project, "other/july", "--untrusted")
    assert (code, "fails level 2, fixity" in said) == (2, True)
    assert not (project / "baselines").exists()
    code, said = accepted(project, "archives/july.zip", "--untrusted")
    assert (code, "note: level 3 is not checked" in said) == (0, True)
    code, said = accepted(project, "latest", "--untrusted")
    assert (code, "this run lies in none" in said) == (2, True)


def test_what_was_accepted_from_the_run_gets_its_archive_and_nothing_else_new(
    project: Path,
) -> None:
    accepted(project, "latest")
    before = _image(project)
    assert "archive_sha256" not in before
    code, _, links = chained(project, *KEY)
    assert (code, links["archive"]["status"]) == (1, "failed")
    code, said = accepted(project, "archives/july.zip", *KEY)
    assert (code, said[:9]) == (0, "archived ")
    after = _image(project)
    assert after == {**before, "archive_sha256": after["archive_sha256"]}
    assert accepted(project, "archives/july.zip", *KEY)[1].startswith("unchanged ")
    assert chained(project, *KEY)[:2] == (0, "passed")


def test_each_break_of_a_chain_is_found_where_it_is(project: Path) -> None:
    accepted(project, "archives/july.zip", *KEY)
    entry = project / "baselines/tiny/red-apple[seed=1].json"
    text = entry.read_text()
    run_id = _image(project)["run_id"]
    entry.write_text(text.replace(run_id, "20260101T000000Z-0000"))
    code, status, links = chained(project, *KEY)
    assert (code, status, links["run"]["status"]) == (1, "failed", "failed")
    made = _image(project)["environment_sha256"]
    entry.write_text(text.replace(made, "0" * 64))
    assert chained(project, *KEY)[2]["baseline"]["status"] == "failed"
    entry.write_text(text)
    shutil.rmtree(project / "archives")
    shutil.copytree(project / "other", project / "archives")
    (project / "archives/july/data/summary.md").write_text("all is well")
    code, status, links = chained(project, *KEY)
    assert (code, links["fixity"]["status"], "run" in links) == (1, "failed", False)
    shutil.rmtree(project / "archives/july")
    code, _, links = chained(project, *KEY)
    assert (code, tuple(links), links["archive"]["status"]) == (1, LINKS[:2], "failed")


def test_an_identity_and_a_time_stamp_are_believed_on_the_way(
    project: Path, tmp_path: Path
) -> None:
    trust = archive_attested(project, "attested/august.zip", tmp_path)
    code, said = accepted(project, "attested/august.zip")
    assert (code, "--trusted-key" in said) == (2, True)
    eve = ("--trusted-identity", "eve@example.org", *trust[2:])
    code, said = accepted(project, "attested/august.zip", *eve)
    assert (code, "fails level 3, signature" in said) == (2, True)
    assert accepted(project, "attested/august.zip", *trust)[0] == 0
    where = ("--archives", "attested")
    code, status, links = chained(project, *where, *trust)
    assert (code, status) == (0, "passed")
    assert "attested by the trusted identity ada@example.org" in links["signature"]["what"]
    assert chained(project, *where)[:2] == (10, "not checked")
    code, _, links = chained(project, *where, *eve)
    assert (code, links["signature"]["status"], "run" in links) == (1, "failed", False)


def test_archives_are_compared_as_their_runs_are(project: Path) -> None:
    for a, b in (("archives/july.zip", "other/july"), ("other/july", "latest")):
        done = goldenseed(project, "diff", a, b, "--no-report")
        assert done.returncode == 0
        assert "paired 4: 4 identical" in done.stdout
    assert goldenseed(project, "diff", "archives/july.zip", "key").returncode == 2


def _entry(project: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        (project / "baselines/tiny/red-apple[seed=1].json").read_text()
    )
    return found


def _profile(project: Path) -> str:
    (profile,) = _entry(project)["profiles"]  # type: ignore[misc]
    return str(profile)


def _image(project: Path) -> dict[str, str]:
    (image,) = _entry(project)["profiles"][_profile(project)]["accepted"]  # type: ignore[index]
    return dict(image)
