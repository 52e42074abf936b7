"""``vary``: every combination of named alternatives, and every way to get it wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Suite
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import cases_by_model, recipe_of, recipe_sha256

Read = Callable[[str], Suite]
HEAD = "suite: toy\nmodel: {source: toy, scheduler: {class: PNDMScheduler}}\n"
CASE = """\
cases:
  - id: a
    prompt: x
    seeds: [3]
    vary:
"""
FIRST = HEAD.count("\n") + CASE.count("\n") + 1
"""The line on which the alternatives begin."""
SAME = """\
adapters:
  a: [{source: ben.safetensors}]
  b: [{source: ben.safetensors, scale: 1}]"""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    for folder in ("toy", "two"):
        (tmp_path / folder).mkdir()
    for name in ("anna", "ben"):
        (tmp_path / f"{name}.safetensors").touch()

    def read(text: str) -> Suite:
        path = tmp_path / "toy.suite.yaml"
        path.write_text(HEAD + text)
        return load_suite(path)

    return read


def vary(lines: str, case: str = CASE) -> str:
    return case + "".join(f"      {line}\n" for line in lines.splitlines())


def ids(suite: Suite) -> list[str]:
    return [case.id for case in suite.cases]


def test_a_case_is_every_combination_of_its_axes_prompts_and_seeds(read: Read):
    suite = read(
        vary(
            "adapters: {anna: [{source: anna.safetensors}], none: []}\n"
            "call.num_inference_steps: {s2: 2, s4: 4}",
            CASE.replace("prompt: x", "prompts: {park: a park, sea: the sea}"),
        ).replace("[3]", "[3, 5]")
    )
    assert ids(suite)[:5] == [
        "a[park,anna,s2,seed=3]",
        "a[park,anna,s2,seed=5]",
        "a[sea,anna,s2,seed=3]",
        "a[sea,anna,s2,seed=5]",
        "a[park,anna,s4,seed=3]",
    ]
    assert len(set(ids(suite))) == 16
    last = suite.cases[-1]
    assert last.alternatives == {"adapters": "none", "call.num_inference_steps": "s4"}
    assert (last.prompt, last.call, last.adapters) == ("the sea", {"num_inference_steps": 4}, ())
    assert len({recipe_sha256(recipe_of(case)) for case in suite.cases}) == 16


@pytest.mark.parametrize(
    ("axis", "field", "values"),
    [
        ("scheduler: {own: null, ddim: {class: DDIMScheduler}}", "scheduler", None),
        ("dtype: {half: float16, full: float32}", "dtype", ["float16", "float32"]),
        ("source: {one: toy, other: two}", "source", ["toy", "two"]),
        ("model: {one: {dtype: float64}, other: {source: two}}", "dtype", ["float64", "float32"]),
        ("allow_new_weights: {no: [], yes: [unet]}", "allow_new_weights", [(), ("unet",)]),
    ],
)
def test_any_key_of_the_model_can_vary(read: Read, axis: str, field: str, values: list[object]):
    suite = read(vary(axis))
    found = [getattr(case.model, field) for case in suite.cases]
    if values is None:
        assert [each and each.class_name for each in found] == [None, "DDIMScheduler"]
        assert len(cases_by_model(suite)) == 1
    else:
        assert found == values
        assert len(cases_by_model(suite)) == 2


def test_two_axes_of_the_model_keep_what_each_sets(read: Read):
    suite = read(vary("scheduler: {ddim: {class: DDIMScheduler}}\ndtype: {half: float16}"))
    model = suite.cases[0].model
    assert model.scheduler is not None
    assert (model.scheduler.class_name, model.dtype) == ("DDIMScheduler", "float16")


def test_noise_call_and_inputs_can_vary(read: Read, tmp_path: Path):
    from PIL import Image

    for name in ("one", "two"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    suite = read(
        vary(
            "noise: {cpu: cpu, exact: portable}\n"
            "call: {quick: {steps: 2, eta: 0}, slow: {steps: 9}}\n"
            "inputs.image: {first: one.png, second: two.png}\n"
            "inputs: {masked: {mask_image: one.png}}"
        )
    )
    last = suite.cases[-1]
    assert len(suite.cases) == 8
    assert (last.noise.kind, last.call) == ("portable", {"steps": 9})
    assert {key: value.source for key, value in last.inputs.items()} == {
        "image": "two.png",
        "mask_image": "one.png",
    }


def test_cases_inherit_the_alternatives_of_the_defaults_whole_or_not_at_all(read: Read):
    suite = read(
        "defaults: {vary: {dtype: {half: float16, full: float32}}}\n"
        "cases:\n"
        "  - {id: a, prompt: x, seeds: [1]}\n"
        "  - {id: b, prompt: x, seeds: [1], vary: {}}\n"
        "  - {id: c, prompt: x, seeds: [1], vary: {call.eta: {e0: 0}}}\n"
    )
    assert ids(suite) == ["a[half,seed=1]", "a[full,seed=1]", "b[seed=1]", "c[e0,seed=1]"]


def test_the_cases_of_one_model_stand_together(read: Read):
    suite = read(vary("call.eta: {e0: 0, e1: 1}\ndtype: {half: float16, full: float32}"))
    together = [[case.id for case in cases] for cases in cases_by_model(suite).values()]
    assert together == [
        ["a[e0,half,seed=3]", "a[e1,half,seed=3]"],
        ["a[e0,full,seed=3]", "a[e1,full,seed=3]"],
    ]


def test_sets_mean_alternatives_by_pattern(read: Read):
    suite = read(
        vary("call.eta: {e0: 0, e1: 1}\ndtype: {half: float16, full: float32}")
        + "consistency: [{id: all, cases: ['a[*half*]'], within: {max_mean_difference: 9}}]\n"
        + "diversity: [{id: apart, cases: [a], within: {min_mean_difference: 1}}]\n"
    )
    assert suite.sets[0].cases == ("a[e0,half,seed=3]", "a[e1,half,seed=3]")
    assert len(suite.sets[1].groups[0]) == 4


@pytest.mark.parametrize(
    ("lines", "at", "said"),
    [
        ("schedulr: {a: {class: X}}", 0, "there is no axis `schedulr` to vary\n  fix: write `sch"),
        ("zzz: {a: 1}", 0, "there is no axis `zzz` to vary\n  fix: vary `call`"),
        ("device: {a: cpu}", 0, "`a` sets `model.device`, which decides no pixels"),
        ("model: {a: {device: cpu}}", 0, "`a` sets `model.device`, which decides no pixels"),
        ("adapters: [{source: anna.safetensors}]", 0, "alternatives of `cases[0].vary.adapters` h"),
        ("adapters: {}", 0, "`cases[0].vary.adapters` is empty"),
        ("adapters:", 0, "the alternatives of `cases[0].vary.adapters` have no names"),
        ('dtype: {"a,b": float16}', 0, 'has the key "a,b"'),
        ("dtype: {con: float16}", 0, "the alternative `con` is the name of a device on Windows"),
        ("dtype: {A: float16, a: float32}", 0, "`A` of `dtype` and `a` of `dtype` are one name"),
        ("dtype: {a: float16}\ncall.eta: {a: 1}", 1, "`a` of `call.eta` are one name in an id"),
        ("call: {a: {e: 1}, b: {e: 1.0}}", 0, "the alternatives `a` and `b` of `call` are the sa"),
        (SAME, 2, "`a` and `b` of `adapters` are the same: one recipe twice"),
        ("call: {a: {eta: 1}}\ncall.eta: {b: 2}", 1, "the argument `eta` is set by alternatives o"),
        ("model: {a: {dtype: float16}}\ndtype: {b: float64}", 1, "`model.dtype` is set by altern"),
        ("adapters:\n  a:\n    - sorce: x", 2, "unknown key `sorce` in `model.adapters[0]`"),
        ("adapters:\n  a:\n    - source: zoe.safetensors", 2, "there is no file `zoe.safetensors`"),
        ("source:\n  a: toy\n  b: nowhere", 2, "there is no folder `nowhere` beside the suite"),
        ("noise:\n  a: cpu\n  b: gpu", 2, '`noise` is "gpu"'),
        ("inputs:\n  a: {image: none.png}", 1, "there is no file `none.png`"),
        ("call:\n  a: {seed: 3}", 1, "`seed` is no argument for `call`"),
        ("call.num_inference_steps:\n  a: '20'", 1, "`call.num_inference_steps` is the text"),
        ("model: {a: null}", 0, "`model` is empty, a mapping is needed"),
        (f"call.eta: {{{'n' * 99}: 1}}\ncall.b: {{{'m' * 99}: 1}}", -4, "is longer than 200 bytes"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(read: Read, lines: str, at: int, said: str):
    with pytest.raises(GoldenseedError) as caught:
        read(vary(lines))
    assert said in str(caught.value)
    assert f"toy.suite.yaml:{FIRST + at}: " in str(caught.value)


@pytest.mark.parametrize(
    ("case", "lines", "said"),
    [
        ("call: {eta: 1}", "call.eta: {a: 0}", "the argument `eta` is set by the case and by its"),
        ("model: {adapters: []}", "adapters: {a: []}", "`model.adapters` is set by the case and"),
        ("noise: portable", "noise: {a: cpu}", "`noise` is set by the case and by its alternative"),
        ("call: {image: 1}", "inputs.image: {a: x.npy}", "the argument `image` is set by the case"),
    ],
)
def test_what_a_case_sets_does_not_vary(read: Read, case: str, lines: str, said: str):
    with pytest.raises(GoldenseedError, match="alternative `a`") as caught:
        read(vary(lines, CASE.replace("    vary", f"    {case}\n    vary")))
    assert said in str(caught.value)


def test_what_a_case_sets_does_not_vary_by_the_defaults_either(read: Read):
    with pytest.raises(GoldenseedError, match=r"yaml:5: .*`eta` is set by the case.*\n.*vary: {}"):
        read(
            "defaults: {vary: {call.eta: {a: 0}}}\n"
            "cases:\n  - {id: a, prompt: x, seeds: [1], call: {eta: 1}}\n"
        )


def test_a_prompt_and_an_alternative_of_one_name_are_refused(read: Read):
    with pytest.raises(GoldenseedError, match="`park` of `prompts` and `park` of"):
        read(vary("call.eta: {park: 1}", CASE.replace("prompt: x", "prompts: {park: x}")))


def test_a_product_that_is_too_large_is_refused_before_it_is_made(read: Read):
    names = ", ".join(f"n{number}: {number}" for number in range(400))
    axes = "\n".join(f"call.a{axis}: {{{names.replace('n', f'x{axis}-')}}}" for axis in range(4))
    with pytest.raises(GoldenseedError, match="more than 100,000 cases from here on"):
        read(vary(axes))


def test_portable_suites_vary_by_nothing_that_depends_on_the_machine(read: Read):
    with pytest.raises(GoldenseedError) as caught:
        read("determinism: portable\n" + vary("dtype: {half: float16}\nnoise: {c: cpu}"))
    assert '`model.dtype` is "float16", and `determinism: portable`' in str(caught.value)
    assert '`noise` is "cpu", whose numbers depend on the machine' in str(caught.value)
