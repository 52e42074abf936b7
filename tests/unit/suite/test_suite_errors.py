"""Everything a suite file can get wrong: on which line it is said, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Suite
from goldenseed.suite.loading import load_suite

Load = Callable[[str | bytes], Suite]

GOOD = """\
suite: shapes
model:
  source: toy
determinism: {threads: 1}
defaults:
  call:
    height: 64
gates:
  fail:
    min_ssim: 0.95
cases:
  - id: apple
    prompt: a red apple
    seeds: [1, 2]
    call: {width: 64}
  - id: ball
    prompts:
      red: a red ball
      blue: a blue ball
    seeds: {start: 0, count: 8}
"""

HUB = "org/name"
REVISION = "0123456789abcdef0123456789abcdef01234567"

BAD = [
    # where, what stands there instead, the line, what is said, the fix
    ("suite: shapes", "suite: a/b", 1, '`suite` is "a/b"', "letters, digits"),
    ("suite: shapes", "suite: ''", 1, '`suite` is ""', "letters, digits"),
    ("suite: shapes", "suite: a..b", 1, "holds `..`", "choose another"),
    ("suite: shapes", "suite: Images", 1, "baseline store", "choose another"),
    ("suite: shapes", "suite: 12", 1, "`suite` is 12, text is needed", 'write "12" in quotes'),
    ("suite: shapes", "name: shapes", 1, "unknown key `name`", "the keys here are `suite`"),
    ("suite: shapes\n", "", 1, "the suite has no `suite`", "add `suite"),
    ("model:\n  source: toy", "model: toy", 2, '`model` is the text "toy"', "write a mapping"),
    ("model:\n  source: toy", "model: [toy]", 2, "`model` is a list", "write a mapping"),
    ("source: toy", "sorce: toy", 3, "unknown key `sorce` in `model`", "write `source`"),
    ("source: toy", "source: gone", 3, "no folder `gone` beside the suite", "hub id"),
    ("source: toy", f"source: {'long' * 100}", 3, "no folder `longlong", "hub id"),
    ("source: toy", "source: ../toy", 3, "leaves its folder", "beside the suite file"),
    ("source: toy", "source: /toy", 3, "is absolute", "beside the suite file"),
    ("source: toy", "source: 'C:\\toy'", 3, "has a drive letter", "beside the suite file"),
    ("source: toy", "source: ~", 3, "`model.source` is empty", "write a value"),
    ("source: toy", f"source: {HUB}", 3, "`org/name` has no revision", "40 hexadecimal digits"),
    ("source: toy", f"source: toy\n  revision: {REVISION}", 4, "is a folder", "remove `revision`"),
    ("source: toy", f"source: {HUB}\n  revision: main", 4, 'is "main"', "40 hexadecimal"),
    ("source: toy", f"source: {HUB}\n  revision: {'1' * 40}", 4, "text is needed", "in quotes"),
    ("source: toy", "source: toy\n  dtype: float31", 4, 'is "float31"', "write float32"),
    ("source: toy", "source: toy\n  dtype: int8", 4, 'is "int8"', "one of float16, bfloat16"),
    ("source: toy", "source: toy\n  device: cuda-1", 4, 'is "cuda-1"', "a device of torch"),
    ("source: toy", "source: toy\n  pipeline: a-B", 4, 'is "a-B"', "class in diffusers"),
    ("source: toy", "source: toy\n  pipeline: a.B", 4, "no module `a`", "install the package"),
    ("source: toy", "source: toy\n  scheduler: DDIM", 4, "a mapping is needed", "a mapping"),
    ("source: toy", "source: toy\n  scheduler: {eta: 1}", 4, "has no `class`", "add `class"),
    ("source: toy", "source: toy\n  adapters: [a]", 4, "adapters[0]` is the text", "a mapping"),
    ("source: toy", "source: toy\n  adapters: [{source: a.safetensors}]", 4, "no file", "put the"),
    ("source: toy", "source: toy\n  adapters: [{source: ../a}]", 4, "leaves its folder", "put"),
    ("source: toy", "source: toy\n  adapters: [{source: lora/old.bin}]", 4, "run code", "convert"),
    ("source: toy", "source: toy\n  adapters: {source: a}", 4, "a list is needed", "write ["),
    ("source: toy", "source: toy\nlock: ../x.json", 4, "leaves its folder", "suite's folder"),
    ("{threads: 1}", "{threads: 0}", 4, "is 0, it can be at least 1", "at least 1"),
    ("{threads: 1}", "{threads: 1.5}", 4, "is 1.5, a whole number", "a whole number"),
    ("{threads: 1}", "{threads: '1'}", 4, 'is the text "1"', "write 1 without quotes"),
    ("{threads: 1}", "{threads: true}", 4, "is true, a whole number", "a whole number"),
    ("{threads: 1}", "{algorithms: yes}", 4, 'is the text "yes"', "true or false"),
    ("{threads: 1}", "{algorithms: 'true'}", 4, 'is the text "true"', "true without quotes"),
    ("{threads: 1}", "{float32_precision: low}", 4, 'is "low"', "one of ieee, tf32"),
    ("{threads: 1}", "{thread: 1}", 4, "unknown key `thread`", "write `threads`"),
    ("height: 64", "height: 100", 7, "is 100, and this model makes multiples of 8", "96 or 104"),
    ("height: 64", "height: 4", 7, "is 4, and this model", "use 8"),
    ("height: 64", "height: -8", 7, "is -8, and this model", "use 8"),
    ("height: 64", "height: 64.0", 7, "is 64.0, a whole number", "a multiple of 8"),
    ("height: 64", "height: '64'", 7, 'is the text "64"', "write 64 without quotes"),
    ("height: 64", "eta: 1e999", 7, "beyond what a float can hold", "finite"),
    ("height: 64", "eta: .nan", 7, ".nan is not a finite number", "finite"),
    ("height: 64", "eta: -.inf", 7, "-.inf is not a finite number", "finite"),
    ("height: 64", "prompt: x", 7, "`prompt` is no argument", "the case: `prompt`"),
    ("height: 64", "generator: 1", 7, "`generator` is no argument", "`seeds`"),
    ("height: 64", "seed: 1", 7, "`seed` is no argument", "`seeds`"),
    ("height: 64", "output_type: pil", 7, "`output_type` is no argument", "goldenseed sets it"),
    ("height: 64", "return_dict: true", 7, "`return_dict` is no argument", "goldenseed sets"),
    ("height: 64", "callback_on_step_end: f", 7, "no argument", "goldenseed sets it"),
    ("height: 64", "scheduler: x", 7, "`scheduler` is no argument", "`model.scheduler`"),
    ("height: 64", "torch_dtype: x", 7, "`torch_dtype` is no argument", "`model.dtype`"),
    ("height: 64", "num_images_per_prompt: 0", 7, "a whole number from 1 is needed", "how many"),
    ("height: 64", "num_images_per_prompt: true", 7, "a whole number from 1", "how many"),
    ("height: 64", "height: 64\n    height: 64", 8, "`height` stands here and on line 7", "keep"),
    ("height: 64", "when: !!python/object:os.system x", 7, "tag `!!python/object", "remove"),
    ("height: 64", "when: !!int 4", 7, "the tag `!!int` is not allowed", "remove"),
    ("height: 64", "when: !own {a: 1}", 7, "the tag `!own` is not allowed", "remove"),
    ("height: 64", "[a, b]: 1", 7, "a list or a mapping stands as a key", "a word"),
    ("height: 64", "<<: 3", 7, "`<<` merges mappings only", "an anchor of a mapping"),
    ("  fail:\n    min_ssim: 0.95", "  min_ssim: 0.95", 9, "key `min_ssim`", "under `fail`"),
    ("min_ssim: 0.95", "min_ssim: '0.95'", 10, "a number is needed", "0.95 without quotes"),
    ("min_ssim: 0.95", "min_ssim: high", 10, 'is the text "high"', "write a number"),
    ("min_ssim: 0.95", "min_ssim: true", 10, "is true, a number is needed", "a number"),
    ("min_ssim: 0.95", "min_ssim:", 10, "is empty, a number is needed", "write a value"),
    ("  - id: apple", "  - ident: apple", 12, "`cases[0]` has no `id`", "add `id"),
    ("id: apple", "id: ../apple", 12, 'is "../apple"', "letters, digits"),
    ("id: apple", "id: a/b", 12, 'is "a/b"', "letters, digits"),
    ("id: apple", "id: a\\b", 12, 'is "a\\\\b"', "letters, digits"),
    ("id: apple", "id: a..b", 12, "holds `..`", "choose another"),
    ("id: apple", "id: apple.", 12, "ends with a dot", "choose another"),
    ("id: apple", "id: Con", 12, "device on Windows", "choose another"),
    ("id: apple", "id: lpt1.x", 12, "device on Windows", "choose another"),
    ("id: apple", f"id: {'a' * 101}", 12, 'is "aaa', "at most 100"),
    ("id: apple", 'id: "a\\n"', 12, 'is "a\\n"', "letters, digits"),
    ("id: ball", "id: apple", 16, "`apple` stands here and on line 12", "rename one"),
    ("id: ball", "id: Apple", 16, "`apple` on line 12 differ by letter case", "rename one"),
    ("prompt: a red apple", "prompt: 12", 13, "is 12, text is needed", '"12" in quotes'),
    ("prompt: a red apple", "prompt: true", 13, "is true, text is needed", '"true" in quotes'),
    (
        "prompt: a red apple",
        "prompt: [a, 1]",
        13,
        "`cases[0].prompt[1]` is 1, text",
        '"1" in quotes',
    ),
    ("prompt: a red apple", "prompt: {a: b}", 13, "unknown key `a`", "the keys here are `model`"),
    ("a red apple", "x\n    prompts: {a: b}", 14, "both `prompt` and `prompts`", "one of the two"),
    ("a red apple", "x\n    negative_prompt: y", 14, "`negative_prompt`", "under `call`"),
    ("    seeds: [1, 2]\n", "", 12, "`cases[0]` has no `seeds`", "a golden needs a fixed seed"),
    ("seeds: [1, 2]", "seed: [1, 2]", 14, "unknown key `seed`", "write `seeds`"),
    ("seeds: [1, 2]", "seeds: 1", 14, "is 1, a list is needed", "write [1]"),
    ("seeds: [1, 2]", "seeds: []", 14, "`cases[0].seeds` is empty", "at least one"),
    ("seeds: [1, 2]", "seeds: [1, -1]", 14, "is -1, which stands for a random", "from 0 to"),
    ("seeds: [1, 2]", "seeds: [-2]", 14, "is -2, beyond the seeds", "from 0 to"),
    ("seeds: [1, 2]", "seeds: [9223372036854775808]", 14, "beyond the seeds", "from 0 to"),
    ("seeds: [1, 2]", "seeds: [1, '2']", 14, 'seeds[1]` is the text "2"', "2 without quotes"),
    ("seeds: [1, 2]", "seeds: [1.0]", 14, "is 1.0, a whole number", "a whole number"),
    ("seeds: [1, 2]", "seeds: [1e3]", 14, "is 1000.0, a whole number", "a whole number"),
    ("seeds: [1, 2]", "seeds: [true]", 14, "is true, a whole number", "a whole number"),
    ("seeds: [1, 2]", "seeds: [1_000]", 14, 'is the text "1_000"', "a whole number"),
    ("seeds: [1, 2]", "seeds: [1, 2, 1]", 14, "seed 1 stands more than once", "keep one"),
    ("seeds: [1, 2]", "seeds:\n    - 1\n    - 1", 16, "seed 1 stands more than once", "keep one"),
    ("call: {width: 64}", "call: {width: 60}", 15, "cases[0].call.width` is 60", "56 or 64"),
    ("call: {width: 64}", "call: [width]", 15, "is a list, a mapping", "write a mapping"),
    ("call: {width: 64}", "model: {dtype: x}", 15, "unknown key `dtype`", "suite's `model`"),
    ("call: {width: 64}", "model: {schedular: x}", 15, "unknown key", "write `scheduler`"),
    ("call: {width: 64}", "marks: slow", 15, "a list is needed", 'write ["slow"]'),
    ("call: {width: 64}", "marks: ['skipif(1)']", 15, 'is "skipif(1)"', "a pytest mark"),
    ("call: {width: 64}", "gates: {fall: {a: 1}}", 15, "unknown key `fall`", "write `fail`"),
    ("call: {width: 64}", "content: 3", 15, "is 3, a mapping is needed", "write a mapping"),
    ("call: {width: 64}", "content: {min_x: a}", 15, 'the text "a", a number', "write a number"),
    ("call: {width: 64}", "content: {min_x: {value: 1}}", 15, "has no `model`", "add `model"),
    ("call: {width: 64}", "content: {a: {model: toy, valeu: 1}}", 15, "`valeu`", "`value`"),
    ("call: {width: 64}", "content: {a: {value: 1, model: x}}", 15, "no folder `x`", "put the"),
    ("call: {width: 64}", "content: {a: {value: 1, model: ../x}}", 15, "leaves its", "suite's"),
    ("red: a red ball", "'': a red ball", 18, 'has the key ""', "letters, digits"),
    ("red: a red ball", "a/b: a red ball", 18, 'has the key "a/b"', "letters, digits"),
    ("red: a red ball", "nul: a red ball", 18, "device on Windows", "choose another"),
    ("red: a red ball", "Blue: a red ball", 19, "`Blue` on line 18 differ by case", "rename"),
    ("red: a red ball", "blue: a red ball", 19, "`blue` stands here and on line 18", "keep one"),
    ("red: a red ball", "red:", 18, "`cases[1].prompts.red` is empty", "write a value"),
    ("{start: 0, count: 8}", "{start: 0}", 20, "has no `count`", "add `count"),
    ("{start: 0, count: 8}", "{start: -1, count: 8}", 20, "start` is -1", "from 0 to"),
    ("{start: 0, count: 8}", "{start: 0, count: 0}", 20, "count` is 0", "at least 1"),
    ("{start: 0, count: 8}", "{start: 0, count: 1000000}", 20, "at most 100,000", "at most"),
    ("{start: 0, count: 8}", "{start: 0, stop: 8, count: 2}", 20, "key `stop`", "`start`"),
    ("{start: 0, count: 8}", "{start: 0, count: 60000}", 16, "more than 100,000", "split"),
    ("{start: 0, count: 8}", "{start: 9223372036854775807, count: 2}", 20, "ends at", "last seed"),
]


@pytest.mark.parametrize("fault", BAD, ids=[row[1][:40] for row in BAD])
def test_each_fault_is_named_with_its_line_and_a_fix(
    load: Load, fault: tuple[str, str, int, str, str]
):
    where, instead, line, what, fix = fault
    assert where in GOOD
    with pytest.raises(GoldenseedError) as caught:
        load(GOOD.replace(where, instead, 1))
    said = str(caught.value)
    place = f"toy.suite.yaml:{line}: "
    problems = [problem.partition("\n  fix: ") for problem in said.split("\n/")]
    assert any(place in head and what in head and fix in tail for head, _, tail in problems), said


def test_the_good_suite_is_good(load: Load):
    assert len(load(GOOD).cases) == 18


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        pytest.param(b"", 1, "is empty", id="empty"),
        pytest.param(b"# nothing\n", 1, "is empty", id="only a comment"),
        pytest.param(b"- 1\n", 1, "a mapping is needed", id="a list"),
        pytest.param(b"suite: s\nmodel: \xff\n", 2, "0xff at offset 16", id="not UTF-8"),
        pytest.param("suite: s".encode("utf-16"), 1, "is not UTF-8", id="UTF-16"),
        pytest.param(b"suite: s\nx: \x00\n", 2, "YAML forbids: 0x0000", id="a null byte"),
        pytest.param(b"suite: s\n\tmodel: x\n", 2, "indented with a tab", id="a tab"),
        pytest.param(b"suite: [s\nmodel: x\n", 2, "is not valid YAML", id="an open bracket"),
        pytest.param(b"suite: [", 1, "is not valid YAML", id="a bracket alone"),
        pytest.param(b"suite: [\n", 1, "is not valid YAML", id="a bracket and a line's end"),
        pytest.param(b'suite: "a\n\n', 1, "is not valid YAML", id="an open quote"),
        pytest.param(b"suite: s\nx: @a\n", 2, "cannot begin with", id="a reserved character"),
        pytest.param(b"suite: s\nx: *a\n", 2, "undefined alias", id="no such anchor"),
        pytest.param(b"suite: s\n---\nsuite: t\n", 2, "more than one document", id="documents"),
        pytest.param(b"x: &a\n- 1\n- *a\n", 1, "contains an alias of itself", id="a cycle"),
        pytest.param(b"x:\n " + b"[" * 100_000, 2, "more than 64 levels", id="deep lists"),
        pytest.param(b"x:\n " + b"{a: " * 100_000, 2, "more than 64 levels", id="deep mappings"),
        pytest.param(b"- " * 100_000, 1, "more than 64 levels", id="deep blocks"),
        pytest.param(b"x" * (8 * 1024**2 + 1), None, "is larger than", id="a huge file"),
    ],
)
def test_a_file_that_cannot_be_read_on_says_where(
    load: Load, content: bytes, line: int | None, what: str
):
    with pytest.raises(GoldenseedError, match=r"toy\.suite\.yaml") as caught:
        load(content)
    assert what in str(caught.value)
    assert caught.value.line == line


BOMBS = {
    "lists": "a0: &a0 [x, x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 40)),
    "mappings": "a0: &a0 {k: x}\n"
    + "".join(f"a{n}: &a{n} {{p: *a{n - 1}, q: *a{n - 1}}}\n" for n in range(1, 60)),
    "merges": "a0: &a0 {k: x}\n"
    + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 60)),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_an_alias_bomb_is_refused_before_it_is_expanded(load: Load, bomb: str):
    with pytest.raises(GoldenseedError, match="more than 1,000,000 values once its aliases"):
        load(bomb)


def test_nesting_through_aliases_is_bounded_too(load: Load):
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 70))
    with pytest.raises(GoldenseedError, match="more than 64 levels deep"):
        load(chain)


def test_all_problems_are_said_at_once_in_the_order_of_the_lines(load: Load):
    text = GOOD.replace("source: toy", "source: gone").replace("min_ssim: 0.95", "min_ssim: high")
    with pytest.raises(GoldenseedError) as caught:
        load(text.replace("id: ball", "id: apple"))
    heads = [line.split(": ")[0] for line in str(caught.value).splitlines() if line[:1] != " "]
    assert [head.rpartition(":")[2] for head in heads] == ["3", "10", "16"]
    assert caught.value.line == 3


def test_after_ten_problems_the_rest_is_counted(load: Load):
    cases = "".join(f"  - {{id: c{n}, prompt: x, seeds: [-1]}}\n" for n in range(15))
    with pytest.raises(GoldenseedError, match="and 5 more problems") as caught:
        load("suite: s\nmodel: {source: toy}\ncases:\n" + cases)
    assert str(caught.value).count("a golden needs a fixed seed") == 10


def test_pydantics_own_words_are_not_shown(load: Load):
    text = GOOD
    for where, instead in [("threads: 1", "threads: x"), ("[1, 2]", "[1.5]"), ("toy", "12")]:
        text = text.replace(where, instead, 1)
    with pytest.raises(GoldenseedError) as caught:
        load(text)
    found = [word for word in ("Input should", "[type=", "https:") if word in str(caught.value)]
    assert found == []


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path):
    with pytest.raises(GoldenseedError, match="cannot be read: No such file"):
        load_suite(tmp_path / "gone.suite.yaml")


def test_a_folder_is_no_suite(tmp_path: Path):
    with pytest.raises(GoldenseedError, match="is not a regular file"):
        load_suite(tmp_path)


def test_a_file_with_nothing_but_faults_is_refused_without_counting_them_all(load: Load):
    with pytest.raises(GoldenseedError, match="and at least 990 more problems"):
        load(GOOD + "".join(f"unknown{n}: 1\n" for n in range(2000)))
