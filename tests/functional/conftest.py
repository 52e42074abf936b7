"""A project with a tiny model and a suite, run by pytest in this process."""

from __future__ import annotations

import importlib
import json
import pkgutil
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from _pytest.pytester import SysModulesSnapshot
from PIL import Image

import goldenseed as package
from commands import goldenseed

SUITE = """\
suite: tiny
model: {source: model}
defaults:
  call: {num_inference_steps: 3, height: 32, width: 32, guidance_scale: 3.0}
gates:
  fail: {max_peak_difference: 4, min_ssim: 0.999}
cases:
  - id: red-apple
    prompt: a red apple
    seeds: [1, 2]
  - id: colours
    prompts: {red: a red ball, blue: a blue ball}
    seeds: {start: 0, count: 1}
"""
LIBRARIES = {"torch", "transformers", "diffusers", "peft", "accelerate", "rfc3161_client"}
CASES = ("red-apple[seed=1]", "red-apple[seed=2]", "colours[red,seed=0]", "colours[blue,seed=0]")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Take SIGINT also where a shell started this process in its background, to ignore it.

    The processes that it starts would ignore it as well, and some tests interrupt theirs.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def libraries_kept() -> Iterator[None]:
    """Keep what a session in this process is the first to import of the large libraries.

    pytester would forget it, and they cannot be imported twice: parts of torch register themselves
    once, a second class of tokenizers is another one than that of the pipelines, and Rust's part of
    rfc3161-client knows the classes that it met first.
    """
    restore = SysModulesSnapshot.restore

    def keeping(snapshot: SysModulesSnapshot) -> None:
        kept = {name: each for name, each in sys.modules.items() if name.split(".")[0] in LIBRARIES}
        restore(snapshot)
        sys.modules.update(kept)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SysModulesSnapshot, "restore", keeping)
        yield


@pytest.fixture(autouse=True)
def classes_left_alone() -> Iterator[None]:
    """Fail a test after which a class of diffusers is another: later tests would run on that."""
    before = methods_of_diffusers()
    yield
    after = methods_of_diffusers()
    assert not [
        f"{cls.__name__}.{name}"
        for cls, was in before.items()
        for name in was.keys() | after[cls].keys()
        if was.get(name) != after[cls].get(name)
    ]


def methods_of_diffusers() -> dict[type, dict[str, int]]:
    """Return the identities of what each class of diffusers' pipelines and schedulers defines."""
    classes = {
        each
        for name, module in sys.modules.items()
        if name.startswith(("diffusers.pipelines.", "diffusers.schedulers."))
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__ == name
    }
    noted = ("_abc", "__slotnames__", "_can_set_")  # what libraries remember of a class on it
    return {
        cls: {name: id(value) for name, value in vars(cls).items() if not name.startswith(noted)}
        for cls in classes
    }


@pytest.fixture(scope="session")
def imported() -> None:
    """Import what a session needs: pytester forgets what is first imported in a session of its.

    The next session would then import all of it again, which takes longer than its cases.
    """
    for module in pkgutil.walk_packages(package.__path__, "goldenseed."):
        importlib.import_module(module.name)
    importlib.import_module("git")
    Image.init()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, imported: None) -> Path:
    """A random Stable Diffusion model's folder, its libraries imported once for all tests."""
    from diffusers import StableDiffusionPipeline

    from tiny_pipelines import tiny_stable_diffusion

    folder = tiny_stable_diffusion(tmp_path_factory.mktemp("models") / "model")
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    pipeline("warm up", num_inference_steps=1, height=32, width=32)
    return folder


@pytest.fixture(scope="session")
def accepted_project(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A folder as a session leaves it that accepts all images of ``SUITE``; read only."""
    folder = tmp_path_factory.mktemp("accepted")
    (folder / "model").symlink_to(tiny_model, target_is_directory=True)
    (folder / "tiny.suite.yaml").write_text(SUITE)
    (folder / "pytest.ini").write_text("[pytest]\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CI", raising=False)
        patch.chdir(folder)
        arguments = ["-p", "no:benchmark", "-p", "no:cacheprovider", "--golden-update=missing"]
        assert pytest.main(arguments) == 0
    return folder


@dataclass
class Project:
    """A folder with a suite in it, and pytest to be run there."""

    pytester: pytest.Pytester
    path: Path
    accepted: Path
    """Where all images of ``SUITE`` are accepted."""

    @property
    def suite(self) -> Path:
        return self.path / "tiny.suite.yaml"

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in this process, which has torch imported already."""
        return self.pytester.runpytest_inprocess(
            "-p", "no:benchmark", *arguments, no_reraise_ctrlc=True
        )

    def accept_all(self) -> None:
        """Accept every image, by a session or, in a project as it came, by that session's files."""
        if self._is_as_it_came():
            for left in ("baselines", "reports"):
                shutil.copytree(self.accepted / left, self.path / left, symlinks=True)
            return
        result = self.run("--golden-update=missing")
        assert result.ret == 0, result.stdout.str()

    def _is_as_it_came(self) -> bool:
        names = {path.name for path in self.path.iterdir()}
        return names == {"model", "tox.ini", self.suite.name} and self.suite.read_text() == SUITE

    def edit(self, old: str, new: str, file: Path | None = None) -> None:
        file = file or self.suite
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``goldenseed`` in the project."""
        return goldenseed(self.path, *arguments)

    def conftest(self, source: str) -> None:
        (self.path / "conftest.py").write_text(textwrap.dedent(source))

    def record(self, run: str = "latest") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.path / "reports" / run / "run.json").read_text())
        return found

    def verdicts(self) -> dict[str, str]:
        return {case["id"]: case["verdict"] for case in self.record()["cases"]}

    def baselines(self) -> dict[str, bytes]:
        folder = self.path / "baselines"
        return {
            str(file.relative_to(folder)): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }


@pytest.fixture
def make_project(
    pytester: pytest.Pytester, accepted_project: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Project]:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeini("[pytest]\n")

    def make(suite: str = SUITE) -> Project:
        (pytester.path / "model").symlink_to((accepted_project / "model").resolve())
        project = Project(pytester, pytester.path, accepted_project)
        project.suite.write_text(suite)
        return project

    return make


@pytest.fixture
def project(make_project: Callable[[str], Project]) -> Project:
    """The project of ``SUITE``, with nothing accepted yet."""
    return make_project(SUITE)
