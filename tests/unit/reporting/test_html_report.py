from __future__ import annotations

import html
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest
from PIL import Image

from goldenseed.reporting import case_anchor, write_report
from goldenseed.reporting.html import _SCRIPTS
from goldenseed.reporting.view import run_view
from goldenseed.runs.parts import Block, VerbRecord
from goldenseed.runs.record import RunRecord
from goldenseed.verdict.model import Reason
from tests.unit.reporting.recorded import HOSTILE_PROMPTS, case, page_of, run, stored

BASELINE = case("drift").model_dump()["baseline"]


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text outside style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("style", "script"):
            self.text += data

    def all(self, name: str, attribute: str) -> list[str | None]:
        return [attrs[attribute] for tag, attrs in self.tags if tag == name and attribute in attrs]


def render(record: RunRecord, folder: Path) -> str:
    return page_of(run_view(record, folder))


def test_the_report_is_written_into_the_runs_folder(tmp_path: Path) -> None:
    view = run_view(stored(tmp_path), tmp_path)
    assert write_report(view, tmp_path) == tmp_path / "index.html"


def test_cases_come_worst_first(tmp_path: Path) -> None:
    page = Page(render(stored(tmp_path), tmp_path))
    verdicts = [name.removeprefix("case tone-") for name in map(str, page.all("article", "class"))]
    assert list(dict.fromkeys(verdicts)) == [
        "drift", "error", "incomparable", "rejected", "new", "warn", "match", "identical",
    ]  # fmt: skip


def test_of_one_verdict_the_case_that_moved_farthest_comes_first() -> None:
    near, far = (
        case("drift", id=name, metrics={"ssim": ssim, "mean_difference": 1.0})
        for name, ssim in (("near", 0.99), ("far", 0.2))
    )
    assert [each.record.id for each in run_view(run(near, far)).cases] == ["far", "near"]


def test_every_case_has_its_anchor(tmp_path: Path) -> None:
    record = stored(tmp_path)
    page = Page(render(record, tmp_path))
    ids = page.all("article", "id") + page.all("details", "id")
    assert {case_anchor(each) for each in record.cases} <= set(ids)


def test_no_two_elements_share_an_id(tmp_path: Path) -> None:
    record = stored(tmp_path)
    page = render(run(*record.cases, *record.cases), tmp_path)
    ids = [attrs["id"] for _, attrs in Page(page).tags if "id" in attrs]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("prompt", HOSTILE_PROMPTS)
def test_hostile_text_adds_no_element_and_no_attribute(tmp_path: Path, prompt: str) -> None:
    def shape(text: str) -> list[tuple[str, list[str]]]:
        record = case(
            "drift", prompt=text, error=text, image=text, id=f"x{text}", suite=f"s{text}",
            baseline=BASELINE | {"image": text, "profile": text},
            reasons=(Reason(code=text, metric=text, source=text, detail=text + "!"),),
        )  # fmt: skip
        page = Page(render(run(record, environment={text: text}), tmp_path))
        return [(tag, sorted(attrs)) for tag, attrs in page.tags]

    assert shape(prompt) == shape("a plain prompt")


def test_no_control_character_reaches_the_page(tmp_path: Path) -> None:
    text = "".join(map(chr, (*range(32), 127, 0x85, 0x202E, 0x2066)))
    page = render(run(case("drift", prompt=text, error=text)), tmp_path)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\x85\u202e\u2066]", page)


def test_pictures_are_linked_beside_the_page_with_their_size(tmp_path: Path) -> None:
    name = "a b#c%.png"
    Image.new("RGB", (128, 96)).save(tmp_path / name)
    page = Page(render(run(case("new", image=name)), tmp_path))
    (image,) = [a for tag, a in page.tags if tag == "img" and "src" in a]
    assert (image["src"], image["width"], image["height"]) == (
        "a%20b%23c%25.png", "128", "96",
    )  # fmt: skip


@pytest.mark.parametrize("damage", [None, b"", b"\x89PNG\r\n\x1a\n", b"<html>" * 20])
def test_a_picture_that_is_not_there_is_called_missing(
    tmp_path: Path, damage: bytes | None
) -> None:
    if damage is not None:
        (tmp_path / "gone.png").write_bytes(damage)
    page = Page(render(run(case("new", image="gone.png")), tmp_path))
    assert "Missing gone.png" in page.text


@pytest.mark.parametrize(
    "path",
    ["../outside.png", "/etc/passwd", "https://x.invalid/a.png", "javascript:alert(1)"],
)
def test_a_path_that_leaves_the_runs_folder_is_never_linked(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "outside.png")
    page = Page(render(run(case("new", image=path)), folder))
    assert not [a for tag, a in page.tags if tag == "img" and "src" in a]


def test_each_metric_stands_beside_its_gate(tmp_path: Path) -> None:
    reason = Reason(code="gate", metric="ssim", value=0.99987, limit=0.9999, source="case")
    record = case(
        "drift",
        metrics={"ssim": 0.99987, "phash_distance": 2.0},
        limits={"min_ssim": 0.9999, "max_phash_distance": 6.0},
        reasons=(reason,),
    )
    page = render(run(record), tmp_path)
    table = page[page.index('<table class="metrics"') :]
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", table)
    text = [re.sub("<[^>]*>", "", cell) for cell in cells]
    assert text[6:18] == [
        "ssim", "0.99987", "min_ssim", "≥ 0.9999", "case", "fail",
        "phash", "2", "max_phash_distance", "≤ 6", "", "pass",
    ]  # fmt: skip


def test_a_baseline_of_another_profile_is_an_alarm_even_where_pixels_are_identical(
    tmp_path: Path,
) -> None:
    (stands_in,) = [
        each
        for each in stored(tmp_path).cases
        if each.verdict == "identical" and len(each.reasons) > 1
    ]
    page = Page(render(run(stands_in), tmp_path))
    assert "alarm" in page.all("p", "class")
    assert "BASELINE FROM ANOTHER PROFILE: cpu-x86_64-default stands in for" in page.text


def test_a_run_that_was_cut_short_is_an_alarm(tmp_path: Path) -> None:
    page = Page(render(run(case(), complete=False, finished=None), tmp_path))
    assert "This run was cut short." in page.text


def test_a_run_without_cases_is_a_page_that_says_so(tmp_path: Path) -> None:
    assert (
        "Nothing to show: the run recorded no case."
        in Page(render(run(profile=None, git=None), tmp_path)).text
    )


def test_the_page_holds_everything_but_the_pictures(tmp_path: Path) -> None:
    page = Page(render(stored(tmp_path), tmp_path))
    links = page.all("script", "src") + page.all("link", "href") + page.all("img", "src")
    assert [link for link in links if not str(link).startswith("images/")] == []


def test_the_policy_forbids_every_script_but_the_pages_own(tmp_path: Path) -> None:
    (policy,) = re.findall(r'Security-Policy" content="([^"]*)"', render(run(case()), tmp_path))
    (allowed,) = re.findall(r"script-src ([^;]*);", html.unescape(policy))
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]{44}' 'strict-dynamic'", allowed)
    assert "default-src &#39;none&#39;" in policy
    assert "unsafe" not in policy


def test_notes_stand_above_the_cases_as_text_and_tables(tmp_path: Path) -> None:
    notes = (Block(("A  one",), ("key",), (("<i>cell</i>",),), ("<b>B</b>  \x1b[31mtwo",)),)
    verb = VerbRecord(name="diff", passed=True, notes=notes)
    page = render(run(case(), verb=verb), tmp_path)
    above = page[: page.index('id="cases"')]
    assert "<p>A  one</p>" in above
    assert "<td>&lt;i&gt;cell&lt;/i&gt;</td>" in above
    assert "&lt;b&gt;B&lt;/b&gt;  ⟨U+001B⟩[31mtwo" in above


def test_an_environment_off_its_lock_is_a_table_above_the_cases(tmp_path: Path) -> None:
    page = render(stored(tmp_path), tmp_path)
    above = page[: page.index('id="cases"')]
    assert "<p>the environment differs from the lock of moved in 3 keys" in above
    assert "<td>package.diffusers</td><td>0.41.0</td><td>0.42.1</td>" in above


def test_a_run_without_notes_has_no_place_for_them(tmp_path: Path) -> None:
    assert 'class="notes"' not in render(run(case()), tmp_path)


def test_numbers_agree_with_their_nouns(tmp_path: Path) -> None:
    page = render(run(case(), environment={"os": "x"}), tmp_path)
    assert "1 field<" in page
    assert "1 fields" not in page


def test_importing_the_package_needs_neither_numpy_nor_pillow_nor_jinja() -> None:
    heavy = {"numpy", "PIL", "jinja2", "torch"}
    code = f"import goldenseed.reporting, sys; print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_script_is_part_of_the_page() -> None:
    folder = resources.files("goldenseed.reporting").joinpath("templates/scripts")
    assert sorted(each.name for each in folder.iterdir()) == sorted(f"{n}.js" for n in _SCRIPTS)


def test_what_other_packages_warned_of_is_told_above_the_cases(tmp_path: Path) -> None:
    page = render(run(case(), warnings={"UserWarning (a/b.py): <old>": 12}), tmp_path)
    above = page[: page.index('id="cases"')]
    assert "12 warnings of other packages while images were made" in above
    assert "<td>12</td><td>UserWarning (a/b.py): &lt;old&gt;</td>" in above


def test_each_case_tells_of_its_own_warnings(tmp_path: Path) -> None:
    record = case("drift", warnings={"UserWarning (a/b.py): <rare>": 1, "FutureWarning: often": 12})
    page = render(run(record), tmp_path)
    assert "<p>Warned 12 times: <bdi>FutureWarning: often</bdi></p>" in page
    assert "<p>Warned 1 time: <bdi>UserWarning (a/b.py): &lt;rare&gt;</bdi></p>" in page
    assert '"warnings":[[12,"FutureWarning: often"],[1,"UserWarning (a/b.py): ' in page


def test_cases_in_quarantine_have_a_place_of_their_own(tmp_path: Path) -> None:
    found = {"owner": "Ada <x>", "reason": "flickers", "until": "2026-12-31"}
    spared = case("drift", quarantine=found, xfail="flickers")
    over = case("warn", quarantine={**found, "over": True})
    page = render(run(spared, over, case()), tmp_path)
    place = page[page.index("<h2>Quarantine <small>2 cases") : page.index('id="cases"')]
    assert "<td>2026-12-31</td><td><bdi>Ada &lt;x&gt;</bdi></td><td><bdi>flickers" in place
    assert "<td>2026-12-31, over</td>" in place
    assert place.count('<tr><th scope="row">') == 2
    assert "in quarantine until 2026-12-31 (Ada" in page[page.index("part-cases") :]
    assert "<h2>Quarantine" not in render(run(case()), tmp_path)


def test_who_accepted_the_baseline_and_why_is_told(tmp_path: Path) -> None:
    used = BASELINE | {"accepted_by": "Ada", "reason": "the <first> apple"}
    page = Page(render(run(case("drift", baseline=used)), tmp_path))
    assert "by Ada in cpu-x86_64-avx512: the <first> apple" in page.text
