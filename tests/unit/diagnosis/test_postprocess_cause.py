"""Which step of a suite's post-processing made another image, and by what; or that none did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toy_pipeline import ENVIRONMENT, RECIPE, Toy, recorded

from goldenseed.diagnosis.evidence import Side, Sides
from goldenseed.diagnosis.explain import explain
from goldenseed.diagnosis.model import Cause, Diagnosis
from goldenseed.environment.fingerprint import Value
from goldenseed.trace.digesting import Recording
from goldenseed.trace.stages import Stage

Step = dict[str, Any]
SHARPEN: Step = {"step": "sharpen", "library": "opencv", "radius": 2.0, "percent": 120}
ENCODE: Step = {"step": "encode", "format": "jpeg", "quality": 90, "subsampling": "4:2:0"}
OWN: Step = {"step": "mine:grain", "sha256": "a" * 64, "arguments": {}}
LIBRARIES: dict[str, Value] = {
    "postprocess.opencv": "4.13.0",
    "postprocess.pillow": "12.1.0",
    "postprocess.libjpeg_turbo": "3.1.2",
}


def side(
    toy: Toy, *steps: tuple[Step, int], keys: dict[str, Value] | None = None, trace: bool = True
) -> Side:
    """What is known of an image whose steps each made the given level of every pixel."""
    levels = [(str(step["step"]), [np.full((4, 4, 3), n, np.uint8)]) for step, n in steps]
    made = Recording((), recorded(toy))
    if steps:
        made = made.postprocessed(levels, levels[-1][1])
    recipe = {**RECIPE, **({"postprocess": [step for step, _ in steps]} if steps else {})}
    environment = {**ENVIRONMENT, "fingerprint.version": 3, **LIBRARIES, **(keys or {})}
    return Side(environment=environment, recipe=recipe, trace=made.trace if trace else None)


def told(accepted: Side, present: Side) -> Diagnosis:
    return explain(Sides(accepted, present, {"peak_difference": 9.0, "changed_fraction": 0.5}))


ACCEPTED = side(Toy(), (SHARPEN, 1), (ENCODE, 2))


def test_a_parameter_that_is_another_is_named_with_its_step():
    found = told(ACCEPTED, side(Toy(), ({**SHARPEN, "percent": 150}, 3), (ENCODE, 4)))
    assert found.first_divergence is not None
    assert found.first_divergence.stage is Stage.POSTPROCESSED
    assert found.first_divergence.words.startswith("post-processing step `sharpen`; ")
    first = found.causes[0]
    assert (first.cause, first.words) == (
        Cause.POST_PROCESSING,
        "post-processing: the step `sharpen`: percent 120 → 150",
    )
    assert first.confidence > 0.9
    same = "the image before post-processing is the same, and the step `sharpen` made another of it"
    assert same in first.evidence


def test_a_later_step_is_named_where_the_first_made_the_same():
    found = told(ACCEPTED, side(Toy(), (SHARPEN, 1), ({**ENCODE, "quality": 80}, 4)))
    assert found.causes[0].words == "post-processing: the step `encode`: quality 90 → 80"


def test_the_library_that_computes_the_step_is_named_and_no_other():
    keys: dict[str, Value] = {"postprocess.opencv": "5.0.0", "postprocess.libjpeg_turbo": "3.2.0"}
    found = told(ACCEPTED, side(Toy(), (SHARPEN, 3), (ENCODE, 4), keys=keys))
    assert found.causes[0].cause is Cause.POST_PROCESSING
    assert found.causes[0].words == ("post-processing: opencv 4.13.0 → 5.0.0, the step `sharpen`")
    assert found.causes[0].keys == ("postprocess.opencv",)
    assert "opencv 4.13.0 → 5.0.0, which computes the step `sharpen`" in found.causes[0].evidence


def test_own_code_that_is_another_is_named():
    before, now = (OWN, 1), ({**OWN, "sha256": "b" * 64}, 2)
    found = told(side(Toy(), before), side(Toy(), now))
    words = "post-processing: the step `mine:grain`: sha256 aaaaaaaaaaaa… → bbbbbbbbbbbb…"
    assert found.causes[0].words == words


def test_a_step_is_named_where_nothing_on_record_is_another():
    found = told(ACCEPTED, side(Toy(), (SHARPEN, 1), (ENCODE, 4)))
    assert [each.cause for each in found.causes] == [Cause.POST_PROCESSING]
    assert found.causes[0].words == "post-processing: the step `encode`"


def test_steps_where_there_were_none_are_named():
    found = told(side(Toy()), side(Toy(), (SHARPEN, 3)))
    assert found.causes[0].cause is Cause.POST_PROCESSING
    assert found.causes[0].confidence > 0.9


@pytest.mark.parametrize("trace", [True, False])
def test_a_step_left_out_is_named(trace: bool):
    accepted = side(Toy(), (SHARPEN, 1), (ENCODE, 2), trace=trace)
    found = told(accepted, side(Toy(), (SHARPEN, 1), trace=trace))
    assert found.causes[0].words == "post-processing: the step `encode` is left out"


@pytest.mark.parametrize("toy", [Toy(seed=2), Toy(weight=1.01)])
def test_steps_are_no_cause_of_what_the_model_made_otherwise(toy: Toy):
    found = told(ACCEPTED, side(toy, (SHARPEN, 3), (ENCODE, 4)))
    assert Cause.POST_PROCESSING not in [each.cause for each in found.causes]
    assert "the model's image is another already before post-processing" in found.remarks


def test_a_step_changed_besides_is_named_after_what_made_the_models_image_another():
    now = side(Toy(seed=2), ({**SHARPEN, "percent": 150}, 3), (ENCODE, 4))
    now = replace(now, recipe={**(now.recipe or {}), "seed": 2})
    found = told(ACCEPTED, now)
    assert [each.cause for each in found.causes] == [Cause.SEED, Cause.POST_PROCESSING]


def test_levels_that_a_model_made_otherwise_of_the_same_floats_are_no_steps():
    found = told(ACCEPTED, side(Toy(rounding=128), (SHARPEN, 3), (ENCODE, 4)))
    assert found.first_divergence is not None
    assert found.first_divergence.stage is Stage.UNPROCESSED
    assert found.causes[0].evidence[0].startswith("the float image is the same, the pixels made")


def test_without_a_trace_a_library_of_any_step_is_named():
    keys: dict[str, Value] = {"postprocess.opencv": "5.0.0"}
    before = side(Toy(), (SHARPEN, 1), trace=False)
    found = told(before, side(Toy(), (SHARPEN, 3), keys=keys, trace=False))
    assert found.causes[0].words == "post-processing: opencv 4.13.0 → 5.0.0"
