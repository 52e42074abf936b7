"""Which shard a session is: bases and totals of each system that numbers jobs."""

from __future__ import annotations

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.session.shard_option import Shard, shard_of

GITLAB = {"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "8"}
GITHUB = {"JOB_INDEX": "1", "JOB_TOTAL": "8"}
KUBERNETES = {"JOB_COMPLETION_INDEX": "1", "JOB_COMPLETIONS": "8"}


def array(task: int, first: int, last: int, count: int, step: int | None = None) -> dict[str, str]:
    numbers = {"ID": task, "MIN": first, "MAX": last, "COUNT": count, "STEP": step}
    return {f"SLURM_ARRAY_TASK_{k}": str(v) for k, v in numbers.items() if v is not None}


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ("2/8", {}),
        ("gitlab", GITLAB),
        ("github", GITHUB),
        ("kubernetes", KUBERNETES),
        ("slurm", array(1, 0, 7, 8)),
        ("slurm", array(2, 1, 8, 8)),
        ("slurm", array(20, 10, 80, 8, 10)),
        ("env", GITLAB),
        ("env", GITHUB),
        ("env", KUBERNETES),
        ("env", array(2, 1, 8, 8)),
        ("env", {**GITLAB, **KUBERNETES, "GOLDENSEED_SHARD": "2/8"}),
    ],
    ids=lambda each: each if isinstance(each, str) else "-".join(each) or "alone",
)
def test_the_second_of_eight_is_told_in_every_way(text: str, environ: dict[str, str]):
    assert shard_of(text, environ) == Shard(2, 8)


def test_nothing_is_read_unless_told_so():
    assert shard_of("", {**GITLAB, **KUBERNETES}) is None
    assert shard_of("1/1", GITLAB) == Shard(1, 1)


def test_a_gitlab_job_that_is_not_parallel_is_all_there_is():
    assert shard_of("gitlab", {"CI_NODE_TOTAL": "1"}) == Shard(1, 1)


@pytest.mark.parametrize(
    ("text", "environ", "what"),
    [
        ("0/8", {}, "there is no shard 0 of 8"),
        ("9/8", {}, "there is no shard 9 of 8"),
        ("1/0", {}, "there is no shard 1 of 0"),
        ("2", {}, "no shard"),
        ("-1/8", {}, "no shard"),
        ("jenkins", {}, "no shard"),
        ("gitlab", {"CI_NODE_TOTAL": "8"}, "CI_NODE_INDEX is not set"),
        ("gitlab", {**GITLAB, "CI_NODE_TOTAL": "eight"}, "CI_NODE_TOTAL is 'eight', no number"),
        ("gitlab", {**GITLAB, "CI_NODE_INDEX": "0"}, "there is no shard 0 of 8"),
        ("github", {"JOB_INDEX": "8", "JOB_TOTAL": "8"}, "there is no shard 9 of 8"),
        ("kubernetes", {"JOB_COMPLETION_INDEX": "1"}, "JOB_COMPLETIONS is not set"),
        ("slurm", array(3, 1, 7, 3, 1), "no even steps"),
        ("slurm", array(4, 1, 7, 4, 3), "no even steps"),
        ("slurm", {}, "SLURM_ARRAY_TASK_ID is not set"),
        ("env", {}, "nothing says which shard this is"),
        ("env", {**GITLAB, **KUBERNETES}, "CI_NODE_INDEX, JOB_COMPLETION_INDEX"),
        ("env", {"GOLDENSEED_SHARD": "two"}, "GOLDENSEED_SHARD=two: no shard"),
    ],
)
def test_what_does_not_say_which_of_how_many_is_refused(
    text: str, environ: dict[str, str], what: str
):
    with pytest.raises(GoldenseedError, match="shard") as refused:
        shard_of(text, environ)
    assert what in str(refused.value)
    assert refused.value.fix
