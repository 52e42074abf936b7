"""Suite files that would take a machine minutes: refused, in seconds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.loading import load_suite

HEAD = "suite: x\nmodel: {source: m}\n"
ONE = "cases: [{id: a, prompt: p, seeds: [1]}]\n"
MANY = "cases: [{id: a, prompt: p, seeds: {start: 0, count: 99999}}]\n"
CPU_SECONDS = 20.0
"""Several times what the slowest takes: without the bounds these take minutes."""


def sets(pattern: str, count: int) -> str:
    one = "- {{id: s{0}, cases: ['{1}'], within: {{min_ssim: 0}}, between: {{max_ssim: 1}}}}\n"
    return HEAD + MANY + "consistency:\n" + "".join(one.format(n, pattern) for n in range(count))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "cases:\n" + "- {id: a, prompt: p, seeds: [1]}\n" * 220_000, "1,000,000 values"),
        ("[" + "1," * 4_000_000, "more than 1,000,000 values"),
        ("a:\n" + "1:\n" * 2_500_000, "more than 1,000,000 values"),
        ("x" * (8 * 2**20 + 1), "is larger than the 8,388,608 bytes"),
        (HEAD + ONE + "".join(f"k{n}: 1\n" for n in range(500_000)), "unknown key `k0`"),
        (sets("a*", 50), "look at more than 2,000,000 cases"),
        (sets("a", 50), "look at more than 2,000,000 cases"),
        (sets("*a*a*a*a*z", 50), "no case is meant|look at more than 2,000,000 cases"),
        (sets("a", 15), "which `between` holds apart"),
    ],
    ids=["cases", "list", "mapping", "long", "keys", "patterns", "names", "stars", "between"],
)
def test_a_gigantic_suite_is_refused_in_seconds(tmp_path: Path, text: str, said: str):
    (tmp_path / "m").mkdir()
    file = tmp_path / "x.suite.yaml"
    file.write_text(text)
    began = time.process_time()
    with pytest.raises(GoldenseedError, match=said):
        load_suite(file)
    assert time.process_time() - began < CPU_SECONDS


def test_named_cases_are_found_without_looking_at_all(tmp_path: Path):
    (tmp_path / "m").mkdir()
    file = tmp_path / "x.suite.yaml"
    names = ", ".join(f"'a[seed={n}]'" for n in range(5000))
    file.write_text(
        f"{HEAD}{MANY}consistency: [{{id: s, cases: [{names}], within: {{min_ssim: 0}}}}]"
    )
    (found,) = load_suite(file).sets
    assert len(found.cases) == 5000
