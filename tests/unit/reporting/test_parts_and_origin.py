"""The parts of a merged run and what returned files say, as the page has them."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from goldenseed.core.files import json_sha256
from goldenseed.environment.freeze import Freeze
from goldenseed.reporting import run_view
from goldenseed.reporting.origin import origin_document
from goldenseed.reporting.page_data import case_document
from goldenseed.reporting.told_parts import part_blocks
from goldenseed.runs.parts import GitState, ProvenanceRecord
from goldenseed.runs.provenance import kept_files
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.shard_record import PartRecord, ShardRecord
from goldenseed.verdict.model import Reason
from tests.unit.reporting.recorded import case, page_of, record, run


def merged() -> RunRecord:
    """Two shards, the second on other packages, killed, with changes that nobody committed."""
    here = record().environment
    there = {**here, "package.torch": "9.9.9"}
    began = record().started
    git = GitState(commit="a" * 40, dirty=False)
    first, second = (
        PartRecord(
            run_id=f"run-{number}",
            shard=ShardRecord(number=number, of=2, cut_sha256="0" * 64),
            started=began,
            finished=began + timedelta(seconds=5) if number == 1 else None,
            complete=number == 1,
            git=git.model_copy(update={"dirty": number == 2}),
            environments=(json_sha256(environment),),
            freeze=Freeze(python="3.11.7", platform="linux", packages={"torch": version}),
        )
        for number, environment, version in ((1, here, "2.13.0"), (2, there, "9.9.9"))
    )
    cases = [case("identical", part="run-1"), case("drift", part="run-2")]
    return run(*cases, environment=here, other_environments=(there,), parts=(first, second))


def test_a_merged_runs_page_has_its_parts_and_where_they_differ() -> None:
    table, environment, packages = part_blocks(merged())
    assert [row[0] for row in table.rows] == ["1 of 2", "2 of 2"]
    assert [row[2] for row in table.rows] == ["1", "1"]
    assert [row[4] for row in table.rows] == ["5.00 s", "did not finish"]
    assert [row[5].endswith("+ changes") for row in table.rows] == [False, True]
    assert [row[6] for row in table.rows] == ["1", "2"]
    assert table.details == ("cut short: run-2", "not all ran at the same commit")
    torch = record().environment["package.torch"]
    assert environment.rows == (("package.torch", torch, "9.9.9"),)
    assert packages.rows == (("torch", "2.13.0", "9.9.9"),)
    page = page_of(run_view(merged()))
    assert ">Parts <small>2</small>" in page
    assert part_blocks(record()) == ()


def test_a_case_says_which_run_made_it() -> None:
    view = run_view(merged())
    facts = [dict(case_document(each, view)["facts"])["By the run"] for each in view.cases]
    assert sorted(facts) == ["run-1", "run-2"]


def returned(folder: Path, **fields: Any) -> CaseRecord:
    """A case whose image came as a PNG with texts."""
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "Steps: 4 <b>")
    info.add_itxt("Author", "Zoë")
    data = io.BytesIO()
    Image.new("RGB", (4, 4)).save(data, "PNG", pnginfo=info)
    return case("identical", returned=kept_files(folder, [(None, data.getvalue())]), **fields)


def test_a_returned_file_says_what_it_says_without_being_asked(tmp_path: Path) -> None:
    found = origin_document(returned(tmp_path), tmp_path)
    assert found is not None
    assert found["rows"] == [
        ["png_text.parameters", "Steps: 4 <b>", "", None],
        ["png_text.Author", "Zoë", "", None],
    ]
    assert found["files"][0][1].startswith("returned/")
    assert found["summary"] == "2 statements of the file"
    assert origin_document(case("identical"), tmp_path) is None


def test_what_was_expected_stands_beside_what_is_said(tmp_path: Path) -> None:
    held = ProvenanceRecord(
        expected={"c2pa": {"source": "camera"}, "png_text": {"parameters": "Seed", "Author": None}},
        found={"c2pa": "none", "png_text.parameters": "Steps: 4", "png_text.Author": "Zoë"},
    )
    fault = Reason(code="content", detail="provenance: it names no camera")
    found = origin_document(returned(tmp_path, provenance=held, reasons=(fault,)), tmp_path)
    assert found is not None
    assert found["rows"] == [
        ["c2pa", "none", "source camera", False],
        ["png_text.parameters", "Steps: 4 <b>", "Seed", False],
        ["png_text.Author", "Zoë", "any", True],
    ]
    assert found["faults"] == ["it names no camera"]


def test_another_file_in_its_place_is_said(tmp_path: Path) -> None:
    record = returned(tmp_path)
    (tmp_path / record.returned[0].file).write_bytes(b"another")
    found = origin_document(record, tmp_path)
    assert found is not None
    assert found["rows"] == []
    assert "is not the file that was returned" in found["faults"][0]
