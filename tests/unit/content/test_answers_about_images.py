"""Questions to tiny random models about an image: their answers, how sure, and when refused."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from goldenseed.content.answers import Answer, ask, check_answers, plain
from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.answers import with_answers
from goldenseed.runs.record import CaseRecord
from goldenseed.suite.answers import AnswerSpec
from tiny_writers import tiny_blip, tiny_gpt2, tiny_llava


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    tiny_blip(folder / "blip")
    tiny_llava(folder / "llava")
    tiny_gpt2(folder / "gpt2")
    return folder


@pytest.fixture(scope="module")
def image() -> Image.Image:
    levels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    return Image.fromarray(levels)


def question(folder: Path, expect: str = "no", **more: object) -> AnswerSpec:
    given = {"min_probability": None, "max_new_tokens": 3, "template": None, **more}
    return AnswerSpec(folder, "is it round", (expect,), source="suite", line=7, **given)


def test_blip_s_answer_and_its_probability_are_those_of_the_model(models: Path, image: Image.Image):
    from transformers import AutoProcessor, BlipForQuestionAnswering

    answer = ask(image, question(models / "blip"))
    processor = AutoProcessor.from_pretrained(models / "blip")
    model = BlipForQuestionAnswering.from_pretrained(models / "blip").eval()
    given = processor(images=image, text="is it round", return_tensors="pt")
    with torch.inference_mode():
        out = model.generate(
            **given, max_new_tokens=3, output_scores=True, return_dict_in_generate=True
        )
    chances = [scores.softmax(-1).max() for scores in out.scores]
    assert answer.text == processor.decode(out.sequences[0], skip_special_tokens=True).strip()
    assert answer.probability == pytest.approx(math.prod(map(float, chances)), rel=1e-4)


def test_llava_is_asked_by_its_chat_template_or_by_the_suite_s(models: Path, image: Image.Image):
    own = ask(image, question(models / "llava"))
    same = ask(image, question(models / "llava", template="{image} {question} "))
    other = ask(image, question(models / "llava", template="{image} a b c {question}"))
    assert own == same
    assert own.probability != other.probability


@pytest.mark.parametrize("kind", ["blip", "llava"])
def test_an_answer_repeats_and_depends_on_the_image(models: Path, image: Image.Image, kind: str):
    first = ask(image, question(models / kind))
    torch.manual_seed(5)
    assert ask(image, question(models / kind)) == first
    assert ask(Image.new("RGB", image.size), question(models / kind)) != first


@pytest.mark.parametrize(
    ("text", "same"),
    [("No.", "no"), (" NO!", "no"), ("a  red ball", "A red, ball."), ("\uff39\uff25\uff33", "yes")],
)
def test_letter_case_punctuation_and_white_space_do_not_count(text: str, same: str):
    assert plain(text) == plain(same)


def test_what_is_not_expected_is_said_with_the_answer_and_its_probability():
    spec = question(Path("vlm"), "no", min_probability=0.5)
    assert Answer("No.", 0.9, cut=False).fault(spec) is None
    assert "'yes' (probability 0.9), and 'no' is expected" in str(
        Answer("yes", 0.9, cut=False).fault(spec)
    )
    assert "a probability of 0.5 is expected" in str(Answer("no", 0.3, cut=False).fault(spec))
    assert "stopped after 3 tokens" in str(Answer("nor", 0.9, cut=True).fault(spec))


def test_a_record_keeps_every_answer_and_a_reason_for_what_does_not_hold(
    models: Path, image: Image.Image
):
    record = CaseRecord(
        id="one", suite="s", path="s.suite.yaml", recipe={}, recipe_sha256="", verdict="identical",
        passed=True,
    )  # fmt: skip
    right = ask(image, question(models / "blip")).text
    specs = (question(models / "blip", right), question(models / "llava", "never"))
    found = with_answers(record, [("images[0]", image), ("images[1]", image)], specs)
    assert [each.holds for each in found.answers] == [True, True, False, False]
    assert [each.element for each in found.answers[:2]] == ["images[0]", "images[1]"]
    assert {each.code for each in found.reasons} == {"content"}
    assert (found.passed, found.verdict) == (False, "identical")
    assert with_answers(record, [(None, image)], specs[:1]).passed
    [alone] = with_answers(record, [], specs[:1]).answers
    assert (alone.answer, alone.holds) == (None, False)


def test_a_model_that_cannot_be_asked_fails_the_case_and_says_why(
    models: Path, image: Image.Image, tmp_path: Path
):
    shutil.copytree(models / "blip", tmp_path / "lacking")
    (tmp_path / "lacking" / "tokenizer.json").unlink()
    for folder, said in (
        (models / "gpt2", "is a GPT2LMHeadModel, which writes no answers about images"),
        (tmp_path, "there is no config.json"),
        (tmp_path / "lacking", "holds no usable model that answers questions about images"),
    ):
        with pytest.raises(GoldenseedError, match=said):
            ask(image, question(folder))


def test_a_template_without_the_image_is_told_of(models: Path, image: Image.Image):
    with pytest.raises(GoldenseedError, match=r"cannot be asked 'is it round'.*\n.*`template`"):
        ask(image, question(models / "llava", template="{question}"))


def test_pickles_and_answers_of_punctuation_are_refused_at_collection(models: Path, tmp_path: Path):
    shutil.copytree(models / "blip", tmp_path / "pickled")
    (tmp_path / "pickled" / "model.safetensors").rename(tmp_path / "pickled" / "pytorch_model.bin")
    check_answers([question(models / "blip")])
    for spec, said in (
        (question(tmp_path / "pickled"), "is a pickle"),
        (question(models / "blip", "?!"), "no answer is '\\?!'"),
    ):
        with pytest.raises(GoldenseedError, match=said) as caught:
            check_answers([spec])
        assert caught.value.line == 7


def test_foreign_code_beside_a_model_is_not_run(models: Path, image: Image.Image, tmp_path: Path):
    shutil.copytree(models / "blip", tmp_path / "own")
    place = tmp_path / "own" / "config.json"
    config = json.loads(place.read_text())
    config["auto_map"] = {"AutoModelForVisualQuestionAnswering": "own.Own"}
    place.write_text(json.dumps(config))
    (tmp_path / "own" / "own.py").write_text("raise SystemExit('foreign code ran')")
    assert ask(image, question(tmp_path / "own")) == ask(image, question(models / "blip"))
