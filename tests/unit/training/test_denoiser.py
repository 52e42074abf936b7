"""Training of the U-Net and the text encoder, in a few tiny steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from suites.training.denoiser import DenoiserPlan, Encoded, tokenize, train_denoiser
from suites.training.optimisation import Schedule

PLAN = replace(DenoiserPlan(), schedule=Schedule(3, 1), batch=2, checkpoint_every=1)


@pytest.fixture
def settings_restored() -> Iterator[None]:
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def _random_data() -> Encoded:
    numbers = torch.Generator().manual_seed(0)
    return Encoded(
        torch.randn(4, 8, 16, 16, generator=numbers),
        torch.rand(4, 1, 16, 16, generator=numbers),
        tokenize(["a red ball in the snow"] * 4),
    )


@pytest.mark.usefixtures("settings_restored")
def test_an_interrupted_run_ends_like_one_without_a_break(tmp_path: Path):
    whole, parts = tmp_path / "whole.pt", tmp_path / "parts.pt"
    train_denoiser(_random_data(), PLAN, whole)
    train_denoiser(_random_data(), replace(PLAN, schedule=Schedule(2, 0)), parts)
    train_denoiser(_random_data(), PLAN, parts)
    expected, resumed = torch.load(whole), torch.load(parts)
    assert resumed["step"] == expected["step"] == 4
    for kind in ("weights", "average"):
        assert all(torch.equal(expected[kind][k], resumed[kind][k]) for k in expected[kind])


def test_captions_become_ids_of_the_text_encoders_length():
    assert tokenize(["a red ball in the snow", ""]).shape == (2, 24)
