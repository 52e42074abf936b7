"""The public API as a user's program would call it: `make lint` checks the types; never run."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

from PIL import Image

import goldenseed


def files(before: Path, after: Path) -> bool:
    """Compare two pictures by their pixels."""
    found = goldenseed.compare(before, after, gates={"min_ssim": 0.95}, ignore=[(0, 0, 8, 8)])
    assert_type(found, goldenseed.ImageComparison)
    assert_type(found.passed, bool)
    assert_type(found.metrics["ssim"], float)
    return found.outcome is goldenseed.Outcome.IDENTICAL


def images(a: Image.Image, b: Image.Image) -> tuple[str, float]:
    """Measure two images, and see where they differ."""
    values = goldenseed.measure(a, b, ["ssim", "peak_difference"])
    assert_type(values, dict[str, float])
    where = goldenseed.metric_map(a, b, "ssim")
    assert_type(goldenseed.difference_image(a, b), Image.Image)
    return goldenseed.pixels_sha256(a), 0.0 if where is None else float(where.min())


def record(folder: Path) -> list[str]:
    """Read what a run left behind."""
    run = goldenseed.load_run(folder)
    assert_type(run, goldenseed.RunRecord)
    assert_type(run.counts(), dict[goldenseed.Verdict, int])
    for case in run.cases:
        assert_type(case, goldenseed.CaseRecord)
        assert_type(case.reasons, tuple[goldenseed.Reason, ...])
    return [case.id for case in run.cases if case.verdict is goldenseed.Verdict.DRIFT]


def baselines(folder: Path, suite: Path) -> list[str]:
    """List what is accepted for the cases of a suite."""
    store = goldenseed.BaselineStore(folder)
    lines: list[str] = []
    for case in goldenseed.load_suite(suite).cases:
        entry = store.entry(case.suite.name, case.id)
        if entry is not None:
            lines += [f"{profile}: {case.id}" for profile in entry.profiles]
    return lines


def test_of_a_user(golden_image: goldenseed.GoldenImage) -> None:
    """Judge an image that an ordinary test made."""
    image = Image.new("RGB", (64, 64))
    judged = golden_image.check(image, name="hero", gates={"min_ssim": 0.99}, recipe={"seed": 1})
    assert_type(judged, goldenseed.CaseRecord)


def red_distance(pair: goldenseed.Pair) -> float:
    """Measure what ``RED`` names."""
    current, accepted = pair.arrays
    return float(abs(current[..., 0].mean() - accepted[..., 0].mean()) / 255)


def warmth(scene: goldenseed.Scene) -> float:
    """Score what ``WARMTH`` names."""
    return float(scene.pixels[..., 0].mean())


RED = goldenseed.Metric(
    name="red_distance", worst=1, best=0, cost=5, measure="mine:red_distance", alpha="composited"
)
WARMTH = goldenseed.Score(name="warmth", low=0, high=255, measure="mine:warmth")


def mended() -> str | None:
    """Say what to do about an error."""
    try:
        goldenseed.load_suite(Path("gone.suite.yaml"))
    except goldenseed.GoldenseedError as error:
        return error.fix
    return None


# A misspelt argument or a wrong type is found here and not at run time.
goldenseed.compare("a.png", "b.png", gate={"min_ssim": 0.95})  # type: ignore[call-arg]
goldenseed.Metric(name=1, worst=1, best=0, cost=5, measure="mine:f")  # type: ignore[arg-type]
