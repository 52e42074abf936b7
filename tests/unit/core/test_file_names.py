"""Names that become files: one rule for suites and store, and texts written as names."""

from __future__ import annotations

import itertools
import random
import string
from pathlib import Path

import pytest

from goldenseed.baselines.places import Places
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import (
    RESERVED,
    escaped,
    fitting,
    name_problem,
    suite_name_problem,
    unescaped,
)
from goldenseed.suite.sections import name_fault

KEPT = "._=,[]-"
ODD = 'a /:\\%~?*"<>|\n\0äÄßé\u0301Ω\u2126日ﬁ\ud800.[]'


@pytest.mark.parametrize(
    "name", [*sorted(RESERVED), "con", "com0", "COM9", "lpt0", "nul.txt", "aux.x.y"]
)
def test_suite_files_and_the_store_refuse_the_same_names(tmp_path: Path, name: str):
    assert name_fault(name, is_suite=True) is not None
    with pytest.raises(GoldenseedError, match="the suite name"):
        Places(tmp_path).suite(name)


@pytest.mark.parametrize("name", ["console", "images2", "a.b", "com10", "nullable", "x-1_y"])
def test_suite_files_and_the_store_take_the_same_names(tmp_path: Path, name: str):
    assert name_fault(name, is_suite=True) is None
    assert Places(tmp_path).suite(name).name == name


def test_what_needs_no_escape_stays_as_it_is():
    for name in ("test_hero", "TestA.test_x[0.5-True]", "test_größe[日本]", "a[b,seed=1]"):
        assert fitting(escaped(name, KEPT)) == name


def test_any_text_becomes_a_name_that_every_system_takes_and_no_two_share():
    generator = random.Random(7)
    texts = {"".join(generator.choices(ODD, k=generator.randint(0, 6))) for _ in range(4000)}
    texts |= {"".join(each) for each in itertools.product("a/- ", repeat=4)}
    texts |= {"x" * length for length in range(190, 260)} | {"日" * 200, "日" * 201}
    texts |= {"con", "NUL.txt", "com¹", ".", "..", ".a", "a.", "%41", "A"}
    names = {text: fitting(escaped(text, KEPT)) for text in texts}
    assert len(set(names.values())) == len(texts)
    assert [name for text, name in names.items() if text and name_problem(name)] == []


def test_an_escaped_text_can_be_read_back():
    for text in (ODD, "Größe 1/2", string.printable, "100%"):
        assert unescaped(escaped(text, "")) == text


def test_a_name_reserved_for_the_store_becomes_another_for_a_suite_of_tests():
    assert fitting("traces", suite=True) == "%74races"
    assert fitting("traces") == "traces"
    assert suite_name_problem("Traces")
