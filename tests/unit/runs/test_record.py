"""What a record says of itself: its gates in their parts, and what became of a failed case."""

from __future__ import annotations

from judged_case import PENDING

from goldenseed.runs.made import limit_fields
from goldenseed.runs.parts import GateInForce
from goldenseed.runs.record import CaseRecord
from goldenseed.suite.cases import Limit
from goldenseed.verdict.model import Verdict


def test_gates_are_named_with_metric_direction_limit_and_source():
    limits = {"min_ssim": Limit(0.99, "case"), "max_peak_difference": Limit(4.0, "suite")}
    record = PENDING.model_copy(update=limit_fields(limits))
    assert record.gates == (
        GateInForce("min_ssim", "ssim", "min", 0.99, "case"),
        GateInForce("max_peak_difference", "peak_difference", "max", 4.0, "suite"),
    )


def test_a_record_from_before_the_sources_is_read_and_has_none():
    old = PENDING.model_copy(update={"limits": {"min_ssim": 0.99}}).model_dump(mode="json")
    del old["limit_sources"]
    assert CaseRecord.model_validate(old).gates == (GateInForce("min_ssim", "ssim", "min", 0.99),)


def test_content_limits_are_gates_on_scores():
    record = PENDING.model_copy(update={"content_limits": {"min_sharpness": 20.0}})
    assert record.content_gates == (GateInForce("min_sharpness", "sharpness", "min", 20.0),)


def test_a_failed_case_has_its_message_as_reason_and_does_not_pass():
    record = PENDING.model_copy(update={"passed": True}).failed("not_kept", "the disk is full")
    assert (record.verdict, record.passed, record.error) == (
        Verdict.ERROR,
        False,
        "the disk is full",
    )
    assert [(each.code, each.detail) for each in record.reasons] == [
        ("not_kept", "the disk is full")
    ]
