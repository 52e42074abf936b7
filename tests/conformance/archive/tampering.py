"""What may be done to an archive, and what a verifier has to answer: see docs/archive-format.md.

Each kind is an edit of the folder that ``good-2.zip`` unpacks to. It is tried as it is; then with
both manifests and all documents written anew; then so, and signed again by the trusted signer, who
lies. What is left in the last case is what nobody but the signer vouches for.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, PngImagePlugin

Edit = Callable[[Path], None]
RUN = "data/run/run.json"


@dataclass(frozen=True)
class Tampering:
    """One kind of edit."""

    name: str
    edit: Edit
    found: int
    """The first level that fails where nothing else is changed."""
    code: str
    """A finding that level has."""
    lied: str | None
    """A finding of level 4 where the trusted signer lies; None where it is the signer's word."""


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=1))


def of_run(change: Callable[[dict[str, Any]], object]) -> Edit:
    def edit(bag: Path) -> None:
        document = read(bag / RUN)
        change(document)
        write(bag / RUN, document)

    return edit


def of_case(name: str, **changes: Any) -> Edit:
    return of_run(lambda run: case(run, name).update(changes))


def case(run: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in run["cases"] if each["id"].startswith(name))
    return found


def of_entry(name: str, change: Callable[[dict[str, Any]], object]) -> Edit:
    """Edit the one profile of a baseline entry."""

    def edit(bag: Path) -> None:
        path = bag / "data/baselines" / f"{name}.json"
        document = read(path)
        (profile,) = document["profiles"].values()
        change(profile)
        write(path, document)

    return edit


def first(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    return lambda profile: change(profile["accepted"][0])


def of_text(name: str, old: str, new: str) -> Edit:
    def edit(bag: Path) -> None:
        text = (bag / name).read_text()
        assert old in text
        (bag / name).write_text(text.replace(old, new, 1))

    return edit


def image(bag: Path, name: str, key: str = "image") -> Path:
    return bag / "data/run" / case(read(bag / RUN), name)[key]


def repainted(bag: Path, name: str = "apple") -> None:
    path = image(bag, name)
    with Image.open(path) as picture:
        ImageOps.invert(picture.convert("RGB")).save(path)


def swapped(bag: Path) -> None:
    one, other = image(bag, "apple"), image(bag, "masked")
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)


def replaced_copy(bag: Path) -> None:
    path = bag / "data/run" / case(read(bag / RUN), "strict")["baseline"]["image"]
    shutil.copyfile(image(bag, "strict"), path)


def foreign_trace(bag: Path) -> None:
    run = read(bag / RUN)
    for key in ("trace_file", "trace"):
        case(run, "apple")[key] = case(run, "fresh")[key]
    write(bag / RUN, run)
    _prune(bag)


def no_trace(bag: Path) -> None:
    of_case("apple", trace=[], trace_file=None)(bag)
    _prune(bag)


def _prune(bag: Path) -> None:
    """Delete the traces of the run that its record no longer names, as a careful forger would."""
    named = {each["trace_file"] for each in read(bag / RUN)["cases"]}
    for path in (bag / "data/run/traces").iterdir():
        if f"traces/{path.name}" not in named:
            path.unlink()


def consistent_baseline(bag: Path) -> None:
    """Put the image that a run made in the accepted one's place, in entry and store."""
    made = case(read(bag / RUN), "strict")
    digest = made["pixels_sha256"]
    target = bag / "data/baselines/images" / digest[:2] / f"{digest}.png"
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(bag / "data/run" / made["image"], target)
    of_entry("moved/strict[seed=3]", first(lambda each: each.update(pixels_sha256=digest)))(bag)


def calibration(profile: dict[str, Any]) -> None:
    accepted = profile["accepted"][0]
    profile["tolerance"] = {
        "pattern": "envelope",
        "images": 9,
        "harmless": ["threads-2"],
        "limits": {"peak_difference": 255.0, "changed_fraction": 1.0},
        "recipe_sha256": accepted["recipe_sha256"],
        "environment_sha256": accepted["environment_sha256"],
        "harmless_environments": [],
        "measured_at": accepted["accepted_at"],
        "measured_by": "Eve",
    }


def saved_again(bag: Path) -> None:
    path = image(bag, "apple")
    with Image.open(path) as picture:
        picture.load()
        picture.save(path, compress_level=9, optimize=True)


def hidden_text(bag: Path) -> None:
    path = image(bag, "apple")
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "hidden")
    with Image.open(path) as picture:
        picture.load()
        picture.save(path, pnginfo=info)


def flipped(name: str) -> Edit:
    def edit(bag: Path) -> None:
        data = bytearray((bag / name).read_bytes())
        data[len(data) // 2] ^= 1
        (bag / name).write_bytes(data)

    return edit


def added(name: str, data: bytes = b"x") -> Edit:
    def edit(bag: Path) -> None:
        (bag / name).parent.mkdir(parents=True, exist_ok=True)
        (bag / name).write_bytes(data)

    return edit


def removed(name: str) -> Edit:
    return lambda bag: (bag / name).unlink()


def renamed(name: str, other: str) -> Edit:
    return lambda bag: (bag / name).rename(bag / other) and None


def linked(bag: Path) -> None:
    path = image(bag, "apple")
    outside = bag.parent / "outside.png"
    shutil.move(path, outside)
    path.symlink_to(outside)


def folder_linked(bag: Path) -> None:
    shutil.move(bag / "data/run/images", bag.parent / "outside")
    (bag / "data/run/images").symlink_to(bag.parent / "outside")


def hard_linked(bag: Path) -> None:
    os.link(image(bag, "apple"), bag.parent / "second-name.png")


def piped(bag: Path) -> None:
    image(bag, "apple").unlink()
    os.mkfifo(image(bag, "apple"))


def nested(bag: Path) -> None:
    here = os.open(bag, os.O_RDONLY)
    for _ in range(10_000):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)


def added_case(bag: Path) -> None:
    line = "  - {id: odd,"
    of_text(
        "data/project/suites/moved.suite.yaml",
        line,
        f"  - {{id: never, prompt: x, seeds: [1]}}\n{line}",
    )(bag)


def other_mask(bag: Path) -> None:
    data = io.BytesIO()
    Image.new("L", (32, 32), 255).save(data, "PNG")
    (bag / "data/project/suites/masks/corner.png").write_bytes(data.getvalue())


def returned(bag: Path, data: bytes) -> None:
    """Put another file in a returned one's place, in the record too, as a careful forger would."""
    run = read(bag / RUN)
    (file,) = case(run, "disc")["returned"]
    (bag / "data/run" / file["file"]).unlink()
    digest = hashlib.sha256(data).hexdigest()
    file.update(sha256=digest, file=f"returned/{digest}.png")
    (bag / "data/run" / file["file"]).write_bytes(data)
    write(bag / RUN, run)


def without_mark(bag: Path) -> None:
    returned(bag, image(bag, "disc").read_bytes())


def other_returned(bag: Path) -> None:
    returned(bag, image(bag, "apple").read_bytes())


def unreturned(bag: Path) -> None:
    run = read(bag / RUN)
    (file,) = case(run, "disc").pop("returned")
    (bag / "data/run" / file["file"]).unlink()
    write(bag / RUN, run)


def older_run(bag: Path) -> None:
    """Put the run's own baseline in its place: what an earlier run made, under today's name."""
    run = read(bag / RUN)
    strict = case(run, "strict")
    strict["image"], strict["pixels_sha256"] = (
        strict["baseline"]["image"],
        Path(strict["baseline"]["image"]).stem,
    )
    strict.update(verdict="identical", passed=True, reasons=[], metrics={}, diagnosis=None)
    write(bag / RUN, run)


def of_attestation(change: Callable[[dict[str, Any]], object]) -> Edit:
    def edit(bag: Path) -> None:
        path = bag / "attestations/recipes.sigstore.json"
        document = read(path)
        change(document)
        write(path, document)

    return edit


def _text(old: str, new: str) -> Edit:
    return of_text(RUN, old, new)


def _set(run: dict[str, Any]) -> dict[str, Any]:
    return run["sets"][0]


def _kinds() -> Iterator[Tampering]:  # noqa: PLR0915 - a table
    def record(name: str, edit: Edit, lied: str | None) -> Tampering:
        return Tampering(name, edit, 2, "digest_differs", lied)

    # what was not noticed in a run's folder
    yield record("verdict", of_case("strict", verdict="warn"), "verdict_differs")
    yield record("passed", of_case("fresh", passed=True), "passed_differs")
    yield record(
        "passed and verdict", of_case("strict", verdict="warn", passed=True), "verdict_differs"
    )
    yield record("metric", of_case("apple", metrics={"ssim": 1.0}), "metrics_differs")
    yield record(
        "one metric a little",
        of_run(lambda run: case(run, "apple")["metrics"].update(ssim=0.99987)),
        "metrics_differs",
    )
    yield record("gate", of_case("strict", limits={"max_mean_difference": 99.0}), "limits_differs")
    yield record(
        "gate's source",
        of_run(
            lambda run: case(run, "strict")["limit_sources"].update(max_mean_difference="suite")
        ),
        "limit_sources_differs",
    )
    yield record("content score", of_case("apple", content={"sharpness": 9.0}), "content_differs")
    yield record("content limit", of_case("apple", content_limits={}), "content_limits_differs")
    yield record("dropped set", of_run(lambda run: run.update(sets=[])), "set_differs")
    yield record("set that passes", of_run(lambda r: _set(r).update(passed=False)), "set_differs")
    yield record(
        "a set's value", of_run(lambda r: _set(r)["results"][0].update(value=1.0)), "set_differs"
    )
    commit = {"commit": "0" * 40, "dirty": False}
    yield record("git commit", of_run(lambda run: run.update(git=commit)), None)
    yield record("times", of_run(lambda r: r.update(finished="2031-01-01T00:00:00Z")), None)
    yield record("option", of_run(lambda run: run["options"].update(device="cuda")), None)
    yield record(
        "option that decides",
        of_run(lambda run: run["options"].update(require="identical")),
        "passed_differs",
    )
    yield record("size", of_case("apple", width=64), "evidence_differs")
    yield record("mode", of_case("apple", mode="L"), "evidence_differs")
    yield Tampering("removed trace", no_trace, 1, "missing_file", "trace_missing")
    yield Tampering("foreign trace", foreign_trace, 1, "missing_file", "evidence_differs")
    yield record(
        "a stage's digest",
        of_run(lambda run: case(run, "apple")["trace"][-1].update(sha256="0" * 64)),
        "evidence_differs",
    )
    yield record("no mask on record", of_case("masked", masked=None), "masked_differs")
    yield record("another mask", other_mask, "masked_differs")
    yield record("replaced baseline copy", replaced_copy, "content_differs")
    yield record("forged profile", of_case("apple", profile="cpu-x86_64-avx2"), "evidence_differs")
    yield record("the run's profile", of_run(lambda r: r.update(profile="x")), "profile_differs")
    yield record("seconds", of_case("apple", seconds={"generate": 9.0}), None)
    yield Tampering("consistent baseline", consistent_baseline, 1, "extra_file", "verdict_differs")
    who = first(lambda each: each.update(accepted_by="Eve"))
    yield record("forged who", of_entry("moved/apple[seed=1]", who), "baseline_differs")
    why = first(lambda each: each.update(reason="looks fine"))
    yield record("forged why", of_entry("moved/apple[seed=1]", why), "baseline_differs")
    when = first(lambda each: each.update(accepted_at="2020-01-01T00:00:00Z"))
    yield record("forged when", of_entry("moved/apple[seed=1]", when), "baseline_differs")
    yield record(
        "forged calibration", of_entry("moved/apple[seed=1]", calibration), "reasons_differs"
    )
    yield record(
        "rejection taken back",
        of_entry("steady/table[seed=2]", lambda profile: profile.update(rejected=[])),
        "verdict_differs",
    )
    # what else a record says
    yield record("case id", of_case("apple", id="pear[seed=1]"), "case_unknown")
    yield record("suite's name", of_case("apple", suite="other"), "suite_differs")
    yield record("line", of_case("apple", line=1), "line_differs")
    yield record("path", of_case("apple", path="suites/steady.suite.yaml"), "case_unknown")
    yield record(
        "recipe", of_run(lambda run: case(run, "apple")["recipe"].update(seed=2)), "recipe_differs"
    )
    yield record(
        "recipe's digest", of_case("apple", recipe_sha256="0" * 64), "recipe_sha256_differs"
    )
    yield record("pixels' digest", of_case("apple", pixels_sha256="0" * 64), "evidence_differs")
    yield record("another image", of_case("apple", image="images/none.png"), "missing_file")
    yield record(
        "environment's digest", of_case("apple", environment_sha256="0" * 64), "evidence_differs"
    )
    yield record(
        "environment",
        of_run(lambda r: r["environment"].update({"torch.version": "9"})),
        "evidence_differs",
    )
    yield record(
        "in force",
        of_run(lambda r: case(r, "fresh")["in_force"].update({"call.unet.rows": "9"})),
        None,
    )
    yield record("reasons", of_case("strict", reasons=[]), "reasons_differs")
    yield record(
        "a reason's limit",
        of_run(lambda run: case(run, "strict")["reasons"][0].update(limit=9.0)),
        "reasons_differs",
    )
    yield record("baseline used", of_case("apple", baseline=None), "baseline_differs")
    yield record(
        "baseline's profile",
        of_run(lambda run: case(run, "apple")["baseline"].update(profile="x")),
        "baseline_differs",
    )
    yield record("difference picture", of_case("apple", difference=None), "difference_differs")
    yield record("inputs", of_case("table[seed=1", inputs=[]), "inputs_differ")
    yield record("error that was none", of_case("strict", error="forged"), "error_differs")
    yield record(
        "error's verdict", of_case("odd", verdict="identical", passed=True), "verdict_differs"
    )
    yield record(
        "recipe that made no image, by less than a millionth",
        of_run(lambda run: case(run, "odd")["recipe"].update(seed=9.000001)),
        "recipe_differs",
    )
    yield record("alternatives", of_case("apple", alternatives={"a": "b"}), "alternatives_differs")
    yield record(
        "lock's differences", of_run(lambda r: r.update(lock_differences=[])), "lock_concealed"
    )
    yield record(
        "dropped case", of_run(lambda r: r["cases"].remove(case(r, "strict"))), "case_missing"
    )
    yield record("dropped skip", of_run(lambda run: run.update(not_compared=[])), "case_missing")
    yield record("case twice", of_run(lambda r: r["cases"].append(case(r, "apple"))), "case_twice")
    # the suite
    suite = "data/project/suites/moved.suite.yaml"
    yield record("gate in the suite", of_text(suite, "0.0001}}}", "9}}}"), "limits_differs")
    yield record(
        "prompt in the suite", of_text(suite, "a red apple", "a red pear"), "recipe_differs"
    )
    yield record("case added to the suite", added_case, "case_missing")
    yield record(
        "input in the suite", flipped("data/project/suites/inputs/disc.png"), "cannot_judge"
    )
    # pixels
    yield record("repainted image", repainted, "content_differs")
    yield record("swapped images", swapped, "content_differs")
    yield record("same pixels saved again", saved_again, None)
    yield record("text hidden in a picture", hidden_text, None)
    # files as they were returned
    yield Tampering(
        "returned file without its mark", without_mark, 1, "missing_file", "passed_differs"
    )
    yield Tampering(
        "returned file of another picture", other_returned, 1, "missing_file", "evidence_differs"
    )
    yield Tampering("no returned file", unreturned, 1, "missing_file", "passed_differs")
    yield record(
        "bytes of the returned file",
        lambda bag: flipped(f"data/run/{case(read(bag / RUN), 'disc')['returned'][0]['file']}")(
            bag
        ),
        "evidence_differs",
    )
    yield record(
        "provenance on record",
        of_run(lambda r: case(r, "disc")["provenance"]["found"].update({"exif.Software": "x"})),
        "provenance_differs",
    )
    yield record(
        "provenance expected",
        of_run(lambda r: case(r, "disc")["provenance"].update(expected={})),
        "provenance_differs",
    )
    yield record(
        "provenance in the suite",
        of_text("data/project/suites/marked.suite.yaml", "Seed: 1", "Seed: 2"),
        "passed_differs",
    )
    # another run, and what signs
    yield record("run id", of_run(lambda run: run.update(run_id="another")), None)
    yield record("image of an earlier run", older_run, "evidence_differs")
    for name, change in (
        ("payload type", lambda each: each["dsseEnvelope"].update(payloadType="text/plain")),
        ("payload", lambda each: each["dsseEnvelope"].update(payload="e30=")),
        ("two signatures", lambda each: each["dsseEnvelope"].update(signatures=2 * [{}])),
    ):
        yield record(f"attestation: {name}", of_attestation(change), None)
    yield Tampering("key inside", added("data/signer.pub"), 1, "extra_file", "foreign_file")
    # JSON
    yield record(
        "duplicate key",
        _text('"complete": true', '"complete": false, "complete": true'),
        "unreadable",
    )
    yield record("NaN", of_nan("NaN"), "unreadable")
    yield record("1e999", of_nan("1e999"), "unreadable")
    yield record("unknown key", of_run(lambda run: run.update(more=1)), "unreadable")
    yield record("another schema", of_run(lambda run: run.update(schema_version=2)), "unreadable")
    # files
    for name in (
        "extra.txt",
        ".hidden",
        ".gitignore",
        ".github/x",
        "data/.git/config",
        "data/x",
        "data/run/x.png",
        "data/project/x",
    ):
        lied = "foreign_file" if name.startswith("data/") else None
        yield Tampering(f"extra {name}", added(name), 1, "extra_file", lied)
    yield Tampering("extra attestation", added("attestations/x.json"), 1, "extra_file", None)
    yield Tampering(
        "empty folder", lambda bag: (bag / "data/empty").mkdir(), 1, "extra_folder", None
    )
    yield Tampering(
        "removed image", lambda bag: image(bag, "apple").unlink(), 1, "missing_file", "missing_file"
    )
    yield Tampering("removed suite", removed(suite), 1, "missing_file", "suite_missing")
    yield Tampering("removed instructions", removed("VERIFY.txt"), 1, "missing_file", None)
    yield Tampering(
        "other instructions",
        of_text("VERIFY.txt", "never from", "best from"),
        1,
        "other_text",
        None,
    )
    yield Tampering("other BagIt", of_text("bagit.txt", "1.0", "0.97"), 1, "other_text", None)
    yield record(
        "other bag-info", of_text("bag-info.txt", "Payload-Oxum: ", "Payload-Oxum: 1"), None
    )
    yield record("other summary", of_text("data/summary.md", "Golden images", "Fine images"), None)
    yield record("other crate", of_text("ro-crate-metadata.json", "Golden", "Fine"), None)
    yield Tampering(
        "other version",
        of_text("bag-info.txt", "Version: 2", "Version: 3"),
        1,
        "other_version",
        None,
    )
    yield Tampering(
        "renamed", renamed("data/summary.md", "data/Summary.md"), 1, "missing_file", None
    )
    yield Tampering(
        "case collision", added("data/Summary.md"), 1, "confusable_name", "foreign_file"
    )
    yield Tampering(
        "Cyrillic name", added("data/run/run.j\u0455on"), 1, "unsafe_name", "foreign_file"
    )
    yield Tampering(
        "direction mark", added("data/run/nosj\u202egnp.x"), 1, "unsafe_name", "foreign_file"
    )
    yield Tampering("decomposed name", added("data/e\u0301"), 1, "unsafe_name", "foreign_file")
    yield Tampering("device name", added("data/nul"), 1, "unsafe_name", "foreign_file")
    yield Tampering("symbolic link", linked, 1, "link", None)
    yield Tampering("linked folder", folder_linked, 1, "link", None)
    yield Tampering("hard link", hard_linked, 1, "hard_link", None)
    yield Tampering("pipe", piped, 1, "no_file", None)
    yield Tampering("10,000 folders", nested, 1, "too_deep", None)
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        yield Tampering(
            f"empty {name}",
            lambda bag, name=name: (bag / name).write_text(""),
            1,
            "extra_file",
            None,
        )
        twice = lambda bag, name=name: (bag / name).write_text(2 * (bag / name).read_text())  # noqa: E731
        yield Tampering(f"{name} twice", twice, 1, "bad_manifest", None)
    yield Tampering("path outside", manifest_line("../outside"), 1, "bad_manifest", None)


def of_nan(number: str) -> Edit:
    def edit(bag: Path) -> None:
        of_run(lambda run: case(run, "apple")["metrics"].update(ssim=123456789))(bag)
        of_text(RUN, "123456789", number)(bag)

    return edit


def manifest_line(name: str) -> Edit:
    def edit(bag: Path) -> None:
        with (bag / "manifest-sha256.txt").open("a") as file:
            file.write(f"{'0' * 64}  {name}\n")

    return edit


KINDS = tuple(_kinds())
