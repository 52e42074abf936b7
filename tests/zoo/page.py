"""The table of docs/pipelines.md, of what a sweep left in its folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.zoo.entry import Entry
from tests.zoo.kinds import exported, held_out, kind_of
from tests.zoo.modular import ALL, MODULAR
from tests.zoo.reasons import REASONS

PAGE = Path(__file__).parents[2] / "docs" / "pipelines.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
COUNTS, COUNTED = "<!-- counts -->\n", "<!-- end of counts -->\n"
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
    first = _PLACE.sub("", error.splitlines()[0])
    return first[:200].replace("|", "/")


_PLACE = re.compile(r"^/\S+?(:\d+)?: ")
"""Where the sweep ran, which is nobody's business."""


def _result(work: Path, name: str, kind: str) -> dict[str, Any] | None:
    file = work / f"{name}.{kind}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def table(names: Iterable[str], work: Path) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield f"| {' | '.join(_HEAD)} |\n"
    yield f"|{'---|' * len(_HEAD)}\n"
    for name in names:
        yield f"| {' | '.join(row(name, work))} |\n"


def _ran(names: Iterable[str], work: Path, kind: str) -> list[dict[str, Any]]:
    """Return what became of the classes that ran, in one way."""
    found = (_result(work, name, kind) for name in names)
    return [each for each in found if each and not each.get("error")]


def on_record(component: str, found: dict[str, Any]) -> bool:
    """Say whether a changed component was found by its digest, or named first."""
    told = " ".join(found["reasons"])
    return right(component, found) or f"model.{component}.weights_sha256" in told


def _verdicts(names: Iterable[str], work: Path) -> str:
    """Count the verdicts on another instruction set, all four of them."""
    found = [each["verdict"] for each in _ran(names, work, "other")]
    return ", ".join(
        f"{found.count(each)} `{each}`" for each in ("identical", "match", "warn", "drift")
    )


def _moved(ran: Iterable[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the changed components that moved a pixel, in the float32 or the bfloat16 of a run."""
    pairs = (pair for one in ran for pair in one["changed"].items())
    return [pair for pair in pairs if pair[1]["verdict"] != "identical"]


def summary(names: Iterable[str], work: Path) -> str:
    """Count what came out for some classes."""
    names = tuple(names)
    ran = _ran(names, work, "plain")
    moved = _moved(ran)
    return (
        f"{len(ran)} of {len(names)} classes ran, {sum(e['again'] == 'identical' for e in ran)} "
        f"were identical when run again. On another instruction set: {_verdicts(names, work)}. Of "
        f"{sum(len(each['changed']) for each in ran)} changed components {len(moved)} moved the "
        f"pixels, and {sum(right(*pair) for pair in moved)} of these were named first."
    )


def _in_half(names: Iterable[str], work: Path) -> str:
    """Count what came out in bfloat16, for as many classes as were tried in it."""
    names = tuple(names)
    ran = _ran(names, work, "half")
    tried = sum(_result(work, name, "half") is not None for name in names)
    moved = _moved(ran)
    named = sum(right(*pair) for pair in moved)
    return (
        f"In bfloat16, {tried} classes drawn at random: {len(ran)} ran, "
        f"{sum(each['again'] == 'identical' for each in ran)} were identical when run again; of "
        f"{len(moved)} changed components that moved the pixels {named} were named first and "
        f"{sum(on_record(*pair) for pair in moved)} found, by their digest at least."
    )


def _written(work: Path) -> str:
    """Count what became of the suites that ``goldenseed init`` writes."""
    found = {name: each for name in ALL if (each := _result(work, name, "init")) is not None}
    whole = [each for name, each in found.items() if name not in REASONS]
    ran = sum(each.get("verdict") == "identical" for each in whole)
    needs = sum(str(each.get("verdict", "")).startswith("needs: ") for each in whole)
    return (
        f"`goldenseed init`: of {len(whole)} saved models that diffusers can run, {ran} ran by the "
        "suite that it writes, and were identical when run again; of "
        f"{needs} more it says what they need; {len(whole) - ran - needs} failed, each as its row "
        "says."
    )


def counts(work: Path) -> str:
    """Say what holds of all classes together, in a few lines."""
    names = exported()
    makes = [name for name in names if kind_of(name) in {"image", "several", "embeddings"}]
    tried = (*makes, *(name for name in names if name not in makes and name in ALL), *MODULAR)
    return (
        f"{summary(tried, work)} These are the {len(makes)} classes that make images, several "
        f"outputs or embeddings, {len(tried) - len(makes) - len(MODULAR)} of videos and "
        f"{len(MODULAR)} modular ones; what does not run says why.\n\n"
        f"{_in_half(tried, work)}\n\n{_written(work)}\n"
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
    ]
    text = PAGE.read_text(encoding="utf-8")
    before, _, after = text.partition(BEGIN)
    _, _, after = after.partition(END)
    head, _, rest_of_head = before.partition(COUNTS)
    _, _, tail = rest_of_head.partition(COUNTED)
    before = f"{head}{COUNTS}{counts(work)}{COUNTED}{tail}"
    PAGE.write_text(f"{before}{BEGIN}\n{''.join(lines)}\n{END}{after}", encoding="utf-8")
