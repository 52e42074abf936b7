"""Relations in real sessions: held, broken, not to be had here; in record, report and archive."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import accelerator_double
from accelerator_double import needs_double
from goldenseed.reporting.lossless import PREDICATE
from goldenseed.runs.attaching import attach
from goldenseed.runs.folder import load_run

if TYPE_CHECKING:
    from conftest import Project

SHAPES = Path(__file__).parents[2] / "suites/shapes.suite.yaml"
RELATIONS = """\
relations:
  - id: batch-invariance
    cases: ["red-apple[seed=1]"]
    vary: {batch: [2, 3], position: [first, last]}
    hold: match
  - {id: threads, cases: [colours], vary: {threads: 2}, hold: identical}
  - {id: layout, cases: ["red-apple[seed=1]"], vary: {channels_last: true}, hold: match}
  - id: half
    cases: ["red-apple[seed=1]"]
    vary: {dtype: bfloat16}
    hold: {max_peak_difference: 0, no_farther_from_exact_than: 1.5}
  - {id: offloaded, cases: [red-apple], vary: {offload: model}, hold: identical}
"""


def add(project: Project, relations: str = RELATIONS) -> None:
    project.suite.write_text(project.suite.read_text() + relations)


def relations(project: Project) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in project.record()["relations"]}


def test_relations_are_held_beside_the_verdicts_and_told_of_everywhere(project: Project):
    add(project)
    project.run("--golden-update=missing", "-k", "not half")
    result = project.run("--junitxml=junit.xml")
    result.assert_outcomes(passed=11, failed=1, skipped=2)
    half = "half[red-apple,seed=1,dtype=bfloat16]"
    result.stdout.fnmatch_lines(
        [
            "*they part at: *",
            f"golden: relation {half.replace('[', '?')} (*:21): *BROKEN: exact * they part at*",
            "golden: relations not tried: offloaded?red-apple,seed=1,offload=model? (needs a GPU)*",
            "golden: 7 relations hold",
        ]
    )
    states = {name: each["state"] for name, each in relations(project).items()}
    assert list(states.values()).count("held") == 7
    broken = relations(project)[half]
    assert (broken["state"], broken["verdict"]) == ("broken", "drift")
    assert broken["diagnosis"]["first_divergence"]["stage"] == "prompt_embeddings"
    assert {each["passed"] for each in broken["distances"]} == {False}
    batch = relations(project)["batch-invariance[red-apple,seed=1,batch=3,position=last]"]
    assert batch["vary"] == {"batch": 3, "position": "last"}
    junit = (project.path / "junit.xml").read_text()
    assert f'name="golden_relation" value="tiny::{half}"' in junit
    latest = project.path / "reports/latest"
    assert "1 relation is broken" in (latest / "summary.md").read_text()
    assert "</code> | relation | broken | " in (latest / "summary.md").read_text()
    page = (latest / "index.html").read_text()
    section = page[page.index('class="fold sets relations"') :]
    assert broken["difference"] in section
    past = project.command("history", f"tiny::{half}").stdout
    assert "drift" in past
    assert project.verdicts() == dict.fromkeys(project.verdicts(), "identical")

    census = json.loads(project.command("gates", "tiny.suite.yaml", "--json").stdout)
    (apple, *_) = census["suites"][0]["cases"]
    by_name = {each["name"]: each for each in apple["held_by"]}
    assert by_name["half[dtype=bfloat16]"]["last_failed"] is not None
    assert by_name["layout[channels_last]"]["last_failed"] is None
    assert by_name["max_peak_difference"]["catches"]["caught"] > 0
    assert by_name["max_peak_difference"]["line"] == 6

    _archived(project, half)


def _archived(project: Project, half: str) -> None:
    """Archive the run with what is kept with it, and find what was altered in it."""
    folder = project.path / "reports/latest"
    kept = attach(load_run(folder), folder, kind=PREDICATE, data=b'{"answer": "as exact"}')
    done = project.command("archive", "create", "latest", "--output", "made.zip")
    assert done.returncode == 0, done.stderr
    assert "8 relations were judged again" in done.stdout
    with zipfile.ZipFile(project.path / "made.zip") as made:
        made.extractall(project.path / "bag")
    bag = next(each.parent for each in (project.path / "bag").rglob("bagit.txt"))
    assert (bag / "data/run/attached" / kept.name).read_bytes() == b'{"answer": "as exact"}'
    record = bag / "data/run/run.json"
    whole = record.read_text()

    def verified(edit: Any) -> str:
        document = json.loads(whole)
        edit({each["id"]: each for each in document["relations"]}, document)
        record.write_text(json.dumps(document))
        done = project.command("archive", "verify", str(bag), "--levels", "4")
        assert done.returncode == 14, done.stdout
        return done.stdout

    assert "relation_differs" in verified(lambda by, _: by[half].update(state="held"))
    assert "state 'held', and it is 'broken'" in verified(
        lambda by, _: by[half].update(state="held")
    )
    assert "relation_missing" in verified(lambda by, all_: all_["relations"].remove(by[half]))
    assert "hold" in verified(lambda by, _: by[half].update(hold="identical"))
    shutil.rmtree(bag)


SPARED = """\
relations:
  - id: half
    cases: ["red-apple[seed=1]"]
    vary: {dtype: bfloat16}
    hold: {max_peak_difference: 0}
    marks: [costly]
    quarantine: {owner: Ada, reason: known, until: 2999-12-31}
"""


def test_a_relation_bears_marks_and_is_spared_by_a_quarantine_until_its_day(project: Project):
    add(project, SPARED)
    project.edit(
        "[pytest]", "[pytest]\nmarkers =\n    costly: takes long", project.path / "tox.ini"
    )
    project.run("-m", "costly").assert_outcomes(xfailed=1, deselected=4)
    (record,) = relations(project).values()
    assert (record["state"], record["quarantine"]["owner"]) == ("broken", "Ada")
    assert record["xfail"].startswith("in quarantine until 2999-12-31 (Ada: known)")
    summary = (project.path / "reports/latest/summary.md").read_text()
    assert "1 relation is broken as expected" in summary
    project.suite.write_text(project.suite.read_text().replace("2999", "2001"))
    result = project.run("-m", "costly")
    result.assert_outcomes(failed=1, deselected=4)
    assert "its quarantine ended on 2001-12-31 (Ada: known)" in result.stdout.str()


def test_one_relation_of_one_case_is_selected_and_needs_no_accepted_image(project: Project):
    add(project)
    name = "batch-invariance[red-apple,seed=1,batch=2,position=last]"
    result = project.run(f"tiny.suite.yaml::{name}")
    result.assert_outcomes(passed=1)
    assert project.record()["cases"] == []
    assert [each["id"] for each in project.record()["relations"]] == [name]
    assert "1 relation holds" in result.stdout.str()


def test_workers_try_relations_where_their_model_is(project: Project):
    add(project)
    chosen = ("-k", "layout or threads or colours")
    project.run("--golden-update=missing", *chosen)
    alone = relations(project)
    result = project.run("-n", "2", "--dist", "loadgroup", *chosen)
    result.assert_outcomes(passed=5)
    apart = relations(project)
    assert {name: each["state"] for name, each in apart.items()} == {
        name: each["state"] for name, each in alone.items()
    }
    assert {each["candidate"]["pixels_sha256"] for each in apart.values() if each["candidate"]} == {
        each["candidate"]["pixels_sha256"] for each in alone.values() if each["candidate"]
    }


def test_what_a_change_raises_is_an_error_of_its_relation_alone(project: Project):
    add(project, "relations:\n  - {id: a, cases: [red-apple], vary: {batch: 2}, hold: match}\n")
    project.conftest(PATCHED.format(body="assert len(x) < 4, 'no batches here'"))
    result = project.run("--golden-update=missing")
    result.assert_outcomes(passed=4, failed=2)
    result.stdout.fnmatch_lines(["golden: relation a?red-apple* ERROR: *no batches here*"])


@needs_double
def test_offloading_holds_where_there_is_a_device_to_offload_from_and_is_broken_by_a_fault(
    project: Project,
):
    """On a device that is no CPU; a denoiser that looks at accelerate's hook is the fault."""
    vary = "vary: {offload: model}, hold: identical"
    add(project, f'relations:\n  - {{id: offloaded, cases: ["red-apple[seed=1]"], {vary}}}\n')
    arguments = ("--golden-device=twin:0", "-k", "offloaded")
    with accelerator_double.in_use():
        project.run(*arguments).assert_outcomes(passed=1, deselected=4)
        project.conftest(PATCHED.format(body="out[0][...] += 1e-2 * hasattr(self, '_hf_hook')"))
        project.run(*arguments).assert_outcomes(failed=1, deselected=4)
    (record,) = relations(project).values()
    assert record["state"] == "broken"
    assert record["diagnosis"]["first_divergence"]["stage"] == "denoising_step"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (("threads: 2", "thraeds: 2"), "*:19: relation `threads`: there is no change `thraeds`*"),
        (("threads: 2", "threads: 0"), "*:19: *`threads` cannot be 0*"),
        (("threads: 2", "threads: 1"), "*:19: *is how the suite does it: threads = 1"),
        (("threads: 2", "fuse_lora: true"), "*:19: *the cases have no adapters"),
        (("batch: [2, 3], ", ""), "*:17: *`position` means nothing without `batch`"),
        (("max_peak_difference: 0", "max_ssim: 1"), "*  fix: use min_ssim"),
        (("max_peak_difference: 0", "min_ssim: -1"), "*:24: *never fails"),
    ],
)
def test_a_fault_of_a_relation_is_an_error_at_collection_with_its_line(
    project: Project, edit: tuple[str, str], message: str
):
    add(project)
    project.edit(*edit)
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([message])


PATCHED = """
import functools, torch
from diffusers import UNet2DConditionModel as Model
original = Model.forward
@functools.wraps(original)
def forward(self, x, *args, **kwargs):
    out = original(self, x, *args, **kwargs)
    {body}
    return out
def pytest_configure(config):
    Model.forward = forward
def pytest_unconfigure(config):
    Model.forward = original
"""
BREAKS = {
    "alone-as-in-a-batch": "out[0][...] += 1e-3 * (len(x) > 2)",
    "any-number-of-threads": "out[0][...] += 1e-3 * (torch.get_num_threads() > 1)",
    "channels-last-is-as-exact": (
        "out[0][...] += 1e-2 * self.conv_in.weight.is_contiguous(memory_format=torch.channels_last)"
    ),
    "fresh-process": "out[0][...] += 1e-3",  # in this process alone
}


def test_every_relation_of_the_embedded_suite_is_one_of_those_below():
    found = yaml.safe_load(SHAPES.read_text())["relations"]
    assert [each["id"] for each in found] == list(BREAKS)


@pytest.mark.parametrize("relation", BREAKS)
def test_each_relation_of_the_embedded_suite_is_broken_by_a_fault_of_its_kind(
    project: Project, relation: str
):
    """Here on a tiny model, whose own case stands in the place of the suite's."""
    (own,) = (e for e in yaml.safe_load(SHAPES.read_text())["relations"] if e["id"] == relation)
    add(project, yaml.safe_dump({"relations": [own | {"cases": ["red-apple[seed=1]"]}]}))
    if relation != "fresh-process":  # that one is seen to hold in the suite itself
        result = project.run("-k", relation)
        assert result.ret == 0, result.stdout.str()
    project.conftest(PATCHED.format(body=BREAKS[relation]))
    result = project.run("-k", relation)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    broken = [each for each in project.record()["relations"] if each["state"] == "broken"]
    assert broken
    assert {each["diagnosis"]["first_divergence"]["stage"] for each in broken} == {"denoising_step"}
