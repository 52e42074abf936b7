"""Which baselines belong to nothing, by a run and by the suites that are there; and new names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from goldenseed.baselines.candidate import Candidate
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.core.pixels import encode_png, pixels_sha256
from goldenseed.runs.orphans import (
    Project,
    find_orphans,
    gone_since,
    profiles_of,
    refuse_partial,
)
from goldenseed.runs.parts import Extent, SetRecord
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.renames import Recognised, recognise
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import recipe_of
from goldenseed.verdict.model import Verdict

CPU = "cpu-x86_64-avx512"
REVISION = "0" * 40
WHOLE = Extent(whole=True)


@dataclass
class World:
    root: Path
    runs: tuple[CaseRecord, ...] = ()

    @property
    def store(self) -> BaselineStore:
        return BaselineStore(self.root / "baselines")

    @property
    def project(self) -> Project:
        return Project(self.root, self.root / "baselines", (self.root,))

    def suite(self, name: str, *cases: str, file: str | None = None, more: str = "") -> None:
        lines = "".join(
            f"  - {{id: {case}, prompt: a {case}, seeds: [1]{more}}}\n" for case in cases
        )
        path = self.root / f"{file or name}.suite.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"suite: {name}\nmodel: {{source: some/model, revision: '{REVISION}'}}\ncases:\n{lines}"
        )

    def accept(
        self, suite: str, case: str, recipe: dict[str, object], colour: str = "red", at: str = CPU
    ) -> None:
        image = Image.new("RGB", (8, 8), colour)
        file = self.root / "made.png"
        file.write_bytes(encode_png(image))
        self.store.accept(
            [
                Candidate(
                    suite=suite,
                    case=case,
                    profile=at,
                    image=file,
                    pixels_sha256=pixels_sha256(image),
                    recipe=recipe,  # type: ignore[arg-type]
                    recipe_sha256=json_sha256(recipe),
                    environment={"device.type": "cpu"},
                    run_id="a-run",
                )
            ],
            by="Ada",
            reason="it looks right",
        )

    def accept_suite(self, name: str, file: str | None = None) -> None:
        for case in load_suite(self.root / f"{file or name}.suite.yaml").cases:
            self.accept(name, case.id, recipe_of(case))

    def ran(self, *places: str, tests: tuple[CaseRecord, ...] = ()) -> RunRecord:
        """Return the run of some suite files and of tests."""
        cases = [
            record(suite.name, case.id, place, recipe_of(case))
            for place in places
            for suite in [load_suite(self.root / place)]
            for case in suite.cases
        ]
        return a_run(*cases, *tests)

    def orphans(self, run: RunRecord) -> list[str]:
        found = find_orphans(run, self.store, self.project)
        return ["::".join(name) for each in found for name in each.names]

    def recognised(self, run: RunRecord, *among: tuple[str, str]) -> Recognised:
        found = find_orphans(run, self.store, self.project)
        return recognise(run, self.store, self.project, found, among=among)


def record(
    suite: str, case: str, path: str, recipe: dict[str, object], **more: object
) -> CaseRecord:
    made = {"recipe": recipe, "recipe_sha256": json_sha256(recipe), "verdict": Verdict.NEW}
    passed = {"passed": True, "profile": CPU}
    return CaseRecord.model_validate(
        {"suite": suite, "id": case, "path": path, **made, **passed, **more}
    ).model_copy(update={"passed": True})


def a_run(*cases: CaseRecord, extent: Extent | None = WHOLE, **more: object) -> RunRecord:
    began = datetime(2026, 11, 20, tzinfo=UTC)
    run = RunRecord(run_id="a-run", started=began, complete=True, cases=cases, extent=extent)
    return run.model_copy(update=more)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_case_that_its_suite_has_no_more_is_an_orphan(world: World):
    world.suite("shapes", "apple", "pear")
    world.accept_suite("shapes")
    run = world.ran("shapes.suite.yaml")
    assert world.orphans(run) == []
    world.suite("shapes", "pear")
    assert world.orphans(world.ran("shapes.suite.yaml")) == ["shapes::apple[seed=1]"]
    assert world.orphans(run) == []
    assert gone_since(run, world.store, world.project) == (("shapes", "apple[seed=1]"),)


def test_every_alternative_of_vary_is_a_case(world: World):
    world.suite("shapes", "apple", more=", vary: {steps: {}}")
    text = (world.root / "shapes.suite.yaml").read_text()
    varied = text.replace("{steps: {}}", "{call.num_inference_steps: {few: 2, many: 4}}")
    (world.root / "shapes.suite.yaml").write_text(varied)
    world.accept_suite("shapes")
    assert len(world.store.cases("shapes")) == 2
    assert world.orphans(world.ran("shapes.suite.yaml")) == []
    (world.root / "shapes.suite.yaml").write_text(varied.replace(", many: 4", ""))
    assert world.orphans(world.ran("shapes.suite.yaml")) == ["shapes::apple[many,seed=1]"]


def test_a_suite_that_did_not_run_keeps_all_it_has(world: World):
    world.suite("shapes", "apple", "pear")
    world.suite("other", "plum")
    world.accept_suite("shapes")
    world.suite("shapes", "pear")
    assert world.orphans(world.ran("other.suite.yaml")) == []


def test_what_another_suite_gives_to_its_cases_is_needed(world: World):
    world.suite("shapes", "apple", "pear")
    world.accept_suite("shapes")
    world.suite("shapes", "pear")
    given = ", inputs: {image: {case: 'shapes::apple[seed=1]'}}"
    world.suite("chain", "next", file="deep/chain", more=given)
    assert world.orphans(world.ran("shapes.suite.yaml")) == []
    (world.root / "shapes.suite.yaml").unlink()
    assert world.orphans(world.ran("deep/chain.suite.yaml")) == ["shapes::pear[seed=1]"]


def test_a_suite_that_cannot_be_read_stops_the_search(world: World):
    world.suite("shapes", "apple", "pear")
    world.accept_suite("shapes")
    world.suite("shapes", "pear")
    (world.root / "broken.suite.yaml").write_text("suite: [")
    with pytest.raises(GoldenseedError, match=r"broken\.suite\.yaml"):
        world.orphans(world.ran("shapes.suite.yaml"))


def test_a_suite_that_is_gone_is_told_by_a_whole_run_of_a_project_that_owns_its_baselines(
    world: World, tmp_path_factory: pytest.TempPathFactory
):
    world.suite("gone", "apple")
    world.suite("shapes", "pear")
    world.accept_suite("gone")
    (world.root / "gone.suite.yaml").unlink()
    run = world.ran("shapes.suite.yaml")
    assert world.orphans(run) == ["gone::apple[seed=1]"]
    narrow = Extent(whole=False, narrowed="a path")
    assert world.orphans(run.model_copy(update={"extent": narrow})) == []
    assert world.orphans(run.model_copy(update={"extent": None})) == []
    shared = tmp_path_factory.mktemp("shared") / "baselines"
    (world.root / "baselines").rename(shared)
    (world.root / "baselines").symlink_to(shared)
    assert world.orphans(run) == []


def test_a_suite_in_a_file_that_moved_is_there(world: World):
    world.suite("shapes", "apple")
    world.accept_suite("shapes")
    (world.root / "deep").mkdir()
    (world.root / "shapes.suite.yaml").rename(world.root / "deep/other.suite.yaml")
    assert world.orphans(a_run()) == []


def a_test(case: str, colour: str = "red", file: str = "test_it.py", **more: object) -> CaseRecord:
    pixels = pixels_sha256(Image.new("RGB", (8, 8), colour))
    suite = file.removesuffix(".py")
    return record(suite, case, file, {}, pixels_sha256=pixels, **more)


def test_images_of_tests_are_orphans_only_where_their_file_was_run_whole(world: World):
    (world.root / "test_it.py").touch()
    for case in ("test_a", "test_b[x]", "test_b[y]", "test_b[0.5]-wide", "test_big"):
        world.accept("test_it", case, {})
    run = a_run(a_test("test_a"), a_test("test_b[x]"))
    assert world.orphans(run) == []
    ran = Extent(whole=False, tests={"test_it": ()})
    gone = ["test_it::test_b[0.5]-wide", "test_it::test_b[y]", "test_it::test_big"]
    assert world.orphans(run.model_copy(update={"extent": ran})) == gone
    failed = Extent(whole=False, tests={"test_it": ("test_b",)})
    assert world.orphans(run.model_copy(update={"extent": failed})) == ["test_it::test_big"]


def test_images_of_a_test_file_that_is_gone_are_told_by_a_whole_run(world: World):
    world.accept("tests.test_it", "test_a", {})
    world.accept("docs.guide%2Emd", "guide", {})
    (world.root / "docs").mkdir()
    (world.root / "docs/guide.md").touch()
    assert world.orphans(a_run()) == ["tests.test_it::test_a"]
    (world.root / "tests").mkdir()
    (world.root / "tests/test_it.py").touch()
    assert world.orphans(a_run()) == []


def test_a_name_that_was_too_long_to_tell_is_left(world: World):
    world.accept("tests.test_long~0123456789abcdef", "test_a", {})
    assert world.orphans(a_run()) == []


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (a_run(complete=False), "cut short"),
        (a_run(extent=None), "does not say how much"),
        (a_run(extent=Extent(whole=False, narrowed="-k")), "whole project (-k)"),
        (a_run(extent=Extent(whole=True, failed=2)), "2 of its tests failed"),
        (a_run(a_test("test_a").model_copy(update={"passed": False})), "1 of its cases failed"),
        (
            a_run(
                sets=(
                    SetRecord(
                        kind="diversity",
                        id="reds",
                        suite="s",
                        path="s",
                        statistic="worst",
                        cases=(),
                        passed=False,
                    ),
                )
            ),
            "set reds did not hold",
        ),
    ],
)
def test_a_run_that_cannot_say_what_is_gone_is_refused(run: RunRecord, why: str):
    with pytest.raises(GoldenseedError) as caught:
        refuse_partial(run)
    assert why in caught.value.what


def test_a_run_of_which_everything_passed_is_not_refused():
    expected = a_test("test_a").model_copy(update={"passed": False, "xfail": "known"})
    refuse_partial(a_run(a_test("test_b"), expected))
    accepted = a_test("test_c").model_copy(update={"passed": False})
    refuse_partial(a_run(accepted, options={"update": "missing"}))


def test_a_run_speaks_for_its_machines_and_for_no_other():
    gpu = {"device.type": "cuda", "gpu.name": "NVIDIA H200", "gpu.multiprocessors": 132}
    cpu = {"device.type": "cpu", "platform.machine": "x86_64", "cpu.capability": "AVX512"}
    run = a_run(environment=cpu, other_environments=({**cpu, **gpu},))
    own = {CPU, "portable", "cuda-h200-sm0-132sm", "cuda-h200-sm0-132sm-x86_64-avx512"}
    assert profiles_of(run) == own


def test_a_case_that_was_renamed_is_known_by_its_recipe(world: World):
    world.suite("shapes", "apple", "pear")
    world.accept_suite("shapes")
    world.suite("shapes", "apple", "pear", file="shapes")
    text = (world.root / "shapes.suite.yaml").read_text()
    (world.root / "shapes.suite.yaml").write_text(text.replace("id: apple", "id: red"))
    found = world.recognised(world.ran("shapes.suite.yaml"))
    (rename,) = found.renames
    assert (rename.old, rename.new) == (("shapes", "apple[seed=1]"), ("shapes", "red[seed=1]"))
    narrow = world.ran("shapes.suite.yaml")
    pear = tuple(case for case in narrow.cases if case.id.startswith("pear"))
    assert world.recognised(narrow.model_copy(update={"cases": pear})).renames == (rename,)


def test_a_case_whose_recipe_changed_with_its_name_is_an_orphan(world: World):
    world.suite("shapes", "apple", "pear")
    world.accept_suite("shapes")
    world.suite("shapes", "red", "pear")
    run = world.ran("shapes.suite.yaml")
    assert world.recognised(run) == Recognised()
    assert world.orphans(run) == ["shapes::apple[seed=1]"]


def test_a_suite_that_was_renamed_is_known_case_by_case_also_where_recipes_are_alike(world: World):
    world.suite("old", "apple", "pear")
    text = (world.root / "old.suite.yaml").read_text().replace("a pear", "a apple")
    (world.root / "old.suite.yaml").write_text(text)
    world.accept_suite("old")
    (world.root / "old.suite.yaml").write_text(text.replace("suite: old", "suite: new"))
    found = world.recognised(world.ran("old.suite.yaml"))
    assert [(each.old[1], each.new) for each in found.renames] == [
        (case, ("new", case)) for case in ("apple[seed=1]", "pear[seed=1]")
    ]


def test_of_several_that_fit_none_is_taken_until_one_is_named(world: World):
    world.suite("shapes", "apple")
    world.accept_suite("shapes")
    text = (world.root / "shapes.suite.yaml").read_text()
    two = text.replace("id: apple", "id: red") + "  - {id: rot, prompt: a apple, seeds: [1]}\n"
    (world.root / "shapes.suite.yaml").write_text(two)
    run = world.ran("shapes.suite.yaml")
    found = world.recognised(run)
    assert found.renames == ()
    assert found.doubts[0].new == (("shapes", "red[seed=1]"), ("shapes", "rot[seed=1]"))
    assert ("shapes", "apple[seed=1]") in found.names
    (rename,) = world.recognised(run, ("shapes", "rot[seed=1]")).renames
    assert rename.new == ("shapes", "rot[seed=1]")


def test_a_name_that_something_is_accepted_for_is_no_new_one(world: World):
    world.suite("shapes", "apple")
    world.accept_suite("shapes")
    text = (world.root / "shapes.suite.yaml").read_text()
    (world.root / "shapes.suite.yaml").write_text(text.replace("id: apple", "id: red"))
    world.accept_suite("shapes")
    run = world.ran("shapes.suite.yaml")
    assert world.recognised(run) == Recognised()
    assert world.orphans(run) == ["shapes::apple[seed=1]"]


def test_images_of_tests_are_known_by_their_pixels_and_not_by_the_lack_of_a_recipe(world: World):
    world.accept("test_old", "test_a", {}, "red")
    world.accept("test_old", "test_b", {}, "blue")
    new = a_test("test_a", "red", "test_new.py"), a_test("test_b", "green", "test_new.py")
    found = world.recognised(a_run(*new))
    (rename,) = found.renames
    assert (rename.old, rename.new) == (("test_old", "test_a"), ("test_new", "test_a"))
    assert found.doubts == ()


def test_a_test_that_was_renamed_is_known_though_it_fails_as_new(world: World):
    (world.root / "test_it.py").touch()
    world.accept("test_it", "test_hero", {}, "red")
    failed = a_test("test_star").model_copy(update={"passed": False})
    run = a_run(failed, extent=Extent(whole=True, failed=1, tests={"test_it": ("test_star",)}))
    (rename,) = world.recognised(run).renames
    assert rename.new == ("test_it", "test_star")


def test_the_store_is_read_only(world: World):
    world.suite("shapes", "apple")
    world.accept_suite("shapes")
    run = replace(world).ran("shapes.suite.yaml")
    before = {path: path.stat().st_mtime_ns for path in world.root.rglob("*")}
    world.recognised(run)
    assert {path: path.stat().st_mtime_ns for path in world.root.rglob("*")} == before
