"""Whatever changes a tokenizer's ids is on record of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from goldenseed.backends.diffusers.pipeline_state import describe_tokenizers

TEXTS = ["a <s9> Red apple on  a whité table", "red"]


class Holding:
    """A pipeline that holds a tokenizer, and nothing else."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.components = {"tokenizer": tokenizer}


def told(tokenizer: Any) -> dict[str, Any]:
    return dict(describe_tokenizers(Holding(tokenizer)))


def ids(tokenizer: Any) -> Any:
    options = {"padding": "max_length", "max_length": 9, "truncation": True}
    return [tokenizer(text, **options)["input_ids"] for text in TEXTS]


def _normalizer(tokenizer: Any) -> None:
    from tokenizers.normalizers import Replace

    tokenizer.backend_tokenizer.normalizer = Replace("a", "e")


def _post_processor(tokenizer: Any) -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer.backend_tokenizer.post_processor = TemplateProcessing("$A $A", special_tokens=[])


CHANGES: dict[str, Callable[[Any], object]] = {
    "the side of padding": lambda each: setattr(each, "padding_side", "left"),
    "the side that is cut off": lambda each: setattr(each, "truncation_side", "left"),
    "an added token": lambda each: each.add_tokens(["<s9>"]),
    "what it pads with": lambda each: setattr(each, "pad_token", each.convert_ids_to_tokens(5)),
    "the normalizer": _normalizer,
    "the post-processor": _post_processor,
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_the_ids_changes_what_is_on_record(sd: Path, change: str):
    from transformers import CLIPTokenizer

    plain, changed = (CLIPTokenizer.from_pretrained(sd / "tokenizer") for _ in range(2))
    CHANGES[change](changed)
    assert ids(plain) != ids(changed), "the change must be one"
    assert told(plain) != told(changed)


def test_a_template_that_writes_the_prompt_anew_is_on_record(sd: Path):
    from transformers import CLIPTokenizer

    plain, changed = (CLIPTokenizer.from_pretrained(sd / "tokenizer") for _ in range(2))
    changed.chat_template = "{{ messages[0].content }}!"
    assert told(plain) != told(changed)


def test_use_changes_nothing_of_the_record(sd: Path):
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(sd / "tokenizer")
    before = told(tokenizer)["tokenizer.tokenizer.settings"]
    ids(tokenizer)
    assert told(tokenizer)["tokenizer.tokenizer.settings"] == before


def test_options_of_a_tokenizer_written_in_python_are_on_record(tmp_path: Path):
    from transformers.models.bert_japanese import BertJapaneseTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "Red", "apple"]
    (tmp_path / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    options = {"word_tokenizer_type": "basic", "subword_tokenizer_type": "wordpiece"}
    made = [
        BertJapaneseTokenizer(str(tmp_path / "vocab.txt"), **options, do_lower_case=lower)
        for lower in (True, True, False)
    ]
    assert ids(made[0]) != ids(made[2])
    settings = [told(each)["tokenizer.tokenizer.settings"] for each in made]
    assert settings[0] == settings[1] != settings[2]
