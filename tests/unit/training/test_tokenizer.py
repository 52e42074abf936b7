"""The tokenizer of shapes-sd, and the files that old and new releases read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models
from transformers import CLIPTokenizer

from suites.training.tokenizer import MAX_LENGTH, known_words, make_tokenizer, save_tokenizer

CAPTION = "an orange cat right of a blue mushroom on a window sill at night"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(folder)
    return folder


def test_token_ids_never_change():
    assert make_tokenizer()("a red cat on green grass").input_ids == [
        199,
        42,
        183,
        125,
        175,
        148,
        147,
        200,
    ]


def test_every_known_word_is_one_token():
    tokenizer = make_tokenizer()
    start_word_end = 3
    assert all(len(tokenizer(word).input_ids) == start_word_end for word in known_words())


def test_unknown_words_fall_back_to_letters():
    tokenizer = make_tokenizer()
    ids = tokenizer("zebra").input_ids
    assert "".join(tokenizer.convert_ids_to_tokens(ids[1:-1])) == "zebra</w>"


def test_captions_are_padded_to_the_text_encoders_length():
    ids = make_tokenizer()(CAPTION, padding="max_length").input_ids
    assert len(ids) == MAX_LENGTH


def test_case_does_not_matter():
    tokenizer = make_tokenizer()
    assert tokenizer(CAPTION.upper()).input_ids == tokenizer(CAPTION).input_ids


def test_files_for_old_and_new_releases_are_written(saved: Path):
    assert {path.name for path in saved.iterdir()} == {
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "vocab.json",
        "merges.txt",
    }


def test_the_saved_tokenizer_gives_the_same_ids(saved: Path):
    loaded = CLIPTokenizer.from_pretrained(saved)
    assert loaded(CAPTION).input_ids == make_tokenizer()(CAPTION).input_ids
    assert loaded.model_max_length == MAX_LENGTH


def test_vocabulary_and_merges_alone_give_the_same_ids(saved: Path):
    vocabulary = json.loads((saved / "vocab.json").read_text(encoding="utf-8"))
    pairs = [
        tuple(line.split())
        for line in (saved / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    ]
    alone = Tokenizer(models.BPE(vocabulary, pairs, end_of_word_suffix="</w>"))
    ids = [number for word in CAPTION.split() for number in alone.encode(word).ids]
    assert ids == make_tokenizer()(CAPTION).input_ids[1:-1]


def test_start_and_end_are_named_as_clip_names_them(saved: Path):
    special = json.loads((saved / "special_tokens_map.json").read_text(encoding="utf-8"))
    assert special["bos_token"] == "<|startoftext|>"
    assert special["eos_token"] == special["pad_token"] == "<|endoftext|>"
