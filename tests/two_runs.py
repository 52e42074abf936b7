"""Two runs with real images on disk, for the tests of comparing them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from goldenseed.core.files import json_sha256, write_atomically
from goldenseed.core.pixels import encode_png, pixels_sha256
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.verdict.model import Verdict

AVX512 = {"platform.machine": "x86_64", "cpu.capability": "AVX512", "torch.version": "2.13.0"}
AVX2 = {**AVX512, "cpu.capability": "AVX2"}


def picture(level: int = 0, *, size: tuple[int, int] = (32, 32), mode: str = "RGB") -> Image.Image:
    """A disc on a ground, every channel raised by ``level``."""
    image = Image.new("RGB", size, (60 + level,) * 3)
    ImageDraw.Draw(image).ellipse((8, 8, 24, 24), fill=(200 + level, 40 + level, 40 + level))
    return image.convert(mode)


def rounded() -> Image.Image:
    """``picture()`` with nine pixels raised by one level."""
    image = picture()
    image.paste((61,) * 3, (0, 0, 3, 3))
    return image


class Run:
    """A run to be filled with cases and then stored."""

    def __init__(
        self, folder: Path, environment: Mapping[str, Any] = AVX512, profile: str = "cpu-avx512"
    ) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.profile = profile
        self.other_environments: tuple[dict[str, Any], ...] = ()
        self.cases: list[CaseRecord] = []

    def case(
        self,
        name: str,
        image: Image.Image | None,
        *,
        suite: str = "shapes",
        limits: Mapping[str, float] | None = None,
        recipe: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> CaseRecord:
        """Add a case; ``recipe`` is laid over one in float32."""
        whole = {"prompt": name, "seed": 1, "model": {"dtype": "float32"}, **(recipe or {})}
        given: dict[str, Any] = {
            "id": name,
            "suite": suite,
            "path": f"{suite}.suite.yaml",
            "recipe": whole,
            "recipe_sha256": json_sha256(whole),
            "limits": {"max_peak_difference": 4.0} if limits is None else limits,
            "verdict": Verdict.ERROR if image is None else Verdict.NEW,
            "passed": False,
        }
        if image is not None:
            digest = pixels_sha256(image)
            place = f"images/{digest}.png"
            write_atomically(self.folder / place, encode_png(image), durable=False)
            given |= {
                "profile": self.profile,
                "environment_sha256": json_sha256(self.environment),
                "pixels_sha256": digest,
                "image": place,
                "width": image.width,
                "height": image.height,
                "mode": image.mode,
            }
        case = CaseRecord.model_validate(given | fields)
        self.cases.append(case)
        return case

    def stored(self) -> StoredRun:
        record = RunRecord(
            run_id=self.folder.name,
            started=datetime(2026, 11, 20, 15, 12, 33, tzinfo=UTC),
            finished=datetime(2026, 11, 20, 15, 13, 33, tzinfo=UTC),
            complete=True,
            profile=self.profile,
            environment=self.environment,
            other_environments=self.other_environments,
            cases=tuple(self.cases),
        )
        write_atomically(self.folder / "run.json", record.model_dump_json().encode(), durable=False)
        return StoredRun(record, self.folder)
