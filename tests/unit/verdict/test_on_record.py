"""What models were given counts by its name, whatever rounding would explain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goldenseed.trace.digesting import kept, records
from goldenseed.trace.stages import Stage, Trace
from goldenseed.verdict.evidence import Evidence
from goldenseed.verdict.on_record import OnRecord, on_record


def given(name: str, values: Any, stage: Stage = Stage.DENOISER_INPUT) -> Trace:
    return records([kept(stage, 0, name, np.asarray(values))])


def held(before: Trace, now: Trace) -> OnRecord:
    old, new = (
        Evidence(
            recipe={},
            read_trace=lambda trace=trace: trace,
            read_environment=lambda threads=threads: {"cpu.threads": threads},
        )
        for trace, threads in ((before, 1), (now, 2))
    )
    return on_record(old, new)


FLOATS = np.linspace(1, 2, 64, dtype=np.float32)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("unet.added_cond_kwargs.time_ids", FLOATS, FLOATS + 1),
        ("transformer.guidance", FLOATS, FLOATS * 1.001),
        ("transformer.encoder_attention_mask", [1, 1, 0], [1, 1, 1]),
        ("transformer.attention_mask", FLOATS, FLOATS - 1),
        ("unet.sample", FLOATS, FLOATS.astype(np.float16)),
    ],
)
def test_an_input_that_no_arithmetic_goes_into_is_the_same_or_another(
    name: str, old: Any, new: Any
):
    found = held(given(name, old), given(name, new))
    assert len(found.others) == 1
    assert name in found.named
    assert not found.allows_rounding
    assert held(given(name, old), given(name, old)).allows_rounding


def test_what_rounding_moves_in_an_input_is_no_other_input():
    for name in ("unet.sample", "unet.encoder_hidden_states"):
        found = held(given(name, FLOATS), given(name, FLOATS * np.float32(1 + 1e-6)))
        assert found.allows_rounding


def test_what_was_numbered_by_position_is_held_against_its_name():
    old, new = given("unet.1", [981]), given("unet.timestep", [961])
    assert held(old, new).named == "what the denoiser is given, unet.timestep"
    assert held(old, given("unet.timestep", [981])).allows_rounding


@pytest.mark.parametrize(
    ("before", "now", "allowed"),
    [
        ("app.logged@01234567 x 1", "app.logged@01234567 x 1", True),
        (None, "app.logged@01234567 x 1", False),
        ("app.logged@01234567 x 1", None, False),
        ("app.logged@01234567 x 1", "app.logged@76543210 x 1", False),
    ],
)
@pytest.mark.parametrize("key", ["pipeline.methods", "scheduler.methods", "model.unet.forwards"])
def test_a_method_of_one_s_own_rules_rounding_out_where_it_is_new_and_not_where_it_was_there(
    key: str, before: str | None, now: str | None, *, allowed: bool
):
    def evidence(method: str | None, capability: str) -> Evidence:
        environment = {"fingerprint.version": 2, "cpu.capability": capability}
        if method is not None:
            environment[key] = f"Any.method = {method}"
        return Evidence(recipe={}, read_environment=lambda: environment)

    found = on_record(evidence(before, "AVX512"), evidence(now, "AVX2"))
    assert found.allows_rounding is allowed
    assert (key in found.named) is not allowed


def test_an_output_in_another_dtype_is_another_substance():
    half = given("vae", FLOATS.astype(np.float16), Stage.VAE_OUTPUT)
    found = held(given("vae", FLOATS, Stage.VAE_OUTPUT), half)
    assert found.named == "the VAE's output, vae: float32 → float16"
