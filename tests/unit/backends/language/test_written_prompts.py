"""Prompts that tiny random language models write, and what becomes of a folder that is no good."""

from __future__ import annotations

import gc
import json
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.backends.language.folders import describe_files
from goldenseed.backends.language.writing import PromptWriter, Written
from goldenseed.backends.protocol import Generation, Settings, record_stages
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.file_digests import FileDigests
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from goldenseed.trace.stages import Stage
from tiny_pipelines import tiny_clip
from tiny_writers import WORDS, tiny_gpt2, tiny_llama, tiny_t5

Asked = Callable[..., Case]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("writers")
    tiny_llama(folder / "llama")
    tiny_t5(folder / "t5")
    tiny_gpt2(folder / "bare", special=False)
    tiny_gpt2(folder / "chat", chat=True)
    tiny_clip(folder / "clip")
    return folder


@pytest.fixture
def asked(tmp_path: Path, models: Path) -> Asked:
    """Return the case of a suite whose prompt has these keys."""

    def case(model: str = "llama", *, determinism: str = "", **keys: object) -> Case:
        (tmp_path / "model").mkdir(exist_ok=True)
        if not (tmp_path / model).exists():
            (tmp_path / model).symlink_to(models / model)
        prompt = json.dumps({"model": model, "template": "a small house", **keys})
        path = tmp_path / "tiny.suite.yaml"
        path.write_text(
            textwrap.dedent(f"""\
                suite: tiny
                model: {{source: model}}
                {determinism or "noise: cpu"}
                cases:
                  - {{id: one, prompt: {prompt}, seeds: [1]}}
                """)
        )
        return load_suite(path).cases[0]

    return case


def write(case: Case) -> Written:
    writer = PromptWriter(Settings(device="cpu"))
    freed: list[str] = []
    assert writer.write(case, lambda: freed.append("another model")) > 0
    assert writer.write(case, lambda: freed.append("twice")) == 0.0
    assert freed == ["another model"]
    found = writer.written(case)
    assert found is not None
    return found


def test_is_the_likeliest_text_where_no_seed_is_given(asked: Asked, models: Path):
    import torch
    from transformers import AutoTokenizer, LlamaForCausalLM

    found = write(asked(max_new_tokens=8)).prompt
    tokenizer = AutoTokenizer.from_pretrained(models / "llama")
    model = LlamaForCausalLM.from_pretrained(models / "llama").eval()
    ids = tokenizer("a small house")["input_ids"]
    told = len(ids)
    with torch.inference_mode():
        for _ in range(8):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    assert list(found.token_ids) == ids[told:]
    assert found.text == tokenizer.decode(ids[told:])
    assert set(found.text.split()) <= set(WORDS)


def test_is_drawn_by_its_seed_alone(asked: Asked):
    import torch

    texts = []
    for seed in (5, 5, 6):
        torch.manual_seed(len(texts))
        before = torch.get_rng_state()
        texts.append(write(asked(seed=seed, temperature=3.0, max_new_tokens=12)).prompt.text)
        assert torch.equal(before, torch.get_rng_state())
    assert texts[0] == texts[1] != texts[2]


def test_is_drawn_from_as_few_tokens_as_the_suite_says(asked: Asked):
    greedy = write(asked(max_new_tokens=8)).prompt.text
    assert write(asked(seed=3, top_k=1, max_new_tokens=8)).prompt.text == greedy
    assert write(asked(seed=3, top_p=1e-9, max_new_tokens=8)).prompt.text == greedy


def test_leaves_out_how_the_folder_would_decode(asked: Asked, models: Path, tmp_path: Path):
    shutil.copytree(models / "llama", tmp_path / "own")
    own = tmp_path / "own" / "generation_config.json"
    settings = {"do_sample": True, "temperature": 9.0, "repetition_penalty": 5.0, "num_beams": 3}
    own.write_text(json.dumps({**json.loads(own.read_text()), **settings}))
    found = write(asked("own", max_new_tokens=8)).prompt
    assert found.token_ids == write(asked(max_new_tokens=8)).prompt.token_ids


def test_comes_from_an_encoder_with_a_decoder_and_from_a_chat_too(asked: Asked):
    assert write(asked("t5", max_new_tokens=5)).prompt.text
    chat = write(asked("chat", chat=True, system="bright", max_new_tokens=5))
    assert chat.told != write(asked("chat", max_new_tokens=5)).told


def test_continues_its_template_where_the_suite_says_so(asked: Asked):
    alone = write(asked(max_new_tokens=5)).prompt
    both = write(asked(max_new_tokens=5, continues=True)).prompt
    assert both.text == f"a small house {alone.text}"
    assert both.token_ids == alone.token_ids


def test_portable_writes_in_float64(asked: Asked):
    found = write(asked(determinism="determinism: portable", max_new_tokens=4, seed=3))
    assert len(found.prompt.token_ids) == 4


def test_dtype_is_the_suite_s(asked: Asked):
    wide = write(asked(max_new_tokens=12)).prompt.token_ids
    assert len(write(asked(max_new_tokens=12, dtype="bfloat16")).prompt.token_ids) == len(wide)


def test_is_recorded_before_all_stages_and_its_end_is_told(asked: Asked):
    import numpy as np

    found = write(asked(max_new_tokens=4))
    recording = record_stages([(Stage.PIXELS, None, np.zeros((2, 2), np.uint8))])
    made = found.completed(Generation(None, 0.0, recording=recording))
    assert [each.source for each in made.trace] == [
        "language_model.told",
        "language_model.written",
        None,
    ]
    assert made.trace[1].sha256 == found.prompt.ids_sha256
    assert made.written == found.prompt
    assert "stopped after 4 tokens (before it ended)" in made.remarks[0]


def test_without_a_token_that_ends_texts_says_so(asked: Asked):
    found = write(asked("bare", max_new_tokens=4))
    made = found.completed(Generation(None, 0.0))
    assert found.prompt.cut
    assert "none of its tokens ends a text" in made.remarks[0]


def test_its_files_are_described_and_the_model_is_let_go(asked: Asked):
    from transformers import LlamaForCausalLM

    case = asked(max_new_tokens=2)
    write(case)
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is LlamaForCausalLM]
    files = describe_files(case.suite, FileDigests())
    assert len(files["language_model_file.llama/model.safetensors"]) == 64
    assert "language_model_file.llama/tokenizer.json" in files


def test_is_written_with_all_others_of_its_model_at_once(asked: Asked, tmp_path: Path):
    asked("t5")
    case = asked(max_new_tokens=2)
    path = case.suite.path
    path.write_text(
        path.read_text()
        + "  - {id: two, prompt: {model: llama, template: a red ball}, seeds: [1]}\n"
        + "  - {id: three, prompt: {model: t5, template: a red ball}, seeds: [1]}\n"
    )
    cases = load_suite(path).cases
    writer = PromptWriter(Settings(device="cpu"))
    assert [writer.write(each, gc.collect) > 0 for each in cases] == [True, False, True]
    assert writer.prompted(cases[1]).prompt == writer.written(cases[1]).prompt.text


BAD = {
    "is no language model": ("clip", {}, "is a CLIPModel, and no language model"),
    "has no chat template": ("llama", {"chat": True}, "has no chat template"),
    "takes no text so long": (
        "bare",
        {"template": "a red ball " * 21, "max_new_tokens": 2},
        "has 63 tokens and 2 more are asked for, more than the 64",
    ),
    "makes no tokens of it": ("bare", {"template": " "}, "makes no tokens of the template"),
    "does not know the words": ("bare", {"template": "une maison"}, "raised Exception: WordLevel"),
}


@pytest.mark.parametrize("name", BAD)
def test_refuses_a_model_that(asked: Asked, name: str):
    model, keys, said = BAD[name]
    with pytest.raises(GoldenseedError, match=said) as caught:
        write(asked(model, **keys))
    assert caught.value.fix


def damaged(models: Path, folder: Path, how: str) -> None:
    """Put a damaged copy of the Llama into a folder."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(models / "llama", folder)
    weights = folder / "model.safetensors"
    if how == "pickled":
        torch.save(load_file(weights), folder / "pytorch_model.bin")
        weights.unlink()
    elif how == "lacking":
        kept = {k: v for k, v in load_file(weights).items() if "layers.1." not in k}
        save_file(kept, weights, {"format": "pt"})
    elif how == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "empty":
        (folder / "config.json").unlink()
    elif how == "foreign":
        config = json.loads((folder / "config.json").read_text())
        config |= {"model_type": "own", "auto_map": {"AutoModelForCausalLM": "own.Own"}}
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "own.py").write_text("raise SystemExit('foreign code ran')")
    elif how == "silent":
        tensors = load_file(weights)
        tensors["lm_head.weight"] = torch.zeros_like(tensors["lm_head.weight"])
        save_file(tensors, weights, {"format": "pt"})


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("pickled", "is a pickle"),
        ("lacking", "has no weights for model.layers.1"),
        ("truncated", "is truncated or corrupt"),
        ("empty", "there is no config.json"),
        ("foreign", "no language model of transformers"),
        ("silent", "wrote nothing in 3 tokens"),
    ],
)
def test_refuses_a_folder_that_is(asked: Asked, models: Path, tmp_path: Path, how: str, said: str):
    damaged(models, tmp_path / how, how)
    with pytest.raises(GoldenseedError, match=said):
        write(asked(how, max_new_tokens=3))


def test_an_id_that_the_model_does_not_know_is_refused(asked: Asked, models: Path, tmp_path: Path):
    shutil.copytree(models / "llama", tmp_path / "other")
    place = tmp_path / "other" / "tokenizer.json"
    found = json.loads(place.read_text())
    found["model"]["vocab"]["house"] = 9_000
    place.write_text(json.dumps(found))
    with pytest.raises(GoldenseedError, match="returns the token 9000, and the model knows"):
        write(asked("other"))
