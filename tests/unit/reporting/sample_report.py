"""Run records with real pictures for the reporting tests and for the documentation's picture."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

from goldenseed.runs.record import (
    BaselineUsed,
    CaseRecord,
    GitState,
    RunRecord,
    Seconds,
)
from goldenseed.verdict.model import Reason, Verdict

PROFILE = "cpu-x86_64-avx512"
RUN_ID = "20261120T151233Z"
STARTED = datetime(2026, 11, 20, 15, 12, 33, tzinfo=UTC)
COLOURS = {"red": "#c8322b", "blue": "#2f5fb3", "green": "#3c8d4a", "yellow": "#e0b52e"}
LIMITS = {"min_ssim": 0.95, "max_phash_distance": 6.0}
NOISE = Reason(code="noise", metric="peak_difference", value=1, limit=1, source="float32 rounding")

HOSTILE_PROMPTS = (
    "<img src=x onerror=alert(1)>",
    "</script><script>document.title='owned'</script>",
    "'\"><svg onload=alert(2)>",
    "{{ 7 * 7 }} {% raw %} & &lt;b&gt;",
    "left \u202eto right\u202c \x1b[31mred\x1b[0m \x00 \x07",
    "w" * 400,
    "javascript:alert(3) http://example.invalid/beacon.png",
    "line one\nline two\ttabbed",
)


def draw(colour: str, *, size: int = 128, shift: int = 0) -> Image.Image:
    """A ball on a table, so that a reader sees at a glance what moved."""
    image = Image.new("RGB", (size, size), "#d9cfbf")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, size * 0.66, size, size), fill="#a98f72")
    box = (size * 0.28 + shift, size * 0.24, size * 0.72 + shift, size * 0.74)
    pen.ellipse(box, fill=COLOURS[colour], outline="#2b2b2b")
    pen.ellipse(
        (box[0] + size * 0.1, box[1] + size * 0.08, box[0] + size * 0.2, box[1] + size * 0.18),
        fill="#fff",
    )
    return image


def save(folder: Path, name: str, image: Image.Image) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    image.save(folder / name)
    return name


def pictures(
    folder: Path, stem: str, colour: str, *, shift: int, size: int = 128
) -> dict[str, str]:
    """Save current, baseline and difference; returns their relative paths by role."""
    old, new = draw(colour, size=size), draw(colour, size=size, shift=shift)
    return {
        "baseline": save(folder, f"images/{stem}.baseline.png", old),
        "current": save(folder, f"images/{stem}.png", new),
        "difference": save(
            folder, f"images/{stem}.difference.png", ImageChops.difference(old, new)
        ),
    }


def baseline(image: str | None, profile: str = PROFILE) -> BaselineUsed:
    digest = hashlib.sha256(str(image).encode()).hexdigest()
    return BaselineUsed(
        profile=profile, pixels_sha256=digest, accepted_at=STARTED - timedelta(days=9), image=image
    )


def case(verdict: Verdict | str = Verdict.IDENTICAL, **fields: object) -> CaseRecord:
    """A case record with everything a record needs; ``fields`` replace what is given here."""
    verdict = Verdict(verdict)
    prompt = fields.pop("prompt", "a red ball on a wooden table")
    seed = fields.pop("seed", 1024)
    recipe = {
        "model": {
            "source": "shapes-sd",
            "dtype": "float32",
            "scheduler": {"class": "DDIMScheduler"},
        },
        "call": {
            "prompt": prompt,
            "num_inference_steps": 20,
            "guidance_scale": 4,
            "height": 128,
            "width": 128,
        },
        "seed": seed,
    }
    given: dict[str, object] = {
        "id": f"red-ball[seed={seed}]",
        "suite": "shapes",
        "path": "suites/shapes.suite.yaml",
        "line": 14,
        "recipe": recipe,
        "recipe_sha256": hashlib.sha256(repr(recipe).encode()).hexdigest(),
        "profile": PROFILE,
        "verdict": verdict,
        "passed": verdict in (Verdict.IDENTICAL, Verdict.MATCH, Verdict.WARN),
        "seconds": Seconds(load=1.2, generate=0.62, compare=0.03),
    }
    return CaseRecord.model_validate(given | fields)


def run(*cases: CaseRecord, **fields: object) -> RunRecord:
    given: dict[str, object] = {
        "run_id": RUN_ID,
        "started": STARTED,
        "finished": STARTED + timedelta(seconds=31.4),
        "complete": True,
        "git": GitState(commit="803bb01c" * 5, dirty=True),
        "profile": PROFILE,
        "environment": ENVIRONMENT,
        "options": {"require": "warn", "update": "none"},
        "cases": cases,
    }
    return RunRecord.model_validate(given | fields)


ENVIRONMENT = {
    "python.version": "3.11.9",
    "packages.torch": "2.13.0",
    "packages.diffusers": "0.42.1",
    "packages.transformers": "5.23.0",
    "packages.pillow": "13.0.0",
    "torch.deterministic": True,
    "torch.threads": 1,
    "torch.fp32_precision": "ieee",
    "cpu.capability": "AVX512",
    "platform": "Linux-6.1-x86_64",
    "env.CUBLAS_WORKSPACE_CONFIG": None,
}


def full_run(folder: Path, *, identical: int = 24) -> RunRecord:
    """A run with every verdict, its pictures saved in ``folder``."""
    return run(*_failing(folder), *_passing(folder), *_identical(folder, identical))


def _compared(
    folder: Path, verdict: str, stem: str, colour: str, shift: int, **fields: object
) -> CaseRecord:
    files = pictures(folder, stem, colour, shift=shift)
    given: dict[str, object] = {
        "id": f"{stem}[seed=1024]",
        "prompt": f"a {colour} ball on a wooden table",
        "image": files["current"],
        "difference": files["difference"],
        "baseline": baseline(files["baseline"]),
        "pixels_sha256": hashlib.sha256(stem.encode()).hexdigest(),
        "width": 128,
        "height": 128,
        "mode": "RGB",
        "limits": LIMITS,
    }
    return case(verdict, **(given | fields))


def _failing(folder: Path) -> list[CaseRecord]:
    drift = {
        "ssim": 0.8714,
        "psnr": 17.42,
        "peak_difference": 187.0,
        "p99_difference": 151.0,
        "mean_difference": 9.13,
        "changed_fraction": 0.0817,
        "phash_distance": 14.0,
    }
    close = {
        "ssim": 0.94996,
        "psnr": 24.9,
        "peak_difference": 166.0,
        "p99_difference": 40.0,
        "mean_difference": 2.2,
        "changed_fraction": 0.0403,
        "phash_distance": 4.0,
    }
    return [
        _compared(
            folder,
            "drift",
            "red-apple",
            "red",
            9,
            metrics=drift,
            reasons=(
                Reason(code="gate", metric="ssim", value=0.8714, limit=0.95, source="suite"),
                Reason(code="gate", metric="phash_distance", value=14, limit=6, source="suite"),
                NOISE.model_copy(update={"value": 187}),
            ),
        ),
        _compared(
            folder,
            "drift",
            "blue-ball-small",
            "blue",
            3,
            metrics=close,
            baseline=baseline("images/blue-ball-small.baseline.png", "cpu-x86_64"),
            reasons=(
                Reason(code="gate", metric="ssim", value=0.94996, limit=0.95, source="case"),
                Reason(
                    code="profile_fallback", value="cpu-x86_64", limit=PROFILE, source="baseline"
                ),
            ),
        ),
        case(
            "error",
            id="cat-face[seed=7]",
            seed=7,
            prompt="a cat's face, close up",
            profile=None,
            error="RuntimeError: mat1 and mat2 shapes cannot be multiplied (77x64 and 96x64)\n"
            "  in UNet2DConditionModel.forward",
            reasons=(Reason(code="generation_failed"),),
        ),
        _compared(
            folder,
            "incomparable",
            "green-cup",
            "green",
            2,
            metrics={"ssim": 0.9988, "peak_difference": 57.0, "changed_fraction": 0.311},
            reasons=(
                Reason(
                    code="recipe_changed",
                    metric="recipe.call.num_inference_steps",
                    value=19,
                    limit=20,
                    source="baseline",
                ),
            ),
        ),
        _compared(
            folder,
            "rejected",
            "yellow-cat",
            "yellow",
            20,
            baseline=None,
            difference=None,
            reasons=(
                Reason(
                    code="rejected",
                    value="3f9a",
                    source="baseline",
                    detail="rejected by Ada in cpu-x86_64-avx512: the cat has three ears",
                ),
            ),
        ),
        case(
            "new",
            id="red-ball-at-night[seed=3]",
            seed=3,
            prompt="a red ball at night",
            image=save(folder, "images/night.png", draw("red", size=64)),
            width=64,
            height=64,
            mode="RGB",
            reasons=(
                Reason(
                    code="no_baseline",
                    limit=PROFILE,
                    source="baseline",
                    detail="nothing was ever accepted for this case",
                ),
            ),
        ),
    ]


def _passing(folder: Path) -> list[CaseRecord]:
    metrics = {
        "ssim": 0.99987,
        "psnr": 51.3,
        "peak_difference": 4.0,
        "p99_difference": 1.0,
        "mean_difference": 0.021,
        "changed_fraction": 0.0123,
        "phash_distance": 0.0,
    }
    quiet = {
        "ssim": 0.9999993,
        "psnr": 71.9,
        "peak_difference": 1.0,
        "p99_difference": 0.0,
        "mean_difference": 0.0004,
        "changed_fraction": 0.00041,
        "phash_distance": 0.0,
    }
    return [
        _compared(
            folder,
            "warn",
            "yellow-ball",
            "yellow",
            1,
            metrics=metrics,
            reasons=(NOISE.model_copy(update={"value": 4}),),
        ),
        _compared(folder, "match", "green-ball", "green", 0, metrics=quiet, reasons=(NOISE,)),
    ]


def _identical(folder: Path, count: int) -> list[CaseRecord]:
    made = []
    for index in range(count):
        colour = list(COLOURS)[index % len(COLOURS)]
        name = save(folder, f"images/same-{index}.png", draw(colour, shift=index % 13 - 6))
        made.append(
            case(
                "identical",
                id=f"{colour}-ball-on-table[seed={index}]",
                seed=index,
                prompt=f"a {colour} ball on a wooden table",
                image=name,
                width=128,
                height=128,
                mode="RGB",
                pixels_sha256=hashlib.sha256(name.encode()).hexdigest(),
                baseline=baseline(name),
                reasons=(Reason(code="identical", source="baseline"),),
            )
        )
    return made
