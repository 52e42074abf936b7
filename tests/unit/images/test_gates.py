import math
import subprocess
import sys

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.gates import (
    Gate,
    GateResult,
    check,
    parse_gate,
    parse_limit,
)
from goldenseed.images.metrics import METRICS
from goldenseed.suite.cases import Limit

GATES = [metric.gate for metric in METRICS.values()]


class TestParseGate:
    @pytest.mark.parametrize(
        ("name", "gate"),
        [
            ("min_ssim", Gate("ssim", "min")),
            ("min_psnr", Gate("psnr", "min")),
            ("max_phash_distance", Gate("phash_distance", "max")),
            ("max_changed_fraction", Gate("changed_fraction", "max")),
            ("max_peak_difference", Gate("peak_difference", "max")),
        ],
    )
    def test_reads_metric_and_direction(self, name: str, gate: Gate):
        assert parse_gate(name) == gate

    def test_every_metric_has_one_gate_whose_name_comes_back(self):
        assert [parse_gate(name).name for name in GATES] == GATES
        assert len(set(GATES)) == len(METRICS)

    @pytest.mark.parametrize(
        ("name", "gate"),
        [
            ("max_other_package_distance", Gate("other_package_distance", "max")),
            ("max_ssim", Gate("ssim", "max")),
            ("min_", None),
            ("ssim", None),
            ("", None),
        ],
    )
    def test_a_name_is_read_by_its_form_where_the_metric_need_not_be_known(
        self, name: str, gate: Gate | None
    ):
        assert Gate.named(name) == gate

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("min_ssm", "min_ssim"),
            ("ssim", "min_ssim"),
            ("min-ssim", "min_ssim"),
            ("MIN_SSIM", "min_ssim"),
            ("max_phash", "max_phash_distance"),
            ("phash_distance", "max_phash_distance"),
            ("max_changed_frac", "max_changed_fraction"),
            ("max_peek_difference", "max_peak_difference"),
        ],
    )
    def test_a_near_miss_is_told_what_was_meant(self, name: str, meant: str):
        with pytest.raises(
            GoldenseedError, match=f"no gate '{name}'\n  fix: did you mean.*{meant}"
        ):
            parse_gate(name)

    @pytest.mark.parametrize("name", ["", "_", "quality"])
    def test_a_name_near_nothing_is_told_of_all_gates(self, name: str):
        with pytest.raises(GoldenseedError) as caught:
            parse_gate(name)
        assert all(gate in str(caught.value) for gate in GATES)

    @pytest.mark.parametrize("name", ["min", "min_", "max_", "max_ssim_", "_ssim"])
    def test_half_a_name_is_refused(self, name: str):
        with pytest.raises(GoldenseedError, match="there is no gate"):
            parse_gate(name)

    @pytest.mark.parametrize(
        ("name", "fix"), [("max_ssim", "min_ssim"), ("min_phash_distance", "max_phash_distance")]
    )
    def test_a_gate_the_wrong_way_round_is_refused(self, name: str, fix: str):
        with pytest.raises(GoldenseedError, match=f"most alike\n  fix: use {fix}"):
            parse_gate(name)


class TestParseLimit:
    @pytest.mark.parametrize(
        ("gate", "value"),
        [
            ("min_ssim", 1),
            ("min_ssim", -1),
            ("min_psnr", 100),
            ("max_phash_distance", 64),
            ("max_changed_fraction", 0.25),
        ],
    )
    def test_takes_what_the_metric_can_be(self, gate: str, value: float):
        limit = parse_limit(parse_gate(gate), value)
        assert (limit, type(limit)) == (value, float)

    @pytest.mark.parametrize(
        ("gate", "value"),
        [
            ("min_ssim", 95),
            ("max_changed_fraction", 30),
            ("max_peak_difference", -1),
            ("max_phash_distance", 65),
            ("min_psnr", math.inf),
            ("min_psnr", math.nan),
            ("min_psnr", -1),
            pytest.param("min_psnr", 10**400, id="beyond-float"),
        ],
    )
    def test_refuses_what_the_metric_never_is(self, gate: str, value: float):
        with pytest.raises(GoldenseedError, match=r"never reaches\n  fix: use a number from"):
            parse_limit(parse_gate(gate), value)

    @pytest.mark.parametrize("value", ["0.9", None, True, [0.9]])
    def test_refuses_what_is_no_number(self, value: object):
        with pytest.raises(
            GoldenseedError, match=r"not a number\n  fix: use a number from -1 to 1"
        ):
            parse_limit(parse_gate("min_ssim"), value)


class TestCheck:
    @pytest.mark.parametrize(
        ("gate", "value", "limit", "passed"),
        [
            ("min_ssim", 0.95, 0.95, True),
            ("min_ssim", math.nextafter(0.95, 0), 0.95, False),
            ("min_ssim", 1, 0.95, True),
            ("max_phash_distance", 6, 6, True),
            ("max_phash_distance", 7, 6, False),
            ("min_psnr", math.inf, 40, True),
            ("min_ssim", math.nan, -1, False),
            ("max_phash_distance", math.nan, 64, False),
        ],
    )
    def test_a_value_at_the_limit_passes_and_nan_never(
        self, gate: str, value: float, limit: float, passed: bool
    ):
        (result,) = check({parse_gate(gate).metric: value}, {gate: Limit(limit, "suite")})
        assert result.passed is passed

    def test_returns_every_gate_with_its_source_in_order(self):
        metrics = {"ssim": 0.9, "phash_distance": 2.0, "psnr": 30.0}
        limits = {"max_phash_distance": Limit(6, "suite"), "min_ssim": Limit(0.95, "case")}
        assert check(metrics, limits) == (
            GateResult("phash_distance", "max", 2.0, 6, "suite", passed=True),
            GateResult("ssim", "min", 0.9, 0.95, "case", passed=False),
        )

    def test_without_limits_nothing_is_checked(self):
        assert check({"ssim": 0.1}, {}) == ()

    def test_a_metric_that_was_not_measured_is_no_pass(self):
        with pytest.raises(KeyError, match="ssim"):
            check({}, {"min_ssim": Limit(0.9, "suite")})


def test_importing_gates_pulls_in_nothing_heavy():
    code = """
import sys, goldenseed.images.gates
print({"numpy", "PIL", "pydantic", "imagehash"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
