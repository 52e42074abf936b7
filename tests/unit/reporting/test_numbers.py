from __future__ import annotations

import math

import pytest

from goldenseed.reporting.numbers import (
    MetricRow,
    content_in_words,
    metric_rows,
    number,
    scalar,
    seconds,
    value_and_limit,
)
from goldenseed.runs.parts import GateInForce


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("ssim", 0.8714, "0.8714"),
        ("ssim", 0.871449, "0.8714"),
        ("ssim", 1.0, "1"),
        ("psnr", 38.249, "38.2 dB"),
        ("changed_fraction", 0.3124, "31.2 %"),
        ("peak_difference", 187.0, "187"),
        ("phash_distance", 14.0, "14"),
        ("mean_difference", 0.213, "0.21"),
        ("lpips", 0.12345, "0.1235"),
    ],
)
def test_each_metric_has_its_unit_and_its_digits(metric: str, value: float, text: str) -> None:
    assert number(metric, value) == text


@pytest.mark.parametrize(
    ("metric", "value", "limit", "texts"),
    [
        ("ssim", 0.99987, 0.9999, ("0.99987", "0.9999")),
        ("ssim", 0.94999999, 0.95, ("0.94999999", "0.95")),
        ("peak_difference", 1.4, 1.0, ("1.4", "1")),
        ("changed_fraction", 0.1000001, 0.1, ("10.00001 %", "10 %")),
        ("ssim", 0.95, 0.95, ("0.95", "0.95")),
    ],
)
def test_a_value_and_its_limit_read_alike_only_if_they_are_equal(
    metric: str, value: float, limit: float, texts: tuple[str, str]
) -> None:
    assert value_and_limit(metric, value, limit) == texts


def test_neighbouring_floats_are_told_apart() -> None:
    limit = 0.95
    value, shown = value_and_limit("ssim", math.nextafter(limit, 0), limit)
    assert value != shown


@pytest.mark.parametrize(
    ("metric", "value", "misleading"),
    [
        ("ssim", 0.9999999, "1"),
        ("changed_fraction", 0.0000001, "0 %"),
        ("changed_fraction", 0.99999999, "100 %"),
        ("mean_difference", 0.00001, "0"),
    ],
)
def test_almost_unchanged_is_never_written_as_unchanged(
    metric: str, value: float, misleading: str
) -> None:
    assert number(metric, value) != misleading


def test_a_value_that_is_no_number_is_written_as_it_is() -> None:
    assert number("psnr", math.inf) == "inf"


@pytest.mark.parametrize(
    ("value", "text"), [(None, "none"), (True, "true"), (20, "20"), (4.5, "4.5"), ("DDIM", "DDIM")]
)
def test_recipe_values_are_written_as_in_the_suite_file(value: object, text: str) -> None:
    assert scalar(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.214, "0.21 s"), (12.44, "12.4 s"), (185.2, "3 min 05 s"), (7261.0, "2 h 01 min")],
)
def test_durations_are_written_for_people(value: float, text: str) -> None:
    assert seconds(value) == text


def test_gated_metrics_come_first_and_each_gate_has_a_row() -> None:
    values = {"psnr": 30.5, "ssim": 0.978}
    least, most, other = gates = (
        GateInForce.named("min_ssim", 0.95, "suite"),
        GateInForce.named("max_ssim", 0.97, "case"),
        GateInForce.named("max_lpips", 0.1),
    )
    rows = metric_rows(values, (least, other, most))
    assert set(gates) == {row.gate for row in rows if row.gate}
    assert rows == (
        MetricRow("ssim", 0.978, least),
        MetricRow("ssim", 0.978, most),
        MetricRow("lpips", None, other),
        MetricRow("psnr", 30.5),
    )
    assert [row.passed for row in rows] == [True, False, None, None]
    assert [row.texts for row in rows][2:] == [("", "0.1"), ("30.5 dB", "")]


def test_content_scores_stand_beside_their_limits() -> None:
    limits = {"min_sharpness": 20, "max_sharpness": 90, "min_pick_score": 21}
    gates = [GateInForce.named(*each) for each in limits.items()]
    rows = metric_rows({"sharpness": 31.24}, gates)
    assert (
        content_in_words(rows) == "sharpness 31.2 (min 20, max 90); pick score not scored (min 21)"
    )
