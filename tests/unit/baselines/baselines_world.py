"""A folder of baselines and the run that its candidates come from."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image

from goldenseed.baselines.candidate import Measurement
from goldenseed.baselines.entry import ExactImage, MeasuredTolerance, Pattern, ProfileBaseline
from goldenseed.baselines.store import BaselineStore, Candidate, Step
from goldenseed.core.files import json_sha256
from goldenseed.core.pixels import encode_png, pixels_sha256
from goldenseed.trace.digesting import Recording, kept
from goldenseed.trace.files import SUFFIX, digest_of, encode_trace
from goldenseed.trace.stages import Stage, Trace

SUITE = "shapes"
CASE = "red-apple[seed=1024]"
CPU = "cpu-x86_64-avx512"
GPU = "cuda-h200-sm90-132sm"
NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


def a_trace(value: float, image: Image.Image) -> Trace:
    """Make a trace of one value before the pixels of ``image``."""
    return Recording(
        [
            kept(Stage.LATENTS_BEFORE_VAE, 0, "vae", np.full(8, value, np.float32)),
            kept(Stage.PIXELS, 0, None, np.array(image)),
        ]
    ).trace


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = BaselineStore(folder / "baselines", lock_timeout_seconds=20)

    def unreferenced(self, kind: str) -> tuple[str, ...]:
        """Return the digests of stored images, or traces, that no entry names."""
        store = self.store
        places = [(suite, case) for suite in store.suites() for case in store.cases(suite)]
        entries = [entry for place in places if (entry := store.entry(*place))]
        profiles = [each for entry in entries for each in entry.profiles.values()]
        named = {digest for each in profiles for digest in (*each.digests(), *each.traces())}
        files = (each.name.partition(".")[0] for each in (store.root / kind).rglob("*.*"))
        return tuple(sorted(set(files) - named))

    def candidate(
        self,
        colour: str = "red",
        *,
        suite: str = SUITE,
        case: str = CASE,
        profile: str = CPU,
        steps: int = 20,
        torch: str = "2.13.0",
    ) -> Candidate:
        """Make a candidate whose picture is one colour, as a run would leave it."""
        image = Image.new("RGB", (24, 16), colour)
        digest = pixels_sha256(image)
        file = self.folder / "run" / f"{digest}.png"
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(encode_png(image))
        recipe = {"prompt": "a red apple", "call": {"num_inference_steps": steps}}
        return Candidate(
            suite=suite,
            case=case,
            profile=profile,
            image=file,
            pixels_sha256=digest,
            recipe=recipe,
            recipe_sha256=json_sha256(recipe),
            environment={"packages.torch": torch, "cpu.threads": 1, "torch.tf32": False},
            run_id="20261120T115959Z",
        )

    def accept(
        self,
        *candidates: Candidate,
        add: bool = False,
        reason: str = "it looks right",
        overruling: tuple[tuple[str, str], ...] = (),
    ) -> tuple[Step, ...]:
        """Accept as one and the same person at one and the same time."""
        return self.store.accept(
            candidates, by="ada", reason=reason, add=add, overruling=overruling, now=NOON
        )

    def measure(self, *modes: Candidate, exact_trace: Path | None = None) -> None:
        """Keep a calibration of what is accepted, with images of its own as modes."""
        unchanged = modes[0]
        exact = exact_trace and ExactImage(
            trace_sha256=digest_of(exact_trace),
            distances={"exact_latents_distance": 1e-6},
            limits={"exact_latents_distance": 3e-6},
            images=2,
            recipe_sha256=unchanged.recipe_sha256,
            made_at=NOON.replace(microsecond=0),
            made_by="ada",
        )
        noise = MeasuredTolerance(
            pattern=Pattern.MODES,
            images=4,
            recipe_sha256=unchanged.recipe_sha256,
            environment_sha256=json_sha256(dict(unchanged.environment)),
            measured_at=NOON.replace(microsecond=0),
            measured_by="ada",
        )
        environments = tuple(each.environment for each in modes)
        measurement = Measurement(unchanged, noise, environments, modes, exact, exact_trace)
        self.store.measured([measurement], by="ada")

    def traced(self, candidate: Candidate, value: float = 1.0) -> Candidate:
        """Give a candidate a trace that ends in its pixels."""
        with Image.open(candidate.image) as image:
            digest, data = encode_trace(a_trace(value, image))
        path = self.folder / "run" / f"{digest}{SUFFIX}"
        path.write_bytes(data)
        return replace(candidate, trace=path)

    def profile(self, profile: str = CPU) -> ProfileBaseline:
        entry = self.store.entry(SUITE, CASE)
        assert entry is not None
        return entry.profiles[profile]

    def accepted(self) -> list[str]:
        return [image.pixels_sha256 for image in self.profile().accepted]

    def rejected(self) -> list[str]:
        return [image.pixels_sha256 for image in self.profile().rejected]

    def files(self) -> dict[str, bytes]:
        """Map every file of the baselines, but those of the lock, to its content."""
        root = self.store.root
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file() and ".lock" not in path.parts
        }


def edit(path: Path, pattern: str, replacement: str) -> int:
    """Edit a file by hand: replace the first match of a pattern, return its line."""
    text = path.read_text(encoding="utf-8")
    match = re.search(pattern, text)
    assert match, f"{pattern} is not in {path}"
    path.write_text(text[: match.start()] + replacement + text[match.end() :], encoding="utf-8")
    return text.count("\n", 0, match.start()) + 1
