"""The whole path: a run that really drifted, looked at in a browser and decided on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import git
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from browser import chromium, downloaded
from commands import goldenseed
from goldenseed.baselines.store import BaselineStore
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import RunRecord
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

SECONDS = 60


@contextmanager
def reviewing(folder: Path, *arguments: str) -> Iterator[Reviewing]:
    """Start the command; killed at the end, if it was not ended before."""
    process = subprocess.Popen(
        [Path(sys.executable).with_name("goldenseed"), "review", *arguments, "--no-open"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Reviewing(process)
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Drifted:
    """A project whose model's weights were changed after its images were accepted."""

    root: Path

    @property
    def run(self) -> RunRecord:
        return load_run(self.root / "reports" / "latest")

    def reasons(self, case: str) -> tuple[list[str], list[str]]:
        """Why images of a case are accepted and rejected, in the order of the entry."""
        entry = BaselineStore(self.root / "baselines").entry("tiny", case)
        assert entry is not None
        (profile,) = entry.profiles.values()
        return [each.reason for each in profile.accepted], [e.reason for e in profile.rejected]


@dataclass(frozen=True)
class Reviewing:
    """The command at work."""

    process: subprocess.Popen[str]

    def link(self) -> str:
        """Read what it says until it names a link."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line):
                return found[0]
        raise AssertionError("it ended without a link")

    def stop(self) -> str:
        """Press Ctrl-C, and return the rest of what it says."""
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 0, said
        return said


@pytest.fixture(scope="module")
def drifted_once(
    accepted_project: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Run the accepted suite on a model of which one weight was changed."""
    root = tmp_path_factory.mktemp("drifted") / "project"
    shutil.copytree(accepted_project, root, symlinks=True)
    (root / "model").unlink()
    shutil.copytree(tiny_model, root / "model")
    weights = next((root / "model" / "unet").glob("*.safetensors"))
    values = load_file(weights)
    name = next(each for each in values if each.endswith("conv_out.weight"))
    save_file({**values, name: values[name] * 1.5}, weights, metadata={"format": "pt"})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        code = pytest.main(["-p", "no:benchmark", "-p", "no:cacheprovider", "-q"])
    assert code == pytest.ExitCode.TESTS_FAILED
    return root


@pytest.fixture
def drifted(drifted_once: Path, tmp_path: Path) -> Drifted:
    shutil.copytree(drifted_once, tmp_path / "project", symlinks=True)
    repository = git.Repo.init(tmp_path / "project")
    with repository.config_writer() as config:
        config.set_value("user", "name", "Ada")
        config.set_value("user", "email", "ada@example.org")
    found = Drifted(tmp_path / "project")
    assert {case.verdict for case in found.run.cases} == {Verdict.DRIFT}
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


def wait(page: Chrome, script: str, *arguments: Any) -> Any:
    """Wait until a script's value is true, and return it."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(page, SECONDS).until(lambda p: p.execute_script(script, *arguments))


def press(page: Chrome, keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(page).send_keys(keys).perform()


def decide(page: Chrome, key: str, reason: str) -> str:
    """Press the key of a decision, type the reason, and return what the page says of it."""
    press(page, key)
    wait(page, "return document.querySelector('dialog[open] input')")
    press(page, f"{reason}\n")
    said = "return document.querySelector('#deck [role=status]')?.textContent"
    return str(wait(page, f"{said}?.match(/ed: |Refused|Nothing/) && {said[7:]}"))


def open_case(page: Chrome, link: str, case: str) -> None:
    """Open a case of the served page by its own link."""
    page.get(link)
    wait(page, "return document.documentElement.dataset.review")
    page.get(page.current_url.partition("#")[0] + f"#{case}")
    wait(page, "return window.goldenseed?.opened?.id")


def test_one_is_accepted_and_one_rejected_in_a_real_browser(drifted: Drifted, browser: Chrome):
    first, second, third, fourth = (case.id for case in drifted.run.cases)
    with reviewing(drifted.root, "--commit") as review:
        open_case(browser, review.link(), "red-apple-1")
        assert decide(browser, "a", "the new weights are right") == f"Accepted: {first}"
        assert drifted.reasons(first) == (
            ["--golden-update=missing", "the new weights are right"],
            [],
        )
        press(browser, "j")
        wait(browser, "return window.goldenseed.opened?.id !== arguments[0]", first)
        now = browser.execute_script("return window.goldenseed.opened.id")
        assert "Rejected" in decide(browser, "r", "two stems")
        assert drifted.reasons(now)[1] == ["two stems"]
        browser.refresh()
        wait(browser, "return window.goldenseed?.decided?.().size === 2")
        assert browser.get_log("browser") == []
        said = review.stop()
    assert "accepted 1, rejected 1" in said
    others = {second, third, fourth} - {now}
    assert [drifted.reasons(each) for each in others] == [(["--golden-update=missing"], [])] * 2
    with git.Repo(drifted.root) as repository:
        message = str(repository.head.commit.message)
    assert message.startswith("Accept 1 and reject 1 golden images of run ")
    assert "Decided-by: Ada <ada@example.org>" in message


def test_a_killed_review_has_done_what_the_page_was_told(drifted: Drifted, browser: Chrome):
    first = drifted.run.cases[0].id
    with reviewing(drifted.root, "--by", "ada") as review:
        open_case(browser, review.link(), "red-apple-1")
        assert "Accepted" in decide(browser, "a", "right")
        os.kill(review.process.pid, signal.SIGKILL)
        review.process.wait()
        press(browser, "j")
        assert "Nothing was decided" in decide(browser, "r", "wrong")
        reopened = "const p = goldenseed; p.open(p.rows.find((row) => row.id === arguments[0]))"
        browser.execute_script(reopened, first)
        wait(browser, "return document.querySelector('.decided')?.textContent === 'accept: right'")
        assert "Nothing was decided" in decide(browser, "r", "wrong")
        stands = "return [...goldenseed.decided().values()].map((each) => each.decision)"
        assert browser.execute_script(stands) == ["accept"]
    assert drifted.reasons(first)[0][-1] == "right"
    assert not list((drifted.root / "baselines").rglob(".tmp-*"))
    with reviewing(drifted.root, "--by", "ada") as review:
        open_case(browser, review.link(), "red-apple-1")
        wait(browser, "return window.goldenseed.decided().size === 1")


def test_a_review_writes_the_page_and_leaves_what_was_published_beside_it(drifted: Drifted):
    address = "https://example.org/golden"
    assert goldenseed(drifted.root, "report", "latest", "--url", address).returncode == 0
    folder = drifted.root / "reports" / "latest"
    others = ("summary.md", "code-quality.json", "badge.svg", "badge.json")
    before = {name: (folder / name).read_bytes() for name in others}
    assert address.encode() in before["summary.md"]
    (folder / "index.html").write_text("anybody's")
    with reviewing(drifted.root, "--by", "ada") as review:
        review.link()
        review.stop()
    assert {name: (folder / name).read_bytes() for name in others} == before
    assert "goldenseed" in (folder / "index.html").read_text("utf-8")


def test_what_another_command_decided_meanwhile_is_refused_on_the_page(
    drifted: Drifted, browser: Chrome
):
    with reviewing(drifted.root, "--by", "ada") as review:
        open_case(browser, review.link(), "red-apple-1")
        done = goldenseed(drifted.root, "reject", "latest", "red-apple[seed=1]", "--reason", "blur")
        assert done.returncode == 0, done.stderr
        said = decide(browser, "a", "right")
        assert "Refused" in said
        assert "meanwhile: rejected by Ada <ada@example.org>: blur" in said
    assert drifted.reasons("red-apple[seed=1]")[1] == ["blur"]


def test_two_folders_of_images_are_decided_on_in_the_same_page(tmp_path: Path, browser: Chrome):
    for side, level in (("a", 0), ("b", 90)):
        (tmp_path / side).mkdir()
        Image.new("RGB", (64, 64), (level, 60, 60)).save(tmp_path / side / "wall.png")
        Image.new("RGB", (64, 64), (60, level, 60)).save(tmp_path / side / "door.png")
    before = (tmp_path / "a" / "wall.png").read_bytes()
    with reviewing(tmp_path, "a", "b", "--by", "ada") as review:
        browser.get(review.link())
        wait(browser, "return document.documentElement.dataset.ready")
        assert browser.execute_script("return window.goldenseed.rows.length") == 2
        press(browser, "j")
        assert "Accepted" in decide(browser, "A", "repainted")
        said = review.stop()
    assert (tmp_path / "a" / "wall.png").read_bytes() == before
    found = re.search(r"goldenseed accept --from '(\S+)'", said)
    assert found is not None, said
    done = goldenseed(tmp_path, "accept", "--from", found[1])
    assert "2 of 2 were accepted" in done.stdout
    for name in ("wall.png", "door.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_what_a_page_on_disk_exports_is_applied(drifted: Drifted, tmp_path: Path, browser: Chrome):
    case, *_ = (each.id for each in drifted.run.cases)
    page = (drifted.root / "reports" / "latest" / "index.html").resolve().as_uri()
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    browser.get(f"{page}#red-apple-1")
    wait(browser, "return window.goldenseed?.opened?.id")
    press(browser, "A")
    wait(browser, "return document.querySelector('dialog[open] input')")
    press(browser, "the new weights are right\n")
    wait(browser, "return window.goldenseed.decided().size === 4")
    press(browser, "e")
    file = downloaded(tmp_path / "decisions.json")

    done = goldenseed(drifted.root, "accept", "--from", str(file), "--by", "ada", "--commit")

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # the suite was found, and has these recipes
    assert done.stdout.count("added tiny::") == 4
    assert drifted.reasons(case)[0][-1] == "the new weights are right"
