"""Images of ordinary tests: what they are called, what is refused, and what a failure shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

IMAGE = "from PIL import Image\ndef image(v): return Image.new('RGB', (8, 8), (v, 10, 200))\n"


@pytest.fixture
def folder(
    pytester: pytest.Pytester, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeini("[pytest]\n")
    return pytester


def run(folder: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return folder.runpytest_inprocess("-p", "no:benchmark", *arguments)


def write(folder: pytest.Pytester, source: str, name: str = "test_it.py") -> Path:
    file = folder.path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(IMAGE + source)
    return file


def record(folder: pytest.Pytester) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder.path / "reports/latest/run.json").read_text())
    return found


def entries(folder: pytest.Pytester) -> set[str]:
    root = folder.path / "baselines"
    return {
        str(file.relative_to(root))
        for file in root.glob("*/*.json")
        if file.parent.name != "environments"
    }


def test_ids_that_differ_in_any_character_have_baselines_of_their_own(folder: pytest.Pytester):
    write(
        folder,
        "import pytest\n"
        "@pytest.mark.parametrize('p', ['a/b', 'a b', 'a:b', 'a-b', 'a.b', 'a%2Fb', 'a|b', ''])\n"
        "def test_x(golden_image, p): golden_image.check(image(hash(p) % 200))\n"
        "def test_long(golden_image): golden_image.check(image(1), name='n' * 300)\n"
        "def test_longer(golden_image): golden_image.check(image(1), name='n' * 301)\n"
        "def test_other(golden_image): golden_image.check(image(2), name='Größe 1/2')\n",
    )
    run(folder, "--golden-update=missing").assert_outcomes(passed=11)
    found = entries(folder)
    assert len(found) == 11
    assert {"test_it/test_x[a-b].json", "test_it/test_x[a%2Fb].json"} <= found
    assert "test_it/test_other[Größe%201%2F2].json" in found


def test_folders_have_suites_of_their_own_whatever_they_are_called(folder: pytest.Pytester):
    test = "def test_x(golden_image): golden_image.check(image(1))\n"
    for place in ("a/b/test_y.py", "a.b/test_y.py", "Größe 1/test_y.py", "con/test_y.py"):
        write(folder, test, place)
    run(folder, "--import-mode=importlib", "--golden-update=missing").assert_outcomes(passed=4)
    assert {each.partition("/")[0] for each in entries(folder)} == {
        "a.b.test_y",
        "a%2Eb.test_y",
        "Größe%201.test_y",
        "%63on.test_y",
    }


def test_tests_whose_names_differ_by_letter_case_name_each_other_and_make_no_image(
    folder: pytest.Pytester,
):
    write(
        folder,
        "import pytest\n"
        "@pytest.mark.parametrize('p', ['UX', 'ux'])\n"
        "def test_x(golden_image, p): golden_image.check(image(1))\n"
        "def test_fine(golden_image): golden_image.check(image(1))\n",
    )
    result = run(folder, "--golden-update=missing", "-k", "not fine", "--count=2")
    result.assert_outcomes(errors=4, deselected=2)
    result.stdout.fnmatch_lines_random(
        ["the golden images of this test and of test_it.py::test_x?ux? are called*ignore*case"]
    )
    assert entries(folder) == set()
    assert {case["verdict"] for case in record(folder)["cases"]} == {"error"}


def test_one_name_for_two_images_of_a_test_is_an_error_in_the_record_too(folder: pytest.Pytester):
    write(
        folder,
        "def test_x(golden_image):\n"
        "    golden_image.check(image(1))\n"
        "    golden_image.check(image(2))\n",
    )
    result = run(folder, "--golden-update=missing")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*two images of this test are both called test_x"])
    (case,) = record(folder)["cases"]
    assert [each["verdict"] for each in case["tries"]] == ["new", "error"]
    assert entries(folder) == set()


def test_a_test_cannot_share_the_name_of_a_suite(folder: pytest.Pytester, tiny_model: Path):
    (folder.path / "model").symlink_to(tiny_model)
    (folder.path / "a.suite.yaml").write_text(
        "suite: Test_It\nmodel: {source: model}\ncases: [{id: a, prompt: a, seeds: [1]}]\n"
    )
    write(folder, "def test_x(golden_image): golden_image.check(image(1))\n")
    result = run(folder, "-k", "test_x")
    result.stdout.fnmatch_lines(["E*the suite 'Test_It' of *a.suite.yaml has that name"])


def test_another_rootdir_or_folder_to_start_from_is_no_other_name(
    folder: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    write(folder, "def test_x(golden_image): golden_image.check(image(1))\n", "deep/test_y.py")
    run(folder, "--golden-update=missing").assert_outcomes(passed=1)
    baselines = f"--golden-baselines={folder.path / 'baselines'}"
    above = f"--rootdir={folder.path.parent}"
    run(folder, above, baselines).assert_outcomes(passed=1)
    run(folder, f"--rootdir={folder.path / 'deep'}", baselines).assert_outcomes(passed=1)
    (folder.path / "tox.ini").unlink()
    (folder.path / "pytest.ini").unlink(missing_ok=True)
    monkeypatch.chdir(folder.path / "deep")
    run(folder, above, baselines).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("np.zeros((8, 8, 3), np.uint8)", ["*no image of Pillow: ndarray", "*Image.fromarray*"]),
        ("pathlib.Path('a.png')", ["*a.png: *", "*fix: *"]),
        ("'a\\0b'", ["*no file can be called 'a?x00b'*"]),
        ("b'GIF89a'", ["*golden_image.check was given: *PNG, WEBP, JPEG*"]),
        ("None", ["*no image of Pillow: NoneType", "*why the test made none"]),
        ("[image(1)]", ["*no image of Pillow: list", "*check each by itself*"]),
        ("types.SimpleNamespace(images=[])", ["*SimpleNamespace", "*output.images?0?*"]),
        ("Image.new('RGB', (0, 0))", ["*the image is 0 x 0: it has no pixels"]),
        ("Image.open(cut())", ["*cannot be decoded*", "*its file is whole"]),
        ("image(1), recipe={'x': object()}", ["*golden_image.check was given*"]),
        ("image(1), gates={'min_sim': 1}", ["*there is no gate 'min_sim'*"]),
    ],
)
def test_what_is_no_image_is_named_with_what_to_do_and_without_internals(
    folder: pytest.Pytester, given: str, said: list[str]
):
    write(
        folder,
        "import io, pathlib, types\nimport numpy as np\n"
        "def cut():\n"
        "    whole = io.BytesIO()\n"
        "    Image.effect_noise((64, 64), 50).save(whole, 'PNG')\n"
        "    return io.BytesIO(whole.getvalue()[:900])\n"
        f"def test_x(golden_image): golden_image.check({given})\n",
    )
    result = run(folder)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(said)
    assert "harness/goldenseed" not in result.stdout.str()
    assert [case["verdict"] for case in record(folder)["cases"]] == ["error"]


def test_a_file_is_judged_by_its_pixels_and_kept_as_it_is(folder: pytest.Pytester):
    write(
        folder,
        "from PIL import PngImagePlugin\n"
        "def test_x(golden_image, tmp_path):\n"
        "    info = PngImagePlugin.PngInfo()\n"
        "    info.add_text('parameters', 'Seed: 1')\n"
        "    file = tmp_path / 'x.png'\n"
        "    image(1).save(file, pnginfo=info)\n"
        "    golden_image.check(file)\n"
        "    golden_image.check(file.read_bytes(), 'bytes')\n"
        "    golden_image.check(image(1), 'pixels')\n",
    )
    assert run(folder, "--golden-update=missing").ret == 0
    cases = {each["id"]: each for each in record(folder)["cases"]}
    assert len({each["pixels_sha256"] for each in cases.values()}) == 1
    (one,), (other,) = (cases[each]["returned"] for each in ("test_x", "test_x[bytes]"))
    assert one == other
    assert b"Seed: 1" in (folder.path / "reports/latest" / one["file"]).read_bytes()
    assert "returned" not in cases["test_x[pixels]"]
    accepted = json.loads((folder.path / "baselines/test_it/test_x.json").read_text())["profiles"]
    assert [each["accepted"][0]["returned"] for each in accepted.values()] == [[one["sha256"]]]


def test_a_failing_verdict_shows_the_test_alone_and_says_it_once_under_ci(
    folder: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    write(folder, "def test_x(golden_image): golden_image.check(image(1))\n")
    monkeypatch.setenv("CI", "1")
    output = run(folder).stdout.str()
    assert "harness/goldenseed" not in output
    assert output.count("accept  goldenseed accept") == 1 + 1  # of the case, and of the run
    assert "FAILED test_it.py::test_x - NEW nothing was ever accepted for this case" in output


def test_a_test_that_fails_before_it_gives_an_image_is_an_error_in_the_record(
    folder: pytest.Pytester,
):
    write(
        folder,
        "def test_raises(golden_image): raise RuntimeError('no model')\n"
        "def test_none(golden_image): pass\n"
        "def test_later(golden_image):\n    golden_image.check(image(1))\n    assert 0\n",
    )
    run(folder, "--golden-update=missing").assert_outcomes(failed=2, passed=1)
    found = record(folder)
    assert {case["id"]: case["verdict"] for case in found["cases"]} == {
        "test_raises": "error",
        "test_later": "new",
    }
    assert [each["why"] for each in found["not_compared"]] == ["the test checked no image"]
    assert "no model" in found["cases"][0]["error"]


def test_images_checked_while_a_fixture_is_set_up_are_in_the_record(folder: pytest.Pytester):
    write(
        folder,
        "import pytest\n"
        "@pytest.fixture\ndef hero(golden_image): golden_image.check(image(1))\n"
        "def test_x(hero): pass\n",
    )
    run(folder, "--golden-update=missing").assert_outcomes(passed=1)
    found = record(folder)
    assert [case["verdict"] for case in found["cases"]] == ["new"]
    assert found["not_compared"] == []
