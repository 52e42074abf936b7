"""A suite file and accepted images of it, for the self-check of its gates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from goldenseed.baselines.store import BaselineStore, Candidate
from goldenseed.core.files import json_sha256
from goldenseed.core.pixels import encode_png, pixels_sha256
from goldenseed.suite.cases import Suite
from goldenseed.suite.loading import load_suite

CPU = "cpu-x86_64-avx512"
REPOSITORY = Path(__file__).parents[4]
SUITE = """\
suite: toy
model: {{source: toy, dtype: {dtype}}}
gates: {{fail: {gates}}}
cases:
  - {{id: apple, prompt: a red apple, seeds: [9999, 1024]}}
  - {{id: sides, prompt: a cube left of a ball, seeds: [1]}}
  - {{id: cat, prompt: an orange cat, seeds: [3]}}
"""
DRAWN = {
    "apple[seed=9999]": "red-apple[seed=9999]",
    "apple[seed=1024]": "red-apple[seed=1024]",
    "sides[seed=1]": "left-and-right[seed=1]",
    "cat[seed=3]": "cat-at-night[seed=3]",
}
"""Case of the toy suite to the case of this repository's suite whose image it has."""


def drawn(name: str) -> Image.Image:
    """Return an image that the embedded model made."""
    store = BaselineStore(REPOSITORY / "baselines")
    entry = store.entry("shapes", name)
    assert entry is not None
    (baseline,) = entry.profiles.values()
    return store.image(baseline.accepted[0].pixels_sha256)


@dataclass
class AcceptedSuite:
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "toy.suite.yaml"

    @property
    def store(self) -> BaselineStore:
        return BaselineStore(self.folder / "baselines")

    def write(self, gates: str, *, dtype: str = "float32", text: str = SUITE) -> Suite:
        model = self.folder / "toy"
        model.mkdir(exist_ok=True)
        (model / "model_index.json").write_text(json.dumps({"_class_name": "Toy"}))
        self.path.write_text(text.format(gates=gates, dtype=dtype))
        return load_suite(self.path)

    def accept(
        self, case: str, *images: Image.Image, profile: str = CPU, prompt: str = "a red apple"
    ) -> None:
        """Accept images for a case, the first in place of what is there."""
        for index, image in enumerate(images):
            digest = pixels_sha256(image)
            file = self.folder / f"{digest}.png"
            file.write_bytes(encode_png(image))
            recipe = {"prompt": prompt}
            candidate = Candidate(
                suite="toy",
                case=case,
                profile=profile,
                image=file,
                pixels_sha256=digest,
                recipe=recipe,
                recipe_sha256=json_sha256(recipe),
                environment={"device.type": "cpu"},
                run_id="20261120T151233Z-3f9a",
            )
            self.store.accept([candidate], by="Ada", reason="looks right", add=index > 0)

    def accept_all(self) -> None:
        for case, source in DRAWN.items():
            self.accept(case, drawn(source))
