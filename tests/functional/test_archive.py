"""A run archived and checked as a stranger would: by our command, and by others' tools."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import sigstore_double
from commands import goldenseed
from time_stamp_authority import answered, serving, write_authority

CASE = "tiny::red-apple[seed=1]"


@pytest.fixture(scope="module")
def folder(accepted_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one run, archived as a folder `made` and signed; read only."""
    folder = tmp_path_factory.mktemp("archiving") / "project"
    shutil.copytree(accepted_project, folder, symlinks=True)
    for words in (
        "archive keygen --output key",
        "archive create latest --key key --output made",
    ):
        done = goldenseed(folder, *words.split())
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def project(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "project", symlinks=True))


def test_an_archive_is_verified_by_one_command_and_a_trusted_key(folder: Path) -> None:
    done = goldenseed(folder, *["archive", "verify", "made", "--trusted-key", "key.pub", "--json"])
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["verified"] is True
    assert [each["status"] for each in document["levels"]] == ["passed"] * 4
    assert goldenseed(folder, "archive", "verify", "made").returncode == 10


def test_an_archive_of_which_one_level_was_asked_for_is_not_called_verified(folder: Path) -> None:
    done = goldenseed(folder, *["archive", "verify", "made", "--levels", "1"])
    assert done.returncode == 0
    assert done.stdout.startswith("made: nothing failed; not checked: level 2, 3, 4\n")


def test_verifying_imports_neither_torch_nor_a_library_of_models(folder: Path) -> None:
    script = (
        "import sys\nfrom goldenseed.cli.main import main\n"
        "heavy = ('torch', 'diffusers', 'transformers')\n"
        "sys.modules.update(dict.fromkeys(heavy))\n"  # an import of one of them raises
        "sys.argv = ['goldenseed', 'archive', 'verify', 'made', '--trusted-key', 'key.pub']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_the_extra_a_signature_is_not_checked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    done = goldenseed(folder, *["archive", "verify", "made", "--levels", "3"])
    assert done.returncode == 10
    assert "pip install 'pytest-goldenseed[archive]'" in done.stdout


def test_the_same_run_gives_the_same_bytes(folder: Path) -> None:
    for name in ("one.zip", "two.zip"):
        done = goldenseed(folder, "archive", "create", "--key", "key", "--output", name)
        assert done.returncode == 0
    assert (folder / "one.zip").read_bytes() == (folder / "two.zip").read_bytes()
    done = goldenseed(folder, "archive", "verify", "one.zip", "--trusted-key", "key.pub")
    assert done.returncode == 0


def test_what_its_baselines_became_after_a_run_is_not_in_its_archive(folder: Path) -> None:
    assert not (folder / "made/data/baselines").exists()  # the run accepted them, and met none
    record = json.loads((folder / "made/data/run/run.json").read_text())
    assert {case["verdict"] for case in record["cases"]} == {"new"}


def test_archives_in_a_folder_are_listed_as_they_say(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "made", tmp_path / "a")
    goldenseed(folder, "archive", "create", "--output", str(tmp_path / "b.zip"))
    (tmp_path / "c.zip").write_bytes(b"no archive")
    trusted = ("--trusted-key", str(folder / "key.pub"))
    first, second = goldenseed(
        folder, "archive", "list", str(tmp_path), *trusted
    ).stdout.splitlines()
    said = "tiny  4 of 4 cases fail (4 new)"
    assert (first[:1], f"{said}  signed by SHA256:" in first) == ("a", True)
    assert (second[:5], second.endswith(f"{said}  not signed")) == ("b.zip", True)


def test_no_text_of_an_archive_makes_a_line_of_its_own(project: Path) -> None:
    name = "x\n3 signature  PASSED"
    (project / "made" / name).write_text("")
    record = project / "made/data/run/run.json"
    document = json.loads(record.read_text())
    document["profile"] = "x\nmade  signed by SHA256:x"
    record.write_text(json.dumps(document))
    done = goldenseed(project, "archive", "verify", "made")
    assert not any(line.startswith("3 signature  PASSED") for line in done.stdout.splitlines())
    lines = goldenseed(project, "archive", "list", ".").stdout.splitlines()
    assert [line for line in lines if line.startswith("made")] == lines[:1]


def test_a_run_whose_suite_changed_since_is_not_archived(project: Path) -> None:
    suite = project / "tiny.suite.yaml"
    suite.write_text(suite.read_text().replace("min_ssim: 0.999", "min_ssim: 0.5"))
    done = goldenseed(project, "archive", "create", "--output", "other")
    assert done.returncode == 2
    assert "limits.min_ssim" in done.stderr
    assert not (project / "other").exists()
    assert not list(project.glob(".tmp-*"))


def test_cases_that_were_left_out_are_named_for_ever(project: Path) -> None:
    path = project / "reports/latest/run.json"
    record = json.loads(path.read_text())
    record["cases"] = [each for each in record["cases"] if each["id"] != "red-apple[seed=1]"]
    path.write_text(json.dumps(record))
    done = goldenseed(project, "archive", "create", "--output", "other")
    assert (done.returncode, CASE in done.stderr) == (2, True)
    words = "archive create --partial --key key --output other"
    assert goldenseed(project, *words.split()).returncode == 0
    done = goldenseed(project, *["archive", "verify", "other", "--trusted-key", "key.pub"])
    assert done.returncode == 10
    assert "left out when the archive was made: 1 cases" in done.stdout


def test_the_certificate_says_in_words_what_was_shown(folder: Path, tmp_path: Path) -> None:
    page, statement = tmp_path / "certificate.html", tmp_path / "svr.json"
    words = ("--trusted-key", "key.pub", "--certificate", str(page), "--statement", str(statement))
    goldenseed(folder, "archive", "verify", "made", *words)
    assert "<h1>Verified</h1>" in page.read_text()
    assert "What this does not show" in page.read_text()
    predicate = json.loads(statement.read_text())["predicate"]
    assert "GOLDENSEED_JUDGEMENT_PASSED" in predicate["properties"]


def test_an_archive_is_stamped_as_it_is_made_and_the_certificate_says_when(
    folder: Path, tmp_path: Path
) -> None:
    root = write_authority(tmp_path)
    with serving(partial(answered, tmp_path)) as url:
        words = ("--key", "key", "--timestamp", url, "--output", "stamped.zip")
        assert goldenseed(folder, "archive", "create", *words).returncode == 0
    words = ("--trusted-key", "key.pub", "--timestamp-root", str(root))
    page = tmp_path / "certificate.html"
    verify = ("archive", "verify", "stamped.zip", *words, "--certificate", str(page))
    assert goldenseed(folder, *verify).returncode == 0
    assert "by a trusted time stamp" in page.read_text()


def test_an_identity_attests_in_place_of_a_key(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = sigstore_double.Services()
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", sigstore_double.token("ada@example.org"))
    with sigstore_double.serving(services) as url:
        config = services.trust_config(url)
        (tmp_path / "config.json").write_text(json.dumps(config))
        words = ("--sigstore-config", str(tmp_path / "config.json"), "--output", "attested")
        done = goldenseed(folder, "archive", "create", "--keyless", *words)
    assert done.returncode == 0, done.stderr
    (tmp_path / "root.json").write_text(json.dumps(config["trustedRoot"]))
    words = ("--issuer", sigstore_double.ISSUER, "--sigstore-root", str(tmp_path / "root.json"))
    verify = ("archive", "verify", "attested", "--trusted-identity")
    done = goldenseed(folder, *verify, "ada@example.org", *words)
    assert done.returncode == 0, done.stdout
    assert "attested by the trusted identity ada@example.org by https://issuer.test" in done.stdout
    assert goldenseed(folder, *verify, "eve@example.org", *words).returncode == 13
    done = goldenseed(folder, *verify, "ada@example.org")
    assert (done.returncode, "give --issuer and --sigstore-root" in done.stderr) == (2, True)


def test_a_key_of_openssh_signs_and_what_openssh_signed_is_believed(project: Path) -> None:
    _run(project, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "edward")
    words = "archive create --key key --key edward --output two"
    assert goldenseed(project, *words.split()).returncode == 0
    done = goldenseed(project, *["archive", "verify", "two", "--trusted-key", "edward.pub"])
    assert done.returncode == 0
    assert "also signed by" in done.stdout
    made = project / "made"
    for left in (*(made / "attestations").iterdir(), made / "tagmanifest-sha256.txt.sig"):
        left.unlink()
    (made / "attestations").rmdir()
    tags = ["bag-info.txt", "bagit.txt", "manifest-sha256.txt", "ro-crate-metadata.json"]
    text = _run(made, "sha256sum", "VERIFY.txt", *tags)
    (made / "tagmanifest-sha256.txt").write_bytes(text)
    sign = ("-Y", "sign", "-q", "-n", "goldenseed-archive", "-f", "../edward")
    _run(made, "ssh-keygen", *sign, "tagmanifest-sha256.txt")
    done = goldenseed(project, *["archive", "verify", "made", "--trusted-key", "edward.pub"])
    assert done.returncode == 0, done.stdout


def test_a_key_from_the_environment_signs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOLDENSEED_ARCHIVE_KEY", (project / "key").read_text())
    assert goldenseed(project, "archive", "create", "--output", "other").returncode == 0
    words = "archive verify other --trusted-key key.pub"
    assert goldenseed(project, *words.split()).returncode == 0


def _run(folder: Path, *words: str, given: bytes | None = None) -> bytes:
    done = subprocess.run(words, cwd=folder, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_lies_in_an_archive_is_not_collected(pytester: pytest.Pytester) -> None:
    inside = pytester.mkdir("july.goldenseed") / "data" / "project"
    inside.mkdir(parents=True)
    for folder in (pytester.path, inside):
        (folder / "own.suite.yaml").write_text(
            "suite: own\nmodel: {factory: own:build}\ncases: [{id: a, prompt: x, seeds: [1]}]\n"
        )
        (folder / "own.py").write_text("def build(): pass\n")
    (inside / "test_it.py").write_text("raise SystemExit('run')\n")
    (inside.parents[1] / "tagmanifest-sha256.txt").write_text("")
    pytester.makeini("[pytest]\n")
    result = pytester.runpytest_inprocess("--collect-only", "-q", "-p", "no:benchmark")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["own.suite.yaml::a?seed=1?", "*1 test collected*"])
