"""A report of a really drifted run of the embedded model, from the first look to the history."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from safetensors.numpy import load_file, save_file

from commands import goldenseed
from goldenseed.runs.folder import load_run
from goldenseed.verdict.model import Verdict
from tests.browser import chromium, downloaded, settled

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

MODEL = Path(__file__).parents[2] / "suites" / "shapes-sd"
SUITE = """
suite: scenes
model: {source: model, dtype: float32}
defaults: {call: {num_inference_steps: 3, guidance_scale: 4.0, height: 128, width: 128}}
gates: {fail: {max_peak_difference: 3, min_ssim: 0.9999}}
cases:
  - {id: apple, prompt: a red apple on a white table, seeds: [1, 2]}
  - {id: cat, prompt: a black cat at night, seeds: [1]}
"""
READY = "document.documentElement.dataset.ready === 'true'"
TILES = "[...document.querySelectorAll('.tile .name')].map(e => e.textContent)"
OPEN = "document.querySelector('#detail:not([hidden]) .case-head h1')?.textContent"
DRAWN = "[...document.querySelectorAll('.pane img')].every(i => i.complete && i.naturalWidth)"


def session(root: Path, *arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CI", raising=False)
        patch.chdir(root)
        return pytest.main(["-p", "no:benchmark", "-p", "no:cacheprovider", "-q", *arguments])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose images were accepted before one weight of the denoiser changed."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(MODEL, root / "model")
    (root / "scenes.suite.yaml").write_text(SUITE)
    (root / "pytest.ini").write_text("[pytest]\n")
    assert session(root, "--golden-update=missing") == pytest.ExitCode.OK
    weights = next((root / "model" / "unet").glob("*.safetensors"))
    values = load_file(weights)
    name = next(each for each in values if each.endswith("conv_out.weight"))
    save_file({**values, name: values[name] * 1.02}, weights, metadata={"format": "pt"})
    assert session(root) == pytest.ExitCode.TESTS_FAILED
    assert {each.verdict for each in load_run(root / "reports/latest").cases} == {Verdict.DRIFT}
    return root


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, downloads: Path) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        allowed = {"behavior": "allow", "downloadPath": str(downloads)}
        page.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
        yield page


def opened(page: Chrome, root: Path, fragment: str = "") -> None:
    page.get("about:blank")
    page.get((root / "reports/latest/index.html").resolve().as_uri() + fragment)
    settled(page, READY)


def press(page: Chrome, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(page).send_keys(*keys).perform()


def test_from_the_first_look_to_the_history(root: Path, page: Chrome, downloads: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(page, root)
    heads = "[...document.querySelectorAll('.group-head h2')].map(h => h.textContent)"
    (group,) = page.execute_script(f"return {heads}")
    assert "likely cause: denoiser weights: unet" in group
    assert group.endswith(" 3 cases")
    press(page, "/", "cat")
    settled(page, f"{TILES}.join() === 'scenes::cat[seed=1]'")
    press(page, Keys.ESCAPE, "j", Keys.ENTER)
    settled(page, f"{OPEN} === 'scenes::cat[seed=1]'")
    press(page, "2")
    settled(page, f"{DRAWN} && document.querySelector('.divider') !== null")
    press(page, "+", "+")
    settled(page, "document.querySelector('.zoomed').textContent.includes('shown at')")
    press(page, "4")
    settled(page, "document.querySelector('.panes figcaption').textContent.includes('one level')")
    assert page.execute_script("return document.querySelectorAll('#detail .curve').length") == 1
    press(page, "A")
    settled(page, "document.querySelector('dialog[open] #reason') !== null")
    press(page, f"brighter, and right{Keys.ENTER}")
    settled(page, "goldenseed.decided().size > 0 && !document.querySelector('dialog[open]')")
    press(page, Keys.ESCAPE, "/", Keys.CONTROL + "a" + Keys.NULL, Keys.DELETE, Keys.ESCAPE)
    settled(page, f"{TILES}.length === 3")
    press(page, "j", "A")
    settled(page, "document.querySelector('dialog[open] #reason') !== null")
    press(page, f"brighter, and right{Keys.ENTER}")
    settled(page, "goldenseed.decided().size === 3 && !document.querySelector('dialog[open]')")
    press(page, "e")
    settled(page, "document.querySelector('#deck [role=status]').textContent.includes('Exported')")
    found = downloaded(downloads / "decisions.json")
    done = goldenseed(root, "accept", "--from", str(found), "--by", "Ada")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("added scenes::") == 3
    assert session(root) == pytest.ExitCode.OK
    opened(page, root, "#scenes.apple-1")
    settled(page, "document.querySelector('#detail .history') !== null")
    past = page.execute_script("return document.querySelector('#detail .history').textContent")
    assert "3 runs from " in past
    assert (
        page.execute_script("return goldenseed.rows.map(row => row.verdict)") == ["identical"] * 3
    )
    assert page.get_log("browser") == []
