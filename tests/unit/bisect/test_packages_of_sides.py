from __future__ import annotations

from pathlib import Path

import pytest

from goldenseed.bisect.packages import Package, Packages
from goldenseed.bisect.requirements import Sides, read_demands
from goldenseed.bisect.sides import index_options, variables_of
from goldenseed.bisect.upgrading import rewritten


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


@pytest.mark.parametrize(
    ("line", "after"),
    [
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
