from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from goldenseed.bisect.packages import Package, Packages
from goldenseed.bisect.requirements import Sides, read_addresses, read_demands
from goldenseed.bisect.sides import index_options, made_in, side_of_environment, variables_of
from goldenseed.bisect.upgrading import new_constraints, rewritten
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.environment.freeze import Freeze
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.shard_record import PartRecord
from goldenseed.verdict.model import Verdict


def packages(**versions: str) -> Packages:
    return Packages.of(Package(name.replace("_", "-"), each) for name, each in versions.items())


def test_a_mixture_takes_the_named_packages_from_the_other_side():
    good, bad = packages(a="1", b="1", c="1"), packages(a="2", b="2", d="2")
    mixture = good.mixed(bad, ["a", "c", "d"])
    assert {name: each.version for name, each in mixture.each.items()} == {
        "a": "2", "b": "1", "d": "2",
    }  # fmt: skip


def test_one_release_with_other_files_differs_and_one_of_unknown_files_does_not():
    good = Packages.of([Package("a", "1", ("aa",)), Package("b", "1", ("bb",))])
    bad = Packages.of([Package("a", "1", ("cc",)), Package("b", "1")])
    assert good.differing(bad) == ("a",)
    assert good.digest != bad.digest


def test_packages_that_pin_each_other_are_forced_along():
    sides = Sides(
        packages(diffusers="0.32", transformers="4.48", hub="0.27", pillow="10"),
        packages(diffusers="0.42", transformers="5.23", hub="2.4", pillow="13"),
        {"diffusers": (("hub", ""),), "transformers": (("hub", "<1"), ("pillow", ""))},
        {"diffusers": (("hub", ">=2"),), "transformers": (("hub", ">=1"),)},
    )
    assert sides.forced() == {
        "diffusers": frozenset({"hub"}),
        "transformers": frozenset({"hub"}),
        "hub": frozenset({"transformers"}),
        "pillow": frozenset(),
    }


def test_what_a_side_does_not_keep_itself_is_no_demand():
    sides = Sides(packages(a="1", b="1"), packages(a="2", b="2"), {}, {"a": (("b", ">=3"),)})
    assert sides.forced() == {"a": frozenset(), "b": frozenset()}


def test_a_package_that_only_one_side_has_is_needed_by_what_that_side_needs_it_for():
    sides = Sides(
        packages(hub="1", requests="2"),
        packages(hub="2", httpx="1"),
        {"hub": (("requests", ""),)},
        {"hub": (("httpx", ""),)},
    )
    assert sides.forced() == {
        "hub": frozenset({"httpx"}),
        "httpx": frozenset(),
        "requests": frozenset({"hub"}),
    }


def test_demands_are_read_from_metadata_and_extras_left_out(tmp_path: Path):
    info = tmp_path / "Some_Package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: Some_Package\nVersion: 1.0\n"
        "Requires-Dist: Needed.Package>=2,<3\n"
        'Requires-Dist: elsewhere; sys_platform == "nowhere"\n'
        'Requires-Dist: wished; extra == "all"\n'
        "Requires-Dist: not a requirement at all !\n\nText: of no header\n"
    )
    assert read_demands([tmp_path]) == {"some-package": (("needed-package", "<3,>=2"),)}


def test_variables_are_those_on_record_and_one_that_is_not_set_is_none():
    found = variables_of({"env.MKL_CBWR": "AVX2", "env.ATEN_CPU_CAPABILITY": None, "env.HOME": "x"})
    assert found == {"MKL_CBWR": "AVX2", "ATEN_CPU_CAPABILITY": None}


def test_folders_that_a_requirements_file_names_are_taken_as_beside_it(tmp_path: Path):
    (tmp_path / "wheels").mkdir()
    file = tmp_path / "good.txt"
    file.write_text("--no-index\n-f wheels\n--index-url=https://i.example/simple\nnumpy==2.0\n")
    assert index_options(file) == (
        "--no-index",
        "--find-links",
        str(tmp_path / "wheels"),
        "--default-index",
        "https://i.example/simple",
    )


def test_files_that_are_taken_in_are_heeded_and_variables_and_remarks_are_as_pip_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("INDEX_TOKEN", "secret")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/wheels").mkdir()
    (tmp_path / "own/base.in").write_text("-f wheels\n-r ../all.txt\n")  # and round in a circle
    file = tmp_path / "all.txt"
    file.write_text("-r own/base.in\n--index-url https://${INDEX_TOKEN}@i.example # ours\n")
    assert index_options(file) == (
        "--find-links",
        str(tmp_path / "own/wheels"),
        "--default-index",
        "https://secret@i.example",
    )


def merged(*parts: tuple[str, str]) -> RunRecord:
    """Return a run put together of others: each of a case, and the release of NumPy there."""
    started = datetime(2026, 11, 1, tzinfo=UTC)
    environments = [{"package.numpy": numpy, "model.scheduler": case} for case, numpy in parts]
    digests = [json_sha256(each) for each in environments]
    return RunRecord(
        run_id="merged",
        started=started,
        environment=environments[0],
        other_environments=tuple(environments[1:]),
        cases=tuple(
            CaseRecord(
                suite="s", path="s", id=case, verdict=Verdict.NEW, environment_sha256=digest,
                recipe={}, recipe_sha256="0" * 64,
            )
            for (case, _), digest in zip(parts, digests, strict=True)
        ),
        parts=tuple(
            PartRecord(
                run_id=f"part-{numpy}", started=started, environments=(digest,),
                freeze=Freeze(python="3.11.7", platform="linux", packages={"numpy": numpy}),
            )
            for (_, numpy), digest in zip(parts, digests, strict=True)
        ),
    )  # fmt: skip


def test_of_a_merged_run_the_part_counts_that_made_the_cases_and_two_are_asked_for():
    run = merged(("a", "1.26.4"), ("b", "2.4.6"))
    freeze, environment = made_in(run, {"b"})
    assert freeze is not None
    assert freeze.packages == {"numpy": "2.4.6"}
    assert environment["package.numpy"] == "2.4.6"
    with pytest.raises(GoldenseedError, match=r"in 2 environments: part-1\.26\.4, part-2\.4\.6"):
        made_in(run, {"a", "b"})
    alike = merged(("a", "2.4.6"), ("b", "2.4.6"))  # another scheduler is no other side
    assert made_in(alike, {"a", "b"})[0] == freeze


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ("Project-URL: Release  Notes, https://a.example/notes\nProject-URL: source, http://b/c", "https://a.example/notes"),
        ("Home-page: https://b.example", "https://b.example"),
        ("Project-URL: Changelog, javascript:alert(1)\n", None),
    ],
)  # fmt: skip
def test_where_a_package_says_that_its_changes_are_told(
    tmp_path: Path, lines: str, address: str | None
):
    info = tmp_path / "ink-1.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ink\nVersion: 1.1\n{lines}\n")
    assert read_addresses([tmp_path]) == ({"ink": address} if address else {})


def test_a_fingerprint_of_another_platform_or_python_is_told_of_and_a_lock_says_neither():
    resolver = cast("Any", SimpleNamespace(excluded=(), resolve=lambda pins: Packages()))
    there = {"platform.system": "Darwin", "platform.machine": "arm64", "python.version": "3.12.1"}
    for environment, words in ((there, ("darwin-arm64", "Python 3.12.1")), ({}, ())):
        notes = side_of_environment("s", {"package.numpy": "1", **environment}, resolver).notes
        assert len(notes) == 1 + len(words)
        assert all(each in " ".join(notes) for each in words)


def test_constraints_that_pin_by_hash_are_refused(tmp_path: Path):
    file = tmp_path / "constraints.txt"
    file.write_text("numpy==1.26.4 \\\n    --hash=sha256:aaa\n")
    with pytest.raises(GoldenseedError, match="by their hashes"):
        new_constraints(file, packages(numpy="2.4.6"))


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("numpy==1.26.4; python_version < '3'", "numpy==1.26.4; python_version < '3'"),
        ("numpy==1.26.4", "numpy==2.4.6"),
        (
            "  NumPy == 1.26.4 ; python_version > '3'  # why",
            "  NumPy == 2.4.6 ; python_version > '3'  # why",
        ),
        ("# numpy==1.26.4 was slow", "# numpy==1.26.4 was slow"),
        ("numpy>=1.26", "numpy>=1.26"),
        ("numpydoc==1.0", "numpydoc==1.0"),
    ],
)
def test_constraints_are_rewritten_line_by_line(line: str, after: str):
    text = rewritten(f"{line}\nscipy==1.11 \\\n", packages(numpy="2.4.6"))
    assert text.splitlines()[:2] == [after, "scipy==1.11 \\"]


def test_packages_that_constraints_do_not_name_are_added_once():
    text = rewritten("numpy==1.26.4\n", packages(numpy="2.4.6", httpx2="2.0"))
    assert text == "numpy==2.4.6\nhttpx2==2.0\n"
