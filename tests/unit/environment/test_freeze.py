from __future__ import annotations

import sys
from importlib.metadata import distribution, version
from pathlib import Path

import pytest

from goldenseed.environment.freeze import Freeze, listed_sha256, read_freeze
from goldenseed.runs.record import RunRecord


def test_the_list_has_every_package_with_its_version():
    found = read_freeze()
    for name in ("numpy", "pydantic", "pydantic-core", "torch"):
        assert found.packages[name] == version(name)
    assert found.python.startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert "/" not in found.model_dump_json()


def test_the_first_of_a_name_on_the_path_counts_and_one_from_a_folder_is_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for place, release in (("first", "1.0"), ("second", "2.0")):
        (tmp_path / place / f"My_Studio-{release}.dist-info").mkdir(parents=True)
        monkeypatch.syspath_prepend(tmp_path / place)
    told = '{"url": "file:///secret/place", "dir_info": {"editable": true}}'
    (tmp_path / "second" / "My_Studio-2.0.dist-info" / "direct_url.json").write_text(told)
    found = read_freeze()
    assert found.packages["my-studio"] == "2.0"
    assert "my-studio" in found.local
    assert "secret" not in found.model_dump_json()


def test_what_a_package_brings_with_it_is_no_package_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    site = tmp_path / "site-packages"
    for place in (site, site / "ray" / "thirdparty_files", tmp_path / "libs"):
        (place / f"ink_{place.name.replace('-', '_')}-1.0.dist-info").mkdir(parents=True)
        monkeypatch.syspath_prepend(place)
    found = {each for each in read_freeze().packages if each.startswith("ink-")}
    assert found == {"ink-site-packages", "ink-libs"}


def test_a_record_without_a_list_is_read_as_ever():
    document = '{"run_id": "r", "started": "2026-01-01T00:00:00Z"}'
    assert RunRecord.model_validate_json(document).freeze is None
    freeze = Freeze(python="3.11.7", platform="linux-x86_64", packages={"numpy": "2.4.6"})
    again = RunRecord.model_validate_json(document).model_copy(update={"freeze": freeze})
    assert RunRecord.model_validate_json(again.model_dump_json()).freeze == freeze


WHEEL = [
    "ink.py,sha256=aaa,3",
    '"ink,dark.py",sha256=bbb,5',
    "ink-1.0.dist-info/METADATA,sha256=ccc,9",
]
BY_PIP = [
    "../../../bin/ink,sha256=ddd,200",
    "__pycache__/ink.cpython-311.pyc,,",
    "ink-1.0.dist-info/INSTALLER,sha256=zuu,4",
    "ink-1.0.dist-info/RECORD,,",
    "ink-1.0.dist-info/direct_url.json,sha256=eee,90",
]
BY_UV = [
    "bin/ink,sha256=hhh,300",
    "ink-1.0.dist-info/INSTALLER,sha256=5hh,2",
    "ink-1.0.dist-info/uv_cache.json,sha256=fff,90",
    "ink-1.0.dist-info/REQUESTED,sha256=ggg,0",
]


def record(folder: Path, rows: list[str]) -> Path:
    folder.mkdir()
    (folder / "RECORD").write_text("".join(f"{row}\n" for row in rows))
    return folder


def test_one_wheel_has_one_digest_whatever_installed_it(tmp_path: Path):
    one = listed_sha256(record(tmp_path / "a", [*WHEEL, *BY_PIP]))
    other = listed_sha256(record(tmp_path / "b", [*BY_UV, *reversed(WHEEL)]))
    assert one == other == listed_sha256(record(tmp_path / "c", WHEEL))
    patched = [WHEEL[0].replace("aaa", "abc"), *WHEEL[1:]]
    assert listed_sha256(record(tmp_path / "d", patched)) != one
    assert listed_sha256(tmp_path / "e") is None


def test_the_list_has_the_digest_of_what_is_installed():
    found = read_freeze()
    numpy = distribution("numpy")
    info = Path(str(numpy.locate_file(f"numpy-{numpy.version}.dist-info")))
    assert found.files["numpy"] == listed_sha256(info)
    assert {*found.files} <= {*found.packages}
