from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from harness.baselines.store import BaselineStore, Candidate
from harness.files import json_sha256
from harness.pixels import encode_png, pixels_sha256

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> BaselineStore:
    return BaselineStore(tmp_path / "baselines", lock_timeout_seconds=20)


@pytest.fixture
def make_candidate(tmp_path: Path) -> Callable[..., Candidate]:
    """Make a candidate whose picture is one colour, as a run would leave it."""

    def make(
        colour: str = "red",
        *,
        suite: str = "shapes",
        case: str = "red-apple[seed=1024]",
        profile: str = "cpu-x86_64-avx512",
        steps: int = 20,
        torch: str = "2.13.0",
        size: tuple[int, int] = (24, 16),
    ) -> Candidate:
        image = Image.new("RGB", size, colour)
        digest = pixels_sha256(image)
        file = tmp_path / "run" / f"{digest}.png"
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

    return make


@pytest.fixture
def accept(store: BaselineStore) -> Callable[..., object]:
    """Accept as one and the same person at one and the same time."""

    def accept(*candidates: Candidate, add: bool = False, reason: str = "it looks right"):
        return store.accept(candidates, by="ada", reason=reason, add=add, now=NOON)

    return accept


@pytest.fixture
def edit() -> Callable[[Path, str, str], int]:
    """Edit a file by hand: replace the first match of a pattern, return its line."""

    def edit(path: Path, pattern: str, replacement: str) -> int:
        text = path.read_text(encoding="utf-8")
        match = re.search(pattern, text)
        assert match, f"{pattern} is not in {path}"
        path.write_text(text[: match.start()] + replacement + text[match.end() :], encoding="utf-8")
        return text.count("\n", 0, match.start()) + 1

    return edit


@pytest.fixture
def files_below() -> Callable[[Path], dict[str, bytes]]:
    """Map every file below a folder, but those of the lock, to its content."""

    def files_below(root: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file() and ".lock" not in path.parts
        }

    return files_below
