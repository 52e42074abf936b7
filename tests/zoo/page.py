"""The table of docs/pipelines.md, of what a sweep left in its folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.zoo.entry import Entry
from tests.zoo.kinds import exported, held_out, kind_of
from tests.zoo.modular import ALL, MODULAR
from tests.zoo.reasons import REASONS

PAGE = Path(__file__).parents[2] / "docs" / "pipelines.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
STAGES = (
    "initial_noise",
    "token_ids",
    "prompt_embeddings",
    "denoiser_output",
    "denoising_step",
    "latents_before_vae",
    "float_image",
)
"""The stages whose absence a row tells."""
_HEAD = (
    *("class", "makes", "is given", "runs", "again", "other instructions", "changed", "lacks"),
    "init",
)


def row(name: str, work: Path) -> tuple[str, ...]:
    """Return the cells of a class's row."""
    entry, kind = ALL.get(name), "video" if name in _VIDEOS else kind_of(name)
    given = needs(entry) if entry else ""
    plain = _result(work, name, "plain")
    reason = REASONS.get(name, "")
    if kind not in {"image", "several", "embeddings"} and plain is None:
        return name, kind, given, f"not tried here: {_OTHER[kind]}", *[""] * 5
    if reason or plain is None:
        return name, kind, given, f"no: {reason or 'not tried'}", *[""] * 5
    if "error" in plain:
        return name, kind, given, f"no: {_plainly(plain['error'])}", *[""] * 4, _init(name, work)
    other = _result(work, name, "other") or {}
    lacks = ", ".join(each for each in STAGES if each not in plain["stages"])
    return (
        name,
        kind,
        given,
        "yes",
        plain["again"],
        other.get("verdict", ""),
        _changed(plain["changed"]),
        lacks,
        _init(name, work),
    )


_VIDEOS = ("LTXModularPipeline", "WanModularPipeline")
"""Of the modular classes, of which `kinds` knows nothing."""


def _init(name: str, work: Path) -> str:
    """Say what became of the suite that ``goldenseed init`` writes, if it was run."""
    found = _result(work, name, "init") or {}
    if "error" in found:
        return f"no: {_plainly(found['error'])}"
    return str(found.get("verdict", "")).removeprefix("needs: ")


_OTHER = {
    "video": "the frames of a video are a case's elements",
    "sound": "it makes a sound",
    "text": "it makes a text",
    "shape": "it makes a shape",
}


def needs(entry: Entry) -> str:
    """Say what a call of the pipeline is given."""
    texts = [f"`{name}`" for name in entry.call if name.endswith("_prompt")]
    given = ["a prompt"] if entry.prompt is not None else []
    given += [name for name in texts if "negative" not in name]
    given += [
        f"`{name}`" for name in (*entry.inputs, *(("class_labels",) if _labels(entry) else ()))
    ]
    return ", ".join(given) or "nothing"


def _labels(entry: Entry) -> bool:
    return "class_labels" in entry.call


def right(component: str, found: dict[str, Any]) -> bool:
    """Say whether a changed component was found and named first."""
    return found["verdict"] in {"warn", "drift"} and found["cause"].endswith(f": {component}")


def _changed(changed: dict[str, dict[str, Any]]) -> str:
    """Say how many of the changed components were named first, and what of the others."""
    named = [name for name, found in changed.items() if right(name, found)]
    others = [
        f"{name}: {found['verdict']}" + (f", {found['cause']}" if found["cause"] else "")
        for name, found in changed.items()
        if name not in named
    ]
    return "; ".join([f"{len(named)} of {len(changed)}", *others])


def _plainly(error: str) -> str:
    """Leave out of an error the place of the suite and the fix."""
    if error.startswith("the process ended"):
        return "not finished in its time, on a busy machine"
    first = error.splitlines()[0]
    return first.rpartition(".suite.yaml:1: ")[2][:200].replace("|", "/")


def _result(work: Path, name: str, kind: str) -> dict[str, Any] | None:
    file = work / f"{name}.{kind}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def table(names: Iterable[str], work: Path) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield f"| {' | '.join(_HEAD)} |\n"
    yield f"|{'---|' * len(_HEAD)}\n"
    for name in names:
        yield f"| {' | '.join(row(name, work))} |\n"


def summary(names: Iterable[str], work: Path) -> str:
    """Count what came out for the classes of one image."""
    found = [_result(work, name, "plain") for name in names]
    ran = [each for each in found if each and "error" not in each]
    others = [_result(work, name, "other") for name in names]
    verdicts = [each["verdict"] for each in others if each and not each.get("error")]
    changed = [(name, each) for one in ran for name, each in one["changed"].items()]
    told = ", ".join(f"{verdicts.count(each)} `{each}`" for each in sorted({*verdicts}))
    moved = [pair for pair in changed if pair[1]["verdict"] != "identical"]
    return (
        f"{len(ran)} of {len(found)} classes ran, {sum(e['again'] == 'identical' for e in ran)} "
        f"were identical when run again. On another instruction set: {told or 'not tried'}. Of "
        f"{len(changed)} changed components {len(moved)} moved the pixels, and "
        f"{sum(right(*pair) for pair in moved)} of these were named first."
    )


def _written(work: Path) -> str:
    """Count what became of the suites that ``goldenseed init`` writes."""
    found = [_result(work, name, "init") for name in ALL]
    tried = [each for each in found if each is not None]
    ran = sum(each.get("verdict") == "identical" for each in tried)
    needs = sum(str(each.get("verdict", "")).startswith("needs: ") for each in tried)
    return (
        f"Of {len(tried)} saved models, {ran} ran by the suite that it writes, and were identical "
        f"when run again; {needs} more need what it names; {len(tried) - ran - needs} failed, each "
        "as its row says."
    )


def write(work: Path) -> None:
    """Put the table into the page, the classes that no rule was made on apart."""
    image = [name for name in exported() if kind_of(name) == "image"]
    apart = held_out()
    seen = [name for name in image if name not in apart]
    rest = [name for name in exported() if kind_of(name) != "image"]
    lines = [
        f"## Two thirds, seen while rules were made\n\n{summary(seen, work)}\n\n",
        *table(seen, work),
        f"\n## The last third, run once after that\n\n{summary(apart, work)}\n\n",
        *table(apart, work),
        "\n## What makes no single image\n\n",
        *table(rest, work),
        f"\n## Modular pipelines\n\n{summary(MODULAR, work)}\n\n",
        *table(MODULAR, work),
        f"\n## What `goldenseed init` writes\n\n{_written(work)}\n",
    ]
    text = PAGE.read_text(encoding="utf-8")
    before, _, after = text.partition(BEGIN)
    _, _, after = after.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{''.join(lines)}\n{END}{after}", encoding="utf-8")
