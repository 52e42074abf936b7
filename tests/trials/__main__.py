"""The trial on models and changes that no rule was made for: ``python -m tests.trials``.

Builds eight pipelines in a temporary folder, accepts two images of each, runs pytest again under
each change of ``changes.yaml`` and prints, as Markdown, what came out against what was written.
``--second`` takes the two pipelines of the second trial, one image each, and ``second.yaml``;
``--third`` the four of the third trial and ``third.yaml``; ``--fourth`` the three of the fourth,
``--fifth`` the three of the fifth.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from tests.trials import judging
from tests.trials.sessions import Session, run_all

HERE = Path(__file__).parent


def _planned(root: Path, model: str, changes: dict[str, Any]) -> list[Session]:
    return [
        Session(
            model=model,
            change=name,
            folder=root / model / name,
            accepted=root / "accepted" / model,
            done=tuple(change.get("do", ())),
            environment=tuple(change.get("environment", {}).items()),
            fresh=change.get("fresh", False),
        )
        for name, change in changes.items()
    ]


def _record(folder: Path) -> dict[str, Any] | None:
    path = folder / "reports" / "latest" / "run.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _try(root: Path, written: dict[str, Any], jobs: int, keep: Path | None) -> dict[str, Any]:
    """Run everything; return the records by model and change (``""``: the accepted images)."""
    records: dict[str, Any] = {model: {} for model in written}

    def finished(session: Session) -> None:
        record = _record(session.folder)
        accepting = session.accepted is None
        records[session.model]["" if accepting else session.change] = record
        verdicts = [case["verdict"] for case in record["cases"]] if record else "no record"
        print(f"{time.strftime('%X')} {session.model} {session.change} {verdicts}", file=sys.stderr)
        if record and not accepting:
            shutil.rmtree(session.folder)
        if keep:
            keep.write_text(json.dumps(records), encoding="utf-8")

    accepting = [Session(name, name, root / "accepted" / name, None) for name in written]
    run_all(accepting, jobs=jobs, finished=finished)
    planned = [one for name in written for one in _planned(root, name, written[name])]
    run_all(planned, jobs=jobs, finished=finished)
    return records


def _found(written: dict[str, Any], records: dict[str, Any]) -> list[judging.Outcome]:
    found = []
    for model, changes in written.items():
        for name, change in changes.items():
            run = records[model].get(name)
            if run is None:
                print(f"no record: {model} {name}", file=sys.stderr)
                continue
            truth = judging.truth(change)
            found += judging.outcomes(model, name, truth, run, records[model][""])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="sessions at a time")
    parser.add_argument("--model", action="append", help="only this model; may be repeated")
    parser.add_argument("--change", action="append", help="only this change; may be repeated")
    parser.add_argument("--records", type=Path, help="keep the records of the runs in this file")
    parser.add_argument("--second", action="store_true", help="the second trial's two models")
    parser.add_argument("--third", action="store_true", help="the third trial's four models")
    parser.add_argument("--fourth", action="store_true", help="the fourth trial's three models")
    parser.add_argument("--fifth", action="store_true", help="the fifth trial's three models")
    parser.add_argument("--again", action="store_true", help="only judge the kept records")
    asked = parser.parse_args()
    trials = ("second", "third", "fourth", "fifth")
    trial = next((name for name in trials if getattr(asked, name)), "changes")
    table = HERE / f"{trial}.yaml"
    written = yaml.safe_load(table.read_text(encoding="utf-8"))
    written = {
        model: {
            name: change
            for name, change in changes.items()
            if not asked.change or name in asked.change
        }
        for model, changes in written.items()
        if not asked.model or model in asked.model
    }
    if asked.again:
        records = json.loads(asked.records.read_text(encoding="utf-8"))
    else:
        with tempfile.TemporaryDirectory() as folder:
            records = _try(Path(folder), written, asked.jobs, asked.records)
    found = _found(written, records)
    print(judging.summary(found), judging.changes(found), sep="\n\n")


if __name__ == "__main__":
    main()
